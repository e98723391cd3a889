#include "follow/gate_timer.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include "base/alarm.h"
#include "base/mutex.h"
#include "core/json_text.h"
#include "core/precondition.h"

namespace stagelog {
namespace {

constexpr size_t kGatesAtOnce = 256;
constexpr size_t kFewTimers = 4'096;

std::string_view TypeOf(std::string_view on_timeout) {
  if (on_timeout == "approve") return "gate_auto_approved";
  if (on_timeout == "reject") return "gate_rejected";
  return "gate_expired";
}

// As it stands in the document; empty where there is none.
std::string_view TimeoutSecondsOf(const GateListing& gate) {
  for (JsonMembers members(gate.document); members.Next();) {
    if (members.key() == "timeout_seconds") return members.value();
  }
  return {};
}

int64_t TimeoutMicrosOf(const GateListing& gate) {
  const std::string_view text = TimeoutSecondsOf(gate);
  int64_t seconds = 0;
  std::from_chars(text.data(), text.data() + text.size(), seconds);
  return seconds * 1'000'000;
}

// "no decision within 3600 s"
std::string ReasonOf(const GateListing& gate) {
  const std::string_view seconds = TimeoutSecondsOf(gate);
  if (seconds.empty()) return "no decision in time";
  return "no decision within " + std::string(seconds) + " s";
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
  draft.actor = kOwnActor;
  return draft;
}

// Somebody was faster, or what the gate belonged to is gone: nothing is left to decide.
bool MeansSettled(const Refusal& refusal) {
  return refusal.code == "gate_decided" || refusal.code == "unknown_gate" ||
         refusal.code == "unknown_job" || refusal.code == "job_deleted";
}

}  // namespace

struct GateTimer::Shared {
  Mutex mutex;
  std::vector<std::pair<int64_t, int64_t>> opened
      STAGELOG_GUARDED_BY(mutex);                   // (opened_seq, Clock::BootMicros() by then)
  size_t in_flight STAGELOG_GUARDED_BY(mutex) = 0;  // appends that have no answer yet
  std::string trouble
      STAGELOG_GUARDED_BY(mutex);  // why one of them was refused; empty when none was
  std::vector<int64_t> settled
      STAGELOG_GUARDED_BY(mutex);  // gates (by opened_seq) that the writer knows to be decided
  int64_t unnoted_seq STAGELOG_GUARDED_BY(mutex) = 0;  // the first gate that it lacks; 0: none

