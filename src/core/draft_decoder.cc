#include "core/draft_decoder.h"

#include <algorithm>
#include <array>

#include "base/nearest.h"
#include "base/text.h"
#include "base/timestamp.h"
#include "core/identifier.h"
#include "core/json_object_reader.h"
#include "core/json_text.h"
#include "core/level_words.h"
#include "core/payload.h"
#include "core/payload_keys.h"
#include "core/text_line.h"
#include "core/type_names.h"

namespace stagelog {
namespace {

using Kind = JsonMember::Kind;

constexpr std::array<std::string_view, 21> kKnownKeys = {
    "type",    "event_type", "payload", "metadata", "job_id",  "event_id",   "occurred_at",
    "ts",      "timestamp",  "stage",   "gate",     "attempt", "status",     "level",
    "message", "seq",        "job_seq", "hash",     "actor",   "violations", "approval"};

template <typename List>
bool Contains(const List& list, std::string_view word) {
  return std::find(list.begin(), list.end(), word) != list.end();
}

// Reads the members of one object into a draft and remembers the first thing that is wrong.
class DraftReader {
 public:
  explicit DraftReader(std::vector<JsonMember> members) : members_(std::move(members)) {}

  tl::expected<EventDraft, Refusal> Read(const DraftOrigin& origin) {
    CheckKeys();
    ReadType();
    ReadJob(origin);
    ReadNames();
    ReadTimes();
    ReadTexts();
    ReadPayload();
    FillDefaults();
    CheckGateOpener(origin.actor);
    if (refusal_) return tl::unexpected(std::move(*refusal_));
    draft_.actor = origin.actor;
    return std::move(draft_);
  }

 private:
  void Refuse(std::string code, std::string_view field, std::string detail) {
    if (refusal_) return;
    refusal_ = Refusal{.code = std::move(code),
                       .detail = std::move(detail),
                       .field = std::string(field),
                       .line = std::nullopt,
                       .members = {}};
  }

  void CheckKeys() {
    // Stops at the first that is wrong: a hostile object may have tens of thousands of members.
    for (size_t i = 0; i < members_.size(); ++i) {
      const std::string& key = members_[i].key;
      if (!Contains(kKnownKeys, key)) {
        const std::string shown = QuotableText(key, 128);
        if (BelongsInPayload(key)) {
          return Refuse("unknown_key", shown,
                        "'" + shown + "' is not an event key; put it in 'payload'");
        }
        return Refuse("unknown_key", shown,
                      "unknown key '" + shown + "'" + DidYouMean(key, kKnownKeys));
      }
      for (size_t j = 0; j < i; ++j) {
        if (members_[j].key != key) continue;
        return Refuse("duplicate_key", key, "duplicate key '" + key + "'");
      }
    }
    CheckSpellings("type", "event_type");
    CheckSpellings("payload", "metadata");
  }

  void CheckSpellings(std::string_view name, std::string_view alias) {
    if (Find(name) == nullptr || Find(alias) == nullptr) return;
    Refuse("duplicate_key", alias,
           "'" + std::string(name) + "' and '" + std::string(alias) +
               "' are aliases of the same key; send only one");
  }

  // The member, or null when it is not there. A JSON null stands for "left out".
  const JsonMember* Find(std::string_view key) const {
    for (const JsonMember& member : members_) {
      if (member.key == key) return member.kind == Kind::kNull ? nullptr : &member;
    }
    return nullptr;
  }

  std::string Text(std::string_view key) {
    const JsonMember* member = Find(key);
    if (member == nullptr) return "";
    if (member->kind == Kind::kText) return member->text;
    Refuse("invalid_field", key, "'" + std::string(key) + "' must be a string");
    return "";
  }

