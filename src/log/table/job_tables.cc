#include "log/table/job_tables.h"

#include <algorithm>
#include <chrono>
#include <iterator>
#include <utility>

#include "base/check.h"
#include "base/logging.h"

namespace stagelog {
namespace {

constexpr int64_t kUrgentLagEvents = 4'096;
constexpr int64_t kLongestSlice = 8;  // times Options::slice_micros
// Between two looks at the clock.
constexpr size_t kJobsAtOnce = 8;

template <typename T>
void AppendTo(std::vector<T>& all, const std::vector<T>& more) {
  all.insert(all.end(), more.begin(), more.end());
}

}  // namespace

void JobTables::BeginAfter(int64_t seq) {
  Clear();
  head_seq_ = seq;
  SetThrough(seq);
  const MutexLock lock(mutex_);
  is_open_ = true;
}

void JobTables::Clear() {
  pending_.clear();
  pending_events_ = 0;
  order_.clear();
  due_at_micros_ = INT64_MAX;
  has_failed_ = false;
  const MutexLock lock(mutex_);
  is_open_ = false;
  problem_.clear();
  advanced_.notify_all();
}

void JobTables::Add(const std::string& job_id, const StateChanges& changes, int64_t before_job_seq,
                    std::vector<int64_t> seqs, JobCache& cache) {
  const auto [entry, is_new] = pending_.try_emplace(job_id);
  Pending& pending = entry->second;
  pending_events_ += static_cast<int64_t>(seqs.size());
  if (is_new) {
    order_.emplace(seqs.front(), job_id);
    pending.before_job_seq = before_job_seq;
    pending.seqs = std::move(seqs);
    cache.Pin(job_id);
  } else {
    AppendTo(pending.seqs, seqs);
  }
  pending.changes.job = pending.changes.job || changes.job;
  AppendTo(pending.changes.stages, changes.stages);
  AppendTo(pending.changes.gates, changes.gates);
}

void JobTables::Committed(int64_t last_seq) {
  head_seq_ = last_seq;
  if (due_at_micros_ == INT64_MAX) {
    due_at_micros_ = clock_.MonotonicMicros() + options_.delay_micros;
  }
}

void JobTables::PassOver(int64_t seq) {
  STAGELOG_CHECK(order_.empty());
  head_seq_ = seq;
  SetThrough(seq);
}

bool JobTables::IsUrgent() const {
  return IsDue() && (awaited_seq_ > through_seq_ || LagEvents() >= kUrgentLagEvents);
}

bool JobTables::IsDue() const { return NextDueMicros() <= clock_.MonotonicMicros(); }

int64_t JobTables::NextDueMicros() const {
  if (pending_.empty()) return INT64_MAX;
  const bool is_awaited = awaited_seq_ > through_seq_ && !has_failed_;
  return is_awaited ? INT64_MIN : due_at_micros_;
}

// Under load the tables get up to a third of the writer's time, so that they keep up with commits
// over many jobs; and as much as is sensible when somebody waits.
int64_t JobTables::SliceMicros() const {
  const int64_t longest = kLongestSlice * options_.slice_micros;
  if (awaited_seq_ > through_seq_) return longest;
  return std::clamp((clock_.MonotonicMicros() - ended_at_micros_) / 2, options_.slice_micros,
                    longest);
}

void JobTables::Step(EventTable& table, JobCache& cache) {
  if (order_.empty()) return;
  const int64_t end_micros = clock_.MonotonicMicros() + SliceMicros();
  auto next = order_.begin();
  int64_t through = 0;
  try {
    table.Begin();
    for (size_t count = 1; next != order_.end(); ++count) {
      Write(next->second, pending_.at(next->second), table, cache);
      ++next;
      if (count % kJobsAtOnce == 0 && clock_.MonotonicMicros() >= end_micros) break;
    }
    through = next == order_.end() ? head_seq_.load() : next->first - 1;
    table.SetTablesThrough(through);
    table.Commit();
  } catch (...) {
    table.Rollback();
    throw;
  }
  for (auto written = order_.begin(); written != next; written = order_.erase(written)) {
    cache.Unpin(written->second);
    const auto done = pending_.find(written->second);
    pending_events_ -= static_cast<int64_t>(done->second.seqs.size());
    pending_.erase(done);
  }
  has_failed_ = false;
  ended_at_micros_ = clock_.MonotonicMicros();
  due_at_micros_ = order_.empty() ? INT64_MAX : clock_.MonotonicMicros();
  SetThrough(through);
}

void JobTables::Write(const std::string& job_id, const Pending& pending, EventTable& table,
                      JobCache& cache) {
  const JobState* state = cache.Find(table, job_id);
  STAGELOG_CHECK(state != nullptr);
  table.ListEvents(state->first_seq, pending.seqs);
  table.WriteState(*state, pending.changes, pending.before_job_seq);
}

void JobTables::CatchUp(EventTable& table, JobCache& cache) {
  while (!order_.empty()) Step(table, cache);
}

void JobTables::PutOff(const std::string& problem) {
  has_failed_ = true;
  due_at_micros_ = clock_.MonotonicMicros() + options_.retry_micros;
  const MutexLock lock(mutex_);
  if (problem_ == problem) return;
  problem_ = problem;
  advanced_.notify_all();
  LogWarning("[journal] cannot write the tables of jobs: {}; trying again", problem);
}

void JobTables::SetThrough(int64_t seq) {
  const MutexLock lock(mutex_);
  through_seq_ = seq;
  problem_.clear();
  advanced_.notify_all();
}

FollowerStatus JobTables::GetFollowerStatus() const {
  const MutexLock lock(mutex_);
  return {.name = "job_tables", .lag_events = LagEvents(), .problem = problem_};
}

JobTables::Wait JobTables::Await(int64_t max_lag_events, int64_t timeout_micros) {
  const int64_t seq = head_seq_ - max_lag_events;
  if (through_seq_ >= seq) return Wait::kCurrent;
  MutexLock lock(mutex_);
  if (timeout_micros > 0) {
    awaited_seq_ = std::max(awaited_seq_.load(), seq);
    wake_();
    advanced_.wait_for(lock, std::chrono::microseconds(timeout_micros),
                       [&]() STAGELOG_REQUIRES(mutex_) {
                         return through_seq_ >= seq || !is_open_ || !problem_.empty();
                       });
  }
  if (through_seq_ >= seq) return Wait::kCurrent;
  return is_open_ ? Wait::kBehind : Wait::kClosed;
}

}  // namespace stagelog
