#include "log/journal_health.h"

#include <iterator>
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

void JournalHealth::AddLostTails(const std::vector<ObstructedFile>& tails) {
  const MutexLock lock(mutex_);
  status_.lost_tails.insert(status_.lost_tails.end(), tails.begin(), tails.end());
}

void JournalHealth::SetObstructed(std::vector<ObstructedFile> first,
                                  std::vector<std::string> jobs) {
  const MutexLock lock(mutex_);
  status_.obstructed_files = std::move(first);
  status_.obstructed_file_count = jobs.size();
  jobs_behind_ = {std::make_move_iterator(jobs.begin()), std::make_move_iterator(jobs.end())};
}

bool JournalHealth::IsFileBehind(const std::string& job_id) const {
  const MutexLock lock(mutex_);
  return jobs_behind_.contains(job_id);
}

}  // namespace stagelog