  void ReadType() {
    const std::string_view key = Find("event_type") == nullptr ? "type" : "event_type";
    draft_.type = Text(key);
    if (Find(key) == nullptr) Refuse("missing_field", "type", "'type' is missing");
    traits_ = FindType(draft_.type);
    if (traits_ != nullptr) {
      draft_.kind = traits_->type;
      return;
    }
    Refuse("unknown_type", key,
           "unknown type '" + QuotableText(draft_.type, 80) + "'" +
               DidYouMean(draft_.type, TypeNames()) +
               " (custom types: 'x-' and 1 to 63 characters of a-z 0-9 . _ -)");
  }

  void ReadJob(const DraftOrigin& origin) {
    draft_.job_id = Text("job_id");
    if (draft_.job_id.empty() && Find("job_id") == nullptr) draft_.job_id = origin.job_id;
    if (draft_.job_id.empty() && Find("job_id") == nullptr) {
      Refuse("missing_field", "job_id", "'job_id' is missing");
    }
    if (!IsJobId(draft_.job_id)) {
      Refuse(
          "invalid_id", "job_id",
          "'job_id' must be " + std::string(kNameRule) + ", and must not start with 'stagelog.'");
    }
    if (!origin.job_id.empty() && draft_.job_id != origin.job_id) {
      Refuse("job_mismatch", "job_id",
             "'job_id' is '" + draft_.job_id + "', but the URL names job '" + origin.job_id + "'");
    }
  }

  void ReadNames() {
    draft_.stage = Text("stage");
    if (Find("stage") != nullptr && !IsStagePath(draft_.stage)) {
      Refuse(
          "invalid_id", "stage",
          "'stage' must be one or more names separated by '/', each of " + std::string(kNameRule));
    }
    draft_.gate = Text("gate");
    if (Find("gate") == nullptr && draft_.kind == EventType::kGatePause) draft_.gate = draft_.stage;
    if ((Find("gate") != nullptr || !draft_.gate.empty()) && !IsName(draft_.gate)) {
      Refuse("invalid_id", "gate", "'gate' must be " + std::string(kNameRule));
    }
    draft_.event_id = Text("event_id");
    if (Find("event_id") != nullptr && !IsEventId(draft_.event_id)) {
      Refuse("invalid_id", "event_id", "'event_id' must be 1 to 128 printable ASCII characters");
    }
    if (const JsonMember* attempt = Find("attempt")) {
      if (attempt->kind != Kind::kInteger || attempt->integer < 1 ||
          attempt->integer > kMaxAttempt) {
        Refuse("invalid_field", "attempt",
               "'attempt' must be a whole number from 1 to " + std::to_string(kMaxAttempt));
      }
      draft_.attempt = attempt->integer;
    }
  }

  void ReadTimes() {
    for (const std::string_view key : {"ts", "timestamp", "occurred_at"}) {
      if (const JsonMember* member = Find(key)) draft_.occurred_at_micros = Time(key, *member);
    }
  }

  // Numbers are read from their own digits: a double does not hold nanoseconds.
  int64_t Time(std::string_view key, const JsonMember& member) {
    if (member.kind == Kind::kText) {
      const std::optional<ForeignTime> time = ParseForeignTime(member.text);
      if (time && time->has_zone) return time->micros;
    } else if (member.kind == Kind::kInteger || member.kind == Kind::kFloat) {
      if (const std::optional<int64_t> micros = ParseUnixTime(member.raw)) return *micros;
    }
    const bool is_text = member.kind == Kind::kText;
    const std::string unlikely = UnlikelyTimeText(is_text ? member.text : member.raw);
    Refuse("invalid_time", key,
           "'" + std::string(key) +
               "' must be an RFC 3339 time with a zone, like 2026-11-21T07:41:02Z, or Unix "
               "seconds, milliseconds, microseconds or nanoseconds" +
               (unlikely.empty() ? "" : "; the number " + unlikely));
    return 0;
  }

