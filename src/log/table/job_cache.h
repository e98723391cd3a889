// A cache of the states of jobs being appended to.
#ifndef STAGELOG_LOG_TABLE_JOB_CACHE_H_
#define STAGELOG_LOG_TABLE_JOB_CACHE_H_

#include <cstddef>
#include <cstdint>
#include <list>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "core/job_state.h"
#include "log/table/event_table.h"

namespace stagelog {

// A commit in preparation changes the states in place; if it fails, the whole cache is cleared.
// Least recently used jobs are evicted first; those used since the last Trim(), and pinned ones,
// are kept regardless of size. Writer thread only.
class JobCache {
 public:
  static constexpr size_t kMaxBytes = size_t{64} << 20;

  // Bounded to about `max_bytes`. One job counts for at most a quarter of them, so that a larger
  // one, from before job sizes were limited, does not evict all others with each of its events.
  explicit JobCache(size_t max_bytes = kMaxBytes) : max_bytes_(max_bytes) {}

  // Null for an unknown job. The pointer is valid until the next Trim(), Forget() or Clear().
  JobState* Find(EventTable& table, const std::string& job_id);
  JobState* Create(const std::string& job_id);

  // Whether the job is cached and its file is known to be ready for appends.
  bool IsReady(const std::string& job_id);
  void SetReady(const std::string& job_id) { entries_.at(job_id).is_ready = true; }

  // True if no event of the cached job has this id, and that is known without a look into the
  // table: it is a version 7 UUID greater than those of all its events. Emitters that make their
  // ids as they go send such. LoadNewestId() comes before.
  bool IsNewId(const std::string& job_id, std::string_view event_id);
  void LoadNewestId(EventTable& table, const std::string& job_id);
  // An event with this id was staged. The job is cached.
  void NoteId(const std::string& job_id, const std::string& event_id);

  // A pinned job is not evicted. It is cached.
  void Pin(const std::string& job_id) { entries_.at(job_id).is_pinned = true; }
  void Unpin(const std::string& job_id) { entries_.at(job_id).is_pinned = false; }

  // Updates the size of a cached job after these changes.
  void CountChanges(const std::string& job_id, const StateChanges& changes);

  // Evicts jobs until the bound holds; between two commits.
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
    bool is_pinned = false;
    std::optional<std::string> newest_id;  // EventTable::NewestUuid(), of what is staged too
    size_t bytes = 0;
    std::vector<uint32_t> stage_bytes;  // of each stage and gate of it
    std::vector<uint32_t> gate_bytes;
    size_t places = 0;  // in its tree of stages
    uint64_t used_in_turn = 0;
    std::list<std::string>::iterator recency;
  };

  Entry* Lookup(const std::string& job_id);  // null: not cached
  Entry& Add(const std::string& job_id);
  void Use(Entry& entry);
  void Weigh(Entry& entry, size_t bytes);
  size_t Counted(size_t bytes) const;

  const size_t max_bytes_;
  std::unordered_map<std::string, Entry> entries_;
  std::pair<const std::string, Entry>* last_ = nullptr;  // that was looked up; null: none
  std::list<std::string> recency_;                       // least recently used first
  uint64_t turn_ = 1;                                    // from Trim() to Trim()
  size_t bytes_ = 0;
};

}  // namespace stagelog

#endif  // STAGELOG_LOG_TABLE_JOB_CACHE_H_
