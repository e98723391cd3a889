// Sends the events of an outbox, on a separate thread, in order, and retries until the daemon has
// them.
#ifndef STAGELOG_CLIENT_EVENT_SENDER_H_
#define STAGELOG_CLIENT_EVENT_SENDER_H_

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "base/unique_fd.h"
#include "client/abandonable_client.h"
#include "client/edge_sender.h"
#include "client/outbox.h"
#include "client/send_verdict.h"

namespace stagelog::cli {

struct SenderOptions {
  std::string job_id;
  // Of the job's worker: with the first events, and every 5 s while this process sends.
  bool has_heartbeats = false;
  // At the end: wait until another sending process has sent everything.
  bool waits_for_others = false;
  int64_t patience_ms = 5'000;                                       // at the end, without progress
  std::function<void(const std::string& job_status)> on_job_status;  // on the sender's thread
  std::function<void()> on_other_sends;                              // the same
  std::function<void(const std::string& message)> say;               // for people
};

// Start(), Finish() and the destructor on one thread; Wake() from any.
class EventSender {
 public:
  EventSender(const Settings& settings, Outbox& outbox, SenderOptions options);
  ~EventSender();
  EventSender(const EventSender&) = delete;
  EventSender& operator=(const EventSender&) = delete;

  void Start();
  // Something has come into the outbox.
  void Wake();

  enum class Result { kAllSent, kLeftToOther, kUnavailable };
  // Sends the remaining events and ends the thread. Gives up if the daemon is unavailable, or after
  // 5 seconds without progress (1, if it was unavailable before). A request that cannot be aborted
  // is abandoned with its thread after another half second.
  Result Finish();

  uint64_t refused() const { return refused_; }  // after Finish()
  // The daemon answers, but rejects everything with this token. After Finish().
  bool is_rejected_by_daemon() const { return has_reported_unavailable_; }
  const std::string& unavailable_reason() const { return unavailable_reason_; }  // after Finish()

 private:
  enum class Step { kSent, kNothing, kBusy, kUnavailable, kRetry, kAbandoned };

  void Run();
  OutboxBatch NextBatch();
  Step SendOnce();
  Step SendRunBeginning(AbandonableClient& client, const OutboxBatch& batch);
  Step StepOf(const EdgeOutcome& outcome);
  Step Judge(AbandonableClient& client, const OutboxBatch& batch, const Answer& answer);
  Step Take(const OutboxBatch& batch, const SendVerdict& verdict,
            const std::vector<std::string>& sent);
  std::optional<Step> TellLateAgain(AbandonableClient& client, const OutboxBatch& batch,
                                    SendVerdict& verdict);
  void SayToldAgain(const EdgeOutcome& outcome);
  Step RefuseOrTellAgain(AbandonableClient& client, const OutboxBatch& batch,
                         const SendVerdict& verdict);
  void ReportFlagged(const std::vector<std::string>& lines, const Receipt& receipt);
  void Refuse(const OutboxBatch& batch, const SendVerdict& verdict);
  bool IsDone(Step step);
  void Wait(Step step);
  bool SendHeartbeatIfDue();
  void StopThread(std::unique_lock<std::mutex>& lock);
  void Watch();
  void TakeWakes();
  void NotifyProgress();

  Outbox& outbox_;
  const SenderOptions options_;
  const std::shared_ptr<AbandonableClient> client_;
  UniqueFd wake_;     // eventfd
  UniqueFd inotify_;  // what other processes append
  bool is_watching_ = false;
  size_t batch_limit_;
  int64_t retry_ms_;
  int64_t heartbeat_micros_ = 0;  // monotonic, of the next one
  std::string sent_as_it_is_;     // a beginning that was sent unchanged
  uint64_t refused_ = 0;
  std::set<std::vector<std::string>> said_violations_;
  std::string unavailable_reason_;
  bool has_reported_unavailable_ = false;
  bool has_answered_ = false;  // the daemon, since Start()
  int failures_at_end_ = 0;    // attempts that failed since Finish()

  std::mutex mutex_;  // guards what follows
  std::condition_variable changed_;
  uint64_t progress_ = 0;
  bool is_unavailable_ = false;
  bool is_finishing_ = false;
  bool has_given_up_ = false;
  bool has_ended_ = false;
  Result result_ = Result::kUnavailable;
  std::thread thread_;
};

}  // namespace stagelog::cli

#endif  // STAGELOG_CLIENT_EVENT_SENDER_H_
