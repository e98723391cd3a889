#include "core/event_codec.h"

#include <simdjson.h>

#include <charconv>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/sha256.h"
#include "base/timestamp.h"
#include "core/identifier.h"
#include "core/json_text.h"

namespace stagelog {
namespace {

constexpr std::string_view kHashKey = ",\"hash\":\"";
constexpr size_t kHashDigits = 64;
constexpr size_t kHashTail = kHashKey.size() + kHashDigits + 2;  // ,"hash":"..."}

void AppendNumber(std::string& out, std::string_view key, int64_t value) {
  out += key;
  char digits[24];
  const auto end = std::to_chars(digits, digits + sizeof(digits), value).ptr;
  out.append(digits, end);
}

// `key` is the member's name with its comma, quotes and colon.
void AppendText(std::string& out, std::string_view key, std::string_view value) {
  if (value.empty()) return;
  out += key;
  AppendJsonString(out, value);
}

void AppendViolations(std::string& out, const std::vector<std::string>& violations) {
  if (violations.empty()) return;
  out += ",\"violations\":[";
  for (size_t i = 0; i < violations.size(); ++i) {
    if (i > 0) out += ',';
    AppendJsonString(out, violations[i]);
  }
  out += ']';
}

std::string EncodeWithoutHash(const Event& event) {
  const EventDraft& draft = event.draft;
  std::string out;
  out.reserve(480 + draft.message.size() + draft.payload.size());
  AppendNumber(out, "{\"seq\":", event.seq);
  AppendText(out, ",\"job_id\":", draft.job_id);
  AppendNumber(out, ",\"job_seq\":", event.job_seq);
  AppendText(out, ",\"event_id\":", draft.event_id);
  AppendText(out, ",\"ts\":", FormatTimestamp(event.ts_micros));
  AppendText(out, ",\"occurred_at\":",
             FormatTimestamp(draft.occurred_at_micros.value_or(event.ts_micros)));
  AppendText(out, ",\"type\":", draft.type);
  AppendText(out, ",\"stage\":", draft.stage);
  AppendText(out, ",\"gate\":", draft.gate);
  if (draft.attempt) AppendNumber(out, ",\"attempt\":", *draft.attempt);
  AppendText(out, ",\"status\":", draft.status);
  AppendText(out, ",\"level\":", draft.level);
  AppendText(out, ",\"message\":", draft.message);
  if (!draft.payload.empty()) {
    out += ",\"payload\":";
    out += draft.payload;
  }
  AppendViolations(out, event.violations);
  if (event.approval_count > 0) {
    AppendNumber(out, ",\"approval\":{\"count\":", event.approval_count);
    AppendNumber(out, ",\"required\":", event.approvals_required);
    out += '}';
  }
  AppendText(out, ",\"actor\":", draft.actor);
  out += '}';
  return out;
}

int64_t NumberOf(std::string_view text) {
  int64_t value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

// "{"count":1,"required":2}"
void ReadApproval(std::string_view text, Event& event) {
  for (JsonMembers members(text); members.Next();) {
    if (members.key() == "count") event.approval_count = NumberOf(members.value());
    if (members.key() == "required") event.approvals_required = NumberOf(members.value());
  }
}

std::string_view Unquoted(std::string_view text) {
  return text.size() < 2 ? std::string_view() : text.substr(1, text.size() - 2);
}

// The member `key` of `object` as text; empty when it is not there. Throws on another type.
std::string TextMember(const nlohmann::json& object, const char* key) {
  const auto found = object.find(key);
  return found == object.end() ? std::string() : found->get<std::string>();
}

Event EventOf(const nlohmann::json& object) {
  Event event;
  event.seq = object.at("seq").get<int64_t>();
  event.job_seq = object.at("job_seq").get<int64_t>();
  EventDraft& draft = event.draft;
  draft.job_id = object.at("job_id").get<std::string>();
  draft.event_id = object.at("event_id").get<std::string>();
  draft.type = object.at("type").get<std::string>();
  draft.stage = TextMember(object, "stage");
  draft.gate = TextMember(object, "gate");
  if (object.contains("attempt")) draft.attempt = object.at("attempt").get<int64_t>();
  draft.status = TextMember(object, "status");
  draft.level = TextMember(object, "level");
  draft.message = TextMember(object, "message");
  draft.actor = TextMember(object, "actor");
  if (object.contains("violations")) {
    event.violations = object.at("violations").get<std::vector<std::string>>();
  }
  if (object.contains("approval")) {
    event.approval_count = object.at("approval").at("count").get<int64_t>();
    event.approvals_required = object.at("approval").at("required").get<int64_t>();
  }
  return event;
}

bool Assign(int64_t& number, simdjson::dom::element value) {
  return value.get_int64().get(number) == simdjson::SUCCESS;
}

bool Assign(std::string& text, simdjson::dom::element value) {
  std::string_view view;
  if (value.get_string().get(view) != simdjson::SUCCESS) return false;
  text = view;
  return true;
}

bool Assign(std::vector<std::string>& texts, simdjson::dom::element value) {
  texts.clear();
  simdjson::dom::array array;
  if (value.get_array().get(array) != simdjson::SUCCESS) return false;
  for (const simdjson::dom::element each : array) {
    if (!Assign(texts.emplace_back(), each)) return false;
  }
  return true;
}

bool AssignApproval(Event& event, simdjson::dom::element value) {
  return value["count"].get_int64().get(event.approval_count) == simdjson::SUCCESS &&
         value["required"].get_int64().get(event.approvals_required) == simdjson::SUCCESS;
}

template <typename T>
bool Assign(T& member, simdjson::dom::element value, unsigned& seen, unsigned bit) {
  seen |= bit;
  return Assign(member, value);
}

// A stored line with its times as text.
struct DecodedLine {
  Event event;
  std::string ts;
  std::string occurred_at;
};

// Several times as fast as DecodeSlowly(). No value for what it does not take: most of that is
// invalid, but some, such as a number of 30 digits in a payload, is not.
std::optional<DecodedLine> DecodeQuickly(std::string_view line) {
  thread_local simdjson::dom::parser parser;
  simdjson::dom::object object;
  if (parser.parse(line.data(), line.size()).get(object) != simdjson::SUCCESS) return std::nullopt;
  DecodedLine decoded;
  Event& event = decoded.event;
  EventDraft& draft = event.draft;
  unsigned seen = 0;  // of the seven members that every line has, a bit each
  int64_t attempt = 0;
  for (const auto& [key, value] : object) {
    bool is_taken = true;
    if (key == "seq") is_taken = Assign(event.seq, value, seen, 1);
    if (key == "job_seq") is_taken = Assign(event.job_seq, value, seen, 2);
    if (key == "job_id") is_taken = Assign(draft.job_id, value, seen, 4);
    if (key == "event_id") is_taken = Assign(draft.event_id, value, seen, 8);
    if (key == "type") is_taken = Assign(draft.type, value, seen, 16);
    if (key == "ts") is_taken = Assign(decoded.ts, value, seen, 32);
    if (key == "occurred_at") is_taken = Assign(decoded.occurred_at, value, seen, 64);
    if (key == "stage") is_taken = Assign(draft.stage, value);
    if (key == "gate") is_taken = Assign(draft.gate, value);
    if (key == "status") is_taken = Assign(draft.status, value);
    if (key == "level") is_taken = Assign(draft.level, value);
    if (key == "message") is_taken = Assign(draft.message, value);
    if (key == "actor") is_taken = Assign(draft.actor, value);
    if (key == "violations") is_taken = Assign(event.violations, value);
    if (key == "approval") is_taken = AssignApproval(event, value);
    if (key == "attempt") {
      is_taken = Assign(attempt, value);
      draft.attempt = attempt;
    }
    if (!is_taken) return std::nullopt;
  }
  return seen == 127 ? std::optional(std::move(decoded)) : std::nullopt;
}

// Throws nlohmann::json::exception, which says what is wrong.
DecodedLine DecodeSlowly(std::string_view line) {
  const nlohmann::json object = nlohmann::json::parse(line);
  return {EventOf(object), TextMember(object, "ts"), TextMember(object, "occurred_at")};
}

// What is wrong in a line that somebody may have written by hand; empty: nothing. Each name becomes
// part of a path or of a URL.
std::string DraftProblem(const EventDraft& draft) {
  if (!IsJobId(draft.job_id)) return "invalid job_id";
  if (!IsEventId(draft.event_id)) return "invalid event_id";
  if (!draft.stage.empty() && !IsStagePath(draft.stage)) return "invalid stage path";
  if (!draft.gate.empty() && !IsName(draft.gate)) return "invalid gate name";
  if (draft.attempt && (*draft.attempt < 1 || *draft.attempt > kMaxAttempt)) {
    return "attempt is out of range";
  }
  return "";
}

}  // namespace

SealedLine EncodeEvent(const Event& event, std::string_view previous_hash) {
  SealedLine line;
  line.body = EncodeWithoutHash(event);
  line.hash = Sha256Hex(previous_hash, line.body);
  line.body.pop_back();
  line.body += kHashKey;
  line.body += line.hash;
  line.body += "\"}";
  return line;
}

EventView ViewEvent(std::string_view body) {
  EventView view;
  for (JsonMembers members(body); members.Next();) {
    const std::string_view key = members.key();
    const std::string_view value = members.value();
    if (key == "seq") view.seq = NumberOf(value);
    if (key == "job_seq") view.job_seq = NumberOf(value);
    if (key == "job_id") view.job_id = Unquoted(value);
    if (key == "ts") view.ts = Unquoted(value);
    if (key == "occurred_at") view.occurred_at = Unquoted(value);
    if (key == "event_id") view.event_id = Unquoted(value);
    if (key == "type") view.type = Unquoted(value);
    if (key == "stage") view.stage = Unquoted(value);
    if (key == "gate") view.gate = Unquoted(value);
    if (key == "status") view.status = Unquoted(value);
    if (key == "level") view.level = Unquoted(value);
    if (key == "message") view.message = Unquoted(value);
    if (key == "payload") view.payload = value;
    if (key == "attempt") view.attempt = NumberOf(value);
    if (key == "actor") view.actor = Unquoted(value);
    if (key == "violations") view.violations = value;
    if (key == "approval") view.approval = value;
    if (key == "hash") view.hash = Unquoted(value);
  }
  return view;
}

std::string PartialApprovalText(const EventView& view) {
  Event event;
  if (!view.approval.empty()) ReadApproval(view.approval, event);
  if (event.approval_count >= event.approvals_required) return "";
  return " (" + std::to_string(event.approval_count) + " of " +
         std::to_string(event.approvals_required) + ")";
}

Result<Event> DecodeStoredEvent(std::string_view line) {
  // nlohmann_json passes over a byte order mark, and takes a NUL for the end of the text.
  if (!line.starts_with('{')) return Failure("does not start with '{'");
  if (line.find('\0') != std::string_view::npos) return Failure("contains a NUL byte");
  try {
    std::optional<DecodedLine> decoded = DecodeQuickly(line);
    if (!decoded) decoded = DecodeSlowly(line);
    Event& event = decoded->event;
    const TypeTraits* traits = FindType(event.draft.type);
    if (traits == nullptr) return Failure("unknown type '" + event.draft.type + "'");
    event.draft.kind = traits->type;
    const std::string problem = DraftProblem(event.draft);
    if (!problem.empty()) return Failure(problem);
    const std::optional<int64_t> ts = ParseTimestamp(decoded->ts);
    const std::optional<int64_t> occurred = ParseTimestamp(decoded->occurred_at);
    if (!ts || !occurred) return Failure("invalid ts or occurred_at");
    event.ts_micros = *ts;
    event.draft.occurred_at_micros = *occurred;
    event.draft.payload = ViewEvent(line).payload;
    return std::move(event);
  } catch (const nlohmann::json::exception& problem) {
    // The library's text begins with the name of the exception in brackets.
    const std::string text = problem.what();
    const size_t name_end = text.starts_with("[json.exception") ? text.find("] ") : text.npos;
    return Failure(name_end == text.npos ? text : text.substr(name_end + 2));
  }
}

std::optional<Event> SliceStoredEvent(std::string_view line) {
  const EventView view = ViewEvent(line);
  for (const std::string_view text :
       {view.job_id, view.stage, view.gate, view.message, view.actor}) {
    if (text.find('\\') != std::string_view::npos) return std::nullopt;
  }
  const TypeTraits* traits = FindType(view.type);
  const std::optional<int64_t> ts = ParseTimestamp(view.ts);
  const std::optional<int64_t> occurred_at =
      view.occurred_at == view.ts ? ts : ParseTimestamp(view.occurred_at);
  if (!view.violations.empty() || traits == nullptr || !ts || !occurred_at || view.seq <= 0 ||
      view.job_seq <= 0) {
    return std::nullopt;
  }
  Event event;
  event.seq = view.seq;
  event.job_seq = view.job_seq;
  event.ts_micros = *ts;
  EventDraft& draft = event.draft;
  draft.occurred_at_micros = *occurred_at;
  draft.kind = traits->type;
  draft.type = view.type;
  draft.job_id = view.job_id;
  draft.stage = view.stage;
  draft.gate = view.gate;
  if (view.attempt > 0) draft.attempt = view.attempt;
  draft.message = view.message;
  draft.payload = view.payload;
  draft.actor = view.actor;
  if (!view.approval.empty()) ReadApproval(view.approval, event);
  return event;
}

std::string_view StoredHash(std::string_view line) {
  if (line.size() <= kHashTail || !line.ends_with("\"}")) return {};
  const std::string_view tail = line.substr(line.size() - kHashTail);
  return tail.starts_with(kHashKey) ? tail.substr(kHashKey.size(), kHashDigits)
                                    : std::string_view();
}

std::string_view WithoutHash(std::string_view line) {
  return StoredHash(line).empty() ? line : line.substr(0, line.size() - kHashTail);
}

std::string ComputeHash(std::string_view line, std::string_view previous_hash) {
  if (StoredHash(line).empty()) return "";
  std::string unsealed(previous_hash);
  unsealed += WithoutHash(line);
  unsealed += '}';
  return Sha256Hex(unsealed);
}

bool VerifyHash(std::string_view line, std::string_view previous_hash) {
  const std::string_view stored = StoredHash(line);
  return !stored.empty() && ComputeHash(line, previous_hash) == stored;
}

}  // namespace stagelog
