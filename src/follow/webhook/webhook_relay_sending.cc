// How events get from the log to receivers, and what is noted of that.
#include <fmt/core.h>

#include <algorithm>
#include <utility>

#include "base/logging.h"
#include "base/text.h"
#include "core/event_codec.h"
#include "core/json_text.h"
#include "follow/webhook/delivery_outcome.h"
#include "follow/webhook/webhook_body.h"
#include "follow/webhook/webhook_relay.h"
#include "follow/webhook/webhook_signature.h"

namespace stagelog {
namespace {

constexpr int64_t kMinuteMicros = 60'000'000;
constexpr int64_t kHandshakeRetryMicros = kMinuteMicros;
constexpr int64_t kPageRetryMicros = 1'000'000;
constexpr int64_t kFlushRetryMicros = 1'000'000;
constexpr int64_t kSlowMicros = 1'000'000;
constexpr size_t kMaxWaitingDeliveries = 10'000;
constexpr int kDropDeliveriesAfter = 100;
constexpr size_t kPageEvents = 256;
constexpr int64_t kPageMicros = 100'000;
// Of those that are behind, so many close to each other have a page read for all of them.
constexpr size_t kSharedPageReceivers = 4;
constexpr int64_t kSharedPageSeqs = 4'096;
constexpr size_t kSharedPageEvents = 1'000;

}  // namespace

// Its place in the log: the cursor, and the lanes that make up what it has left out.
void WebhookRelay::WriteChanges(Entry& entry) {
  const WebhookReceiver& receiver = entry.receiver;
  const std::string& id = receiver.webhook().id;
  store_->WriteCursor(id, receiver.stored().cursor);
  for (const std::string& name : receiver.ChangedLanes()) {
    const WebhookLane* lane = entry.receiver.FindLane(name);
    if (lane == nullptr) {
      store_->RemoveLane(id, name);
    } else {
      store_->WriteLane(id, lane->ToStore());
    }
  }
}

void WebhookRelay::StartReading() {
  while (!is_reading_ && !stopping_ && !readings_.empty()) {
    const Reading reading = std::move(readings_.front());
    readings_.pop_front();
    if (IsDone(*reading.entry)) continue;
    if (reading.lane.empty()) {
      StartPage(reading.entry);
    } else {
      StartLane(reading.entry, reading.lane);
    }
  }
}

void WebhookRelay::StartPage(const EntryPointer& entry) {
  const int64_t after = entry->receiver.stored().cursor;
  if (!entry->receiver.WantsPage()) {
    entry->is_page_queued = false;
    return;
  }
  size_t near = 0;
  for (const auto& [id, other] : entries_) {
    const int64_t cursor = other->receiver.stored().cursor;
    near += other->receiver.WantsPage() && cursor >= after && cursor < after + kSharedPageSeqs;
  }
  const bool is_shared = near >= kSharedPageReceivers;
  ReadRequest request;
  request.after = after;
  if (!is_shared) request.filter = entry->receiver.webhook().filter;
  request.max_events = is_shared ? kSharedPageEvents : kPageEvents;
  request.max_micros = kPageMicros;
  is_reading_ = true;
  reader_.Wait();
  reader_.Start([this, entry, after, is_shared, request] {
    auto page = std::make_shared<Result<Page>>(source_.Read(request));
    Post([this, entry, after, is_shared, page] {
      is_reading_ = false;
      entry->is_page_queued = false;
      OnPage(entry, after, is_shared, *page);
    });
  });
}

void WebhookRelay::OnPage(const EntryPointer& entry, int64_t after, bool is_shared,
                          const Result<Page>& page) {
  if (!page) {
    if (IsDone(*entry)) return;
    entry->receiver.SetProblem("cannot read the journal: " + page.error().message);
    entry->is_page_queued = true;  // not before a while
    read_again_.push_back({clock_.BootMicros() + kPageRetryMicros, entry});
    return;
  }
  if (!is_shared) {
    if (!IsDone(*entry)) TakePage(*entry, *page, {});
    return;
  }
  // Each event is parsed once for all of them.
  std::vector<FilterSubject> subjects;
  subjects.reserve(page->events.size());
  for (const PageEvent& event : page->events) subjects.emplace_back(event.body);
  for (const auto& [id, other] : entries_) {
    const int64_t cursor = other->receiver.stored().cursor;
    const bool takes = other->receiver.WantsPage() && cursor >= after &&
                       (cursor < page->scanned_through || !page->has_more);
    if (takes) TakePage(*other, *page, subjects);
  }
}

// `subjects`: those of the page, where it was read without the filter of this receiver.
void WebhookRelay::TakePage(Entry& entry, const Page& page,
                            const std::vector<FilterSubject>& subjects) {
  WebhookReceiver& receiver = entry.receiver;
  const int64_t now = clock_.BootMicros();
  bool has_room = true;
  for (size_t i = 0; i < page.events.size(); ++i) {
    const PageEvent& event = page.events[i];
    if (event.seq <= receiver.stored().cursor) continue;
    if (!subjects.empty() && !receiver.webhook().filter.Matches(subjects[i])) continue;
    const std::string job_id(ViewEvent(event.body).job_id);
    has_room = receiver.Offer(event.seq, job_id, event.body, now);
    if (!has_room) break;
  }
  if (has_room) {
    receiver.Advance(page.scanned_through);
    // What the feed has offered before this page is behind the cursor now.
    if (!page.has_more && receiver.stored().cursor >= feed_through_) receiver.SetLive();
  }
  entry.is_cursor_changed = true;
  changed_.insert(receiver.webhook().id);
  flush_at_ = std::min(flush_at_, now + kFlushMicros);
  Reschedule(entry);
}

void WebhookRelay::StartLane(const EntryPointer& entry, const std::string& name) {
  const WebhookLane* lane = entry->receiver.FindLane(name);
  if (lane == nullptr) return;
  is_reading_ = true;
  reader_.Wait();
  // A copy of the webhook: this thread changes secrets.
  reader_.Start([this, entry, webhook = entry->receiver.webhook(), name, after = lane->unread_after,
                 through = lane->through_seq] {
    auto read =
        std::make_shared<Result<LaneRead>>(lane_reader_.Read(webhook, name, after, through));
    Post([this, entry, name, read] {
      is_reading_ = false;
      if (!IsDone(*entry)) OnLaneRead(*entry, name, std::move(*read));
    });
  });
}

void WebhookRelay::OnLaneRead(Entry& entry, const std::string& name, Result<LaneRead> read) {
  WebhookReceiver& receiver = entry.receiver;
  WebhookLane* lane = receiver.FindLane(name);
  if (lane == nullptr) return;
  const int64_t now = clock_.BootMicros();
  if (read && read->events.empty() && journal_.IsDeleted(name)) {
    given_up_.Add();
    LogWarning("[webhooks] {}: what it had still to get of {} is gone: the job was deleted",
               receiver.webhook().id, name);
  }
  if (read) {
    receiver.OnRead(*lane, std::move(read->events), read->read_through, now);
  } else {
    receiver.SetProblem("cannot read the journal: " + read.error().message);
    receiver.OnReadFailed(*lane, now);
  }
  changed_.insert(receiver.webhook().id);
  flush_at_ = std::min(flush_at_, now + kFlushMicros);
  Reschedule(entry);
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
        IsDelivered(answer) &&
        (answer.allowed_origin == "*" || EqualsIgnoringCase(answer.allowed_origin, origin));
    const bool was_disallowed = std::exchange(entry->is_disallowed, !is_allowed);
    if (is_allowed) {
      entry->allows_sending = true;
      entry->min_interval_micros =
          answer.allowed_rate > 0 ? kMinuteMicros / answer.allowed_rate : 0;
      entry->receiver.SetProblem("");
    } else {
      const std::string why = answer.allowed_origin.empty()
                                  ? ReasonOf(answer) + ", no WebHook-Allowed-Origin"
                                  : "its WebHook-Allowed-Origin is '" + answer.allowed_origin + "'";
      entry->receiver.SetProblem(
          QuotableText("the receiver does not allow events of " + origin + ": " + why, 512));
      entry->handshake_due = clock_.BootMicros() + kHandshakeRetryMicros;
      if (!was_disallowed) {
        LogWarning("[webhooks] {}: {}; asking again every minute", entry->receiver.webhook().id,
                   entry->receiver.problem());
      }
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
  if (now < stored.previous_until_micros) {
    secrets.insert(secrets.end(), stored.previous_secrets.begin(), stored.previous_secrets.end());
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
  const bool is_doubtful = !entry->receiver.HasDelivered() || entry->is_slow;
  const auto on_answer = [this, entry, name = lane.name, message_id, number, is_doubtful,
                          begun = clock_.MonotonicMicros()](OutgoingAnswer answer) {
    entry->requests.erase(*number);
    entry->is_slow = clock_.MonotonicMicros() - begun > kSlowMicros;
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
  if (IsDelivered(answer)) {
    delivered_.Add();
    Record(entry, *lane, message_id, "delivered", answer, first);
    receiver.OnDelivered(*lane, now, wall);
    if (was_unreachable) LogInfo("[webhooks] {} takes events again", id);
    return Reschedule(entry);
  }
  failed_.Add();
  const std::string reason = QuotableText(ReasonOf(answer), 512);
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
  const bool is_over = is_given_up || answer.status == 410;
  Record(entry, copy, message_id, is_over ? "failed" : "retrying", answer, first);
  if (answer.status == 410) {
    receiver.stored().paused = "the receiver has answered 410 Gone";
    receiver.SetBehind();
    receiver.Unload();
    entry.is_definition_changed = true;
    LogWarning("[webhooks] {} is paused: {}", id, receiver.stored().paused);
  }
  Reschedule(entry);
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
  if (!IsDelivered(answer)) delivery.problem = QuotableText(ReasonOf(answer), 512);
  delivery.answer = QuotableText(answer.text, 1024);
  // More than that wait only where the file cannot be written.
  if (deliveries_.size() >= kMaxWaitingDeliveries) deliveries_.pop_front();
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
      const bool is_changed = changed_.contains(id);
      if (is_changed && entry->is_definition_changed) store_->Write(entry->receiver.stored());
      if (is_changed || (with_cursors && entry->is_cursor_changed)) WriteChanges(*entry);
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
    flush_at_ = clock_.BootMicros() + kFlushRetryMicros;
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
    found->second->is_definition_changed = false;
  }
  changed_.clear();
  for (const auto& [id, entry] : entries_) {
    if (with_cursors) entry->is_cursor_changed = false;
    if (entry->new_deliveries >= kDropDeliveriesAfter) entry->new_deliveries = 0;
  }
}

}  // namespace stagelog
