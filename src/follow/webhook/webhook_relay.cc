#include "follow/webhook/webhook_relay.h"

#include <fmt/core.h>
#include <pthread.h>
#include <unistd.h>

#include <algorithm>

#include "base/logging.h"
#include "follow/webhook/webhook_signature.h"

namespace stagelog {
namespace {

constexpr int64_t kCursorMicros = 5'000'000;  // of one that says only what was passed over
constexpr int64_t kStatusMicros = 1'000'000;
constexpr int64_t kReopenMicros = 10'000'000;
constexpr int64_t kBusyMicros = 50'000;  // until a receiver that found no room looks again
constexpr int64_t kStopMicros = 2'000'000;
constexpr const char* kRestored =
    "the journal was restored from a backup: resume it if the original is gone";

bool ReadsAll(const Webhook& webhook) {
  return webhook.format == WebhookFormat::kOpenLineage || webhook.format == WebhookFormat::kOtlp;
}

}  // namespace

WebhookRelay::WebhookRelay(WebhookRelayOptions options, EventSource& source,
                           const JournalStatusSource& journal, Clock& clock,
                           MetricsRegistry& metrics)
    : options_(std::move(options)),
      source_(source),
      journal_(journal),
      clock_(clock),
      delivered_(metrics.GetCounter("stagelog_webhook_attempts_total",
                                    "Requests to webhooks by how they ended.",
                                    "outcome=\"delivered\"")),
      failed_(metrics.GetCounter("stagelog_webhook_attempts_total",
                                 "Requests to webhooks by how they ended.", "outcome=\"failed\"")),
      given_up_(metrics.GetCounter("stagelog_webhook_given_up_total",
                                   "Events that a webhook did not take for good.")),
      sender_(options_.sender),
      lane_reader_(source, stopping_) {}

WebhookRelay::~WebhookRelay() { Stop(); }

void WebhookRelay::Start() {
  start_seq_ = journal_.GetStatus().head_seq;
  wants_store_ = !options_.configured.empty() || ::access(options_.path.c_str(), F_OK) == 0;
  thread_ = std::thread([this] {
    ::pthread_setname_np(::pthread_self(), "webhooks");
    Run();
  });
}

void WebhookRelay::Stop() {
  if (stopping_.exchange(true)) return;
  sender_.Wake();
  if (thread_.joinable()) thread_.join();
  std::vector<Task> left;
  {
    const MutexLock lock(mutex_);
    is_stopped_ = true;
    left.swap(tasks_);
  }
  for (const Task& task : left) task();
}

void WebhookRelay::OnCommit(const CommittedBatchPointer& batch) {
  if (has_receivers_ && feed_.Push(batch)) sender_.Wake();
}

FollowerStatus WebhookRelay::GetFollowerStatus() const {
  const int64_t head = journal_.GetStatus().head_seq;
  const MutexLock lock(mutex_);
  const int64_t lag = first_pending_ > head ? 0 : head - first_pending_ + 1;
  return {.name = "webhooks", .lag_events = lag, .problem = problem_};
}

void WebhookRelay::Post(Task task) {
  {
    MutexLock lock(mutex_);
    if (is_stopped_) {
      lock.unlock();
      return task();
    }
    tasks_.push_back(std::move(task));
  }
  sender_.Wake();
}

void WebhookRelay::Run() {
  int64_t stop_at = INT64_MAX;
  while (true) {
    if (wants_store_ && store_ == nullptr && clock_.BootMicros() >= open_at_) OpenStore();
    TakeInbox();
    Pump();
    const int64_t now = clock_.BootMicros();
    if (now >= flush_at_ || now >= cursors_at_) Flush(now >= cursors_at_);
    if (now >= status_at_) UpdateStatus();
    if (stopping_) {
      stop_at = std::min(stop_at, now + kStopMicros);
      if (now >= stop_at || (sender_.in_flight() == 0 && !is_reading_)) break;
    }
    sender_.Run(stopping_ ? 20 : SleepMillis());
  }
  reader_.Wait();
  sender_.AbandonAll("the daemon is stopping");
  TakeInbox();
  if (store_ != nullptr) Flush(/*with_cursors=*/true);
}

void WebhookRelay::OpenStore() {
  auto store = WebhookStore::Open(options_.path);
  try {
    if (!store) throw SQLite::Exception(store.error().message);
    store_ = std::move(*store);
    OpenReceivers();
    store_problem_.clear();
  } catch (const SQLite::Exception& problem) {
    if (store_problem_ != problem.what()) LogError("[webhooks] {}", problem.what());
    store_problem_ = problem.what();
    store_.reset();
    entries_.clear();
    due_.clear();
    readings_.clear();
    read_again_.clear();
  }
  status_at_ = 0;
  if (store_ == nullptr) open_at_ = clock_.BootMicros() + kReopenMicros;
}

void WebhookRelay::OpenReceivers() {
  journal_id_ = journal_.GetStatus().journal_id;
  const std::string known_id = store_->JournalId();
  const bool is_restored = !known_id.empty() && known_id != journal_id_;
  has_receivers_ = true;  // from here on nothing that is committed is missed
  std::map<std::string, StoredWebhook> all;
  for (StoredWebhook& stored : store_->ReadAll()) {
    if (is_restored && stored.paused.empty()) stored.paused = kRestored;
    all[stored.webhook.id] = std::move(stored);
  }
  const std::set<std::string> configured = TakeConfigured(all);
  store_->Begin();
  for (auto& [id, stored] : all) {
    if (stored.is_configured && !configured.contains(id)) continue;
    store_->Write(stored);
  }
  store_->SetJournalId(journal_id_);
  store_->Commit();
  for (auto& [id, stored] : all) {
    if (stored.is_configured && !configured.contains(id)) {
      LogInfo("[webhooks] {} is no longer in the configuration: deleted", id);
      store_->Remove(id);
    } else {
      AddEntry(std::move(stored));
    }
  }
  has_receivers_ = !entries_.empty();
  if (is_restored && !entries_.empty()) {
    LogWarning("[webhooks] {}: all are paused; {}", entries_.size(), kRestored);
  }
}

// Puts the webhooks of the configuration among those of the file. Returns their ids.
std::set<std::string> WebhookRelay::TakeConfigured(std::map<std::string, StoredWebhook>& all) {
  std::set<std::string> configured;
  for (const Webhook& webhook : options_.configured) {
    configured.insert(webhook.id);
    const auto [found, is_new] = all.try_emplace(webhook.id);
    StoredWebhook& stored = found->second;
    const std::string secret = stored.webhook.secret;
    const WebhookSigning signing = stored.webhook.signing;
    if (!is_new && !stored.is_configured) {
      LogWarning("[webhooks] {} is in the configuration now: what the API had of it is replaced",
                 webhook.id);
    }
    stored.webhook = webhook;
    const bool is_same_kind = signing == webhook.signing;
    if (webhook.secret.empty()) {
      stored.webhook.secret =
          !secret.empty() && is_same_kind ? secret : MakeWebhookSecret(webhook.signing);
    }
    if (!is_same_kind) {
      stored.previous_secrets.clear();
    } else if (!secret.empty() && secret != stored.webhook.secret) {
      if (clock_.WallMicros() >= stored.previous_until_micros) stored.previous_secrets.clear();
      KeepAsPrevious(stored, secret);
      stored.previous_until_micros = clock_.WallMicros() + kOldSecretMicros;
    }
    stored.is_configured = true;
    if (is_new) {
      stored.made_micros = clock_.WallMicros();
      // What came since the daemon was started is new.
      const bool is_now = webhook.start.kind == Position::Kind::kNow;
      stored.cursor = is_now ? start_seq_ : StartOf(webhook);
    }
  }
  return configured;
}

void WebhookRelay::AddEntry(StoredWebhook stored) {
  const std::string id = stored.webhook.id;
  const bool reads_all = ReadsAll(stored.webhook);
  const auto entry = std::make_shared<Entry>(std::move(stored), reads_all);
  entry->allows_sending = !entry->receiver.webhook().handshake;
  entries_[id] = entry;
  Reschedule(*entry);
}

int64_t WebhookRelay::StartOf(const Webhook& webhook) {
  switch (webhook.start.kind) {
    case Position::Kind::kBeginning:
      return 0;
    case Position::Kind::kTime: {
      const Result<int64_t> seq = source_.SeqAtTime(webhook.start.value);
      if (seq) return *seq;
      break;
    }
    case Position::Kind::kCursor:
      return webhook.start.value;
    case Position::Kind::kNow:
      break;
  }
  return journal_.GetStatus().head_seq;
}

void WebhookRelay::TakeInbox() {
  const CommitFeed::Taken feed = feed_.Take();
  for (const CommittedBatchPointer& batch : feed.batches) TakeBatch(*batch);
  if (feed.lost_through > 0) {
    // Those that have not seen it read it from the log.
    feed_through_ = std::max(feed_through_, feed.lost_through);
    for (const auto& [id, entry] : entries_) {
      if (!entry->receiver.is_live() || entry->receiver.stored().cursor >= feed.lost_through) {
        continue;
      }
      entry->receiver.SetBehind();
      Reschedule(*entry);
    }
  }
  std::vector<Task> tasks;
  {
    const MutexLock lock(mutex_);
    tasks.swap(tasks_);
  }
  for (const Task& task : tasks) task();
}

void WebhookRelay::TakeBatch(const CommittedBatch& batch) {
  const int64_t now = clock_.BootMicros();
  for (const CommittedEvent& event : batch.events) {
    const FilterSubject subject(event.body);
    for (const auto& [id, entry] : entries_) {
      WebhookReceiver& receiver = entry->receiver;
      if (!receiver.is_live() || event.seq <= receiver.stored().cursor) continue;
      const EventFilter& filter = receiver.webhook().filter;
      if (filter.empty() || filter.Matches(subject)) {
        if (receiver.Offer(event.seq, event.job_id, event.body, now)) changed_.insert(id);
        Reschedule(*entry);
      } else {
        receiver.Advance(event.seq);
        entry->is_cursor_changed = true;
      }
    }
    feed_through_ = event.seq;
  }
  if (!changed_.empty()) flush_at_ = std::min(flush_at_, now + kFlushMicros);
  cursors_at_ = std::min(cursors_at_, now + kCursorMicros);
}

void WebhookRelay::Reschedule(Entry& entry) {
  Touch();
  due_.erase({entry.due, entry.turn, &entry});
  const WebhookReceiver& receiver = entry.receiver;
  entry.due = INT64_MAX;
  if (!receiver.IsPaused()) {
    entry.due = entry.allows_sending ? receiver.NextDueMicros() : entry.handshake_due;
  }
  if (entry.allows_sending && receiver.WantsPage() && !entry.is_page_queued) {
    entry.is_page_queued = true;
    readings_.push_back({entries_.at(receiver.webhook().id), ""});
  }
  if (entry.due == INT64_MAX) return;
  entry.due = std::max(entry.due, entry.turn_micros);
  due_.insert({entry.due, entry.turn, &entry});
}

void WebhookRelay::PutOff(Entry& entry, int64_t until) {
  due_.erase({entry.due, entry.turn, &entry});
  entry.due = until;
  due_.insert({entry.due, entry.turn, &entry});
}

// Begins what is due and finds room, in turn.
void WebhookRelay::Pump() {
  if (stopping_ || store_ == nullptr) return;
  const int64_t now = clock_.BootMicros();
  while (!read_again_.empty() && read_again_.front().first <= now) {
    readings_.push_back({read_again_.front().second, ""});
    read_again_.pop_front();
  }
  while (!due_.empty() && std::get<0>(*due_.begin()) <= now &&
         sender_.in_flight() < options_.max_sending) {
    Entry& next = *std::get<2>(*due_.begin());
    const EntryPointer entry = entries_.at(next.receiver.webhook().id);
    if (!entry->allows_sending) {
      StartHandshake(entry);
    } else if (MayBegin(next)) {
      Begin(entry, now);
    } else {
      PutOff(next, now + kBusyMicros);
    }
  }
  StartReading();
}

// Those that may not be there, or are slow, have a third of the room together. Where another third
// is taken, nobody has more than one request under way.
bool WebhookRelay::MayBegin(const Entry& entry) const {
  const size_t third = options_.max_sending / 3;
  const bool is_doubtful = !entry.receiver.HasDelivered() || entry.is_slow;
  if (is_doubtful && doubtful_ > third) return false;
  return sender_.in_flight() <= third || !entry.receiver.is_sending();
}

// Sends what is next, or has it read.
void WebhookRelay::Begin(const EntryPointer& entry, int64_t now) {
  WebhookLane* lane = entry->receiver.TakeLane(now);
  if (lane != nullptr && lane->events.empty()) {
    readings_.push_back({entry, lane->name});
  } else if (lane != nullptr) {
    Send(entry, *lane);
  }
  due_.erase({entry->due, entry->turn, entry.get()});
  entry->turn_micros = now + entry->min_interval_micros;
  entry->turn = ++turns_;
  Reschedule(*entry);
  if (lane == nullptr && entry->due <= now) PutOff(*entry, now + kBusyMicros);
}

// True of one that was deleted meanwhile.
bool WebhookRelay::IsDone(const Entry& entry) const {
  const auto found = entries_.find(entry.receiver.webhook().id);
  return found == entries_.end() || found->second.get() != &entry;
}

// The status is updated soon.
void WebhookRelay::Touch() {
  if (status_at_ == INT64_MAX) status_at_ = clock_.BootMicros() + kStatusMicros;
}

void WebhookRelay::UpdateStatus() {
  status_at_ = INT64_MAX;
  int64_t first = INT64_MAX;
  std::string problem = store_problem_;
  size_t unreachable = 0;
  for (const auto& [id, entry] : entries_) {
    const WebhookReceiver& receiver = entry->receiver;
    if (receiver.IsPaused()) continue;
    first = std::min(first, receiver.FirstPendingSeq());
    if (!receiver.is_live()) first = std::min(first, receiver.stored().cursor + 1);
    if (!receiver.IsUnreachable() && entry->allows_sending) continue;
    ++unreachable;
  }
  // Anybody may ask for this: it names neither addresses nor what receivers have said.
  if (unreachable > 0 && problem.empty()) {
    problem = fmt::format("{} of {} webhooks cannot be reached: see /api/v1/webhooks", unreachable,
                          entries_.size());
  }
  const MutexLock lock(mutex_);
  first_pending_ = first;
  problem_ = problem;
}

int64_t WebhookRelay::SleepMillis() {
  if (!feed_.IsEmpty()) return 0;
  {
    const MutexLock lock(mutex_);
    if (!tasks_.empty()) return 0;
  }
  int64_t next = std::min(flush_at_, cursors_at_);
  if (!due_.empty() && sender_.in_flight() < options_.max_sending) {
    next = std::min(next, std::get<0>(*due_.begin()));
  }
  if (!read_again_.empty()) next = std::min(next, read_again_.front().first);
  next = std::min(next, status_at_);
  if (wants_store_ && store_ == nullptr) next = std::min(next, open_at_);
  if (next == INT64_MAX) return -1;
  return std::max<int64_t>(0, (next - clock_.BootMicros() + 999) / 1000);
}

}  // namespace stagelog
