#include "tests/follow/follow_fixture.h"

#include <algorithm>

#include "core/event_codec.h"
#include "core/job_machine.h"
#include "core/job_state_json.h"

namespace stagelog {

EventDraft DraftOf(const std::string& job_id, const std::string& type, const std::string& gate,
                   const std::string& payload) {
  const TypeTraits* traits = FindType(type);
  EventDraft draft;
  draft.kind = traits->type;
  draft.job_id = job_id;
  draft.type = type;
  draft.gate = gate;
  draft.status = traits->status;
  draft.level = traits->level;
  draft.payload = payload;
  draft.actor = "tester";
  return draft;
}

int64_t FakeLog::Commit(EventDraft draft) {
  std::vector<EventDraft> drafts;
  drafts.push_back(std::move(draft));
  return Commit(std::move(drafts));
}

int64_t FakeLog::Commit(std::vector<EventDraft> drafts) {
  auto batch = std::make_shared<CommittedBatch>();
  {
    const std::lock_guard lock(mutex_);
    for (EventDraft& draft : drafts) batch->events.push_back(Store(std::move(draft)));
  }
  if (listener_ != nullptr) listener_->OnCommit(batch);
  return batch->events.back().seq;
}

// With the lock held.
CommittedEvent FakeLog::Store(EventDraft draft) {
  JobState& state = states_[draft.job_id];
  Event event;
  event.draft = std::move(draft);
  event.seq = ++head_seq_;
  event.draft.event_id = "event-" + std::to_string(event.seq);
  // Unlike the real one's these may be equal: a test's clock stands still.
  event.ts_micros = clock_.WallMicros();
  event.draft.occurred_at_micros = event.ts_micros;
  event.job_seq = state.job_seq + 1;
  JudgeEvent(state, event);
  const SealedLine line = EncodeEvent(event, state.last_hash);
  Apply(state, event, line.hash);
  CommittedEvent committed{event.seq, event.draft.kind, event.draft.job_id, line.body,
                           state.IsTerminal()};
  events_.push_back({std::move(event), line.hash});
  return committed;
}

int64_t FakeLog::Delete(const std::string& job_id) {
  int64_t seq = 0;
  {
    const std::lock_guard lock(mutex_);
    std::erase_if(events_, [&](const Stored& event) { return event.event.draft.job_id == job_id; });
    states_.erase(job_id);
    seq = ++head_seq_;
  }
  if (listener_ != nullptr) listener_->OnJobDeleted(job_id, seq);
  return seq;
}

void FakeLog::Append(std::vector<EventDraft> drafts, std::optional<Precondition> precondition,
                     AppendDone done) {
  Held held{std::move(drafts), std::move(precondition), std::move(done)};
  std::string refusal_code;
  {
    const std::lock_guard lock(mutex_);
    ++appends_;
    refusal_code = refusal_code_;
    if (refusal_code.empty() && is_holding_) {
      held_.push_back(std::move(held));
      return;
    }
  }
  if (!refusal_code.empty()) {
    held.done(tl::unexpected(Refusal{.code = refusal_code, .detail = "the test says no"}));
  } else {
    Process(std::move(held));
  }
}

void FakeLog::Process(Held held) {
  std::optional<Refusal> refusal;
  if (held.precondition) {
    const std::lock_guard lock(mutex_);
    refusal =
        CheckPrecondition(*held.precondition, [this](const std::string& job_id) -> const JobState* {
          const auto found = states_.find(job_id);
          return found == states_.end() ? nullptr : &found->second;
        });
  }
  if (refusal) return held.done(tl::unexpected(std::move(*refusal)));
  Commit(std::move(held.drafts));
  held.done(std::vector<AppendedEvent>(1));
}

void FakeLog::CommitHeld(size_t count) {
  for (; count > 0 && HeldCount() > 0; --count) {
    Held held;
    {
      const std::lock_guard lock(mutex_);
      held = std::move(held_.front());
      held_.pop_front();
    }
    Process(std::move(held));
  }
}

size_t FakeLog::HeldCount() const {
  const std::lock_guard lock(mutex_);
  return held_.size();
}

void FakeLog::RefuseAppends(const std::string& code) {
  const std::lock_guard lock(mutex_);
  refusal_code_ = code;
}

void FakeLog::LetListingsLag(bool lag) {
  const std::lock_guard lock(mutex_);
  listings_lag_ = lag;
}

void FakeLog::FailReads(int count) {
  const std::lock_guard lock(mutex_);
  failing_reads_ = count;
}

void FakeLog::ForgetAfter(int64_t seq) {
  const std::lock_guard lock(mutex_);
  std::erase_if(events_, [=](const Stored& stored) { return stored.event.seq > seq; });
  states_.clear();
  head_seq_ = seq;
  for (const Stored& stored : events_) {
    Apply(states_[stored.event.draft.job_id], stored.event, stored.hash);
  }
}

JobState FakeLog::StateOf(const std::string& job_id) const {
  const std::lock_guard lock(mutex_);
  const auto found = states_.find(job_id);
  return found == states_.end() ? JobState() : found->second;
}

std::vector<Event> FakeLog::Events() const {
  const std::lock_guard lock(mutex_);
  std::vector<Event> events;
  for (const Stored& stored : events_) events.push_back(stored.event);
  return events;
}

std::vector<Event> FakeLog::Decisions() const {
  std::vector<Event> events = Events();
  std::erase_if(events,
                [](const Event& event) { return !FindType(event.draft.type)->is_gate_decision; });
  return events;
}

size_t FakeLog::appends() const {
  const std::lock_guard lock(mutex_);
  return appends_;
}

size_t FakeLog::reads() const {
  const std::lock_guard lock(mutex_);
  return reads_;
}

// With the lock held.
bool FakeLog::ReadFails() {
  ++reads_;
  if (failing_reads_ == 0) return false;
  --failing_reads_;
  return true;
}

Result<std::optional<JobState>> FakeLog::FindJob(const std::string& job_id, int64_t) {
  const std::lock_guard lock(mutex_);
  if (ReadFails()) return Failure("the disk is on fire");
  const auto found = states_.find(job_id);
  if (found == states_.end()) return std::nullopt;
  return found->second;
}

// Of the conditions only `after_opened_seq` and `limit` are kept; all that asks wants pending ones.
Result<std::vector<GateListing>> FakeLog::ListGates(const GateListRequest& request) {
  const std::lock_guard lock(mutex_);
  if (ReadFails()) return Failure("the disk is on fire");
  if (request.rows != GateListRequest::Rows::kAsTheyAre && listings_lag_)
    return Failure("the rows are behind");
  std::vector<std::pair<const std::string*, const GateState*>> found;  // with their jobs
  for (const auto& [job_id, state] : states_) {
    for (const GateState& gate : state.gates) {
      const bool is_pending = gate.status == GateStatus::kPending || frozen_;
      if (is_pending && gate.opened_seq > request.after_opened_seq) {
        found.emplace_back(&job_id, &gate);
      }
    }
  }
  std::sort(found.begin(), found.end(), [](const auto& a, const auto& b) {
    return a.second->opened_seq < b.second->opened_seq;
  });
  found.resize(std::min(request.limit, found.size()));
  std::vector<GateListing> gates;
  for (const auto& [job_id, gate] : found) {
    gates.push_back({*job_id, gate->name, gate->opened_seq, gate->ExpiresAtMicros(),
                     gate->on_timeout, EncodeGateIteration(*job_id, *gate)});
  }
  return gates;
}

Status FakeLog::AdvanceJob(JobState& state, StateChanges* changes, int64_t through_seq) {
  const std::lock_guard lock(mutex_);
  if (ReadFails()) return Failure("the disk is on fire");
  const std::string job_id = state.job_id;
  last_advanced_from_ = state.as_of_seq;
  for (const Stored& stored : events_) {
    if (stored.event.draft.job_id != job_id || stored.event.seq <= state.as_of_seq) continue;
    if (stored.event.seq > through_seq) break;
    Apply(state, stored.event, stored.hash, changes);
  }
  return {};
}

Result<std::vector<std::string>> FakeLog::JobsChangedAfter(int64_t seq) {
  const std::lock_guard lock(mutex_);
  if (ReadFails()) return Failure("the disk is on fire");
  std::vector<std::string> jobs;
  for (const auto& [job_id, state] : states_) {
    if (state.as_of_seq > seq) jobs.push_back(job_id);
  }
  return jobs;
}

bool FakeLog::IsFileBehind(const std::string& job_id) const {
  const std::lock_guard lock(mutex_);
  return files_behind_.contains(job_id);
}

void FakeLog::SetFileBehind(const std::string& job_id, bool is_behind) {
  const std::lock_guard lock(mutex_);
  if (is_behind) {
    files_behind_.insert(job_id);
  } else {
    files_behind_.erase(job_id);
  }
}

JournalStatus FakeLog::GetStatus() const {
  const std::lock_guard lock(mutex_);
  return {.journal_id = "journal-1", .head_seq = head_seq_};
}

}  // namespace stagelog
