// Sends what is in an outbox, on a thread of its own, in order, and again until the daemon has it.
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
  // At the end: wait until another process that sends has sent everything.
  bool waits_for_others = false;
  int64_t patience_ms = 5'000;  // at the end, without anything going forward
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

  enum class Result { kAllSent, kLeftToOther, kAway };
  // Sends what is left and ends the thread. Gives up when the daemon is away, or when nothing has
  // gone forward for 5 seconds (1, when it was away before). A request that cannot be stopped is
  // left alone with its thread after another half second.
  Result Finish();

  uint64_t refused() const { return refused_; }  // after Finish()
  // The daemon answers, and takes nothing of this token. After Finish().
  bool is_unwelcome() const { return has_said_away_; }
  const std::string& away_reason() const { return away_reason_; }  // after Finish()

 private:
  enum class Step { kSent, kNothing, kBusy, kAway, kRetry, kAbandoned };

  void Run();
  OutboxBatch NextBatch();
  Step SendOnce();
  Step TellBeginning(AbandonableClient& client, const OutboxBatch& batch);
  Step StepOf(const EdgeOutcome& outcome);
  Step Judge(AbandonableClient& client, const OutboxBatch& batch, const Answer& answer);
  Step Take(const OutboxBatch& batch, const SendVerdict& verdict,
            const std::vector<std::string>& sent);
  std::optional<Step> EndAnew(AbandonableClient& client, const OutboxBatch& batch,
                              SendVerdict& verdict);
  Step RefuseOrEndAnew(AbandonableClient& client, const OutboxBatch& batch,
                       const SendVerdict& verdict);
  void SayFlagged(const std::vector<std::string>& lines, const Receipt& receipt);
  void Refuse(const OutboxBatch& batch, const SendVerdict& verdict);
  bool IsDone(Step step);
  void Wait(Step step);
  bool BeatHeart();
  void StopThread(std::unique_lock<std::mutex>& lock);
  void Watch();
  void TakeWakes();
  void TellProgress();

  Outbox& outbox_;
  const SenderOptions options_;
  const std::shared_ptr<AbandonableClient> client_;
  UniqueFd wake_;     // eventfd
  UniqueFd inotify_;  // what other processes append
  bool is_watching_ = false;
  size_t batch_limit_;
  int64_t retry_ms_;
  int64_t heartbeat_micros_ = 0;  // monotonic, of the next one
  std::string sent_as_it_is_;     // a beginning that could be told in no other way
  uint64_t refused_ = 0;
  std::set<std::vector<std::string>> said_violations_;
  std::string away_reason_;
  bool has_said_away_ = false;
  bool has_answered_ = false;  // the daemon, since Start()
  int away_at_end_ = 0;        // attempts that failed since Finish()

  std::mutex mutex_;  // guards what follows
  std::condition_variable changed_;
  uint64_t progress_ = 0;
  bool is_away_ = false;
  bool is_finishing_ = false;
  bool has_given_up_ = false;
  bool has_ended_ = false;
  Result result_ = Result::kAway;
  std::thread thread_;
};

}  // namespace stagelog::cli

#endif  // STAGELOG_CLIENT_EVENT_SENDER_H_