  // True if it was the last one.
  bool OnAnswer(int64_t opened_seq, const AppendOutcome& outcome) {
    const MutexLock lock(mutex);
    if (outcome || MeansSettled(outcome.error())) {
      settled.push_back(opened_seq);
    } else {
      trouble = outcome.error().code + ": " + outcome.error().detail;
    }
    return --in_flight == 0;
  }
};

GateTimer::GateTimer(EventAppender& appender, JobSource& source, Clock& clock)
    : appender_(appender),
      source_(source),
      clock_(clock),
      shared_(std::make_shared<Shared>()),
      drop_decided_at_(kFewTimers) {}

// Only a new gate can bring the next time nearer. A decision, or the end of a job, can only make
// the timer wake for nothing, once.
bool GateTimer::Note(const CommittedBatchPointer& batch) {
  const int64_t now = clock_.BootMicros();
  bool is_opened = false;
  const MutexLock lock(shared_->mutex);
  for (const CommittedEvent& event : batch->events) {
    if (event.kind != EventType::kGatePause) continue;
    if (shared_->unnoted_seq == 0) shared_->unnoted_seq = event.seq;
    shared_->opened.emplace_back(event.seq, now);
    is_opened = true;
  }
  return is_opened;
}

bool GateTimer::NoteDeletion(const std::string& /*job_id*/, int64_t /*seq*/) { return false; }

WorkTime GateTimer::NextWork() {
  {
    const MutexLock lock(shared_->mutex);
    if (shared_->in_flight > 0) return {};
    if (!shared_->opened.empty() || !shared_->settled.empty() || !shared_->trouble.empty()) {
      return {.boot_micros = WorkTime::kAtOnce};
    }
  }
  WorkTime next;
  if (!boot_order_.empty()) next.boot_micros = boot_order_.begin()->first;
  if (!wall_order_.empty()) next.wall_micros = wall_order_.begin()->first;
  if (!has_looked_ || !opened_.empty()) next.boot_micros = WorkTime::kAtOnce;
  return next;
}

Result<TurnOutcome> GateTimer::Work(const Turn& turn) {
  {
    const MutexLock lock(shared_->mutex);
    if (shared_->in_flight > 0) return TurnOutcome{.is_under_way = true};
  }
  if (const Status answered = TakeNews(); !answered) return tl::unexpected(answered.error());
  // Those that are known are decided all the same.
  const Status noted = NoteNewGates();
  if (noted) {
    const MutexLock lock(shared_->mutex);
    shared_->unnoted_seq = shared_->opened.empty() ? 0 : shared_->opened.front().first;
  }
  const Result<std::vector<GateListing>> gates = StillPending(DueGates());
  if (!gates) return tl::unexpected(gates.error());
  {
    const MutexLock lock(shared_->mutex);
    shared_->in_flight = gates->size();
  }
  for (const GateListing& gate : *gates) Decide(gate, turn.wake);
  if (!noted) return tl::unexpected(noted.error());
  return TurnOutcome{.is_under_way = !gates->empty()};
}

// A failure: an append was refused.
Status GateTimer::TakeNews() {
  const MutexLock lock(shared_->mutex);
  for (const int64_t opened_seq : std::exchange(shared_->settled, {})) DropTimer(opened_seq);
  for (const auto& [opened_seq, micros] : std::exchange(shared_->opened, {})) {
    opened_.emplace(opened_seq, micros);
  }
  std::string trouble;
  trouble.swap(shared_->trouble);
  return trouble.empty() ? Status() : Failure(std::move(trouble));
}

Status GateTimer::NoteNewGates() {
  // Seen before they were announced, and taken for gates of before.
  while (!opened_.empty() && opened_.begin()->first <= noted_through_) {
    const auto [opened_seq, micros] = *opened_.begin();
    opened_.erase(opened_.begin());
    const auto timer = timers_.find(opened_seq);
    if (timer == timers_.end()) continue;
    const int64_t timeout = timer->second.timeout_micros;
    SetTimer(opened_seq, {timeout, micros + timeout, Alarm::kNever});
  }
  if (!has_looked_ || !opened_.empty()) {
    if (const Status read = ReadNewGates(); !read) return read;
  }
  return timers_.size() < drop_decided_at_ ? Status() : DropDecided();
}

Status GateTimer::ReadNewGates() {
  for (size_t count = kGatesAtOnce; count == kGatesAtOnce;) {
    const auto gates = PendingAfter(noted_through_, kGatesAtOnce, Rows::kCurrent);
    if (!gates) return tl::unexpected(gates.error());
    count = gates->size();
    for (const GateListing& gate : *gates) {
      if (gate.expires_at_micros > 0) SetTimer(gate.opened_seq, TimerOf(gate));
      noted_through_ = gate.opened_seq;
    }
  }
  if (!opened_.empty()) noted_through_ = std::max(noted_through_, opened_.rbegin()->first);
  opened_.clear();
  has_looked_ = true;
  return {};
}

GateTimer::Timer GateTimer::TimerOf(const GateListing& gate) const {
  const int64_t timeout = TimeoutMicrosOf(gate);
  if (const auto opened = opened_.find(gate.opened_seq); opened != opened_.end()) {
    return {timeout, opened->second + timeout, Alarm::kNever};
  }
  const int64_t left = gate.expires_at_micros - clock_.WallMicros();
  return {timeout, clock_.BootMicros() + std::clamp<int64_t>(left, 0, timeout),
          gate.expires_at_micros};
}

void GateTimer::SetTimer(int64_t opened_seq, const Timer& timer) {
  DropTimer(opened_seq);
  timers_[opened_seq] = timer;
  boot_order_.emplace(timer.boot_micros, opened_seq);
  if (timer.wall_micros != Alarm::kNever) wall_order_.emplace(timer.wall_micros, opened_seq);
}

void GateTimer::DropTimer(int64_t opened_seq) {
  const auto timer = timers_.find(opened_seq);
  if (timer == timers_.end()) return;
  boot_order_.erase({timer->second.boot_micros, opened_seq});
  wall_order_.erase({timer->second.wall_micros, opened_seq});
  timers_.erase(timer);
}

// Timers of gates that were decided long before their time would otherwise be kept until then.
Status GateTimer::DropDecided() {
  std::vector<int64_t> decided;
  auto timer = timers_.begin();
  int64_t seq = 0;
  for (size_t count = kGatesAtOnce; count == kGatesAtOnce;) {
    const auto gates = PendingAfter(seq, kGatesAtOnce, Rows::kAsTheyAre);
    if (!gates) return tl::unexpected(gates.error());
    count = gates->size();
    for (const GateListing& gate : *gates) {
      for (; timer != timers_.end() && timer->first < gate.opened_seq; ++timer) {
        decided.push_back(timer->first);
      }
      if (timer != timers_.end() && timer->first == gate.opened_seq) ++timer;
      seq = gate.opened_seq;
    }
  }
  for (; timer != timers_.end(); ++timer) decided.push_back(timer->first);
  for (const int64_t opened_seq : decided) DropTimer(opened_seq);
  drop_decided_at_ = std::max(kFewTimers, 2 * timers_.size());
  return {};
}

Result<std::vector<GateListing>> GateTimer::PendingAfter(int64_t seq, size_t limit, Rows rows) {
  return source_.ListGates(
      {.statuses = {"pending"}, .after_opened_seq = seq, .limit = limit, .rows = rows});
}

// Some of them, by opened_seq; none only when none is due.
std::vector<int64_t> GateTimer::DueGates() const {
  std::set<int64_t> due;
  const auto add = [&due](const auto& order, int64_t now) {
    for (auto timer = order.begin(); timer != order.end() && timer->first <= now; ++timer) {
      if (due.size() == kGatesAtOnce) return;
      due.insert(timer->second);
    }
  };
  add(boot_order_, clock_.BootMicros());
  add(wall_order_, clock_.WallMicros());
  return {due.begin(), due.end()};
}

Result<std::vector<GateListing>> GateTimer::StillPending(const std::vector<int64_t>& opened_seqs) {
  std::vector<GateListing> pending;
  for (const int64_t opened_seq : opened_seqs) {
    auto found = PendingAfter(opened_seq - 1, 1, Rows::kAsTheyAre);
    if (!found) return tl::unexpected(found.error());
    if (!found->empty() && found->front().opened_seq == opened_seq) {
      pending.push_back(std::move(found->front()));
    } else {
      DropTimer(opened_seq);
    }
  }
  return pending;
}

void GateTimer::Decide(const GateListing& gate, const std::function<void()>& wake) {
  std::vector<EventDraft> drafts;
  drafts.push_back(DecisionOn(gate));
  appender_.Append(
      std::move(drafts), GateStillPending{gate.job_id, gate.gate, gate.opened_seq},
      [shared = shared_, wake, opened_seq = gate.opened_seq](const AppendOutcome& outcome) {
        if (shared->OnAnswer(opened_seq, outcome)) wake();
      });
}

int64_t GateTimer::DoneThrough() const {
  const MutexLock lock(shared_->mutex);
  return shared_->unnoted_seq == 0 ? INT64_MAX : shared_->unnoted_seq - 1;
}

}  // namespace stagelog
