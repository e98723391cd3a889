#include "log/journal_health.h"

#include <utility>

#include "core/append_refusal.h"

namespace stagelog {

JournalStatus JournalHealth::Get() const {
  const MutexLock lock(mutex_);
  return status_;
}

std::optional<Refusal> JournalHealth::GetRefusal() const {
  const MutexLock lock(mutex_);
  if (is_stopping_) return ShuttingDown("not_applied");
  if (!status_.writable) return JournalUnavailable(status_.problem, "not_applied");
  return std::nullopt;
}

bool JournalHealth::IsStopping() const {
  const MutexLock lock(mutex_);
  return is_stopping_;
}

void JournalHealth::SetOpened(const std::string& journal_id, int64_t head_seq,
                              const std::vector<std::string>& set_aside) {
  const MutexLock lock(mutex_);
  status_.journal_id = journal_id;
  status_.head_seq = status_.visible_seq = head_seq;
  status_.writable = true;
  status_.problem.clear();
  status_.set_aside.insert(status_.set_aside.end(), set_aside.begin(), set_aside.end());
}

void JournalHealth::SetClosed(const std::string& problem) {
  const MutexLock lock(mutex_);
  status_.writable = false;
  status_.problem = problem;
}

void JournalHealth::SetStopping() {
  const MutexLock lock(mutex_);
  is_stopping_ = true;
}

void JournalHealth::SetHead(int64_t seq) {
  const MutexLock lock(mutex_);
  status_.head_seq = seq;
}

void JournalHealth::SetVisible(int64_t seq) {
  const MutexLock lock(mutex_);
  status_.visible_seq = seq;
}

void JournalHealth::AddSetAside(std::string name) {
  const MutexLock lock(mutex_);
  status_.set_aside.push_back(std::move(name));
}

}  // namespace stagelog
