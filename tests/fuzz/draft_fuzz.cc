// What emitters send, from its bytes to the stored line and back.
#include <nlohmann/json.hpp>

#include "base/check.h"
#include "core/draft_decoder.h"
#include "core/event_codec.h"
#include "core/job_machine.h"
#include "core/job_state_json.h"
#include "core/json_text.h"
#include "log/console_mirror.h"
#include "tests/fuzz/fuzz_target.h"

namespace stagelog {
namespace {

using Json = nlohmann::json;

constexpr int64_t kTsMicros = 1'795'246'862'000'000;  // 2026-11-21T07:41:02Z

const DraftOrigin& Origin() {
  static const DraftOrigin origin{"job", "actor"};
  return origin;
}

// Another reader's opinion. nlohmann_json takes a NUL for the end and passes over a byte order
// mark.
bool IsJson(std::string_view text) {
  return text.find('\0') == text.npos && !text.starts_with('\xef') && Json::accept(text);
}

Event Placed(EventDraft draft) {
  Event event;
  event.draft = std::move(draft);
  if (event.draft.event_id.empty()) event.draft.event_id = "e-1";
  if (!event.draft.occurred_at_micros) event.draft.occurred_at_micros = kTsMicros;
  event.seq = 42;
  event.job_seq = 7;
  event.ts_micros = kTsMicros;
  event.violations = Judge(JobState{}, event.draft);
  return event;
}

void CheckRefusal(std::string_view input, const Refusal& refusal) {
  STAGELOG_CHECK(!refusal.code.empty() && !refusal.detail.empty());
  CheckIsUtf8("detail", refusal.detail);
  CheckIsUtf8("field", refusal.field);
  if (refusal.code == "malformed_json") STAGELOG_CHECK(!IsJson(input));
  if (refusal.code == "unknown_key") STAGELOG_CHECK(IsJson(input));
}

// The payload is the emitter's own bytes but for the white space between its tokens.
void CheckPayload(const Json& sent, const std::string& payload) {
  const Json* member = nullptr;
  for (const char* key : {"payload", "metadata"}) {
    if (sent.contains(key) && !sent.at(key).is_null()) member = &sent.at(key);
  }
  STAGELOG_CHECK((member == nullptr) == payload.empty());
  if (member == nullptr) return;
  STAGELOG_CHECK(Json::parse(payload) == *member);
  CheckSameText("compact payload", CompactJson(payload), payload);
}

std::string Unescaped(std::string_view slice) {
  return Json::parse('"' + std::string(slice) + '"').get<std::string>();
}

void CheckView(std::string_view line, const EventDraft& draft) {
  const EventView view = ViewEvent(line);
  const Json json = Json::parse(line);
  STAGELOG_CHECK(view.seq == 42 && view.job_seq == 7);
  STAGELOG_CHECK(view.attempt == draft.attempt.value_or(0));
  CheckSameText("job_id", view.job_id, draft.job_id);
  CheckSameText("type", view.type, draft.type);
  CheckSameText("stage", view.stage, draft.stage);
  CheckSameText("gate", view.gate, draft.gate);
  CheckSameText("level", view.level, draft.level);
  CheckSameText("payload", view.payload, draft.payload);
  CheckSameText("event_id", Unescaped(view.event_id), json.at("event_id").get<std::string>());
  CheckSameText("message", Unescaped(view.message), draft.message);
  CheckSameText("hash", view.hash, StoredHash(line));
}

void CheckSlices(std::string_view line, const Event& event) {
  const std::optional<Event> sliced = SliceStoredEvent(line);
  if (!sliced) return;
  STAGELOG_CHECK(sliced->seq == event.seq && sliced->job_seq == event.job_seq);
  STAGELOG_CHECK(sliced->ts_micros == event.ts_micros && sliced->violations == event.violations);
  STAGELOG_CHECK(sliced->draft.occurred_at_micros == event.draft.occurred_at_micros);
  STAGELOG_CHECK(sliced->draft.kind == event.draft.kind);
  STAGELOG_CHECK(sliced->draft.attempt == event.draft.attempt);
  CheckSameText("sliced message", sliced->draft.message, event.draft.message);
  CheckSameText("sliced stage", sliced->draft.stage, event.draft.stage);
  CheckSameText("sliced gate", sliced->draft.gate, event.draft.gate);
  CheckSameText("sliced payload", sliced->draft.payload, event.draft.payload);
}

// decode -> encode -> decode is a fixed point, and a stored line can be sent again.
void CheckRoundTrip(const Event& event, const SealedLine& line) {
  const Result<Event> stored = DecodeStoredEvent(line.body);
  if (!stored) CheckSameText("a stored line that is none", stored.error().message, "");
  CheckSameText("encoded again", EncodeEvent(*stored, "previous").body, line.body);
  STAGELOG_CHECK(SameContent(stored->draft, event.draft));
  STAGELOG_CHECK(VerifyHash(line.body, "previous") && !VerifyHash(line.body, "previouS"));
  CheckSlices(line.body, *stored);
  const auto again = DecodeDraft(line.body, Origin());
  if (!again && again.error().code == "event_too_large") return;
  if (!again) CheckSameText("a stored line that is refused", again.error().detail, "");
  STAGELOG_CHECK(SameContent(*again, event.draft) && again->event_id == event.draft.event_id);
}

// What a terminal obeys does not reach it.
void CheckConsole(std::string_view line) {
  const std::string shown = ConsoleLine(line);
  CheckIsUtf8("console", shown);
  for (size_t at = 0; at < shown.size(); ++at) {
    const auto byte = static_cast<unsigned char>(shown[at]);
    STAGELOG_CHECK(byte >= 0x20 && byte != 0x7f);
    const bool c1 =
        byte == 0xc2 && at + 1 < shown.size() && static_cast<unsigned char>(shown[at + 1]) < 0xa0;
    STAGELOG_CHECK(!c1);
  }
}

void CheckFold(const Event& event, const SealedLine& line) {
  JobState state;
  state.job_id = event.draft.job_id;
  for (int64_t job_seq = 1; job_seq <= 3; ++job_seq) {
    Event next = event;
    next.job_seq = job_seq;
    next.seq = job_seq;
    next.ts_micros += job_seq;
    Apply(state, next, line.hash);
    const std::string document = EncodeJobState(state);
    STAGELOG_CHECK(Json::accept(document));
    const std::optional<JobState> copy = DecodeSnapshot(EncodeSnapshot(state));
    STAGELOG_CHECK(copy.has_value());
    CheckSameText("state from its snapshot", EncodeJobState(*copy), document);
  }
}

}  // namespace

STAGELOG_FUZZ_TARGET(draft) {
  const auto draft = DecodeDraft(input, Origin());
  if (!draft) return CheckRefusal(input, draft.error());
  STAGELOG_CHECK(IsJson(input));
  const Json sent = Json::parse(input);
  STAGELOG_CHECK(sent.is_object());
  CheckPayload(sent, draft->payload);
  const Event event = Placed(*draft);
  const SealedLine line = EncodeEvent(event, "previous");
  STAGELOG_CHECK(line.body.find('\n') == std::string::npos && Json::accept(line.body));
  CheckSameText("message", draft->message,
                sent.value("message", Json("")).is_null() ? "" : sent.value("message", ""));
  CheckView(line.body, event.draft);
  CheckRoundTrip(event, line);
  CheckConsole(line.body);
  CheckFold(event, line);
}

}  // namespace stagelog
