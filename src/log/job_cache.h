// The states of the jobs that are being appended to.
#ifndef STAGELOG_LOG_JOB_CACHE_H_
#define STAGELOG_LOG_JOB_CACHE_H_

#include <cstddef>
#include <cstdint>
#include <list>
#include <string>
#include <unordered_map>
#include <vector>

#include "core/job_state.h"
#include "log/event_table.h"

namespace stagelog {

// A commit in the making changes the states in their place; when it fails, the whole cache is
// cleared. What was not used for the longest time goes first, and what was used since the last
// Trim() stays whatever it weighs. Writer thread only.
class JobCache {
 public:
  static constexpr size_t kMaxBytes = size_t{64} << 20;

  // Holds some `max_bytes`. One job counts for a quarter of them at most, so that one that is
  // larger, from before there were bounds, does not drive out all others at each of its events.
  explicit JobCache(size_t max_bytes = kMaxBytes) : max_bytes_(max_bytes) {}

  // Null for an unknown job. The pointer is valid until the next Trim(), Forget() or Clear().
  JobState* Find(EventTable& table, const std::string& job_id);
  JobState* Create(const std::string& job_id);

  // Whether the job is here and its file known to be one that can be appended to.
  bool IsReady(const std::string& job_id) const;
  void SetReady(const std::string& job_id) { entries_.at(job_id).is_ready = true; }

  // The job, which is here, has changed so: weighs what it has grown by.
  void CountChanges(const std::string& job_id, const StateChanges& changes);

  // Lets go of what has become too much; between two commits.
  void Trim();
  void Clear();
  void Forget(const std::string& job_id);

  size_t size() const { return entries_.size(); }
  // About how many bytes the states take; as they count.
  size_t bytes() const { return bytes_; }

 private:
  struct Entry {
    JobState state;
    bool is_ready = false;
    size_t bytes = 0;
    std::vector<uint32_t> stage_bytes;  // of each stage and gate of it
    std::vector<uint32_t> gate_bytes;
    size_t places = 0;  // in its tree of stages
    uint64_t used_in_turn = 0;
    std::list<std::string>::iterator recency;
  };

  Entry& Add(const std::string& job_id);
  void Use(Entry& entry);
  void Weigh(Entry& entry, size_t bytes);
  size_t Counted(size_t bytes) const;

  const size_t max_bytes_;
  std::unordered_map<std::string, Entry> entries_;
  std::list<std::string> recency_;  // least recently used first
  uint64_t turn_ = 1;               // from Trim() to Trim()
  size_t bytes_ = 0;
};

}  // namespace stagelog

#endif  // STAGELOG_LOG_JOB_CACHE_H_
