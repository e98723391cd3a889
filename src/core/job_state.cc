#include "core/job_state.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <unordered_map>
#include <utility>

namespace stagelog {
namespace {

constexpr std::array<std::string_view, 6> kJobStatuses = {"created",   "running", "paused",
                                                          "completed", "failed",  "canceled"};
constexpr std::array<std::string_view, 4> kStageStatuses = {"running", "completed", "failed",
                                                            "abandoned"};
constexpr std::array<std::string_view, 6> kGateStatuses = {"pending",       "approved", "rejected",
                                                           "auto_approved", "expired",  "canceled"};

}  // namespace

std::string_view StatusName(JobStatus status) { return kJobStatuses[static_cast<size_t>(status)]; }
std::string_view StatusName(StageStatus status) {
  return kStageStatuses[static_cast<size_t>(status)];
}
std::string_view StatusName(GateStatus status) {
  return kGateStatuses[static_cast<size_t>(status)];
}

std::span<const std::string_view> JobStatusNames() { return kJobStatuses; }
std::span<const std::string_view> GateStatusNames() { return kGateStatuses; }

std::optional<JobStatus> ParseJobStatus(std::string_view name) {
  const auto found = std::find(kJobStatuses.begin(), kJobStatuses.end(), name);
  if (found == kJobStatuses.end()) return std::nullopt;
  return static_cast<JobStatus>(found - kJobStatuses.begin());
}

bool IsTerminal(JobStatus status) {
  return status == JobStatus::kCompleted || status == JobStatus::kFailed ||
         status == JobStatus::kCanceled;
}

std::optional<int64_t> DoneOf(const StageState& stage) {
  if (stage.status == StageStatus::kCompleted) return StageTree::kWhole;
  if (!stage.progress.percent) return std::nullopt;
  return std::llround(*stage.progress.percent * (StageTree::kWhole / 100));
}

int64_t GateState::ExpiresAtMicros() const {
  return timeout_seconds ? opened_ts_micros + *timeout_seconds * 1'000'000 : 0;
}

std::optional<int64_t> JobState::Done() const {
  if (tree.empty()) return std::nullopt;
  if (status == JobStatus::kCompleted) return StageTree::kWhole;
  return declared_stages.empty() ? std::nullopt : std::make_optional(tree.Done());
}

std::vector<std::string_view> JobState::PendingStages() const {
  std::unordered_map<std::string_view, bool> is_listed_or_begun;
  for (const std::string& path : declared_stages) is_listed_or_begun.emplace(path, false);
  for (const StageState& stage : stages) {
    if (is_listed_or_begun.empty()) break;
    // The stage itself and those above it.
    for (std::string_view path = stage.path;;) {
      if (const auto found = is_listed_or_begun.find(path); found != is_listed_or_begun.end()) {
        found->second = true;
      }
      const size_t slash = path.rfind('/');
      if (slash == std::string_view::npos) break;
      path = path.substr(0, slash);
    }
  }
  std::vector<std::string_view> pending;
  for (const std::string& path : declared_stages) {
    if (!std::exchange(is_listed_or_begun[path], true)) pending.push_back(path);
  }
  return pending;
}

bool GateState::IsApprovedBy(std::string_view actor) const {
  return std::any_of(approvals.begin(), approvals.end(),
                     [&](const GateApproval& approval) { return approval.actor == actor; });
}

const StageState* JobState::FindStage(std::string_view path) const {
  const std::optional<size_t> index = tree.LastAttempt(path);
  return index ? &stages[*index] : nullptr;
}

const GateState* JobState::FindGate(std::string_view name) const {
  const auto found = std::find_if(gates.rbegin(), gates.rend(),
                                  [&](const GateState& gate) { return gate.name == name; });
  return found == gates.rend() ? nullptr : &*found;
}

const GateState* JobState::PendingGate() const {
  const auto found = std::find_if(gates.rbegin(), gates.rend(), [](const GateState& gate) {
    return gate.status == GateStatus::kPending;
  });
  return found == gates.rend() ? nullptr : &*found;
}

}  // namespace stagelog
