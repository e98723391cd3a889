#include "api/command.h"

#include <algorithm>
#include <set>
#include <utility>

#include "api/append_answer.h"
#include "api/flat_body.h"
#include "api/idempotency_key.h"
#include "core/draft_decoder.h"
#include "core/json_object_reader.h"
#include "core/json_text.h"
#include "core/text_line.h"

namespace stagelog {
namespace {

bool IsComment(std::string_view key) { return key == "comment" || key == "message"; }

}  // namespace

tl::expected<EventDraft, Refusal> DraftOfCommand(const Call& call, const std::string& type,
                                                 const std::string& job_id, const std::string& gate,
                                                 std::span<const std::string_view> keys) {
  const std::string_view body = WithoutByteOrderMark(call.request.body);
  auto members = ReadJsonObject(body.empty() ? "{}" : body, kMaxJsonDepth);
  if (!members) return tl::unexpected(std::move(members.error()));
  std::string event;
  std::string payload;
  std::set<std::string> seen;
  bool has_comment = false;
  for (const JsonMember& member : *members) {
    if (!seen.insert(member.key).second) return tl::unexpected(DuplicateKey(member.key));
    if (std::find(keys.begin(), keys.end(), member.key) == keys.end()) {
      return tl::unexpected(UnknownKey(member.key, keys));
    }
    if (member.kind == JsonMember::Kind::kNull) continue;  // stands for "left out"
    if (member.key == "answers") {
      if (member.kind != JsonMember::Kind::kObject) {
        return tl::unexpected(Refusal{
            .code = "invalid_field", .detail = "'answers' must be an object", .field = "answers"});
      }
      AppendJsonMember(payload, member.key, member.raw);
      continue;
    }
    const bool is_comment = IsComment(member.key);
    if (!is_comment && member.key != "choice") {
      AppendJsonMember(event, member.key, member.raw);
      continue;
    }
    if (member.kind != JsonMember::Kind::kText) {
      return tl::unexpected(Refusal{.code = "invalid_field",
                                    .detail = "'" + member.key + "' must be a string",
                                    .field = member.key});
    }
    if (is_comment && std::exchange(has_comment, true)) {
      return tl::unexpected(
          Refusal{.code = "duplicate_key",
                  .detail = "'comment' and 'message' are aliases of the same key; send only one",
                  .field = member.key});
    }
    // The comment is what people who follow the events want to read.
    if (is_comment) AppendJsonMember(event, "message", member.raw);
    if (!gate.empty()) AppendJsonMember(payload, is_comment ? "comment" : member.key, member.raw);
  }
  AppendJsonMember(event, "type", JsonString(type));
  AppendJsonMember(event, "job_id", JsonString(job_id));
  if (!gate.empty()) {
    AppendJsonMember(event, "gate", JsonString(gate));
    AppendJsonMember(payload, "via", "\"api\"");
  }
  if (!payload.empty()) AppendJsonMember(event, "payload", payload + "}");
  const auto key = ReadIdempotencyKey(call);
  if (!key) return tl::unexpected(key.error());
  if (*key && !seen.contains("event_id")) AppendJsonMember(event, "event_id", JsonString(**key));
  return DecodeDraft(event + "}", {"", call.principal.token_name});
}

void AppendCommand(const ApiServices& services, EventDraft draft, Precondition precondition,
                   const std::string& location, const Responder& responder) {
  std::vector<EventDraft> drafts;
  drafts.push_back(std::move(draft));
  services.appender.Append(std::move(drafts), std::move(precondition),
                           [responder, location](const AppendOutcome& outcome) {
                             httplib::Response response = AppendResponse(outcome, {});
                             if (response.status == 201) SetLocation(response, location);
                             responder.Send(std::move(response));
                           });
}

}  // namespace stagelog
