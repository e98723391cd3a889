#include "follow/gate_timer.h"

#include <pthread.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <unordered_set>
#include <utility>

#include "base/logging.h"
#include "core/gate_rules.h"
#include "core/json_text.h"

namespace stagelog {
namespace {

constexpr const char* kActor = "stagelog";
constexpr size_t kGatesAtOnce = 256;
constexpr int64_t kRetryMicros = 1'000'000;
// Later moments do not fit into the nanoseconds of a system_clock::time_point.
constexpr int64_t kLatestMicros = 9'000'000'000'000'000;

std::string_view TypeOf(std::string_view on_timeout) {
  if (on_timeout == "approve") return "gate_auto_approved";
  if (on_timeout == "reject") return "gate_rejected";
  return "gate_expired";
}

// "no decision within 3600 s"
std::string ReasonOf(const GateListing& gate) {
  for (JsonMembers members(gate.document); members.Next();) {
    if (members.key() != "timeout_seconds") continue;
    return "no decision within " + std::string(members.value()) + " s";
  }
  return "no decision in time";
}

EventDraft DecisionOn(const GateListing& gate) {
  const TypeTraits& traits = *FindType(TypeOf(gate.on_timeout));
  const std::string reason = ReasonOf(gate);
  EventDraft draft;
  draft.kind = traits.type;
  draft.job_id = gate.job_id;
  draft.type = traits.name;
  draft.gate = gate.gate;
  draft.status = traits.status;
  draft.level = traits.level;
  draft.message = "gate " + gate.gate + ": " + reason;
  draft.payload = R"({"comment":")" + reason + R"(","via":"timer"})";
  draft.actor = kActor;
  return draft;
}

// Asked on the writer's thread: the very iteration that has expired is still undecided. Whom it
// names as its approvers does not bind the timer.
std::optional<Refusal> JudgeExpiry(const JobState* job, const std::string& job_id,
                                   const std::string& gate, int64_t opened_seq) {
  if (auto refusal = JudgeDecision(job, job_id, gate, kActor, /*is_admin=*/true)) return refusal;
  if (job->FindGate(gate)->opened_seq == opened_seq) return std::nullopt;
  return Refusal{.code = "gate_decided",
                 .detail = "gate '" + gate + "' was decided and reopened",
                 .field = "gate"};
}

// Somebody was faster, or what the gate belonged to is gone: nothing is left to decide.
bool MeansSettled(const Refusal& refusal) {
  return refusal.code == "gate_decided" || refusal.code == "unknown_gate" ||
         refusal.code == "unknown_job" || refusal.code == "job_deleted";
}

}  // namespace

struct GateTimer::Shared {
  std::mutex mutex;
  std::condition_variable wake;
  bool stopping = false;
  bool gate_opened = true;  // since the last look; before the first one there may be some
  size_t in_flight = 0;     // appends that have no answer yet
  std::string trouble;      // why one of them was refused; empty when none was
  // Gates (by opened_seq) that the writer knows to be decided: should a listing lag behind it, they
  // are not tried again and again.
  std::unordered_set<int64_t> settled;

