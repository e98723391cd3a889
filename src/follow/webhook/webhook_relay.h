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
#include <tuple>
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
#include "follow/webhook/commit_feed.h"
#include "follow/webhook/http_sender.h"
#include "follow/webhook/lane_reader.h"
#include "follow/webhook/webhook_receiver.h"
#include "follow/webhook/webhook_store.h"

namespace stagelog {

struct WebhookRelayOptions {
  std::string path;                 // of the store
  std::vector<Webhook> configured;  // each with an id
  std::string public_url;           // for templates
  size_t max_sending = 192;
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
    bool is_page_queued = false;  // or being read
    bool is_slow = false;         // the last answer took long
    bool is_definition_changed = false;
    bool allows_sending = true;  // the handshake, if there is one, is done
    bool is_disallowed = false;  // it was answered with a no
    int64_t handshake_due = 0;
    int64_t min_interval_micros = 0;  // between two requests, as the receiver has asked
    bool is_cursor_changed = false;
    int new_deliveries = 0;        // since old ones were dropped
    size_t doubtful_requests = 0;  // begun before the receiver took anything
    // Its place in due_. Who had a turn later comes later.
    int64_t due = INT64_MAX;
    int64_t turn_micros = 0;
    uint64_t turn = 0;
  };
  static constexpr int64_t kSecondMicros = 1'000'000;
  static constexpr int64_t kFlushMicros = 200'000;  // from a change until it is stored
  static constexpr int64_t kOldSecretMicros = int64_t{24} * 3600 * kSecondMicros;
  using EntryPointer = std::shared_ptr<Entry>;
  using Task = std::function<void()>;
  // What the reading thread is to do: a page of the log for one that is behind, or a lane.
  struct Reading {
    EntryPointer entry;
    std::string lane;  // empty: a page
  };
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
  std::set<std::string> TakeConfigured(std::map<std::string, StoredWebhook>& all);
  void AddEntry(StoredWebhook stored);
  int64_t StartOf(const Webhook& webhook);
  void TakeInbox();
  void TakeBatch(const CommittedBatch& batch);
  void Reschedule(Entry& entry);
  void Pump();
  bool MayBegin(const Entry& entry) const;
  void Begin(const EntryPointer& entry, int64_t now);
  void PutOff(Entry& entry, int64_t until);
  void StartReading();
  void StartPage(const EntryPointer& entry);
  void StartLane(const EntryPointer& entry, const std::string& name);
  void StartHandshake(const EntryPointer& entry);
  void OnPage(const EntryPointer& entry, int64_t after, bool is_shared, const Result<Page>& page);
  void TakePage(Entry& entry, const Page& page, const std::vector<FilterSubject>& subjects);
  void OnLaneRead(Entry& entry, const std::string& name, Result<LaneRead> read);
  void Send(const EntryPointer& entry, WebhookLane& lane);
  OutgoingRequest RequestOf(const StoredWebhook& stored, std::string_view line,
                            const std::string& message_id);
  void OnAnswer(Entry& entry, const std::string& lane_name, const std::string& message_id,
                OutgoingAnswer answer);
  void Record(Entry& entry, const WebhookLane& lane, const std::string& message_id,
              const std::string& status, const OutgoingAnswer& answer, int64_t first_micros);
  void Flush(bool with_cursors);
  void UpdateStatus();
  int64_t SleepMillis();
  std::string Describe(const Entry& entry);
  void Touch();
  Outcome Make(Webhook webhook);
  Outcome Again(Entry& entry, const SendAgainRequest& request);
  void Store(Entry& entry, StoredWebhook changed);
  void WriteChanges(Entry& entry);
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

  CommitFeed feed_;
  mutable Mutex mutex_;
  std::vector<Task> tasks_ STAGELOG_GUARDED_BY(mutex_);
  bool is_stopped_ STAGELOG_GUARDED_BY(mutex_) = false;  // nobody takes tasks any more
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
  std::set<std::tuple<int64_t, uint64_t, Entry*>> due_;
  uint64_t turns_ = 0;
  std::deque<Reading> readings_;
  std::deque<std::pair<int64_t, EntryPointer>> read_again_;  // pages that could not be read
  std::deque<Delivery> deliveries_;                          // to be stored
  std::set<std::string> changed_;                            // entries with changed lanes
  int64_t flush_at_ = INT64_MAX;
  int64_t cursors_at_ = INT64_MAX;
  int64_t status_at_ = 0;  // when the status is updated
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
