// stagelog backup: has the daemon copy its journal.
#include <memory>

#include "cli/commands.h"
#include "client/daemon_client.h"
#include "client/json_member.h"
#include "core/identifier.h"

namespace stagelog::cli {
namespace {

// The answer comes when the copy is made, however large the journal.
constexpr int kAnswerSeconds = 86'400;

CliResult<ExitCode> MakeBackup(Context& context, const std::string& name) {
  DaemonClient client(context.settings, kAnswerSeconds);
  const std::string parameters = name.empty() ? "" : "?to=" + EscapeParameter(name);
  const auto answer = client.Post("/api/v1/admin/backup" + parameters, "");
  if (!answer) return tl::unexpected(answer.error());
  const auto report = client.DocumentIn(*answer, "path");
  if (!report) return tl::unexpected(report.error());
  const CliStatus said =
      context.flags.json
          ? context.out.Write(answer->body)
          : context.out.WriteLine(
                TextAt(*report, "path") + ": " + std::to_string(IntegerAt(*report, "jobs")) +
                " jobs, " + std::to_string(IntegerAt(*report, "bytes")) +
                " bytes, events up to seq " + std::to_string(IntegerAt(*report, "head_seq")));
  if (!said) return tl::unexpected(said.error());
  return ExitCode::kOk;
}

}  // namespace

void AddBackup(CommandLine& line) {
  const Command command =
      AddCommand(line, "backup", "Copy the daemon's journal into storage.backup_dir (role: admin)",
                 "  stagelog backup\n"
                 "  stagelog backup --to before-the-upgrade");
  auto name = std::make_shared<std::string>();
  command.AddOption("--to", *name, "name of the new folder (default: the time)").Name(IsName);
  command.OnSelected([&line, name] {
    line.action = [name](Context& context) { return MakeBackup(context, *name); };
  });
}

}  // namespace stagelog::cli
