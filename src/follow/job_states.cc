#include "follow/job_states.h"

#include <algorithm>
#include <utility>

#include "core/job_size.h"

namespace stagelog {

Result<const JobState*> JobStates::Advance(const std::string& job_id, StateChanges& changes,
                                           int64_t through_seq) {
  Entry& entry = Use(job_id);
  const int64_t seq_before = entry.state.as_of_seq;
  const Status advanced = source_.AdvanceJob(entry.state, &changes, through_seq);
  const bool is_known = entry.state.job_seq > 0;
  const JobState* result = entry.state.as_of_seq == seq_before ? nullptr : &entry.state;
  if (result != nullptr) Weigh(entry);
  if (!advanced || !is_known) Forget(job_id);
  if (!advanced) return tl::unexpected(advanced.error());
  return result;
}

JobStates::Entry& JobStates::Use(const std::string& job_id) {
  const auto [found, is_new] = entries_.try_emplace(job_id);
  Entry& entry = found->second;
  if (is_new) {
    entry.state.job_id = job_id;
    entry.recency = recency_.insert(recency_.end(), job_id);
  } else {
    recency_.splice(recency_.end(), recency_, entry.recency);
  }
  while (bytes_ > max_bytes_ && recency_.size() > 1) Forget(std::string(recency_.front()));
  return entry;
}

// Costs as much as writing the job's files, which comes next.
void JobStates::Weigh(Entry& entry) {
  bytes_ -= entry.bytes;
  entry.bytes = std::min(BytesOf(entry.state), max_bytes_ / 4);
  bytes_ += entry.bytes;
}

void JobStates::Forget(const std::string& job_id) {
  const auto found = entries_.find(job_id);
  if (found == entries_.end()) return;
  bytes_ -= found->second.bytes;
  recency_.erase(found->second.recency);
  entries_.erase(found);
}

}  // namespace stagelog
