// stagelog open, stagelog ticket: ways in for a browser or a worker that has no token.
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <memory>

#include "cli/commands.h"
#include "cli/time_argument.h"
#include "client/daemon_client.h"
#include "client/json_member.h"
#include "core/identifier.h"
#include "core/json_value.h"

namespace stagelog::cli {
namespace {

struct OpenOptions {
  bool print = false;
};

struct TicketOptions {
  std::string job;
  std::string seconds;
  bool append = false;
};

bool HasDisplay() {
  for (const char* name : {"DISPLAY", "WAYLAND_DISPLAY"}) {
    const char* value = std::getenv(name);
    if (value != nullptr && *value != '\0') return true;
  }
  return false;
}

// What the desktop opens links with (xdg-utils). False where there is no desktop, or it fails.
bool OpenInBrowser(const std::string& url) {
  if (!HasDisplay()) return false;
  std::string program = "xdg-open";
  std::string argument = url;
  char* arguments[] = {program.data(), argument.data(), nullptr};
  pid_t pid = 0;
  if (::posix_spawnp(&pid, "xdg-open", nullptr, nullptr, arguments, environ) != 0) return false;
  int status = 0;
  return ::waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

CliResult<ExitCode> Open(Context& context, const OpenOptions& options) {
  DaemonClient client(context.settings);
  const auto answer = client.Post("/api/v1/session/link", "{}");
  if (!answer) return tl::unexpected(answer.error());
  const auto made = client.DocumentIn(*answer, "link");
  if (!made) return tl::unexpected(made.error());
  const std::string url = client.url() + "/#link=" + TextAt(*made, "link");
  if (context.flags.json) {
    const Json line = {{"url", url}, {"expires_at", TextAt(*made, "expires_at")}};
    if (CliStatus said = context.out.WriteLine(DumpJson(line)); !said) {
      return tl::unexpected(said.error());
    }
    return ExitCode::kOk;
  }
  const bool is_opened = !options.print && OpenInBrowser(url);
  const CliStatus said =
      context.out.WriteLine(is_opened ? "opened " + client.url() + " in the browser" : url);
  if (!said) return tl::unexpected(said.error());
  if (!is_opened) PrintError("the link signs in once, within ten minutes");
  return ExitCode::kOk;
}

CliResult<ExitCode> MakeTicket(Context& context, const TicketOptions& options) {
  Json order = Json::object();
  if (!options.job.empty()) order["job"] = options.job;
  if (options.append) order["append"] = true;
  if (!options.seconds.empty()) {
    const auto seconds = ParseWholeSeconds("--for", options.seconds, 1, 3'600);
    if (!seconds) return tl::unexpected(seconds.error());
    order["seconds"] = *seconds;
  }
  if (options.append && !options.seconds.empty()) {
    return Fail(
        ExitCode::kUsage,
        "--for does not go with --append: such a ticket is good as long as its job goes on");
  }
  if (options.append && options.job.empty()) {
    return Fail(ExitCode::kUsage, "--append needs a job: stagelog ticket JOB --append");
  }
  DaemonClient client(context.settings);
  const auto answer = client.Post("/api/v1/tickets", DumpJson(order));
  if (!answer) return tl::unexpected(answer.error());
  const auto made = client.DocumentIn(*answer, "ticket");
  if (!made) return tl::unexpected(made.error());
  const CliStatus said =
      context.out.WriteLine(context.flags.json ? DumpJson(*made) : TextAt(*made, "ticket"));
  if (!said) return tl::unexpected(said.error());
  return ExitCode::kOk;
}

}  // namespace

void AddOpenPage(CommandLine& line) {
  const Command command =
      AddCommand(line, "open", "Open the daemon's page in a browser, signed in",
                 "  stagelog open\n"
                 "  stagelog open --print        (a link that signs in once, within ten minutes)");
  auto options = std::make_shared<OpenOptions>();
  command.AddFlag("--print", options->print, "print the link and open nothing");
  command.OnSelected([&line, options] {
    line.action = [options](Context& context) { return Open(context, *options); };
  });
}

void AddTicket(CommandLine& line) {
  const Command command =
      AddCommand(line, "ticket", "Make a ticket: a part of what the token may do",
                 "  stagelog ticket render-42              (reads that job, for 15 minutes)\n"
                 "  stagelog ticket --for 1h               (reads all that the token may read)\n"
                 "  STAGELOG_TOKEN=$(stagelog ticket render-42 --append) ./worker.sh");
  auto options = std::make_shared<TicketOptions>();
  command.AddOption("job", options->job, "the job; default: all jobs").Name(IsJobId);
  command.AddOption("--for", options->seconds,
                    "how long it reads: 60, 15m, at most 1h (default: 15m)");
  command.AddFlag("--append", options->append,
                  "it appends to the job, as long as that goes on (role: writer)");
  command.OnSelected([&line, options] {
    line.action = [options](Context& context) { return MakeTicket(context, *options); };
  });
}

}  // namespace stagelog::cli