  void ReadTexts() {
    draft_.status = Text("status");
    if (draft_.status.size() > 128 ||
        std::any_of(draft_.status.begin(), draft_.status.end(),
                    [](unsigned char c) { return c < 0x20 || c == 0x7f; })) {
      Refuse("invalid_field", "status",
             "'status' must be at most 128 bytes without control characters");
    }
    ReadLevel();
    draft_.message = Text("message");
  }

  void ReadLevel() {
    const std::string word = Text("level");
    if (Find("level") == nullptr) return;
    draft_.level = LevelOfWord(word);
    if (!draft_.level.empty()) return;
    Refuse("invalid_field", "level",
           "unknown level '" + QuotableText(word, 80) + "'" + DidYouMean(word, AllLevels()));
  }

  void ReadPayload() {
    const std::string_view key = Find("metadata") == nullptr ? "payload" : "metadata";
    const JsonMember* member = Find(key);
    if (member == nullptr) return;
    if (member->kind != Kind::kObject) {
      Refuse("invalid_field", key, "'" + std::string(key) + "' must be a JSON object");
    }
    draft_.payload = member->raw;
    if (refusal_) return;
    if (auto refusal = CheckEventPayload(draft_.kind, draft_.payload, IsStoredLine())) {
      refusal_ = std::move(refusal);
    }
  }

  void CheckGateOpener(const std::string& actor) {
    if (refusal_ || draft_.kind != EventType::kGatePause || IsStoredLine()) return;
    refusal_ = CheckOpener(ReadGatePayload(draft_.payload), actor);
  }

  // An emitter sends neither; a line of events.jsonl, which may be sent again, has both.
  bool IsStoredLine() const { return Find("hash") != nullptr && Find("job_seq") != nullptr; }

  void FillDefaults() {
    if (traits_ == nullptr) return;
    const std::string of_type = "type '" + draft_.type + "' requires ";
    if (traits_->needs_stage && draft_.stage.empty()) {
      Refuse("missing_field", "stage", of_type + "'stage'");
    }
    if (traits_->needs_gate && draft_.gate.empty()) {
      Refuse("missing_field", "gate", of_type + "'gate'");
    }
    if (traits_->needs_message && draft_.message.empty()) {
      Refuse("missing_field", "message", of_type + "'message'");
    }
    if (draft_.status.empty()) draft_.status = traits_->status;
    if (draft_.level.empty()) draft_.level = traits_->level;
  }

