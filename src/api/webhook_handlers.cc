// Webhooks: who is sent which events.
#include <array>

#include "api/api.h"
#include "api/append_answer.h"
#include "api/idempotency_key.h"
#include "api/next_link.h"
#include "api/parameters.h"
#include "base/name_uuid.h"
#include "base/text.h"
#include "core/draft_decoder.h"
#include "core/identifier.h"
#include "core/json_object_reader.h"
#include "core/json_text.h"
#include "core/webhook_admin.h"
#include "http/problem.h"

namespace stagelog {
namespace {

constexpr std::array<std::string_view, 3> kDeliveryStatuses = {"delivered", "retrying", "failed"};

std::string PathOfWebhook(const std::string& id) { return "/api/v1/webhooks/" + id; }

tl::expected<std::string, Refusal> WebhookOfPath(const Call& call) {
  const std::string& id = call.captures.at(0);
  if (IsName(id)) return id;
  return tl::unexpected(Refusal{.code = "invalid_id",
                                .detail = "the id of a webhook must be " + std::string(kNameRule),
                                .field = "webhook"});
}

// What takes no body must not be taken for what looks at one.
std::optional<Refusal> RefuseBody(const Call& call) {
  if (Trimmed(call.request.body).empty() || Trimmed(call.request.body) == "{}") return std::nullopt;
  return Refusal{.code = "malformed_request", .detail = "this path takes no body"};
}

WebhookDone AnswerWith(int status, const Responder& responder) {
  return [status, responder](const tl::expected<WebhookAnswer, Refusal>& answer) {
    if (!answer) return responder.Send(ProblemResponse(answer.error()));
    httplib::Response response = JsonResponse(status, answer->json + "\n");
    if (status == 201) SetLocation(response, PathOfWebhook(answer->id));
    responder.Send(std::move(response));
  };
}

// Of a list: where there is more, the next page is a link.
WebhookDone AnswerWithPage(const Responder& responder, const NextLink& next) {
  return [responder, next](const tl::expected<WebhookAnswer, Refusal>& answer) {
    if (!answer) return responder.Send(ProblemResponse(answer.error()));
    httplib::Response response = JsonResponse(200, answer->json + "\n");
    if (answer->next_after > 0) next.Add(response, answer->next_after);
    responder.Send(std::move(response));
  };
}

using Simple = void (WebhookAdmin::*)(std::string id, WebhookDone done);

HandlerResult Do(const ApiServices& services, const Call& call, const Responder& responder,
                 Simple what) {
  auto id = WebhookOfPath(call);
  if (!id) return Refused(id.error());
  if (auto refusal = RefuseBody(call)) return Refused(*refusal);
  (services.webhooks.*what)(std::move(*id), AnswerWith(200, responder));
  return {Deferred{}};
}

tl::expected<SendAgainRequest, Refusal> ParseSendAgain(std::string_view body, int64_t now_micros) {
  const auto members = ReadJsonObject(body.empty() ? "{}" : body, kMaxJsonDepth);
  if (!members) return tl::unexpected(members.error());
  SendAgainRequest request;
  bool has_since = false;
  for (const JsonMember& member : *members) {
    const std::string shown = QuotableText(member.key, 128);
    const bool is_known = member.key == "id" || member.key == "since";
    if (!is_known) {
      return tl::unexpected(Refusal{.code = "unknown_key",
                                    .detail = "unknown key '" + shown + "'; known are id, since",
                                    .field = shown});
    }
    if (member.kind != JsonMember::Kind::kText) {
      return tl::unexpected(Refusal{
          .code = "invalid_field", .detail = "'" + shown + "' must be a text", .field = shown});
    }
    if (member.key == "id") {
      request.message_id = member.text;
      continue;
    }
    const auto since = ParseSince(member.text, now_micros);
    if (!since) return tl::unexpected(since.error());
    has_since = true;
    if (since->kind == Position::Kind::kTime) request.since_micros = since->value;
    if (since->kind == Position::Kind::kNow) request.since_micros = now_micros;
  }
  if (request.message_id.empty() != has_since) {
    return tl::unexpected(Refusal{
        .code = "missing_field",
        .detail = "either 'id', of one delivery, or 'since', a time or a duration, is needed",
        .field = "id"});
  }
  return request;
}

}  // namespace

HandlerResult ListWebhooks(const ApiServices& services, Call, const Responder& responder) {
  services.webhooks.ListWebhooks(AnswerWith(200, responder));
  return {Deferred{}};
}

HandlerResult MakeWebhook(const ApiServices& services, Call call, const Responder& responder) {
  auto webhook = ParseWebhook(call.request.body, services.clock.WallMicros());
  if (!webhook) return Refused(webhook.error());
  const auto key = ReadIdempotencyKey(call);
  if (!key) return Refused(key.error());
  if (*key && webhook->id.empty()) {
    webhook->id = "wh-" + UuidOfName("idempotency-key\n" + **key);
  }
  services.webhooks.MakeWebhook(std::move(*webhook), AnswerWith(201, responder));
  return {Deferred{}};
}

HandlerResult ShowWebhook(const ApiServices& services, Call call, const Responder& responder) {
  return Do(services, call, responder, &WebhookAdmin::ShowWebhook);
}

HandlerResult DeleteWebhook(const ApiServices& services, Call call, const Responder& responder) {
  return Do(services, call, responder, &WebhookAdmin::DeleteWebhook);
}

HandlerResult RotateWebhook(const ApiServices& services, Call call, const Responder& responder) {
  return Do(services, call, responder, &WebhookAdmin::RotateSecret);
}

HandlerResult TestWebhook(const ApiServices& services, Call call, const Responder& responder) {
  return Do(services, call, responder, &WebhookAdmin::TestWebhook);
}

HandlerResult PauseWebhook(const ApiServices& services, Call call, const Responder& responder) {
  auto id = WebhookOfPath(call);
  if (!id) return Refused(id.error());
  if (auto refusal = RefuseBody(call)) return Refused(*refusal);
  services.webhooks.PauseWebhook(std::move(*id), true, AnswerWith(200, responder));
  return {Deferred{}};
}

HandlerResult ResumeWebhook(const ApiServices& services, Call call, const Responder& responder) {
  auto id = WebhookOfPath(call);
  if (!id) return Refused(id.error());
  if (auto refusal = RefuseBody(call)) return Refused(*refusal);
  services.webhooks.PauseWebhook(std::move(*id), false, AnswerWith(200, responder));
  return {Deferred{}};
}

HandlerResult ListDeliveries(const ApiServices& services, Call call, const Responder& responder) {
  auto id = WebhookOfPath(call);
  if (!id) return Refused(id.error());
  const auto limit = ParseLimit(call.Parameter("limit"));
  if (!limit) return Refused(limit.error());
  DeliveryListRequest request{.limit = *limit};
  if (const auto after = call.Parameter("after")) {
    const std::optional<int64_t> number = ParseCursor(*after);
    if (!number) {
      return Refused({.code = "invalid_parameter",
                      .detail = "'after' must be the 'next_after' of the page before",
                      .field = "after"});
    }
    request.before_number = *number;
  }
  const auto statuses = ParseWordList(LookupIn(call), "status", kDeliveryStatuses);
  if (!statuses) return Refused(statuses.error());
  if (statuses->size() > 1) {
    return Refused({.code = "invalid_parameter",
                    .detail = "'status' takes one of delivered, retrying and failed here",
                    .field = "status"});
  }
  if (!statuses->empty()) request.status = statuses->front();
  services.webhooks.ListDeliveries(std::move(*id), std::move(request),
                                   AnswerWithPage(responder, NextLink(call)));
  return {Deferred{}};
}

HandlerResult SendAgain(const ApiServices& services, Call call, const Responder& responder) {
  auto id = WebhookOfPath(call);
  if (!id) return Refused(id.error());
  auto request = ParseSendAgain(call.request.body, services.clock.WallMicros());
  if (!request) return Refused(request.error());
  services.webhooks.SendAgain(std::move(*id), std::move(*request), AnswerWith(202, responder));
  return {Deferred{}};
}

}  // namespace stagelog
