#include "log/table/job_cache.h"

#include <algorithm>
#include <utility>

#include "base/random.h"
#include "core/job_size.h"

namespace stagelog {
namespace {

// Brings the noted sizes of the parts that have changed, and of those that are new, up to date.
// Returns by how much they have grown.
template <typename Part>
int64_t Reweigh(const std::vector<Part>& parts, const std::vector<size_t>& changed,
                std::vector<uint32_t>& noted) {
  noted.resize(parts.size());
  int64_t grown = 0;
  for (const size_t index : changed) {
    const auto bytes = static_cast<uint32_t>(BytesOf(parts[index]));
    grown += int64_t{bytes} - int64_t{noted[index]};
    noted[index] = bytes;
  }
  return grown;
}

}  // namespace

JobState* JobCache::Find(EventTable& table, const std::string& job_id) {
  if (Entry* const found = Lookup(job_id); found != nullptr) {
    Use(*found);
    return &found->state;
  }
  std::optional<JobState> state = table.LoadState(job_id);
  if (!state) return nullptr;
  Entry& entry = Add(job_id);
  entry.state = std::move(*state);
  for (const StageState& stage : entry.state.stages) {
    entry.stage_bytes.push_back(static_cast<uint32_t>(BytesOf(stage)));
  }
  for (const GateState& gate : entry.state.gates) {
    entry.gate_bytes.push_back(static_cast<uint32_t>(BytesOf(gate)));
  }
  entry.places = entry.state.tree.size();
  Weigh(entry, BytesOf(entry.state));
  return &entry.state;
}

JobState* JobCache::Create(const std::string& job_id) {
  Entry& entry = Add(job_id);
  entry.is_ready = true;
  entry.newest_id = "";
  Weigh(entry, BytesOf(entry.state));
  return &entry.state;
}

bool JobCache::IsNewId(const std::string& job_id, std::string_view event_id) {
  const Entry* const found = Lookup(job_id);
  return found != nullptr && found->newest_id && event_id > *found->newest_id && IsUuidV7(event_id);
}

void JobCache::LoadNewestId(EventTable& table, const std::string& job_id) {
  Entry* const found = Lookup(job_id);
  if (found == nullptr || found->newest_id) return;
  found->newest_id = table.NewestUuid(found->state);
}

void JobCache::NoteId(const std::string& job_id, const std::string& event_id) {
  std::optional<std::string>& newest = Lookup(job_id)->newest_id;
  if (newest && event_id > *newest && IsUuidV7(event_id)) newest = event_id;
}

// Most look-ups are for the job of the one before.
JobCache::Entry* JobCache::Lookup(const std::string& job_id) {
  if (last_ != nullptr && last_->first == job_id) return &last_->second;
  const auto found = entries_.find(job_id);
  if (found == entries_.end()) return nullptr;
  last_ = &*found;
  return &last_->second;
}

JobCache::Entry& JobCache::Add(const std::string& job_id) {
  Entry& entry = entries_[job_id];
  recency_.push_back(job_id);
  entry.recency = std::prev(recency_.end());
  entry.used_in_turn = turn_;
  return entry;
}

void JobCache::Use(Entry& entry) {
  if (entry.used_in_turn == turn_) return;
  entry.used_in_turn = turn_;
  recency_.splice(recency_.end(), recency_, entry.recency);
}

size_t JobCache::Counted(size_t bytes) const { return std::min(bytes, max_bytes_ / 4); }

void JobCache::Weigh(Entry& entry, size_t bytes) {
  bytes_ += Counted(bytes);
  bytes_ -= Counted(entry.bytes);
  entry.bytes = bytes;
}

bool JobCache::IsReady(const std::string& job_id) {
  const Entry* const found = Lookup(job_id);
  return found != nullptr && found->is_ready;
}

void JobCache::CountChanges(const std::string& job_id, const StateChanges& changes) {
  Entry& entry = entries_.at(job_id);
  const JobState& state = entry.state;
  const int64_t grown = Reweigh(state.stages, changes.stages, entry.stage_bytes) +
                        Reweigh(state.gates, changes.gates, entry.gate_bytes) +
                        static_cast<int64_t>((state.tree.size() - entry.places) * kBytesOfPlace);
  entry.places = state.tree.size();
  Weigh(entry,
        static_cast<size_t>(std::max<int64_t>(0, static_cast<int64_t>(entry.bytes) + grown)));
}

void JobCache::Trim() {
  for (auto oldest = recency_.begin(); bytes_ > max_bytes_ && oldest != recency_.end();) {
    const std::string job_id = *oldest++;
    const Entry& entry = entries_.at(job_id);
    if (entry.used_in_turn == turn_) break;
    if (!entry.is_pinned) Forget(job_id);
  }
  ++turn_;
}

void JobCache::Forget(const std::string& job_id) {
  const auto found = entries_.find(job_id);
  if (found == entries_.end()) return;
  last_ = nullptr;
  bytes_ -= Counted(found->second.bytes);
  recency_.erase(found->second.recency);
  entries_.erase(found);
}

void JobCache::Clear() {
  last_ = nullptr;
  entries_.clear();
  recency_.clear();
  bytes_ = 0;
}

}  // namespace stagelog
