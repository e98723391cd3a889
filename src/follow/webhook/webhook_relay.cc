#include "follow/webhook/webhook_relay.h"

#include <fmt/core.h>
#include <pthread.h>
#include <unistd.h>

#include <algorithm>

#include "base/logging.h"
#include "base/random.h"
#include "base/text.h"
#include "base/timestamp.h"
#include "core/event_codec.h"
#include "core/json_text.h"
#include "follow/webhook/public_address.h"
#include "follow/webhook/webhook_body.h"
#include "follow/webhook/webhook_signature.h"

namespace stagelog {
namespace {

constexpr int64_t kSecondMicros = 1'000'000;
constexpr int64_t kFlushMicros = 200'000;             // after a change
constexpr int64_t kCursorMicros = 5 * kSecondMicros;  // of one that says only what was passed over
constexpr int64_t kStatusMicros = kSecondMicros;
constexpr int64_t kReopenMicros = 10 * kSecondMicros;
constexpr int64_t kHandshakeRetryMicros = 60 * kSecondMicros;
constexpr int64_t kOldSecretMicros = int64_t{24} * 3600 * kSecondMicros;
constexpr int64_t kBusyMicros = 50'000;  // until a receiver that found no room looks again
constexpr int64_t kStopMicros = 2 * kSecondMicros;
constexpr size_t kMaxFeedEvents = 16'384;
constexpr size_t kPageEvents = 256;
constexpr int64_t kPageMicros = 100'000;
constexpr size_t kMaxTests = 8;
constexpr int kDropDeliveriesAfter = 100;
constexpr const char* kRestored =
    "the journal was restored from a backup: resume it if the original is gone";

Refusal UnknownWebhook(const std::string& id) {
  return {.code = "unknown_webhook", .detail = "there is no webhook '" + id + "'", .field = "id"};
}

bool ReadsAll(const Webhook& webhook) {
  return webhook.format == WebhookFormat::kOpenLineage || webhook.format == WebhookFormat::kOtlp;
}

std::string HostOf(const std::string& url) {
  const size_t begin = url.find("//") + 2;
  std::string host = url.substr(begin, url.find_first_of("/?", begin) - begin);
  if (host.starts_with('[')) return host.substr(0, host.find(']') + 1);
  return host.substr(0, host.find(':'));
}

std::string Reason(const OutgoingAnswer& answer) {
  if (!answer.problem.empty()) return answer.problem;
  if (answer.status >= 300 && answer.status < 400) {
    return fmt::format("HTTP {}: a redirect, which is not followed", answer.status);
  }
  return fmt::format("HTTP {}", answer.status);
}

bool IsSuccess(const OutgoingAnswer& answer) { return answer.status >= 200 && answer.status < 300; }

WebhookFailure FailureOf(const Webhook& webhook, const OutgoingAnswer& answer) {
  // OTLP/HTTP names what may be sent again; all else is lost for good.
  if (webhook.format == WebhookFormat::kOtlp && answer.status != 0) {
    const bool may_retry = answer.status == 429 || (answer.status >= 502 && answer.status <= 504);
    return may_retry ? WebhookFailure::kUnreachable : WebhookFailure::kFinal;
  }
  const bool is_about_all = answer.status == 0 || answer.status >= 500 || answer.status == 408 ||
                            answer.status == 429 || (answer.status >= 300 && answer.status < 400);
  return is_about_all ? WebhookFailure::kUnreachable : WebhookFailure::kRejected;
}

std::string TestLine(const std::string& webhook_id, int64_t wall_micros) {
  const std::string now = FormatTimestamp(wall_micros);
  std::string line;
  AppendJsonMember(line, "seq", "0");
  AppendJsonMember(line, "job_id", "\"stagelog-test\"");
  AppendJsonMember(line, "job_seq", "0");
  AppendJsonMember(line, "event_id", JsonString(MakeUuidV7(wall_micros)));
  AppendJsonMember(line, "ts", JsonString(now));
  AppendJsonMember(line, "occurred_at", JsonString(now));
  AppendJsonMember(line, "type", "\"x-stagelog-test\"");
  AppendJsonMember(line, "level", "\"info\"");
  AppendJsonMember(line, "message", JsonString("a test of the webhook " + webhook_id));
  AppendJsonMember(line, "actor", "\"stagelog\"");
  return line + "}";
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
      lane_reader_(source) {}

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

// --- Any thread

void WebhookRelay::OnCommit(const CommittedBatchPointer& batch) {
  if (!has_receivers_) return;
  bool was_empty = false;
  {
    const MutexLock lock(mutex_);
    was_empty = feed_.empty();
    if (feed_events_ + batch->events.size() > kMaxFeedEvents) {
      feed_lost_through_ = batch->events.back().seq;
    } else {
      feed_.push_back(batch);
      feed_events_ += batch->events.size();
    }
  }
  if (was_empty) sender_.Wake();
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

void WebhookRelay::PostRequest(WebhookDone done, Handle handle) {
  Post([this, done = std::move(done), handle = std::move(handle)] {
    if (stopping_ || (wants_store_ && store_ == nullptr)) {
      return done(
          tl::unexpected(Refusal{.code = "webhooks_unavailable",
                                 .detail = stopping_ ? "the daemon is stopping" : store_problem_}));
    }
    try {
      done(handle());
    } catch (const SQLite::Exception& problem) {
      if (store_ != nullptr) store_->Rollback();
      done(tl::unexpected(
          Refusal{.code = "webhooks_unavailable",
                  .detail = std::string("stagelog.webhooks.db: ") + problem.what()}));
    }
  });
}

void WebhookRelay::PostFor(const std::string& id, WebhookDone done, HandleEntry handle) {
  PostRequest(std::move(done), [this, id, handle = std::move(handle)]() -> Outcome {
    const auto found = entries_.find(id);
    if (found == entries_.end()) return tl::unexpected(UnknownWebhook(id));
    const EntryPointer entry = found->second;  // it may be deleted
    return handle(*entry);
  });
}

void WebhookRelay::ListWebhooks(WebhookDone done) {
  PostRequest(std::move(done), [this]() -> Outcome {
    std::string list = "{\"webhooks\":[";
    for (const auto& [id, entry] : entries_) {
      if (list.back() != '[') list += ',';
      list += Describe(*entry);
    }
    return WebhookAnswer{list + "]}", ""};
  });
}

void WebhookRelay::ShowWebhook(std::string id, WebhookDone done) {
  PostFor(id, std::move(done), [this, id](Entry& entry) -> Outcome {
    return WebhookAnswer{Describe(entry), id};
  });
}

void WebhookRelay::MakeWebhook(Webhook webhook, WebhookDone done) {
  PostRequest(std::move(done), [this, webhook = std::move(webhook)] { return Make(webhook); });
}

void WebhookRelay::DeleteWebhook(std::string id, WebhookDone done) {
  PostFor(id, std::move(done), [this, id](Entry& entry) -> Outcome {
    if (entry.receiver.stored().is_configured) {
      return tl::unexpected(Refusal{.code = "webhook_configured",
                                    .detail = "it stands in the configuration; take it out there, "
                                              "or pause it"});
    }
    store_->Remove(id);
    for (const uint64_t number : entry.requests) sender_.Drop(number);
    doubtful_ -= entry.doubtful_requests;
    due_.erase({entry.due, &entry});
    std::erase_if(deliveries_, [&](const Delivery& delivery) { return delivery.webhook_id == id; });
    changed_.erase(id);
    entries_.erase(id);
    has_receivers_ = !entries_.empty();
    LogInfo("[webhooks] {} was deleted", id);
    return WebhookAnswer{"{\"id\":" + JsonString(id) + ",\"deleted\":true}", id};
  });
}

void WebhookRelay::PauseWebhook(std::string id, bool is_paused, WebhookDone done) {
  PostFor(id, std::move(done), [this, id, is_paused](Entry& entry) -> Outcome {
    if (is_paused != entry.receiver.IsPaused()) {
      if (is_paused) {
        Pause(entry, "by request");
      } else {
        entry.receiver.stored().paused.clear();
        entry.receiver.SetProblem("");
        entry.receiver.SetBehind();
        entry.handshake_due = 0;
        Store(entry);
        LogInfo("[webhooks] {} was resumed", id);
      }
      Reschedule(entry);
    }
    return WebhookAnswer{Describe(entry), id};
  });
}

void WebhookRelay::RotateSecret(std::string id, WebhookDone done) {
  PostFor(id, std::move(done), [this, id](Entry& entry) -> Outcome {
    StoredWebhook& stored = entry.receiver.stored();
    const bool is_secret_configured = std::any_of(
        options_.configured.begin(), options_.configured.end(),
        [&](const Webhook& webhook) { return webhook.id == id && !webhook.secret.empty(); });
    if (is_secret_configured) {
      return tl::unexpected(
          Refusal{.code = "webhook_configured",
                  .detail = "its secret stands in the configuration; change it there and restart"});
    }
    stored.previous_secret =
        std::exchange(stored.webhook.secret, MakeWebhookSecret(stored.webhook.signing));
    stored.previous_until_micros = clock_.WallMicros() + kOldSecretMicros;
    Store(entry);
    LogInfo("[webhooks] {} has a new secret", id);
    std::string json = Describe(entry);
    json.pop_back();
    AppendJsonMember(json, "secret",
                     JsonString(VerifyingKey(stored.webhook.signing, stored.webhook.secret)));
    AppendJsonMember(json, "previous_secret_until",
                     JsonString(FormatTimestamp(stored.previous_until_micros)));
    return WebhookAnswer{json + "}", id};
  });
}

void WebhookRelay::TestWebhook(std::string id, WebhookDone done) {
  Post([this, id, done = std::move(done)] {
    const auto found = entries_.find(id);
    if (stopping_ || found == entries_.end() || tests_ >= kMaxTests) {
      Refusal refusal = UnknownWebhook(id);
      if (stopping_ || (wants_store_ && store_ == nullptr)) {
        refusal = {.code = "webhooks_unavailable", .detail = store_problem_};
      } else if (found != entries_.end()) {
        refusal = {.code = "overloaded", .detail = "too many tests are under way; try again"};
      }
      return done(tl::unexpected(refusal));
    }
    const EntryPointer entry = found->second;
    const StoredWebhook& stored = entry->receiver.stored();
    const int64_t now = clock_.WallMicros();
    const std::string message_id = MessageIdOf(id, "", MakeUuidV7(now));
    std::string line = TestLine(id, now);
    if (stored.webhook.format == WebhookFormat::kOtlp) line = "{\"resourceSpans\":[]}";
    if (stored.webhook.format == WebhookFormat::kOpenLineage) line = "{}";
    ++tests_;
    const int64_t begun = clock_.MonotonicMicros();
    const auto on_answer = [this, id, message_id, begun, done](const OutgoingAnswer& answer) {
      --tests_;
      std::string json;
      AppendJsonMember(json, "id", JsonString(message_id));
      AppendJsonMember(json, "delivered", IsSuccess(answer) ? "true" : "false");
      if (answer.status != 0) AppendJsonMember(json, "http_status", std::to_string(answer.status));
      if (!IsSuccess(answer)) {
        AppendJsonMember(json, "problem", JsonString(QuotableText(Reason(answer), 512)));
      }
      if (!answer.text.empty()) {
        AppendJsonMember(json, "answer", JsonString(QuotableText(answer.text, 1024)));
      }
      AppendJsonMember(
          json, "seconds",
          fmt::format("{:.3f}", static_cast<double>(clock_.MonotonicMicros() - begun) / 1e6));
      done(WebhookAnswer{json + "}", id});
    };
    sender_.Send(RequestOf(stored, line, message_id), on_answer);
  });
}

void WebhookRelay::ListDeliveries(std::string id, DeliveryListRequest request, WebhookDone done) {
  PostFor(id, std::move(done), [this, id, request = std::move(request)](Entry&) -> Outcome {
    Flush(/*with_cursors=*/false);
    return WebhookAnswer{store_->ListDeliveries(id, request), id};
  });
}

void WebhookRelay::SendAgain(std::string id, SendAgainRequest request, WebhookDone done) {
  PostFor(id, std::move(done), [this, request](Entry& entry) { return Again(entry, request); });
}

// --- The relay's thread

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
    if (webhook.secret.empty()) {
      stored.webhook.secret = !secret.empty() && signing == webhook.signing
                                  ? secret
                                  : MakeWebhookSecret(webhook.signing);
    }
    stored.is_configured = true;
    if (is_new) {
      stored.made_micros = clock_.WallMicros();
      // What came since the daemon was started is new.
      const bool is_now = webhook.start.kind == Position::Kind::kNow;
      stored.cursor = is_now ? start_seq_ : StartOf(webhook);
    }
  }
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

WebhookRelay::Outcome WebhookRelay::Make(Webhook webhook) {
  if (webhook.id.empty()) webhook.id = "wh-" + MakeUuidV7(clock_.WallMicros());
  if (entries_.contains(webhook.id)) {
    return tl::unexpected(Refusal{.code = "webhook_exists",
                                  .detail = "there is a webhook '" + webhook.id + "' already",
                                  .field = "id"});
  }
  if (entries_.size() >= kMaxWebhooks) {
    return tl::unexpected(Refusal{.code = "overloaded", .detail = "there are 10,000 webhooks"});
  }
  const std::string host = HostOf(webhook.url);
  const bool is_name_of_this = EqualsIgnoringCase(host, "localhost");
  if (!options_.sender.allow_private &&
      (is_name_of_this || !IsPublicAddress(host).value_or(true))) {
    return tl::unexpected(
        Refusal{.code = "invalid_field",
                .detail = "'url' leads to an address that is not public (" + host +
                          "); set webhooks.allow_private in the configuration to allow that",
                .field = "url"});
  }
  wants_store_ = true;
  if (store_ == nullptr) OpenStore();
  if (store_ == nullptr) {
    return tl::unexpected(Refusal{.code = "webhooks_unavailable", .detail = store_problem_});
  }
  StoredWebhook stored;
  stored.webhook = std::move(webhook);
  if (stored.webhook.secret.empty()) {
    stored.webhook.secret = MakeWebhookSecret(stored.webhook.signing);
  }
  stored.made_micros = clock_.WallMicros();
  has_receivers_ = true;  // before the head is looked at
  stored.cursor = StartOf(stored.webhook);
  const std::string id = stored.webhook.id;
  const std::string key = VerifyingKey(stored.webhook.signing, stored.webhook.secret);
  store_->Write(stored);
  LogInfo("[webhooks] {} was made: {} to {}", id, WebhookFormatName(stored.webhook.format),
          HostOf(stored.webhook.url));
  AddEntry(std::move(stored));
  std::string json = Describe(*entries_.at(id));
  json.pop_back();
  AppendJsonMember(json, "secret", JsonString(key));
  return WebhookAnswer{json + "}", id};
}

WebhookRelay::Outcome WebhookRelay::Again(Entry& entry, const SendAgainRequest& request) {
  WebhookReceiver& receiver = entry.receiver;
  const std::string id = receiver.webhook().id;
  if (receiver.lane_count() >= WebhookReceiver::kMaxLanes) {
    return tl::unexpected(
        Refusal{.code = "overloaded", .detail = "too much waits for this webhook already"});
  }
  Flush(/*with_cursors=*/false);
  int64_t after = 0;
  int64_t through = receiver.stored().cursor;
  if (!request.message_id.empty()) {
    const std::optional<int64_t> seq = store_->FindDelivery(id, request.message_id);
    if (!seq) {
      return tl::unexpected(Refusal{.code = "unknown_delivery",
                                    .detail = "the latest deliveries do not have '" +
                                              QuotableText(request.message_id, 128) +
                                              "'; use 'since'",
                                    .field = "id"});
    }
    after = *seq - 1;
    through = *seq;
  } else if (request.since_micros > 0) {
    const Result<int64_t> seq = source_.SeqAtTime(request.since_micros);
    if (!seq) {
      return tl::unexpected(Refusal{.code = "read_failed", .detail = seq.error().message});
    }
    after = *seq;
  }
  if (after < through) {
    receiver.SendAgain(after, through, clock_.BootMicros());
    changed_.insert(id);
    flush_at_ = std::min(flush_at_, clock_.BootMicros() + kFlushMicros);
    Reschedule(entry);
  }
  return WebhookAnswer{
      fmt::format("{{\"after_seq\":{},\"through_seq\":{}}}", after, std::max(after, through)), id};
}

void WebhookRelay::Store(Entry& entry) { store_->Write(entry.receiver.stored()); }

std::string WebhookRelay::Describe(const Entry& entry) {
  const WebhookReceiver& receiver = entry.receiver;
  const StoredWebhook& stored = receiver.stored();
  const int64_t head = journal_.GetStatus().head_seq;
  const int64_t first =
      std::min(receiver.FirstPendingSeq(), receiver.is_live() ? INT64_MAX : stored.cursor + 1);
  std::string json = EncodeWebhook(stored.webhook);
  const char* state = "active";
  if (receiver.IsPaused()) {
    state = "paused";
  } else if (receiver.IsUnreachable()) {
    state = "unreachable";
  }
  AppendJsonMember(json, "state", JsonString(state));
  if (receiver.IsPaused()) AppendJsonMember(json, "paused_because", JsonString(stored.paused));
  if (!receiver.problem().empty())
    AppendJsonMember(json, "problem", JsonString(receiver.problem()));
  if (stored.is_configured) AppendJsonMember(json, "configured", "true");
  AppendJsonMember(json, "sent_through",
                   std::to_string(first == INT64_MAX ? std::max(stored.cursor, head) : first - 1));
  AppendJsonMember(json, "head_seq", std::to_string(head));
  AppendJsonMember(json, "created_at", JsonString(FormatTimestamp(stored.made_micros)));
  return json + "}";
}

void WebhookRelay::TakeInbox() {
  std::vector<Task> tasks;
  std::deque<CommittedBatchPointer> feed;
  int64_t lost_through = 0;
  {
    const MutexLock lock(mutex_);
    tasks.swap(tasks_);
    feed.swap(feed_);
    feed_events_ = 0;
    lost_through = std::exchange(feed_lost_through_, 0);
  }
  for (const CommittedBatchPointer& batch : feed) TakeBatch(*batch);
  if (lost_through > 0) {
    // Those that have not seen it read it from the log.
    for (const auto& [id, entry] : entries_) {
      if (entry->receiver.is_live() && entry->receiver.stored().cursor < lost_through) {
        entry->receiver.SetBehind();
        Reschedule(*entry);
      }
    }
    feed_through_ = std::max(feed_through_, lost_through);
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
  due_.erase({entry.due, &entry});
  const WebhookReceiver& receiver = entry.receiver;
  const int64_t now = clock_.BootMicros();
  if (receiver.IsPaused()) {
    entry.due = INT64_MAX;
  } else if (!entry.allows_sending) {
    entry.due = entry.handshake_due;
  } else {
    entry.due = receiver.NextDueMicros();
    if (receiver.WantsPage() && !entry.is_reading_page) entry.due = std::min(entry.due, now);
  }
  if (entry.due != INT64_MAX) due_.insert({entry.due, &entry});
}

// Begins what is due and finds room. Who has begun goes to the end of the line.
void WebhookRelay::Pump() {
  if (stopping_ || store_ == nullptr) return;
  const int64_t now = clock_.BootMicros();
  std::vector<Entry*> waiting;
  while (!due_.empty() && due_.begin()->first <= now &&
         sender_.in_flight() < options_.max_sending) {
    Entry* next = due_.begin()->second;
    due_.erase(due_.begin());
    const EntryPointer entry = entries_.at(next->receiver.webhook().id);
    if (!entry->allows_sending) {
      StartHandshake(entry);
      continue;
    }
    const bool may_send = entry->receiver.HasDelivered() || doubtful_ < options_.max_sending / 2;
    const bool has_begun = StartPage(entry) || (may_send && StartLane(entry));
    // One that finds no room looks again soon; all others when they have something.
    if (has_begun) {
      Reschedule(*entry);
    } else {
      waiting.push_back(next);
    }
  }
  for (Entry* entry : waiting) {
    Reschedule(*entry);
    if (entry->due > now) continue;
    due_.erase({entry->due, entry});
    entry->due = now + kBusyMicros;
    due_.insert({entry->due, entry});
  }
}

bool WebhookRelay::StartPage(const EntryPointer& entry) {
  WebhookReceiver& receiver = entry->receiver;
  if (!receiver.WantsPage() || entry->is_reading_page || is_reading_) return false;
  is_reading_ = true;
  entry->is_reading_page = true;
  ReadRequest request;
  request.after = receiver.stored().cursor;
  request.filter = receiver.webhook().filter;
  request.max_events = kPageEvents;
  request.max_micros = kPageMicros;
  reader_.Wait();
  reader_.Start([this, entry, request] {
    auto page = std::make_shared<Result<Page>>(source_.Read(request));
    Post([this, entry, page] {
      is_reading_ = false;
      entry->is_reading_page = false;
      OnPage(*entry, *page);
    });
  });
  return true;
}

void WebhookRelay::OnPage(Entry& entry, const Result<Page>& page) {
  if (IsDone(entry)) return;
  WebhookReceiver& receiver = entry.receiver;
  const int64_t now = clock_.BootMicros();
  if (!page) {
    receiver.SetProblem("cannot read the journal: " + page.error().message);
    due_.erase({entry.due, &entry});
    entry.due = now + kSecondMicros;
    due_.insert({entry.due, &entry});
    return;
  }
  bool has_room = true;
  for (const PageEvent& event : page->events) {
    const std::string job_id(ViewEvent(event.body).job_id);
    has_room = receiver.Offer(event.seq, job_id, event.body, now);
    if (!has_room) break;
  }
  if (has_room) {
    receiver.Advance(page->scanned_through);
    // What the feed has offered before this page is behind the cursor now.
    if (!page->has_more && receiver.stored().cursor >= feed_through_) receiver.SetLive();
  }
  entry.is_cursor_changed = true;
  changed_.insert(receiver.webhook().id);
  flush_at_ = std::min(flush_at_, now + kFlushMicros);
  Reschedule(entry);
}

// Sends or reads what is next.
bool WebhookRelay::StartLane(const EntryPointer& entry) {
  WebhookReceiver& receiver = entry->receiver;
  const int64_t now = clock_.BootMicros();
  WebhookLane* lane = receiver.TakeLane(now);
  if (lane == nullptr) return false;
  if (!lane->events.empty()) {
    Send(entry, *lane);
    return true;
  }
  if (is_reading_) {
    // Only one thread reads.
    receiver.OnReadPutOff(*lane, now + kBusyMicros / 10);
    return false;
  }
  is_reading_ = true;
  reader_.Wait();
  // A copy: this thread changes secrets.
  reader_.Start([this, entry, webhook = receiver.webhook(), name = lane->name,
                 after = lane->unread_after, through = lane->through_seq] {
    auto read =
        std::make_shared<Result<LaneRead>>(lane_reader_.Read(webhook, name, after, through));
    Post([this, entry, name, read] {
      is_reading_ = false;
      if (IsDone(*entry)) return;
      WebhookLane* found = entry->receiver.FindLane(name);
      if (found == nullptr) return;
      const int64_t then = clock_.BootMicros();
      if (*read) {
        entry->receiver.OnRead(*found, std::move((*read)->events), (*read)->read_through, then);
      } else {
        entry->receiver.SetProblem("cannot read the journal: " + read->error().message);
        entry->receiver.OnReadFailed(*found, then);
      }
      changed_.insert(entry->receiver.webhook().id);
      flush_at_ = std::min(flush_at_, then + kFlushMicros);
      Reschedule(*entry);
    });
  });
  return true;
}

// True of one that was deleted meanwhile.
bool WebhookRelay::IsDone(const Entry& entry) const {
  const auto found = entries_.find(entry.receiver.webhook().id);
  return found == entries_.end() || found->second.get() != &entry;
}

// "Abuse protection" of the CloudEvents webhook: the receiver says that it wants our events.
void WebhookRelay::StartHandshake(const EntryPointer& entry) {
  const std::string origin = options_.public_url.substr(options_.public_url.find("//") + 2);
  OutgoingRequest request;
  request.method = "OPTIONS";
  request.url = entry->receiver.webhook().url;
  request.headers = {"WebHook-Request-Origin: " + origin};
  for (const auto& [name, value] : entry->receiver.webhook().headers) {
    request.headers.push_back(name + ": " + value);
  }
  entry->handshake_due = INT64_MAX;
  Reschedule(*entry);
  auto number = std::make_shared<uint64_t>(0);
  *number = sender_.Send(std::move(request), [this, entry, origin, number](OutgoingAnswer answer) {
    if (IsDone(*entry)) return;
    entry->requests.erase(*number);
    const bool is_allowed =
        IsSuccess(answer) &&
        (answer.allowed_origin == "*" || EqualsIgnoringCase(answer.allowed_origin, origin));
    if (is_allowed) {
      entry->allows_sending = true;
      entry->receiver.SetProblem("");
    } else {
      const std::string why = answer.allowed_origin.empty()
                                  ? Reason(answer) + ", no WebHook-Allowed-Origin"
                                  : "its WebHook-Allowed-Origin is '" + answer.allowed_origin + "'";
      entry->receiver.SetProblem(
          QuotableText("the receiver does not allow events of " + origin + ": " + why, 512));
      entry->handshake_due = clock_.BootMicros() + kHandshakeRetryMicros;
    }
    Reschedule(*entry);
  });
  entry->requests.insert(*number);
}

OutgoingRequest WebhookRelay::RequestOf(const StoredWebhook& stored, std::string_view line,
                                        const std::string& message_id) {
  const TemplateContext context{journal_id_, stored.webhook.id, options_.public_url};
  WebhookBody body = MakeWebhookBody(stored.webhook, line, context);
  OutgoingRequest request;
  request.url = stored.webhook.url;
  request.headers = std::move(body.headers);
  const int64_t now = clock_.WallMicros();
  std::vector<std::string> secrets = {stored.webhook.secret};
  if (!stored.previous_secret.empty() && now < stored.previous_until_micros) {
    secrets.push_back(stored.previous_secret);
  }
  for (std::string& header : SignatureHeaders(stored.webhook.signing, secrets, message_id,
                                              now / kSecondMicros, body.text)) {
    request.headers.push_back(std::move(header));
  }
  for (const auto& [name, value] : stored.webhook.headers) {
    request.headers.push_back(name + ": " + value);
  }
  request.body = std::move(body.text);
  return request;
}

void WebhookRelay::Send(const EntryPointer& entry, WebhookLane& lane) {
  const QueuedEvent& event = lane.events.front();
  const StoredWebhook& stored = entry->receiver.stored();
  const std::string message_id =
      MessageIdOf(stored.webhook.id, event.job_id, event.event_id, event.part);
  auto number = std::make_shared<uint64_t>(0);
  const bool is_doubtful = !entry->receiver.HasDelivered();
  const auto on_answer = [this, entry, name = lane.name, message_id, number,
                          is_doubtful](OutgoingAnswer answer) {
    entry->requests.erase(*number);
    if (is_doubtful) --doubtful_, --entry->doubtful_requests;
    if (!IsDone(*entry) && !answer.is_abandoned) {
      OnAnswer(*entry, name, message_id, std::move(answer));
    }
  };
  *number = sender_.Send(RequestOf(stored, event.line, message_id), on_answer);
  entry->requests.insert(*number);
  if (is_doubtful) ++doubtful_, ++entry->doubtful_requests;
}

void WebhookRelay::OnAnswer(Entry& entry, const std::string& lane_name,
                            const std::string& message_id, OutgoingAnswer answer) {
  WebhookReceiver& receiver = entry.receiver;
  WebhookLane* lane = receiver.FindLane(lane_name);
  if (lane == nullptr) return;
  const int64_t now = clock_.BootMicros();
  const int64_t wall = clock_.WallMicros();
  const std::string id = receiver.webhook().id;
  const int64_t first = lane->first_attempt_micros == 0 ? wall : lane->first_attempt_micros;
  changed_.insert(id);
  flush_at_ = std::min(flush_at_, now + kFlushMicros);
  const bool was_unreachable = receiver.IsUnreachable();
  if (IsSuccess(answer)) {
    delivered_.Add();
    Record(entry, *lane, message_id, "delivered", answer, first);
    receiver.OnDelivered(*lane, now);
    if (was_unreachable) LogInfo("[webhooks] {} takes events again", id);
    return Reschedule(entry);
  }
  failed_.Add();
  const std::string reason = QuotableText(Reason(answer), 512);
  receiver.SetProblem(reason);
  const QueuedEvent event = lane->events.front();
  WebhookLane copy{.name = lane->name, .attempts = lane->attempts};
  copy.events.push_back(event);
  const int64_t retry_after = std::max<int64_t>(answer.retry_after_seconds, 0) * kSecondMicros;
  const bool is_given_up =
      receiver.OnFailed(*lane, FailureOf(receiver.webhook(), answer), retry_after, now, wall);
  if (is_given_up) {
    given_up_.Add();
    LogWarning("[webhooks] {} did not take event {} ({}): given up", id, event.seq, reason);
  } else if (receiver.IsUnreachable() && !was_unreachable) {
    LogWarning("[webhooks] {} cannot be reached: {}; retrying", id, reason);
  }
  Record(entry, copy, message_id, is_given_up ? "failed" : "retrying", answer, first);
  if (answer.status == 410) Pause(entry, "the receiver has answered 410 Gone");
  Reschedule(entry);
}

void WebhookRelay::Pause(Entry& entry, const std::string& reason) {
  entry.receiver.stored().paused = reason;
  Store(entry);
  LogInfo("[webhooks] {} is paused: {}", entry.receiver.webhook().id, reason);
}

void WebhookRelay::Record(Entry& entry, const WebhookLane& lane, const std::string& message_id,
                          const std::string& status, const OutgoingAnswer& answer,
                          int64_t first_micros) {
  const QueuedEvent& event = lane.events.front();
  Delivery delivery;
  delivery.webhook_id = entry.receiver.webhook().id;
  delivery.message_id = message_id;
  delivery.seq = event.seq;
  delivery.job_id = event.job_id;
  delivery.type = event.type;
  delivery.status = status;
  delivery.attempts = lane.attempts + 1;
  delivery.first_micros = first_micros;
  delivery.last_micros = clock_.WallMicros();
  delivery.http_status = answer.status;
  if (!IsSuccess(answer)) delivery.problem = QuotableText(Reason(answer), 512);
  delivery.answer = QuotableText(answer.text, 1024);
  deliveries_.push_back(std::move(delivery));
  ++entry.new_deliveries;
}

// Writes what has changed. What it does not write is done again after a crash, by the same ids.
void WebhookRelay::Flush(bool with_cursors) {
  flush_at_ = INT64_MAX;
  if (store_ == nullptr) return;
  if (with_cursors) cursors_at_ = INT64_MAX;
  try {
    store_->Begin();
    for (const auto& [id, entry] : entries_) {
      WebhookReceiver& receiver = entry->receiver;
      const bool is_changed = changed_.contains(id);
      if (is_changed || (with_cursors && entry->is_cursor_changed)) {
        store_->WriteCursor(id, receiver.stored().cursor);
      }
      if (!is_changed) continue;
      for (const std::string& name : receiver.ChangedLanes()) {
        const WebhookLane* lane = receiver.FindLane(name);
        if (lane == nullptr) {
          store_->RemoveLane(id, name);
        } else {
          store_->WriteLane(id, lane->ToStore());
        }
      }
    }
    for (const Delivery& delivery : deliveries_) store_->WriteDelivery(delivery);
    for (const auto& [id, entry] : entries_) {
      if (entry->new_deliveries < kDropDeliveriesAfter) continue;
      store_->DropOldDeliveries(id);
    }
    store_->Commit();
  } catch (const SQLite::Exception& problem) {
    store_->Rollback();
    if (store_problem_.empty()) LogError("[webhooks] stagelog.webhooks.db: {}", problem.what());
    store_problem_ = std::string("stagelog.webhooks.db: ") + problem.what();
    flush_at_ = clock_.BootMicros() + kSecondMicros;
    status_at_ = 0;
    return;
  }
  if (!store_problem_.empty()) {
    LogInfo("[webhooks] stagelog.webhooks.db can be written again");
    store_problem_.clear();
    status_at_ = 0;
  }
  deliveries_.clear();
  for (const std::string& id : changed_) {
    const auto found = entries_.find(id);
    if (found == entries_.end()) continue;
    found->second->receiver.ForgetChanges();
    found->second->is_cursor_changed = false;
  }
  changed_.clear();
  for (const auto& [id, entry] : entries_) {
    if (with_cursors) entry->is_cursor_changed = false;
    if (entry->new_deliveries >= kDropDeliveriesAfter) entry->new_deliveries = 0;
  }
}

// The status is told anew soon.
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
    if (unreachable++ == 0 && problem.empty()) problem = id + ": " + receiver.problem();
  }
  if (unreachable > 1) problem += fmt::format(" (and {} more webhooks)", unreachable - 1);
  const MutexLock lock(mutex_);
  first_pending_ = first;
  problem_ = problem;
}

int64_t WebhookRelay::SleepMillis() {
  const MutexLock lock(mutex_);
  if (!tasks_.empty() || !feed_.empty() || feed_lost_through_ > 0) return 0;
  int64_t next = std::min(flush_at_, cursors_at_);
  if (!due_.empty() && sender_.in_flight() < options_.max_sending) {
    next = std::min(next, due_.begin()->first);
  }
  next = std::min(next, status_at_);
  if (wants_store_ && store_ == nullptr) next = std::min(next, open_at_);
  if (next == INT64_MAX) return -1;
  return std::max<int64_t>(0, (next - clock_.BootMicros() + 999) / 1000);
}

}  // namespace stagelog
