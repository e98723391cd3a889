// stagelog spool: events that wait for a daemon.
#include <sys/stat.h>

#include <memory>

#include "base/terminal_text.h"
#include "cli/commands.h"
#include "client/event_sender.h"
#include "client/outbox.h"
#include "client/spool.h"
#include "core/identifier.h"
#include "core/json_value.h"

namespace stagelog::cli {
namespace {

CliResult<std::string> Root() {
  std::string root = SpoolRoot(ProcessEnvironment);
  if (root.empty()) {
    return Fail(ExitCode::kUsage, "no spool folder: neither XDG_STATE_HOME nor HOME is set");
  }
  return root;
}

std::string Count(uint64_t number, const char* thing) {
  return std::to_string(number) + " " + thing + (number == 1 ? "" : "s");
}

Json SummaryJson(const SpoolSummary& summary) {
  Json json = {{"job_id", summary.job_id},
               {"events", summary.events},
               {"bytes", summary.bytes},
               {"refused", summary.refused}};
  if (!summary.oldest.empty()) json["oldest"] = summary.oldest;
  return json;
}

std::string Describe(const SpoolSummary& summary) {
  std::string text = PadRight(summary.job_id, 40) + "  " +
                     PadLeft(Count(summary.events, "event"), 16) + "  " +
                     PadLeft(BytesText(summary.bytes), 10);
  if (!summary.oldest.empty()) text += "  since " + EscapeControls(summary.oldest);
  if (summary.refused > 0) text += "  " + std::to_string(summary.refused) + " refused";
  return text;
}

CliResult<ExitCode> List(Context& context) {
  const auto root = Root();
  if (!root) return tl::unexpected(root.error());
  const auto jobs = SpooledJobs(*root);
  if (!jobs) return tl::unexpected(jobs.error());
  bool is_empty = true;
  bool is_all = true;
  for (const std::string& job_id : *jobs) {
    const SpoolSummary summary = SummarizeSpool(*root, job_id);
    if (!summary.problem.empty()) {
      is_all = false;
      PrintError(summary.problem);
    }
    if (summary.events + summary.refused == 0) continue;
    is_empty = false;
    const CliStatus said = context.out.WriteLine(context.flags.json ? DumpJson(SummaryJson(summary))
                                                                    : Describe(summary));
    if (!said) return tl::unexpected(said.error());
  }
  if (!is_all) return ExitCode::kBadFile;
  if (is_empty && !context.flags.json) {
    if (CliStatus said = context.out.WriteLine("the spool is empty"); !said) {
      return tl::unexpected(said.error());
    }
  }
  return ExitCode::kOk;
}

class Flush {
 public:
  Flush(Context& context, std::string root) : context_(context), root_(std::move(root)) {}

  CliResult<ExitCode> Run(std::vector<std::string> jobs) {
    if (jobs.empty()) {
      auto found = SpooledJobs(root_);
      if (!found) return tl::unexpected(found.error());
      jobs = std::move(*found);
    }
    for (const std::string& job_id : jobs) {
      if (!IsJobId(job_id)) return Fail(ExitCode::kUsage, "'" + job_id + "' is not a valid job id");
      if (CliStatus done = FlushJob(job_id); !done) return tl::unexpected(done.error());
    }
    if (is_unavailable_) return ExitCode::kUnreachable;
    return has_refused_ ? ExitCode::kRefused : ExitCode::kOk;
  }

 private:
  CliStatus FlushJob(const std::string& job_id) {
    const SpoolSummary before = SummarizeSpool(root_, job_id);
    if (!before.problem.empty()) return Fail(ExitCode::kBadFile, before.problem);
    struct stat info {};
    const std::string folder = root_ + "/" + job_id;
    const bool is_there = ::stat((folder + "/events.ndjson").c_str(), &info) == 0;
    if (!is_there) return {};
    Outbox outbox(folder, kMaxMemoryBytes, PrintError);
    SenderOptions options;
    options.job_id = job_id;
    options.waits_for_others = true;
    options.say = PrintError;
    EventSender sender(context_.settings, outbox, options);
    sender.Start();
    const EventSender::Result result = sender.Finish();
    const Outbox::Rest rest = outbox.Settle();
    has_refused_ = has_refused_ || sender.refused() > 0;
    if (result != EventSender::Result::kAllSent && rest.waiting > 0) {
      is_unavailable_ = is_unavailable_ || !sender.is_rejected_by_daemon();
      has_refused_ = has_refused_ || sender.is_rejected_by_daemon();
      PrintError(Count(rest.waiting, "event") + " of job " + job_id + " are still waiting: " +
                 (sender.unavailable_reason().empty() ? "another 'stagelog' is sending them"
                                                      : sender.unavailable_reason()));
    }
    return Report(job_id, before.events, rest.waiting, sender.refused());
  }

  CliStatus Report(const std::string& job_id, uint64_t before, uint64_t waiting, uint64_t refused) {
    const uint64_t gone = before > waiting ? before - waiting : 0;
    const uint64_t sent = gone > refused ? gone - refused : 0;
    if (context_.flags.json) {
      return context_.out.WriteLine(DumpJson(
          Json{{"job_id", job_id}, {"sent", sent}, {"refused", refused}, {"waiting", waiting}}));
    }
    if (gone == 0) return {};
    std::string text = job_id + ": " + Count(sent, "event") + " sent";
    if (refused > 0) text += ", " + std::to_string(refused) + " refused";
    return context_.out.WriteLine(text);
  }

  Context& context_;
  const std::string root_;
  bool is_unavailable_ = false;
  bool has_refused_ = false;
};

}  // namespace

void AddSpool(CommandLine& line) {
  const Command spool =
      AddGroup(line, "spool", "List or send events that are waiting for the daemon");
  spool.RequireCommandBelow();
  const Command list = AddCommand(line, spool, "list", "List jobs with waiting events",
                                  "  stagelog spool list\n"
                                  "  stagelog spool list --json | jq -s 'map(.events) | add'");
  list.OnSelected([&line] { line.action = List; });
  const Command flush = AddCommand(
      line, spool, "flush", "Send waiting events to the daemon",
      "  stagelog spool flush\n"
      "  stagelog spool flush nightly-42\n"
      "Exit codes: 0 all sent, 5 the daemon is unreachable, 6 the daemon refused some events");
  auto jobs = std::make_shared<std::vector<std::string>>();
  flush.AddOption("job", *jobs, "only these jobs");
  flush.OnSelected([&line, jobs] {
    line.action = [jobs](Context& context) -> CliResult<ExitCode> {
      const auto root = Root();
      if (!root) return tl::unexpected(root.error());
      return Flush(context, *root).Run(*jobs);
    };
  });
}

}  // namespace stagelog::cli
