// stagelog show: one job as a picture, now or as it was.
#include <algorithm>
#include <memory>

#include "base/clock.h"
#include "base/terminal_text.h"
#include "cli/commands.h"
#include "cli/interruption.h"
#include "cli/own_job.h"
#include "cli/time_argument.h"
#include "cli/time_text.h"
#include "cli/watch/job_picture.h"
#include "cli/watch/live_block.h"
#include "cli/watch/stderr_tail.h"
#include "client/event_follower.h"
#include "client/json_member.h"
#include "core/job_state.h"

namespace stagelog::cli {
namespace {

constexpr size_t kEverything = SIZE_MAX;
// Rows of a watched picture that are no stages: what is said above them, and a gate.
constexpr size_t kOtherRows = 10;

struct ShowOptions {
  std::string job_id;
  bool watch = false;
  bool all = false;
  std::string at;
  int64_t at_seq = -1;  // -1: not given
  size_t stderr_lines = 10;

  bool is_past() const { return !at.empty() || at_seq >= 0; }
};

std::string TargetOf(const ShowOptions& options) {
  std::string target = JobTarget(options.job_id);
  if (options.at_seq >= 0) target += "?at_seq=" + std::to_string(options.at_seq);
  if (!options.at.empty()) target += "?at=" + EscapeParameter(options.at);
  return target;
}

// The document in the daemon's own bytes, without a newline; empty for a job that is watched and
// not there yet.
CliResult<std::string> Fetch(DaemonClient& client, const ShowOptions& options) {
  auto answer = client.Get(TargetOf(options));
  if (!answer) return tl::unexpected(answer.error());
  if (options.watch && TextAt(ObjectOf(answer->body), "code") == "unknown_job") return "";
  if (!answer->ok()) return tl::unexpected(client.AsError(*answer));
  std::string& document = answer->body;
  while (document.ends_with('\n')) document.pop_back();
  if (!ObjectOf(document).contains("job_id")) {
    return Fail(ExitCode::kUnreachable, client.url() + " responds, but not like a stagelog daemon");
  }
  return std::move(document);
}

PictureOptions PictureOptionsOf(const Context& context, const ShowOptions& options) {
  PictureOptions picture;
  picture.columns = context.out.Width();
  picture.is_past = options.is_past();
  const int64_t now_micros = SystemClock().WallMicros();
  picture.today = DayText(now_micros);
  if (!picture.is_past) picture.now_micros = now_micros;
  if (options.all) picture.max_stages = picture.max_gates = kEverything;
  return picture;
}

// What `--json` or a person is shown of a document, in whole lines.
std::string TextOf(const std::string& document, Context& context, const ShowOptions& options) {
  if (context.flags.json) {
    return (context.out.is_terminal() ? EscapeControls(document) : document) + "\n";
  }
  std::string text;
  const Json job = ObjectOf(document);
  for (const std::string& row : JobPicture(job, PictureOptionsOf(context, options), context.out)) {
    text += row + "\n";
  }
  return text;
}

// Below the picture: what those that failed wrote to stderr. Not being able to say is no failure.
CliStatus ShowStderr(Context& context, DaemonClient& client, const std::string& document,
                     const ShowOptions& options) {
  if (context.flags.json) return {};
  const auto tails = ReadStderrTails(client, ObjectOf(document), options.stderr_lines);
  if (!tails) {
    PrintError("the last lines of stderr could not be read: " + tails.error().message);
    return {};
  }
  return tails->empty() ? CliStatus() : context.out.Write(TailsText(*tails, context.out));
}

// Draws the job anew whenever it has changed.
class Watch : public FollowSink {
 public:
  Watch(Context& context, const ShowOptions& options)
      : context_(context),
        options_(options),
        is_live_(context.out.is_terminal() && !context.flags.json),
        documents_(context.settings),
        block_(context.out) {}

  // The present picture; none while the job has no event.
  CliStatus Draw() {
    const auto document = Fetch(documents_, options_);
    if (!document) return tl::unexpected(document.error());
    if (document->empty()) return Show();
    drawn_seq_ = IntegerAt(ObjectOf(*document), "as_of_seq");
    document_ = *document;
    return Show();
  }

  int64_t drawn_seq() const { return drawn_seq_; }
  const std::string& document() const { return document_; }

  bool OnEvent(int64_t seq, std::string_view) override {
    seen_seq_ = seq;
    return true;
  }

  // Whatever has come meanwhile is in the document: a busy job is drawn as often as can be.
  CliStatus OnPause() override {
    if (!notice_.empty()) notice_.clear();
    if (seen_seq_ <= drawn_seq_) return Show();
    const CliStatus drawn = Draw();
    // The follower finds out by itself that the daemon has gone, and waits for it.
    if (!drawn && drawn.error().code == ExitCode::kUnreachable) return {};
    return drawn;
  }

  void OnNotice(const std::string& notice) override {
    if (!is_live_) return PrintError(notice);
    notice_ = notice;
    static_cast<void>(Show());
  }

  // What has come since the last picture and could not be drawn then.
  CliStatus DrawRest() { return seen_seq_ > drawn_seq_ ? Draw() : CliStatus(); }

  // False when the job of the last picture is not over: it was resumed since the follower's end.
  bool ShowsTheEnd() const {
    const auto status = ParseJobStatus(TextAt(ObjectOf(document_), "status"));
    return !status || IsTerminal(*status);
  }

  void Stop() { documents_.Stop(); }
  CliStatus Leave() { return block_.Leave(); }

 private:
  CliStatus Show() {
    if (is_live_) return block_.Show("", LiveRows());
    if (document_.empty() || drawn_seq_ == printed_seq_) return {};
    const bool is_first = printed_seq_ < 0;
    printed_seq_ = drawn_seq_;
    const bool wants_gap = !is_first && !context_.flags.json;
    return context_.out.Write((wants_gap ? "\n" : "") + TextOf(document_, context_, options_));
  }

