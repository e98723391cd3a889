// What is asked of the relay by the API: webhooks are made, changed, tried and listed.
#include <fmt/core.h>

#include <algorithm>

#include "base/logging.h"
#include "base/random.h"
#include "base/text.h"
#include "base/timestamp.h"
#include "core/json_text.h"
#include "follow/webhook/delivery_outcome.h"
#include "follow/webhook/public_address.h"
#include "follow/webhook/webhook_relay.h"
#include "follow/webhook/webhook_signature.h"

namespace stagelog {
namespace {

constexpr size_t kMaxTests = 8;

Refusal UnknownWebhook(const std::string& id) {
  return {.code = "unknown_webhook", .detail = "there is no webhook '" + id + "'", .field = "id"};
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
    due_.erase({entry.due, entry.turn, &entry});
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
    WebhookReceiver& receiver = entry.receiver;
    if (is_paused != receiver.IsPaused()) {
      StoredWebhook changed = receiver.stored();
      changed.paused = is_paused ? "by request" : "";
      Store(entry, std::move(changed));
      receiver.SetBehind();
      receiver.Unload();
      receiver.ForgetHold();
      receiver.SetProblem("");
      entry.handshake_due = 0;
      entry.is_disallowed = false;
      LogInfo("[webhooks] {} was {}", id, is_paused ? "paused" : "resumed");
      Reschedule(entry);
    }
    return WebhookAnswer{Describe(entry), id};
  });
}

void WebhookRelay::RotateSecret(std::string id, WebhookDone done) {
  PostFor(id, std::move(done), [this, id](Entry& entry) -> Outcome {
    const bool is_secret_configured = std::any_of(
        options_.configured.begin(), options_.configured.end(),
        [&](const Webhook& webhook) { return webhook.id == id && !webhook.secret.empty(); });
    if (is_secret_configured) {
      return tl::unexpected(
          Refusal{.code = "webhook_configured",
                  .detail = "its secret stands in the configuration; change it there and restart"});
    }
    StoredWebhook changed = entry.receiver.stored();
    const int64_t now = clock_.WallMicros();
    if (now >= changed.previous_until_micros) changed.previous_secrets.clear();
    KeepAsPrevious(
        changed, std::exchange(changed.webhook.secret, MakeWebhookSecret(changed.webhook.signing)));
    changed.previous_until_micros = now + kOldSecretMicros;
    Store(entry, std::move(changed));
    const StoredWebhook& stored = entry.receiver.stored();
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
    if (!entry->allows_sending) {
      const std::string& problem = entry->receiver.problem();
      const std::string why =
          problem.empty() ? "the receiver has not said yet that it allows events" : problem;
      return done(WebhookAnswer{"{\"id\":" + JsonString(message_id) +
                                    ",\"delivered\":false,\"problem\":" + JsonString(why) +
                                    ",\"seconds\":0}",
                                id});
    }
    ++tests_;
    const int64_t begun = clock_.MonotonicMicros();
    const auto on_answer = [this, id, message_id, begun, done](const OutgoingAnswer& answer) {
      --tests_;
      std::string json;
      AppendJsonMember(json, "id", JsonString(message_id));
      AppendJsonMember(json, "delivered", IsDelivered(answer) ? "true" : "false");
      if (answer.status != 0) AppendJsonMember(json, "http_status", std::to_string(answer.status));
      if (!IsDelivered(answer)) {
        AppendJsonMember(json, "problem", JsonString(QuotableText(ReasonOf(answer), 512)));
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
    return store_->ListDeliveries(id, request);
  });
}

void WebhookRelay::SendAgain(std::string id, SendAgainRequest request, WebhookDone done) {
  PostFor(id, std::move(done), [this, request](Entry& entry) { return Again(entry, request); });
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
  if (const auto problem = UnusableUrlReason(webhook.url)) {
    return tl::unexpected(
        Refusal{.code = "invalid_field", .detail = "'url' " + *problem, .field = "url"});
  }
  const std::string host = HostOfUrl(webhook.url);
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
          HostOfUrl(stored.webhook.url));
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
    // First in the file: a restart goes on with what was promised.
    const StoredLane lane = receiver.NextAgain(after, through);
    store_->WriteLane(id, lane);
    receiver.AddAgain(lane, clock_.BootMicros());
    Reschedule(entry);
  }
  return WebhookAnswer{
      fmt::format("{{\"after_seq\":{},\"through_seq\":{}}}", after, std::max(after, through)), id};
}

// First in the file, then in memory: a change that cannot be stored has not been made.
void WebhookRelay::Store(Entry& entry, StoredWebhook changed) {
  store_->Begin();
  store_->Write(changed);
  WriteChanges(entry);
  store_->Commit();
  entry.receiver.stored() = std::move(changed);
  entry.receiver.ForgetChanges();
  entry.is_cursor_changed = false;
}

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
  } else if (receiver.IsUnreachable() || entry.is_disallowed) {
    state = "unreachable";
  }
  AppendJsonMember(json, "state", JsonString(state));
  if (receiver.IsPaused()) AppendJsonMember(json, "paused_because", JsonString(stored.paused));
  if (!receiver.problem().empty())
    AppendJsonMember(json, "problem", JsonString(receiver.problem()));
  const int64_t held_until =
      entry.is_disallowed ? entry.handshake_due : receiver.held_until_micros();
  if (held_until > clock_.BootMicros() && held_until != INT64_MAX) {
    const int64_t left = held_until - clock_.BootMicros();
    AppendJsonMember(json, "waits_until", JsonString(FormatTimestamp(clock_.WallMicros() + left)));
  }
  if (stored.is_configured) AppendJsonMember(json, "configured", "true");
  AppendJsonMember(json, "sent_through",
                   std::to_string(first == INT64_MAX ? std::max(stored.cursor, head) : first - 1));
  AppendJsonMember(json, "head_seq", std::to_string(head));
  AppendJsonMember(json, "created_at", JsonString(FormatTimestamp(stored.made_micros)));
  return json + "}";
}

}  // namespace stagelog
