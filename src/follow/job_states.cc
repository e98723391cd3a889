#include "follow/job_states.h"

namespace stagelog {
namespace {

constexpr size_t kMaxWeight = 50'000;

size_t WeightOf(const JobState& state) { return 1 + state.stages.size() + state.gates.size(); }

}  // namespace

Result<const JobState*> JobStates::Advance(const std::string& job_id, StateChanges& changes) {
  if (weight_ > kMaxWeight) {
    states_.clear();
    weight_ = 0;
  }
  const auto [entry, is_new] = states_.try_emplace(job_id);
  JobState& state = entry->second;
  if (is_new) {
    state.job_id = job_id;
    weight_ += WeightOf(state);
  }
  const size_t weight_before = WeightOf(state);
  const int64_t seq_before = state.as_of_seq;
  const Status advanced = source_.AdvanceJob(state, &changes);
  weight_ += WeightOf(state) - weight_before;
  const bool is_known = state.job_seq > 0;
  const JobState* result = state.as_of_seq == seq_before ? nullptr : &state;
  if (!advanced || !is_known) Forget(job_id);
  if (!advanced) return tl::unexpected(advanced.error());
  return result;
}

void JobStates::Forget(const std::string& job_id) {
  const auto entry = states_.find(job_id);
  if (entry == states_.end()) return;
  weight_ -= WeightOf(entry->second);
  states_.erase(entry);
}

}  // namespace stagelog
