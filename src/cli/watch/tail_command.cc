// stagelog tail: what happens, as it happens.
#include <unistd.h>

#include <algorithm>
#include <map>
#include <memory>

#include "base/clock.h"
#include "base/terminal_text.h"
#include "cli/commands.h"
#include "cli/event_line.h"
#include "cli/interruption.h"
#include "cli/time_argument.h"
#include "cli/time_text.h"
#include "cli/watch/live_block.h"
#include "cli/watch/progress_bars.h"
#include "client/event_follower.h"
#include "client/json_member.h"
#include "core/identifier.h"
#include "core/job_state.h"
#include "core/query.h"
#include "core/vocabulary.h"

namespace stagelog::cli {
namespace {

constexpr size_t kMaxJobColumns = 32;
constexpr size_t kMinJobColumns = 8;

struct TailOptions {
  std::string job_id;
  std::string since;
  int64_t after = -1;  // -1: not given
  std::map<std::string, std::string> filters;
  bool until_terminal = false;
  bool has_no_bars = false;
  int64_t limit = 0;  // 0: none
};

// Prints events as they come.
class TailSink : public FollowSink {
 public:
  TailSink(Context& context, const TailOptions& options)
      : out_(context.out),
        is_json_(context.flags.json),
        has_bars_(out_.is_terminal() && !is_json_ && !options.has_no_bars),
        limit_(options.limit),
        is_one_job_(!options.job_id.empty()),
        block_(context.out) {}

  bool OnEvent(int64_t, std::string_view body) override {
    if (is_json_) {
      // On a terminal even JSON must not steer it; the escapes mean the same to a parser.
      lines_ += (out_.is_terminal() ? EscapeControls(body) : std::string(body)) + "\n";
    } else {
      TakeEvent(ObjectOf(body));
    }
    return ++shown_ != limit_;
  }

  CliStatus OnPause() override {
    std::vector<std::string> rows;
    if (has_bars_) rows = bars_.Rows(std::max(out_.Width(), size_t{2}) - 1, !is_one_job_, out_);
    return block_.Show(std::exchange(lines_, {}), rows);
  }

  void OnNotice(const std::string& notice) override {
    static_cast<void>(block_.Show(std::exchange(lines_, {}), {}));
    PrintError(notice);
  }

  CliStatus End() { return block_.Show(std::exchange(lines_, {}), {}); }

 private:
  void TakeEvent(const Json& event) {
    if (bars_.Take(event) && has_bars_) return;
    EventLineOptions options;
    options.columns = out_.is_terminal() ? out_.Width() : 0;
    options.today = DayText(SystemClock().WallMicros());
    if (!is_one_job_) {
      const size_t columns = DisplayWidth(TextAt(event, "job_id"));
      const size_t most = std::clamp(out_.Width() / 5, kMinJobColumns, kMaxJobColumns);
      job_columns_ = std::max(job_columns_, std::min(columns, most));
      options.job_columns = out_.is_terminal() ? job_columns_ : std::max(job_columns_, columns);
    }
    lines_ += EventLine(event, options, out_) + "\n";
  }

