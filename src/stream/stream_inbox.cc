#include "stream/stream_inbox.h"

#include <sys/eventfd.h>

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "base/mutex.h"

namespace stagelog {
namespace {

size_t BodyBytes(const CommittedBatch& batch) {
  size_t bytes = 0;
  for (const CommittedEvent& event : batch.events) bytes += event.body.size();
  return bytes;
}

}  // namespace

StreamInbox::StreamInbox(size_t max_pending_bytes)
    : max_pending_bytes_(max_pending_bytes), wake_(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {
  STAGELOG_CHECK(wake_.valid());
}

void StreamInbox::Wake() {
  if (std::exchange(woken_, true)) return;
  // Cannot fail: the counter is 0 or 1.
  STAGELOG_CHECK(::eventfd_write(wake_.get(), 1) == 0);
}

void StreamInbox::SkipPending() {
  contents_.batches.clear();
  contents_.skipped_through = contents_.newest_seq;
  pending_bytes_ = 0;
}

void StreamInbox::PostBatch(const CommittedBatchPointer& batch) {
  const MutexLock lock(mutex_);
  contents_.newest_seq = batch->events.back().seq;
  if (!listening_) {
    contents_.skipped_through = contents_.newest_seq;
    return;
  }
  contents_.batches.push_back(batch);
  pending_bytes_ += BodyBytes(*batch);
  if (pending_bytes_ > max_pending_bytes_) SkipPending();
  Wake();
}

bool StreamInbox::PostAdoption(Adoption adoption) {
  const MutexLock lock(mutex_);
  if (contents_.closed) return false;
  listening_ = true;
  contents_.adoptions.push_back(std::move(adoption));
  Wake();
  return true;
}

void StreamInbox::PostResult(CatchUpResult result) {
  const MutexLock lock(mutex_);
  contents_.results.push_back(std::move(result));
  Wake();
}

void StreamInbox::PostDeletedJob(const std::string& job_id, int64_t seq) {
  const MutexLock lock(mutex_);
  contents_.newest_seq = std::max(contents_.newest_seq, seq);
  SkipPending();
  if (!listening_) return;
  contents_.deleted_jobs.push_back(job_id);
  Wake();
}

void StreamInbox::PostTokens(std::vector<std::string> token_names) {
  const MutexLock lock(mutex_);
  contents_.token_names = std::move(token_names);
  Wake();
}

void StreamInbox::PostEndedGrant(uint64_t grant) {
  const MutexLock lock(mutex_);
  contents_.ended_grants.push_back(grant);
  Wake();
}

void StreamInbox::Close() {
  const MutexLock lock(mutex_);
  contents_.closed = true;
  Wake();
}

InboxContents StreamInbox::Take(size_t worked_off_bytes) {
  const MutexLock lock(mutex_);
  pending_bytes_ -= std::min(pending_bytes_, worked_off_bytes);
  if (std::exchange(woken_, false)) {
    eventfd_t count = 0;
    ::eventfd_read(wake_.get(), &count);
  }
  InboxContents taken = std::exchange(contents_, {});
  contents_.newest_seq = taken.newest_seq;
  contents_.closed = taken.closed;
  return taken;
}

void StreamInbox::StopListening() {
  const MutexLock lock(mutex_);
  if (!contents_.adoptions.empty()) return;
  listening_ = false;
  SkipPending();
}

}  // namespace stagelog
