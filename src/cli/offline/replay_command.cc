// stagelog replay: an old run again, in its own rhythm; printed, or served as if it were live.
#include <unistd.h>

#include <charconv>
#include <memory>

#include "base/clock.h"
#include "base/logging.h"
#include "base/terminal_text.h"
#include "cli/commands.h"
#include "cli/offline/event_source.h"
#include "cli/offline/replay_printer.h"
#include "cli/offline/replay_server.h"
#include "cli/signal_watch.h"
#include "client/daemon_client.h"
#include "core/json_value.h"

namespace stagelog::cli {
namespace {

struct ReplayOptions {
  std::string source;
  std::string speed = "1";
  std::string max_wait;
  std::string from;
  std::string to;
  std::string port;
  std::vector<std::string> origins;
  bool exit_at_end = false;
  bool unverified = false;
};

// Logs go where they do not mix with what is printed.
class QuietLog {
 public:
  QuietLog() { StartLogging(LogLevel::kWarning); }
  ~QuietLog() { StopLogging(); }
  QuietLog(const QuietLog&) = delete;
  QuietLog& operator=(const QuietLog&) = delete;
};

class Replay {
 public:
  Replay(Context& context, const ReplayOptions& options, ReplayRange range, Tempo tempo,
         EventSequence& events)
      : context_(context), options_(options), range_(range), tempo_(tempo), events_(events) {}

  CliResult<ExitCode> Print() {
    PrintTimeZone(context_);
    OutputWaiter waiter(STDOUT_FILENO);
    ReplayPrinter printer(context_.out, context_.flags.json);
    Replayer replayer(events_, range_, tempo_, waiter, printer);
    if (const auto ready = replayer.Prepare(); !ready) return tl::unexpected(ready.error());
    const auto ended = replayer.Run();
    if (!ended) return tl::unexpected(ended.error());
    SayRemark();
    return *ended ? ExitCode::kOk : ExitCode::kClosedOutput;
  }

  CliResult<ExitCode> Serve(int port) {
    InterruptibleWaiter waiter;
    const SignalWatch watch([&] { waiter.Interrupt(); });
    const QuietLog log;
    auto server =
        ReplayServer::Open({port, context_.settings.token, options_.origins}, SystemClock());
    if (!server) return tl::unexpected(server.error());
    Replayer replayer(events_, range_, tempo_, waiter, **server);
    const auto ready = replayer.Prepare();
    if (!ready) return tl::unexpected(ready.error());
    if (!*ready) return ExitCode::kOk;
    (*server)->Start();
    if (CliStatus said = SayWhere((*server)->url(), replayer.job_id()); !said) {
      return tl::unexpected(said.error());
    }
    const auto ended = replayer.Run();
    if (!ended) return tl::unexpected(ended.error());
    SayRemark();
    if (*ended && !options_.exit_at_end) static_cast<void>(waiter.WaitUntil(INT64_MAX));
    return ExitCode::kOk;
  }

 private:
  CliStatus SayWhere(const std::string& url, const std::string& job_id) {
    if (!context_.flags.json) {
      return context_.out.WriteLine("replaying " + context_.out.Paint(Style::kBold, job_id) +
                                    " on " + url);
    }
    return context_.out.WriteLine(DumpJson(Json({{"job_id", job_id}, {"url", url}})));
  }

  void SayRemark() {
    if (const std::string remark = events_.Remark(); !remark.empty()) PrintError(remark);
  }

  Context& context_;
  const ReplayOptions& options_;
  const ReplayRange range_;
  const Tempo tempo_;
  EventSequence& events_;
};

CliResult<int> ParsePort(const std::string& text) {
  int port = -1;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (error == std::errc() && end == text.data() + text.size() && port >= 0 && port <= 65535) {
    return port;
  }
  return Fail(ExitCode::kUsage, "--serve: '" + EscapeControls(text) +
                                    "' is not a port: 1 to 65535, or 0 for any free one");
}

CliResult<ExitCode> RunReplay(Context& context, const ReplayOptions& options) {
  const auto tempo = ParseTempo(options.speed, options.max_wait);
  if (!tempo) return tl::unexpected(tempo.error());
  const auto range = ParseReplayRange(options.from, options.to);
  if (!range) return tl::unexpected(range.error());
  const auto port = ParsePort(options.port.empty() ? "0" : options.port);
  if (!port) return tl::unexpected(port.error());
  const auto events = OpenEvents(context.settings, options.source,
                                 options.unverified ? Trust::kReadable : Trust::kVerified);
  if (!events) return tl::unexpected(events.error());
  Replay replay(context, options, *range, *tempo, **events);
  return options.port.empty() ? replay.Print() : replay.Serve(*port);
}

}  // namespace

void AddReplay(CommandLine& line) {
  const Command command =
      AddCommand(line, "replay", "Replay a past run at its own pace, or faster",
                 "  stagelog replay runs/render-42 --speed 10\n"
                 "  stagelog replay render-42 --from 2h --to 3h --max-wait 5\n"
                 "  stagelog replay old/events.jsonl --speed max --json | jq .type\n"
                 "  stagelog replay old/events.jsonl --serve 8009 --speed 60\n"
                 "Its times are those at which things happened (occurred_at).");
  auto options = std::make_shared<ReplayOptions>();
  command
      .AddOption("source", options->source,
                 "an events.jsonl (or .zst), the folder of a job, or else a job of the daemon")
      .Required();
  command.AddOption("--speed", options->speed,
                    "speed factor, such as 10 or 0.5, or max (default 1)");
  command.AddOption("--max-wait", options->max_wait, "longest pause: seconds, or 90s, 1m30s");
  command.AddOption("--from", options->from,
                    "start at this time, or this long after the first event (90s, 10m)");
  command.AddOption("--to", options->to, "stop at this time, or this long after the first event");
  const Option serve = command.AddOption(
      "--serve", options->port,
      "serve it on this port like a live run, until interrupted; 0 picks a free one");
  command.AddFlag("--exit-at-end", options->exit_at_end, "exit after the last event").Needs(serve);
  command.AddOption("--allow-origin", options->origins, "serve pages of this origin too (CORS)")
      .Needs(serve);
  command.AddFlag("--unverified", options->unverified,
                  "use the readable part of a damaged file, skipping the rest");
  command.OnSelected([&line, options] {
    line.action = [options](Context& context) { return RunReplay(context, *options); };
  });
}

}  // namespace stagelog::cli
