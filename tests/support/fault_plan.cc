#include "tests/support/fault_plan.h"

#include <algorithm>

namespace stagelog {

void FaultPlan::Inject(Fault fault) {
  const std::lock_guard lock(mutex_);
  faults_.push_back({.fault = std::move(fault)});
}

void FaultPlan::Block(std::optional<Operation> operation, size_t nth, std::string path_contains) {
  const std::lock_guard lock(mutex_);
  blocks_.push_back({.fault = {.operation = operation,
                               .nth = nth,
                               .path_contains = std::move(path_contains),
                               .until_healed = true}});
}

void FaultPlan::WaitUntilBlocked() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return blocked_ > 0; });
}

void FaultPlan::Release() {
  const std::lock_guard lock(mutex_);
  blocks_.clear();
  ++releases_;
  changed_.notify_all();
}

void FaultPlan::Heal() {
  {
    const std::lock_guard lock(mutex_);
    faults_.clear();
  }
  Release();
}

size_t FaultPlan::Count(std::optional<Operation> operation,
                        const std::string& path_contains) const {
  const std::lock_guard lock(mutex_);
  return static_cast<size_t>(std::count_if(log_.begin(), log_.end(), [&](const auto& entry) {
    return Matches(operation, path_contains, entry.first, entry.second);
  }));
}

void FaultPlan::ResetCounts() {
  const std::lock_guard lock(mutex_);
  log_.clear();
}

std::optional<Fault> FaultPlan::Arrive(Operation operation, const std::string& path) {
  std::unique_lock lock(mutex_);
  log_.emplace_back(operation, path);
  std::optional<Fault> struck;
  for (Rule& rule : faults_) {
    if (Strikes(rule, operation, path) && !struck) struck = rule.fault;
  }
  bool held_up = false;
  for (Rule& rule : blocks_) held_up = Strikes(rule, operation, path) || held_up;
  if (!held_up) return struck;
  ++blocked_;
  changed_.notify_all();
  changed_.wait(lock, [this, before = releases_] { return releases_ != before; });
  --blocked_;
  return struck;
}

bool FaultPlan::Strikes(Rule& rule, Operation operation, const std::string& path) {
  if (!Matches(rule.fault.operation, rule.fault.path_contains, operation, path)) return false;
  ++rule.seen;
  return rule.seen == rule.fault.nth || (rule.fault.until_healed && rule.seen > rule.fault.nth);
}

bool FaultPlan::Matches(std::optional<Operation> wanted, const std::string& path_contains,
                        Operation operation, const std::string& path) {
  const bool reads = operation == Operation::kOpenRead || operation == Operation::kRead ||
                     operation == Operation::kStat || operation == Operation::kList ||
                     operation == Operation::kClose;
  if (wanted ? *wanted != operation : reads) return false;
  return path.find(path_contains) != std::string::npos;
}

}  // namespace stagelog