  void OnAnswer(int64_t opened_seq, const AppendOutcome& outcome) {
    const std::lock_guard lock(mutex);
    --in_flight;
    if (!outcome && MeansSettled(outcome.error())) {
      settled.insert(opened_seq);
    } else if (!outcome) {
      trouble = outcome.error().code + ": " + outcome.error().detail;
    }
    if (in_flight == 0) wake.notify_one();
  }
};

GateTimer::GateTimer(EventAppender& appender, JobSource& source, Clock& clock)
    : appender_(appender), source_(source), clock_(clock), shared_(std::make_shared<Shared>()) {}

GateTimer::~GateTimer() { Stop(); }

void GateTimer::Start() {
  thread_ = std::thread([this] {
    ::pthread_setname_np(::pthread_self(), "gate-timer");
    while (RunOnce()) {
    }
  });
}

void GateTimer::Stop() {
  {
    const std::lock_guard lock(shared_->mutex);
    shared_->stopping = true;
    shared_->wake.notify_one();
  }
  if (thread_.joinable()) thread_.join();
}

// Only a new gate can bring the next expiry nearer. A decision, or the end of a job, can only make
// the timer wake for nothing, once.
void GateTimer::OnCommit(const CommittedBatchPointer& batch) {
  const auto opens_gate = [](const CommittedEvent& event) {
    return event.kind == EventType::kGatePause;
  };
  if (std::none_of(batch->events.begin(), batch->events.end(), opens_gate)) return;
  const std::lock_guard lock(shared_->mutex);
  shared_->gate_opened = true;
  shared_->wake.notify_one();
}

bool GateTimer::RunOnce(bool may_wait) {
  std::string trouble;
  {
    std::unique_lock lock(shared_->mutex);
    while (!shared_->stopping && !IsDue()) {
      if (!may_wait) return true;
      Sleep(lock);
    }
    if (shared_->stopping) return false;
    trouble.swap(shared_->trouble);
    if (trouble.empty()) shared_->gate_opened = false;
  }
  if (trouble.empty()) {
    Look();
  } else {
    RetryLater(trouble);
  }
  return true;
}

// While appends are under way nothing is: the journal would list their gates once more.
bool GateTimer::IsDue() {
  if (shared_->in_flight > 0) return false;
  if (retry_at_micros_) return clock_.MonotonicMicros() >= *retry_at_micros_;
  return shared_->gate_opened || next_expiry_micros_ <= clock_.WallMicros();
}

// An expiry is a time of day: the sleep must end by the wall clock when the clock is set, or when
// the machine was suspended.
void GateTimer::Sleep(std::unique_lock<std::mutex>& lock) {
  using std::chrono::microseconds;
  if (shared_->in_flight > 0) {
    shared_->wake.wait(lock);
  } else if (retry_at_micros_) {
    shared_->wake.wait_for(lock, microseconds(*retry_at_micros_ - clock_.MonotonicMicros()));
  } else if (next_expiry_micros_ == INT64_MAX) {
    shared_->wake.wait(lock);
  } else {
    const microseconds moment(std::min(next_expiry_micros_, kLatestMicros));
    shared_->wake.wait_until(lock, std::chrono::system_clock::time_point(moment));
  }
}

void GateTimer::Look() {
  const bool is_retry = std::exchange(retry_at_micros_, std::nullopt).has_value();
  Result<std::vector<GateListing>> gates = source_.ExpiringGates(kGatesAtOnce);
  if (!gates) return RetryLater(gates.error().message);
  LeaveOutDecided(*gates);
  const int64_t now = clock_.WallMicros();
  const auto first_later =
      std::find_if(gates->begin(), gates->end(),
                   [now](const GateListing& gate) { return gate.expires_at_micros > now; });
  const bool none_is_due = first_later == gates->begin();
  is_outage_ = is_outage_ && is_retry && !none_is_due;
  // More of them may be due than were listed: after these it looks again.
  next_expiry_micros_ = !none_is_due     ? INT64_MIN
                        : gates->empty() ? INT64_MAX
                                         : gates->front().expires_at_micros;
  {
    const std::lock_guard lock(shared_->mutex);
    shared_->in_flight = static_cast<size_t>(first_later - gates->begin());
  }
  std::for_each(gates->begin(), first_later, [this](const GateListing& gate) { Decide(gate); });
}

void GateTimer::LeaveOutDecided(std::vector<GateListing>& gates) {
  const std::lock_guard lock(shared_->mutex);
  std::unordered_set<int64_t> still_listed;
  std::erase_if(gates, [&](const GateListing& gate) {
    if (!shared_->settled.contains(gate.opened_seq)) return false;
    still_listed.insert(gate.opened_seq);
    return true;
  });
  shared_->settled = std::move(still_listed);
}

void GateTimer::Decide(const GateListing& gate) {
  std::vector<EventDraft> drafts;
  drafts.push_back(DecisionOn(gate));
  appender_.Append(
      std::move(drafts),
      [job_id = gate.job_id, name = gate.gate, opened_seq = gate.opened_seq](
          const JobLookup& find) { return JudgeExpiry(find(job_id), job_id, name, opened_seq); },
      [shared = shared_, opened_seq = gate.opened_seq](const AppendOutcome& outcome) {
        shared->OnAnswer(opened_seq, outcome);
      });
}

void GateTimer::RetryLater(const std::string& problem) {
  retry_at_micros_ = clock_.MonotonicMicros() + kRetryMicros;
  if (!std::exchange(is_outage_, true)) {
    spdlog::warn("[gates] cannot decide expired gates: {}; retrying every second", problem);
  }
}

}  // namespace stagelog
