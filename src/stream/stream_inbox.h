// What other threads hand to the stream thread. Posting never blocks on anything but a short lock;
// the stream thread is woken once for all that comes until it looks.
#ifndef STAGELOG_STREAM_STREAM_INBOX_H_
#define STAGELOG_STREAM_STREAM_INBOX_H_

#include <cstddef>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

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
  // Commits up to this seq were passed over and come before `batches`; 0 when none were.
  int64_t skipped_through = 0;
  std::vector<CommittedBatchPointer> batches;
  std::vector<Adoption> adoptions;
  std::vector<CatchUpResult> results;
  std::optional<std::vector<std::string>> token_names;  // the last list posted
  std::vector<std::string> deleted_jobs;
  int64_t newest_seq = 0;  // of all batches ever posted
  bool closed = false;
};

class StreamInbox {
 public:
  // Holds at most about `max_pending_bytes` of events that the stream thread has not worked off.
  // When it falls further behind, what waits is passed over and subscribers read the journal
  // instead: memory stays bounded and nobody misses anything.
  explicit StreamInbox(size_t max_pending_bytes);

  // Readable when there is something to take.
  int wake_fd() const { return wake_.get(); }

  // Safe from any thread.
  void PostBatch(const CommittedBatchPointer& batch);
  bool PostAdoption(Adoption adoption);  // false after Close(); the socket is closed then
  void PostResult(CatchUpResult result);
  // What waits of the job must not be sent any more: all of it is passed over.
  void PostDeletedJob(const std::string& job_id);
  void PostTokens(std::vector<std::string> token_names);
  void Close();

  // On the stream thread. `worked_off_bytes`: of the batches taken earlier.
  InboxContents Take(size_t worked_off_bytes);

  // On the stream thread, when it has no subscriber: from now on commits are only counted and wake
  // nobody, until the next adoption. Does nothing if one waits.
  void StopListening();

 private:
  void Wake();  // with mutex_ held
  void PassOver();

  const size_t max_pending_bytes_;
  UniqueFd wake_;
  std::mutex mutex_;
  bool woken_ = false;
  bool listening_ = false;
  size_t pending_bytes_ = 0;
  InboxContents contents_;
};

}  // namespace stagelog

#endif  // STAGELOG_STREAM_STREAM_INBOX_H_
