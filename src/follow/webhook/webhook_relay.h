// Sends committed events to webhooks: Standard Webhooks 1.0.0, at least once, in order for each
// receiver and job.
#ifndef STAGELOG_FOLLOW_WEBHOOK_WEBHOOK_RELAY_H_
#define STAGELOG_FOLLOW_WEBHOOK_WEBHOOK_RELAY_H_

#include <atomic>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/metrics.h"
#include "base/mutex.h"
#include "base/single_task_thread.h"
#include "core/commit_listener.h"
#include "core/event_source.h"
#include "core/follower.h"
#include "core/journal_status.h"
#include "core/webhook.h"
#include "core/webhook_admin.h"
#include "follow/webhook/http_sender.h"
#include "follow/webhook/lane_reader.h"
#include "follow/webhook/webhook_receiver.h"
#include "follow/webhook/webhook_store.h"

namespace stagelog {

struct WebhookRelayOptions {
  std::string path;                 // of the store
  std::vector<Webhook> configured;  // each with an id
  std::string public_url;           // for templates
  size_t max_sending = 64;
  HttpSender::Options sender;
};

// Two threads: one sends, keeps the account and answers requests; one reads the log. A receiver
// that hangs or fails holds up nobody else: each has its own place in the log, and a bounded part
// of what is under way. Its file is made with the first webhook; where it cannot be used, it is
// tried again every ten seconds.
class WebhookRelay : public CommitListener, public Follower, public WebhookAdmin {
 public:
  static constexpr size_t kMaxWebhooks = 10'000;

  WebhookRelay(WebhookRelayOptions options, EventSource& source, const JournalStatusSource& journal,
               Clock& clock, MetricsRegistry& metrics);
  ~WebhookRelay() override;  // as Stop()

  // Before Start(): what templates have as the daemon's URL.
  void SetPublicUrl(std::string url) { options_.public_url = std::move(url); }

  void Start();

  // Gives what is under way two seconds. Idempotent, also without Start().
  void Stop();

  void OnCommit(const CommittedBatchPointer& batch) override;

  // The lag is that of the receiver that is furthest behind, but for those that are paused. The
  // problem names the receivers that cannot be reached.
  FollowerStatus GetFollowerStatus() const override;

  void ListWebhooks(WebhookDone done) override;
  void ShowWebhook(std::string id, WebhookDone done) override;
  void MakeWebhook(Webhook webhook, WebhookDone done) override;
  void DeleteWebhook(std::string id, WebhookDone done) override;
  void PauseWebhook(std::string id, bool is_paused, WebhookDone done) override;
  void RotateSecret(std::string id, WebhookDone done) override;
  void TestWebhook(std::string id, WebhookDone done) override;
  void ListDeliveries(std::string id, DeliveryListRequest request, WebhookDone done) override;
  void SendAgain(std::string id, SendAgainRequest request, WebhookDone done) override;

 private:
  // A receiver, and what is under way for it.
  struct Entry {
    Entry(StoredWebhook stored, bool reads_all) : receiver(std::move(stored), reads_all) {}
    WebhookReceiver receiver;
    std::set<uint64_t> requests;  // numbers of the sender's
    bool is_reading_page = false;
    bool allows_sending = true;  // the handshake, if there is one, is done
    int64_t handshake_due = 0;
    bool is_cursor_changed = false;
    int new_deliveries = 0;        // since old ones were dropped
    size_t doubtful_requests = 0;  // begun before the receiver took anything
    int64_t due = INT64_MAX;       // its place in due_
  };
  using EntryPointer = std::shared_ptr<Entry>;
  using Task = std::function<void()>;
  using Outcome = tl::expected<WebhookAnswer, Refusal>;
  using Handle = std::function<Outcome()>;
  using HandleEntry = std::function<Outcome(Entry& entry)>;

  // --- Any thread ---
  void Post(Task task);
  void PostRequest(WebhookDone done, Handle handle);
  void PostFor(const std::string& id, WebhookDone done, HandleEntry handle);

  // --- The relay's thread ---
  void Run();
  void OpenStore();
  void OpenReceivers();
  void AddEntry(StoredWebhook stored);
  int64_t StartOf(const Webhook& webhook);
  void TakeInbox();
  void TakeBatch(const CommittedBatch& batch);
  void Reschedule(Entry& entry);
  void Pump();
  bool StartPage(const EntryPointer& entry);
  bool StartLane(const EntryPointer& entry);
  void StartHandshake(const EntryPointer& entry);
  void OnPage(Entry& entry, const Result<Page>& page);
  void Send(const EntryPointer& entry, WebhookLane& lane);
  OutgoingRequest RequestOf(const StoredWebhook& stored, std::string_view line,
                            const std::string& message_id);
  void OnAnswer(Entry& entry, const std::string& lane_name, const std::string& message_id,
                OutgoingAnswer answer);
  void Pause(Entry& entry, const std::string& reason);
  void Record(Entry& entry, const WebhookLane& lane, const std::string& message_id,
              const std::string& status, const OutgoingAnswer& answer, int64_t first_micros);
  void Flush(bool with_cursors);
  void UpdateStatus();
  int64_t SleepMillis();
  std::string Describe(const Entry& entry);
  void Touch();
  Outcome Make(Webhook webhook);
  Outcome Again(Entry& entry, const SendAgainRequest& request);
  void Store(Entry& entry);
  bool IsDone(const Entry& entry) const;

  WebhookRelayOptions options_;
  EventSource& source_;
  const JournalStatusSource& journal_;
  Clock& clock_;
  Counter& delivered_;
  Counter& failed_;
  Counter& given_up_;

  std::atomic<bool> stopping_{false};
  std::atomic<bool> has_receivers_{false};

  mutable Mutex mutex_;
  std::vector<Task> tasks_ STAGELOG_GUARDED_BY(mutex_);
  std::deque<CommittedBatchPointer> feed_ STAGELOG_GUARDED_BY(mutex_);
  size_t feed_events_ STAGELOG_GUARDED_BY(mutex_) = 0;
  int64_t feed_lost_through_ STAGELOG_GUARDED_BY(mutex_) = 0;  // batches that found no room
  bool is_stopped_ STAGELOG_GUARDED_BY(mutex_) = false;        // nobody takes tasks any more
  std::string problem_ STAGELOG_GUARDED_BY(mutex_);
  int64_t first_pending_ STAGELOG_GUARDED_BY(mutex_) = INT64_MAX;

  // The relay's thread's own.
  HttpSender sender_;
  bool wants_store_ = false;  // without webhooks there is no file
  std::unique_ptr<WebhookStore> store_;
  std::string store_problem_;
  int64_t start_seq_ = 0;  // the head when it was started
  int64_t open_at_ = 0;    // when the store is tried next
  std::map<std::string, EntryPointer> entries_;
  std::set<std::pair<int64_t, Entry*>> due_;
  std::deque<Delivery> deliveries_;  // to be stored
  std::set<std::string> changed_;    // entries with changed lanes
  int64_t flush_at_ = INT64_MAX;
  int64_t cursors_at_ = INT64_MAX;
  int64_t status_at_ = 0;  // when the status is told anew
  std::string journal_id_;
  size_t doubtful_ = 0;       // requests under way to receivers that may not be there
  int64_t feed_through_ = 0;  // the last seq of the feed that was offered
  size_t tests_ = 0;          // under way
  bool is_reading_ = false;
  LaneReader lane_reader_;
  SingleTaskThread reader_{"webhook-reader"};
  std::thread thread_;
};

}  // namespace stagelog

#endif  // STAGELOG_FOLLOW_WEBHOOK_WEBHOOK_RELAY_H_
