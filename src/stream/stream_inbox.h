// Messages from other threads to the stream thread. Posting takes only a short lock; the stream
// thread is woken once for all messages until it takes them.
#ifndef STAGELOG_STREAM_STREAM_INBOX_H_
#define STAGELOG_STREAM_STREAM_INBOX_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/mutex.h"
#include "base/unique_fd.h"
#include "core/commit_listener.h"
#include "core/stream_sink.h"
#include "stream/catch_up_reader.h"

namespace stagelog {

struct Adoption {
  UniqueFd socket;
  StreamRequest request;
  std::string head;
};

struct InboxContents {
  // Commits up to this seq were skipped and precede `batches`; 0 if none were.
  int64_t skipped_through = 0;
  std::vector<CommittedBatchPointer> batches;
  std::vector<Adoption> adoptions;
  std::vector<CatchUpResult> results;
  std::optional<std::vector<std::string>> token_names;  // the last list posted
  std::vector<uint64_t> ended_grants;
  std::vector<std::string> deleted_jobs;
  int64_t newest_seq = 0;  // of all batches and deletions ever posted
  bool closed = false;
};

class StreamInbox {
 public:
  // Holds at most about `max_pending_bytes` of events that the stream thread has not processed.
  // When it falls further behind, pending events are skipped and subscribers read the journal
  // instead: memory is bounded and no event is missed.
  explicit StreamInbox(size_t max_pending_bytes);

  // Readable when there is something to take.
  int wake_fd() const { return wake_.get(); }

  // Safe from any thread.
  void PostBatch(const CommittedBatchPointer& batch);
  bool PostAdoption(Adoption adoption);  // false after Close(); the socket is closed then
  void PostResult(CatchUpResult result);
  // Pending events of the job must not be sent any more: all pending events are skipped. `seq` is
  // the deletion's.
  void PostDeletedJob(const std::string& job_id, int64_t seq);
  void PostTokens(std::vector<std::string> token_names);
  void PostEndedGrant(uint64_t grant);
  void Close();

  // Stream thread only. `worked_off_bytes`: processed of the batches taken earlier.
  InboxContents Take(size_t worked_off_bytes);

  // Stream thread only, when it has no subscriber: commits are then only counted and do not wake
  // it, until the next adoption. Does nothing if one is pending.
  void StopListening();

 private:
  void Wake() STAGELOG_REQUIRES(mutex_);
  void SkipPending() STAGELOG_REQUIRES(mutex_);

  const size_t max_pending_bytes_;
  UniqueFd wake_;
  Mutex mutex_;
  bool woken_ STAGELOG_GUARDED_BY(mutex_) = false;
  bool listening_ STAGELOG_GUARDED_BY(mutex_) = false;
  size_t pending_bytes_ STAGELOG_GUARDED_BY(mutex_) = 0;
  InboxContents contents_ STAGELOG_GUARDED_BY(mutex_);
};

}  // namespace stagelog

#endif  // STAGELOG_STREAM_STREAM_INBOX_H_
