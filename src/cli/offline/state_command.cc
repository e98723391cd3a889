// stagelog state: what a job's events add up to, from the file alone.
#include <memory>

#include "base/clock.h"
#include "cli/commands.h"
#include "cli/offline/file_events.h"
#include "cli/offline/job_moment.h"
#include "cli/offline/pretty_json.h"
#include "cli/progress.h"
#include "core/job_state_json.h"

namespace stagelog::cli {
namespace {

struct StateOptions {
  std::string path;
  std::string at_seq;
  std::string at;
  bool unverified = false;
};

CliResult<ExitCode> PrintState(Context& context, const StateOptions& options) {
  const auto moment = ParseJobMoment(options.at_seq, options.at, SystemClock().WallMicros());
  if (!moment) return tl::unexpected(moment.error());
  const auto journal = FindJournal(options.path);
  if (!journal) return tl::unexpected(journal.error());
  Progress progress(context.err, "folding", journal->size);
  auto events = FileEvents::Open(*journal, options.unverified ? Trust::kReadable : Trust::kVerified,
                                 [&](uint64_t bytes) { progress.Advance(bytes); });
  if (!events) return tl::unexpected(events.error());
  const auto state = FoldUpTo(**events, *moment);
  progress.Hide();
  if (!state) return tl::unexpected(state.error());
  if (const std::string remark = (*events)->Remark(); !remark.empty()) PrintError(remark);
  const std::string json = EncodeJobState(*state);
  const CliStatus said = context.out.WriteLine(context.flags.json ? json : PrettyJson(json));
  if (!said) return tl::unexpected(said.error());
  return ExitCode::kOk;
}

}  // namespace

void AddState(CommandLine& line) {
  const Command command =
      AddCommand(line, "state", "Show a job's state from its file, now or at an earlier time",
                 "  stagelog state runs/render-42\n"
                 "  stagelog state runs/render-42/events.jsonl --at-seq 1042 --json\n"
                 "  stagelog state old/events.jsonl --at 2026-11-21T07:41:02Z");
  auto options = std::make_shared<StateOptions>();
  command.AddOption("path", options->path, "an events.jsonl (or .zst) or the folder of a job")
      .Required();
  const Option at_seq =
      command.AddOption("--at-seq", options->at_seq, "state after the event with this seq");
  command
      .AddOption("--at", options->at,
                 "state at this time (2026-11-21 07:41:02, 07:41), or how long ago (10m)")
      .Excludes(at_seq);
  command.AddFlag("--unverified", options->unverified,
                  "use the readable part of a damaged file, skipping the rest");
  command.OnSelected([&line, options] {
    line.action = [options](Context& context) { return PrintState(context, *options); };
  });
}

}  // namespace stagelog::cli