  std::vector<JsonMember> members_;
  const TypeTraits* traits_ = nullptr;
  EventDraft draft_;
  std::optional<Refusal> refusal_;
};

// The end of the element that begins at `start` of an array: the ',' or ']' behind it. The text
// need not be valid; what is not will be refused when the element is decoded.
size_t ElementEnd(std::string_view text, size_t start) {
  size_t depth = 0;
  bool in_string = false;
  for (size_t at = start; at < text.size(); ++at) {
    const char c = text[at];
    if (in_string) {
      if (c == '\\') ++at;
      if (c == '"') in_string = false;
    } else if (c == '"') {
      in_string = true;
    } else if (c == '{' || c == '[') {
      ++depth;
    } else if (c == '}' || c == ']') {
      if (depth == 0) return at;
      --depth;
    } else if (c == ',' && depth == 0) {
      return at;
    }
  }
  return text.size();
}

Refusal AtPlace(Refusal refusal, bool is_array, int64_t place) {
  refusal.line = std::nullopt;
  (is_array ? refusal.index : refusal.line) = place;
  const std::string number = std::to_string(place);
  refusal.detail =
      (is_array ? "event [" + number + "]: " : "line " + number + ": ") + refusal.detail;
  return refusal;
}

Refusal TooManyEvents() {
  return {.code = "batch_too_large",
          .detail = "a batch may contain at most " + std::to_string(kMaxBatchEvents) +
                    " events; split it"};
}

}  // namespace

Refusal BatchPlaces::Locate(Refusal refusal) const {
  const int64_t number = refusal.line.value_or(0);
  if (number < 1 || number > static_cast<int64_t>(places.size())) return refusal;
  return AtPlace(std::move(refusal), is_array, places[static_cast<size_t>(number - 1)]);
}

std::optional<Refusal> CheckEventSize(std::string_view text) {
  if (text.size() <= kMaxEventBytes) return std::nullopt;
  return Refusal{.code = "event_too_large",
                 .detail = "an event may have at most " + std::to_string(kMaxEventBytes) +
                           " bytes; this one has " + std::to_string(text.size())};
}

tl::expected<EventDraft, Refusal> DecodeDraft(std::string_view json, const DraftOrigin& origin) {
  if (auto refusal = CheckEventSize(json)) return tl::unexpected(std::move(*refusal));
  auto members = ReadJsonObject(json, kMaxJsonDepth);
  if (!members) return tl::unexpected(std::move(members.error()));
  return DraftReader(std::move(*members)).Read(origin);
}

tl::expected<DecodedBody, Refusal> DecodeJsonArray(std::string_view text, const DraftOrigin& origin,
                                                   ElementDecoder decode) {
  DecodedBody body{.drafts = {}, .is_batch = true, .where = {.is_array = true, .places = {}}};
  if (Trimmed(text.substr(1)) == "]") {
    return tl::unexpected(Refusal{.code = "empty_batch", .detail = "the batch contains no events"});
  }
  size_t at = 1;
  while (true) {
    const auto index = static_cast<int64_t>(body.drafts.size());
    if (body.drafts.size() == kMaxBatchEvents) return tl::unexpected(TooManyEvents());
    const size_t end = ElementEnd(text, at);
    auto draft = decode(Trimmed(text.substr(at, end - at)), origin);
    if (!draft) return tl::unexpected(AtPlace(std::move(draft.error()), true, index));
    body.drafts.push_back(std::move(*draft));
    body.where.places.push_back(index);
    if (end >= text.size() || text[end] == '}') {
      return tl::unexpected(
          Refusal{.code = "malformed_json", .detail = "the array is not closed: missing ']'"});
    }
    at = end + 1;
    if (text[end] == ']') break;
  }
  if (!Trimmed(text.substr(at)).empty()) {
    return tl::unexpected(
        Refusal{.code = "malformed_json", .detail = "unexpected text after the end of the array"});
  }
  return body;
}

tl::expected<DecodedBody, Refusal> DecodeJsonBody(std::string_view body,
                                                  const DraftOrigin& origin) {
  const std::string_view text = Trimmed(WithoutByteOrderMark(body));
  if (text.starts_with('[')) return DecodeJsonArray(text, origin, &DecodeDraft);
  auto draft = DecodeDraft(text, origin);
  if (!draft) return tl::unexpected(std::move(draft.error()));
  DecodedBody decoded;
  decoded.drafts.push_back(std::move(*draft));
  return decoded;
}

tl::expected<DecodedBody, Refusal> DecodeNdjsonBody(std::string_view body,
                                                    const DraftOrigin& origin) {
  DecodedBody decoded{.drafts = {}, .is_batch = true, .where = {}};
  int64_t line = 0;
  while (!body.empty()) {
    const size_t newline = body.find('\n');
    const std::string_view text = Trimmed(LineContent(body.substr(0, newline)));
    body.remove_prefix(newline == std::string_view::npos ? body.size() : newline + 1);
    ++line;
    if (text.empty()) continue;
    if (decoded.drafts.size() == kMaxBatchEvents) return tl::unexpected(TooManyEvents());
    auto draft = DecodeDraft(text, origin);
    if (!draft) return tl::unexpected(AtPlace(std::move(draft.error()), false, line));
    decoded.drafts.push_back(std::move(*draft));
    decoded.where.places.push_back(line);
  }
  if (decoded.drafts.empty()) {
    return tl::unexpected(Refusal{.code = "empty_batch", .detail = "the batch contains no events"});
  }
  return decoded;
}

}  // namespace stagelog