  // As many rows as the terminal has: what does not fit cannot be drawn anew.
  std::vector<std::string> LiveRows() const {
    if (document_.empty()) {
      return {context_.out.Paint(
          Style::kDim,
          "job '" + options_.job_id + "' does not exist yet; waiting for its first event")};
    }
    const size_t height = std::max(context_.out.Height(), size_t{3});
    PictureOptions picture = PictureOptionsOf(context_, options_);
    picture.columns = std::max(picture.columns, size_t{2}) - 1;
    picture.max_gates = 2;
    picture.max_stages = std::min(picture.max_stages, height - std::min(height - 1, kOtherRows));
    auto rows = JobPicture(ObjectOf(document_), picture, context_.out);
    if (rows.size() > height - 1) rows.resize(height - 1);
    if (!notice_.empty()) {
      rows.push_back(context_.out.Paint(Style::kYellow, Shorten(notice_, picture.columns)));
    }
    return rows;
  }

  Context& context_;
  const ShowOptions& options_;
  const bool is_live_;
  DaemonClient documents_;  // beside the one that follows
  LiveBlock block_;
  std::string document_;
  std::string notice_;
  int64_t seen_seq_ = 0;
  int64_t drawn_seq_ = 0;
  int64_t printed_seq_ = -1;
};

CliResult<ExitCode> ShowWatched(Context& context, const ShowOptions& options) {
  Watch watch(context, options);
  DaemonClient client(context.settings);
  if (const CliStatus drawn = watch.Draw(); !drawn) return tl::unexpected(drawn.error());
  FollowRequest request;
  request.job_id = options.job_id;
  request.after = watch.drawn_seq();
  request.until_terminal = true;
  request.daemon_was_there = true;
  while (true) {
    EventFollower follower(client, request, watch);
    const Interruption interruption([&] {
      follower.Stop();
      watch.Stop();
    });
    const auto ended = follower.Run();
    const CliStatus drawn = ended ? watch.DrawRest() : CliStatus();
    const bool goes_on = ended && drawn && *ended == FollowEnd::kOver && !interruption.code() &&
                         !watch.ShowsTheEnd();
    const CliStatus left = goes_on ? CliStatus() : watch.Leave();
    if (const auto code = interruption.code()) return *code;
    if (!ended) return tl::unexpected(ended.error());
    if (!drawn) return tl::unexpected(drawn.error());
    if (!left) return tl::unexpected(left.error());
    if (!goes_on) break;
    request.after = follower.cursor();
  }
  const CliStatus said = ShowStderr(context, client, watch.document(), options);
  if (!said) return tl::unexpected(said.error());
  return ExitCode::kOk;
}

// The options as they are sent: the job named, the time in UTC.
CliResult<ShowOptions> CheckOptions(ShowOptions options) {
  const auto usage = [](const std::string& message) { return Fail(ExitCode::kUsage, message); };
  const auto job = JobOrOwn(options.job_id, "stagelog show JOB");
  if (!job) return tl::unexpected(job.error());
  options.job_id = *job;
  if (!options.at.empty() && options.at_seq >= 0)
    return usage("give either --at or --at-seq, not both");
  if (options.watch && options.is_past())
    return usage("--watch cannot be combined with --at or --at-seq");
  if (options.at.empty()) return options;
  const auto at = AtParameter("--at", options.at, SystemClock().WallMicros());
  if (!at) return tl::unexpected(at.error());
  options.at = *at;
  return options;
}

CliResult<ExitCode> Show(Context& context, const ShowOptions& given) {
  const auto checked = CheckOptions(given);
  if (!checked) return tl::unexpected(checked.error());
  const ShowOptions& options = *checked;
  if (options.watch) return ShowWatched(context, options);
  DaemonClient client(context.settings);
  const auto document = Fetch(client, options);
  if (!document) return tl::unexpected(document.error());
  const CliStatus shown = context.out.Write(TextOf(*document, context, options));
  if (!shown) return tl::unexpected(shown.error());
  const CliStatus said = ShowStderr(context, client, *document, options);
  if (!said) return tl::unexpected(said.error());
  return ExitCode::kOk;
}

}  // namespace

void AddShow(CommandLine& line) {
  const Command command =
      AddCommand(line, "show", "Show a job: a timeline of stages, gates and durations",
                 "  stagelog show render-42\n"
                 "  stagelog show render-42 --watch        # redrawn until the job ends\n"
                 "  stagelog show render-42 --at 10m       # as it was ten minutes ago\n"
                 "  stagelog show render-42 --json | jq .gates\n"
                 "Bars and durations of what is still running extend to the present.");
  auto options = std::make_shared<ShowOptions>();
  command.AddOption("job", options->job_id, "the job; within 'stagelog run', its own");
  command.AddFlag("--watch", options->watch,
                  "redraw on each event until the job ends; waits for a job that does not exist "
                  "yet");
  command.AddOption(
      "--at", options->at,
      "the job at that time: a time (2026-11-21 07:41:02, 07:41), or how long ago (10m)");
  command.AddOption("--at-seq", options->at_seq, "the job after the event with this seq")
      .NotNegative();
  command.AddFlag("--all", options->all, "show all stages (default: at most 200)");
  command
      .AddOption("--stderr-lines", options->stderr_lines,
                 "number of last stderr lines shown of each failed stage (default 10)")
      .Between(0, 1'000);
  command.OnSelected([&line, options] {
    line.action = [options](Context& context) { return Show(context, *options); };
  });
}

}  // namespace stagelog::cli
