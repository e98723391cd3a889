#include "cli/send/gate_wait.h"

#include <algorithm>
#include <chrono>
#include <optional>
#include <thread>
#include <utility>

#include "base/clock.h"
#include "base/terminal_text.h"
#include "cli/send/field_arguments.h"
#include "client/daemon_client.h"
#include "client/json_member.h"
#include "client/spool.h"
#include "core/json_value.h"

namespace stagelog::cli {
namespace {

constexpr int kLongestWaitSeconds = 60;
constexpr auto kFirstRetryWait = std::chrono::milliseconds(250);
constexpr auto kLongestRetryWait = std::chrono::milliseconds(10'000);

class GateWait {
 public:
  GateWait(Context& context, const std::string& job, const std::string& gate,
           int64_t timeout_seconds)
      : context_(context),
        job_(job),
        gate_(gate),
        client_(context.settings),
        timeout_seconds_(timeout_seconds),
        is_in_run_(ProcessEnvironment("STAGELOG_JOB") == job) {
    if (timeout_seconds > 0) give_up_at_ = Now() + timeout_seconds * 1'000'000;
  }

  CliResult<ExitCode> Run() {
    while (true) {
      const int64_t left = (give_up_at_ - Now()) / 1'000'000 + 1;  // never a wait of nothing
      // The first answer comes at once: it says whether the gate is there, and what it asks.
      const int64_t longest = has_answered_ ? kLongestWaitSeconds : 0;
      const int wait = static_cast<int>(std::clamp<int64_t>(left, 0, longest));
      const int64_t asked_at = Now();
      const auto gate = Look(wait);
      if (!gate) {
        if (!MayComeYet(gate.error())) return tl::unexpected(gate.error());
        if (!std::exchange(said_away_, true)) PrintError(gate.error().message + "; waiting for it");
        Pause();
      } else if (gate->is_null()) {
        if (const auto never = WillNeverBe()) return tl::unexpected(*never);
        if (!std::exchange(said_absent_, true)) {
          PrintError("gate " + Name() + " does not exist yet; waiting for it");
        }
        // Who waits is answered late: an early answer is a daemon that ends.
        if (wait > 0 && Now() - asked_at < kEarlyMicros) Pause();
        has_answered_ = true;
      } else if (TextAt(*gate, "status") != "pending") {
        return Tell(*gate);
      } else {
        const std::string prompt = TextAt(*gate, "prompt");
        SayOnce("gate " + Name() + " is pending" + (prompt.empty() ? "" : ": " + prompt));
        has_answered_ = true;
        away_wait_ = kFirstRetryWait;
      }
      if (Now() >= give_up_at_) {
        return Fail(ExitCode::kUndecided, "gate " + Name() + " was not decided in " +
                                              std::to_string(timeout_seconds_) + " s");
      }
    }
  }

 private:
  static constexpr int64_t kEarlyMicros = 200'000;

  static int64_t Now() { return SystemClock().MonotonicMicros(); }

  std::string Name() const { return gate_ + " of " + job_; }

  // The gate; null when it, or its job, is not there.
  CliResult<Json> Look(int wait_seconds) {
    const auto answer = client_.Get(
        GateTarget(job_, gate_) + "?wait=" + std::to_string(wait_seconds), wait_seconds);
    if (!answer) return tl::unexpected(answer.error());
    Json json = ObjectOf(answer->body);
    const std::string code = TextAt(json, "code");
    if (code == "unknown_job" || code == "unknown_gate") return Json();
    if (!answer->ok()) return tl::unexpected(client_.AsError(*answer));
    if (json.contains("status")) return json;
    return Fail(ExitCode::kUnreachable,
                client_.url() + " responds, but not like a stagelog daemon");
  }

  // A daemon that was there comes back. Within `stagelog run` it may also be away at first.
  bool MayComeYet(const CliError& error) const {
    return error.code == ExitCode::kUnreachable && (has_answered_ || is_in_run_);
  }

  // An error when the job is over: nobody opens the gate then.
  std::optional<CliError> WillNeverBe() {
    const auto answer = client_.Get(JobTarget(job_));
    if (!answer || !answer->ok()) return std::nullopt;
    const std::string status = TextAt(ObjectOf(answer->body), "status");
    if (status != "completed" && status != "failed" && status != "canceled") return std::nullopt;
    // The event that opens it may still be on its way.
    const std::string root = SpoolRoot(ProcessEnvironment);
    const bool is_on_its_way =
        is_in_run_ && !root.empty() && SpoolReader(root + "/" + job_).HasUnsent();
    if (is_on_its_way) return std::nullopt;
    return CliError{ExitCode::kUndecided,
                    "job " + job_ + " is " + status + " and has no gate " + gate_};
  }

  void SayOnce(const std::string& text) {
    if (std::exchange(has_spoken_, true) || context_.flags.json) return;
    PrintError(EscapeControls(text));
  }

  void Pause() {
    std::this_thread::sleep_for(away_wait_);
    away_wait_ = std::min(away_wait_ * 2, kLongestRetryWait);
  }

  CliResult<ExitCode> Tell(const Json& gate) {
    const std::string status = TextAt(gate, "status");
    std::string line = status;
    if (!TextAt(gate, "decided_by").empty()) line += " by " + TextAt(gate, "decided_by");
    if (!TextAt(gate, "choice").empty()) line += ", choice " + TextAt(gate, "choice");
    if (gate.contains("answers")) line += ", " + AnswersText(gate["answers"]);
    if (!TextAt(gate, "comment").empty()) line += ": " + TextAt(gate, "comment");
    const CliStatus said =
        context_.out.WriteLine(context_.flags.json ? DumpJson(gate) : EscapeControls(line));
    if (!said) return tl::unexpected(said.error());
    if (status == "approved" || status == "auto_approved") return ExitCode::kOk;
    return status == "rejected" ? ExitCode::kRejected : ExitCode::kUndecided;
  }

  Context& context_;
  const std::string job_;
  const std::string gate_;
  DaemonClient client_;
  const int64_t timeout_seconds_;
  int64_t give_up_at_ = INT64_MAX;
  std::chrono::milliseconds away_wait_ = kFirstRetryWait;
  const bool is_in_run_;
  bool has_answered_ = false;
  bool has_spoken_ = false;
  bool said_away_ = false;
  bool said_absent_ = false;
};

}  // namespace

std::string GateTarget(const std::string& job, const std::string& gate) {
  return JobTarget(job) + "/gates/" + EscapeParameter(gate);
}

CliResult<ExitCode> WaitForGate(Context& context, const std::string& job, const std::string& gate,
                                int64_t timeout_seconds) {
  return GateWait(context, job, gate, timeout_seconds).Run();
}

}  // namespace stagelog::cli
