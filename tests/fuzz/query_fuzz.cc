// The query of a poll or a stream: what is accepted has a canonical form that means the same, and a
// filter admits exactly what it says.
#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>

#include "base/check.h"
#include "base/timestamp.h"
#include "core/event_codec.h"
#include "core/query.h"
#include "core/vocabulary.h"
#include "tests/fuzz/fuzz_target.h"

namespace stagelog {
namespace {

constexpr int64_t kNowMicros = 1'795'246'862'000'000;  // 2026-11-21T07:41:02Z

using Parameters = std::map<std::string, std::string>;

// name=value&name=value, already decoded; of a name given twice the first counts.
Parameters ReadParameters(std::string_view query) {
  Parameters parameters;
  while (!query.empty()) {
    const size_t end = std::min(query.find('&'), query.size());
    const std::string_view pair = query.substr(0, end);
    query.remove_prefix(std::min(end + 1, query.size()));
    const size_t equal = std::min(pair.find('='), pair.size());
    const std::string_view value = pair.substr(std::min(equal + 1, pair.size()));
    parameters.emplace(pair.substr(0, equal), value);
  }
  return parameters;
}

ParameterLookup LookupIn(const Parameters& parameters) {
  return [&parameters](const std::string& name) -> std::optional<std::string> {
    const auto found = parameters.find(name);
    if (found == parameters.end()) return std::nullopt;
    return found->second;
  };
}

void CheckRefusal(const Refusal& refusal) {
  CheckSameText("code", refusal.code, "invalid_parameter");
  CheckIsUtf8("detail", refusal.detail);
  STAGELOG_CHECK(!refusal.field.empty());
}

std::string Joined(const std::vector<std::string>& items) {
  std::string text;
  for (size_t i = 0; i < items.size(); ++i) text += (i == 0 ? "" : ",") + items[i];
  return text;
}

bool SameFilter(const EventFilter& a, const EventFilter& b) {
  return a.types == b.types && a.stages == b.stages && a.levels == b.levels && a.jobs == b.jobs &&
         a.text == b.text;
}

// The filter spelled anew. Its text is escaped as in a stored line.
Parameters Canonical(const EventFilter& filter, const std::string& text) {
  Parameters canonical;
  if (!filter.types.empty()) canonical["type"] = Joined(filter.types);
  if (!filter.stages.empty()) canonical["stage"] = Joined(filter.stages);
  if (!filter.levels.empty()) canonical["level"] = Joined(filter.levels);
  if (!filter.jobs.empty()) canonical["job"] = Joined(filter.jobs);
  if (!filter.text.empty()) canonical["q"] = text;
  return canonical;
}

std::string Lowered(std::string text) {
  for (char& c : text) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
  return text;
}

std::string LineOf(const std::string& type, const std::string& stage, const std::string& level,
                   const std::string& job, const std::string& message) {
  Event event;
  event.seq = event.job_seq = 1;
  event.ts_micros = kNowMicros;
  event.draft.event_id = "e";
  event.draft.type = type;
  event.draft.stage = stage;
  event.draft.level = level;
  event.draft.job_id = job;
  event.draft.message = message;
  return EncodeEvent(event, "").body;
}

// An event made of the filter is admitted, and is not when any one condition fails.
void CheckMatches(const EventFilter& filter, const std::string& text) {
  const auto first = [](const std::vector<std::string>& list, const char* other) {
    return list.empty() ? std::string(other) : list.back();
  };
  const std::string type = first(filter.types, "log");
  const std::string stage = first(filter.stages, "");
  const std::string level = first(filter.levels, "info");
  const std::string job = first(filter.jobs, "job");
  const std::string message = "<" + text + ">";
  STAGELOG_CHECK(filter.Matches(LineOf(type, stage, level, job, message)));
  if (!filter.types.empty()) {
    STAGELOG_CHECK(!filter.Matches(LineOf("x-no-such-type-here", stage, level, job, message)) ||
                   Joined(filter.types).find("x-no-such") != std::string::npos);
  }
  if (!filter.jobs.empty()) {
    STAGELOG_CHECK(!filter.Matches(LineOf(type, stage, level, job + "~", message)));
  }
  if (!filter.stages.empty()) {
    STAGELOG_CHECK(!filter.Matches(LineOf(type, stage + "~", level, job, message)));
  }
  if (!filter.levels.empty()) {
    STAGELOG_CHECK(!filter.Matches(LineOf(type, stage, level + "~", job, message)));
  }
}

void CheckFilter(const Parameters& parameters) {
  const auto filter = ParseFilter(LookupIn(parameters));
  if (!filter) return CheckRefusal(filter.error());
  const auto q = parameters.find("q");
  const std::string text = q == parameters.end() ? "" : Lowered(q->second);
  const Parameters canonical = Canonical(*filter, text);
  const auto again = ParseFilter(LookupIn(canonical));
  STAGELOG_CHECK(again && SameFilter(*again, *filter));
  STAGELOG_CHECK(filter->empty() == canonical.empty());
  CheckMatches(*filter, text);
}

void CheckSince(const std::string& text) {
  const auto position = ParseSince(text, kNowMicros);
  if (!position) return CheckRefusal(position.error());
  STAGELOG_CHECK(position->kind != Position::Kind::kCursor);
  if (position->kind != Position::Kind::kTime) return;
  const std::string canonical = FormatTimestamp(position->value);
  const auto again = ParseSince(canonical, kNowMicros);
  STAGELOG_CHECK(again.has_value());
  CheckSameText("time", FormatTimestamp(again->value), canonical);
  STAGELOG_CHECK(*again == *position);
}

void CheckNumbers(const std::string& text) {
  if (const auto cursor = ParseCursor(text)) {
    STAGELOG_CHECK(*cursor >= 0 && ParseCursor(std::to_string(*cursor)) == cursor);
    STAGELOG_CHECK(text.find_first_not_of("0123456789") == std::string::npos);
  }
  const auto limit = ParseLimit(text);
  if (!limit) return CheckRefusal(limit.error());
  STAGELOG_CHECK(*limit >= 1 && *limit <= 10'000);
  STAGELOG_CHECK(ParseLimit(std::to_string(*limit)).value_or(0) == *limit);
}

void CheckWordList(const Parameters& parameters) {
  const auto words = ParseWordList(LookupIn(parameters), "level", AllLevels());
  if (!words) return CheckRefusal(words.error());
  for (const std::string& word : *words) STAGELOG_CHECK(IsLevel(word));
}

}  // namespace

STAGELOG_FUZZ_TARGET(query) {
  const Parameters parameters = ReadParameters(input);
  CheckFilter(parameters);
  CheckWordList(parameters);
  for (const auto& [name, value] : parameters) {
    CheckSince(value);
    CheckNumbers(value);
    CheckSameText("list", Joined(SplitList(value)), value);
  }
}

}  // namespace stagelog
