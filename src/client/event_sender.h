// Sends the events of an outbox on a separate thread, in order, and retries until the daemon has
// taken or refused them.
#ifndef STAGELOG_CLIENT_EVENT_SENDER_H_
#define STAGELOG_CLIENT_EVENT_SENDER_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "base/mutex.h"
#include "base/unique_fd.h"
#include "client/abandonable_client.h"
#include "client/edge_sender.h"
#include "client/outbox.h"
#include "client/send_verdict.h"

namespace stagelog::cli {

struct SenderOptions {
  std::string job_id;
  // Send heartbeats for the job's worker: with the first events, then every 5 s.
  bool has_heartbeats = false;
  // In Finish(): wait until another sending process has sent everything.
  bool waits_for_others = false;
  int64_t patience_ms = 5'000;                                       // of Finish()
  std::function<void(const std::string& job_status)> on_job_status;  // on the sender's thread
  std::function<void()> on_other_sends;                              // on the sender's thread
  std::function<void(const std::string& message)> say;               // prints a message for people
};

// Start(), Finish() and the destructor on one thread; Wake() from any.
class EventSender {
 public:
  EventSender(const Settings& settings, Outbox& outbox, SenderOptions options);
  ~EventSender();
  EventSender(const EventSender&) = delete;
  EventSender& operator=(const EventSender&) = delete;

  void Start();
  // Tells the sender that events were added to the outbox.
  void Wake();

  enum class Result { kAllSent, kLeftToOther, kUnavailable };
  // Sends the remaining events and ends the thread. Gives up if the daemon is unavailable, or after
  // `patience_ms` (1 s if unavailable before) without progress. A request that cannot be aborted
  // is abandoned with its thread after another half second.
  Result Finish();

  uint64_t refused() const { return refused_; }  // after Finish()
  // The daemon answers, but refuses every request (wrong token or URL). After Finish().
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
  std::optional<Step> SendLateAgain(AbandonableClient& client, const OutboxBatch& batch,
                                    SendVerdict& verdict);
  void SayToldAgain(const EdgeOutcome& outcome);
  Step RefuseOrSendAgain(AbandonableClient& client, const OutboxBatch& batch,
                         const SendVerdict& verdict);
  void ReportFlagged(const std::vector<std::string>& lines, const Receipt& receipt);
  void Refuse(const OutboxBatch& batch, const SendVerdict& verdict);
  bool IsDone(Step step);
  void Wait(Step step);
  bool SendHeartbeatIfDue();
  void StopThread(MutexLock& lock) STAGELOG_REQUIRES(mutex_);
  void Watch();
  void TakeWakes();
  void NotifyProgress();

  Outbox& outbox_;
  const SenderOptions options_;
  const std::shared_ptr<AbandonableClient> client_;
  UniqueFd wake_;     // eventfd
  UniqueFd inotify_;  // reports appends by other processes
  bool is_watching_ = false;
  size_t batch_limit_;
  int64_t retry_ms_;
  int64_t heartbeat_micros_ = 0;  // monotonic time of the next heartbeat
  std::string sent_as_it_is_;     // a run's first event that is to be sent unchanged
  uint64_t refused_ = 0;
  std::set<std::vector<std::string>> said_violations_;
  std::string unavailable_reason_;
  bool has_reported_unavailable_ = false;
  bool has_answered_ = false;  // the daemon has answered since Start()
  int failures_at_end_ = 0;    // attempts that failed since Finish()

  Mutex mutex_;  // guards the members marked below
  ConditionVariable changed_;
  uint64_t progress_ STAGELOG_GUARDED_BY(mutex_) = 0;
  bool is_unavailable_ STAGELOG_GUARDED_BY(mutex_) = false;
  bool is_finishing_ STAGELOG_GUARDED_BY(mutex_) = false;
  bool has_given_up_ STAGELOG_GUARDED_BY(mutex_) = false;
  bool has_ended_ STAGELOG_GUARDED_BY(mutex_) = false;
  Result result_ STAGELOG_GUARDED_BY(mutex_) = Result::kUnavailable;
  std::thread thread_;
};

}  // namespace stagelog::cli

#endif  // STAGELOG_CLIENT_EVENT_SENDER_H_