  Screen& out_;
  const bool is_json_;
  const bool has_bars_;
  const int64_t limit_;
  const bool is_one_job_;
  ProgressBars bars_;
  LiveBlock block_;
  size_t job_columns_ = kMinJobColumns;
  std::string lines_;  // formatted, not yet written
  int64_t shown_ = 0;
};

CliStatus CheckOptions(const TailOptions& options) {
  const auto usage = [](const std::string& message) { return Fail(ExitCode::kUsage, message); };
  if (!options.job_id.empty() && !IsJobId(options.job_id)) {
    return usage("'" + EscapeControls(options.job_id) +
                 "' is not a job name: " + std::string(kNameRule));
  }
  if (options.job_id.empty() && options.until_terminal) {
    return usage("--until-terminal needs a JOB");
  }
  if (!options.job_id.empty() && options.filters.contains("job")) {
    return usage("give either a JOB or --job, not both");
  }
  if (!options.since.empty() && options.after >= 0) {
    return usage("give either --since or --after, not both");
  }
  const auto filter = ParseFilter([&](const std::string& name) -> std::optional<std::string> {
    const auto found = options.filters.find(name);
    return found == options.filters.end() ? std::nullopt : std::optional(found->second);
  });
  if (!filter) return usage(EscapeControls(filter.error().detail));
  return {};
}

CliResult<FollowRequest> RequestOf(const TailOptions& options) {
  FollowRequest request;
  request.job_id = options.job_id;
  if (!options.since.empty()) {
    auto since = SinceParameter("--since", options.since, SystemClock().WallMicros());
    if (!since) return tl::unexpected(since.error());
    request.since = std::move(*since);
  }
  if (options.after >= 0) request.after = options.after;
  request.filters.assign(options.filters.begin(), options.filters.end());
  request.until_terminal = options.until_terminal;
  return request;
}

// How the job that was followed to its end has ended; none: it was resumed since.
CliResult<std::optional<ExitCode>> CodeOfJob(DaemonClient& client, const std::string& job_id) {
  const auto job = client.GetJson(JobTarget(job_id));
  if (!job) return tl::unexpected(job.error());
  const std::optional<JobStatus> status = ParseJobStatus(TextAt(*job, "status"));
  if (status && !IsTerminal(*status)) return std::nullopt;
  return status == JobStatus::kCompleted ? ExitCode::kOk : ExitCode::kProblem;
}

CliResult<ExitCode> Tail(Context& context, const TailOptions& options) {
  if (const CliStatus checked = CheckOptions(options); !checked) {
    return tl::unexpected(checked.error());
  }
  auto request = RequestOf(options);
  if (!request) return tl::unexpected(request.error());
  PrintTimeZone(context);
  DaemonClient client(context.settings);
  TailSink sink(context, options);
  while (true) {
    EventFollower follower(client, *request, sink);
    const Interruption interruption([&] { follower.Stop(); });
    const auto ended = follower.Run();
    const CliStatus shown = sink.End();
    if (const auto code = interruption.code()) return *code;
    if (!ended) return tl::unexpected(ended.error());
    if (!shown) return tl::unexpected(shown.error());
    if (*ended != FollowEnd::kOver) return ExitCode::kOk;
    const auto code = CodeOfJob(client, options.job_id);
    if (!code) return tl::unexpected(code.error());
    if (*code) return **code;
    request->after = follower.cursor();
    request->daemon_was_there = true;
  }
}

Option AddFilter(const Command& command, const std::shared_ptr<TailOptions>& options,
                 const std::string& flag, const std::string& name, const std::string& description) {
  return command.AddOption(
      flag, [options, name](const std::string& value) { options->filters[name] = value; },
      description);
}

}  // namespace

void AddTail(CommandLine& line) {
  const Command command = AddCommand(
      line, "tail", "Follow events live, each once and in order",
      "  stagelog tail                              # all jobs, from now on\n"
      "  stagelog tail render-42                    # one job, from its first event on\n"
      "  stagelog tail render-42 --until-terminal && echo completed\n"
      "  stagelog tail --since 10m --level warning,error,critical\n"
      "  stagelog tail --since all --json | jq -r .type\n"
      "Exits with 0 after --limit and when the job of --until-terminal completed, with 1 when it\n"
      "failed or was canceled, with 130 after Ctrl-C. If the daemon becomes "
      "unreachable later, tail waits for it.\n"
      "Gaps are reported on standard error, also with --json.");
  auto options = std::make_shared<TailOptions>();
  command.AddOption("job", options->job_id, "one job; it need not exist yet");
  command.AddOption("--since", options->since,
                    "all, now, how long ago (10m, 1h30m) or a time (2026-11-21 07:41:02, 07:41) "
                    "(default: now; for one job, all)");
  command.AddOption("--after", options->after, "only events after this seq").NotNegative();
  line.Offer(AddFilter(command, options, "--type", "type", "only events of these types (a,b)"),
             TypeNames(), true);
  AddFilter(command, options, "--stage", "stage", "only events of these stages");
  line.Offer(AddFilter(command, options, "--level", "level", "only events of these levels"),
             AllLevels(), true);
  AddFilter(command, options, "--job", "job", "only events of these jobs");
  AddFilter(command, options, "--text", "q",
            "only events with this text in message, type, stage, gate or payload");
  // The older name stays.
  command.AddFlag("--until-over,--until-terminal", options->until_terminal,
                  "stop when the job ends");
  command.AddFlag("--no-bars", options->has_no_bars, "print progress as lines, even on a terminal");
  command.AddOption("--limit", options->limit, "stop after this many events")
      .Between(1, 1'000'000'000);
  command.OnSelected([&line, options] {
    line.action = [options](Context& context) { return Tail(context, *options); };
  });
}

}  // namespace stagelog::cli
