#include "core/query.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <cmath>
#include <cstring>

#include "base/duration.h"
#include "base/nearest.h"
#include "base/text.h"
#include "base/timestamp.h"
#include "core/identifier.h"
#include "core/json_text.h"
#include "core/level_words.h"
#include "core/type_names.h"
#include "core/vocabulary.h"

namespace stagelog {
namespace {

bool Admits(const std::vector<std::string>& list, std::string_view value) {
  return list.empty() || std::find(list.begin(), list.end(), value) != list.end();
}

Refusal InvalidParameter(std::string_view name, std::string detail) {
  return {.code = "invalid_parameter", .detail = std::move(detail), .field = std::string(name)};
}

// The list in parameter `name`, each item accepted by `is_valid`; `rule` says what an item must be.
tl::expected<std::vector<std::string>, Refusal> ParseList(
    const ParameterLookup& parameters, const std::string& name,
    const std::function<std::string(const std::string&)>& complaint) {
  const std::optional<std::string> text = parameters(name);
  if (!text) return std::vector<std::string>();
  std::vector<std::string> items = SplitList(*text);
  if (items.size() > 100) {
    return tl::unexpected(InvalidParameter(name, "'" + name + "' has more than 100 values"));
  }
  for (const std::string& item : items) {
    const std::string problem = complaint(item);
    if (!problem.empty()) return tl::unexpected(InvalidParameter(name, problem));
  }
  return items;
}

std::string TypeComplaint(const std::string& name) {
  if (FindType(name) != nullptr) return "";
  return "unknown type '" + QuotableText(name, 80) + "'" + DidYouMean(name, TypeNames());
}

std::string LevelComplaint(const std::string& name) {
  if (!LevelOfWord(name).empty()) return "";
  return "unknown level '" + QuotableText(name, 80) + "'" + DidYouMean(name, AllLevels());
}

std::string StageComplaint(const std::string& name) {
  return IsStagePath(name) ? "" : "'stage' contains an invalid stage name";
}

std::string JobComplaint(const std::string& name) {
  return IsJobId(name) ? "" : "'job' contains an invalid job id";
}

// RFC 3339 (section 5.6), also as it is printed, with a blank before the zone ("... +01:00",
// "... UTC"). In a query a '+' means a blank: 10:00:00 02:00 was 10:00:00+02:00.
std::optional<int64_t> ParseTimeOfQuery(std::string_view text) {
  std::string time = ExtendedForm(text).value_or(std::string(text));
  const size_t blank = time.size() > 19 ? time.find(' ', 19) : std::string::npos;
  if (blank != std::string::npos) {
    const size_t zone_at = time.find_first_not_of(' ', blank);
    const std::string zone = zone_at == std::string::npos ? "" : time.substr(zone_at);
    time.resize(blank);
    if (zone == "UTC") {
      time += 'Z';
    } else {
      time += zone.starts_with('+') || zone.starts_with('-') ? zone : "+" + zone;
    }
  }
  const std::optional<ForeignTime> read = ParseForeignTime(time);
  return read && read->has_zone ? std::optional<int64_t>(read->micros) : std::nullopt;
}

std::optional<double> ParseNumber(std::string_view text) {
  double value = 0;
  const auto [end, error] =
      std::from_chars(text.data(), text.data() + text.size(), value, std::chars_format::fixed);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

}  // namespace

const std::string& FilterSubject::Text() const {
  if (!text_.empty()) return text_;
  for (const std::string_view part :
       {view_.message, view_.type, view_.stage, view_.gate, view_.payload}) {
    text_ += part;
    text_ += '\n';  // stands in no stored line: nothing is found across two parts
  }
  for (char& c : text_) c = LowerCase(c);
  return text_;
}

bool EventFilter::Matches(const FilterSubject& subject) const {
  const EventView& view = subject.view();
  if (!Admits(types, view.type) || !Admits(stages, view.stage) || !Admits(levels, view.level) ||
      !Admits(jobs, view.job_id)) {
    return false;
  }
  if (text.empty()) return true;
  // Linear for every text; std::string::find() is not for "aaaa...b" in "aaaa...".
  const std::string& where = subject.Text();
  return ::memmem(where.data(), where.size(), text.data(), text.size()) != nullptr;
}

std::optional<int64_t> ParseCursor(std::string_view text) {
  int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || text.empty()) return std::nullopt;
  if (text.front() == '-') return std::nullopt;
  return value;
}

tl::expected<Position, Refusal> ParseSince(std::string_view text, int64_t now_micros) {
  if (text == "all") return Position{Position::Kind::kBeginning, 0};
  if (text == "now") return Position{Position::Kind::kNow, 0};
  if (const std::optional<double> number = ParseNumber(text)) {
    if (*number < 1e9) {
      return tl::unexpected(InvalidParameter(
          "since", "'since' must be a time, not " + std::string(text.substr(0, 40)) +
                       "; did you mean after=" + std::string(text.substr(0, 40)) + "?"));
    }
    if (const auto micros = ParseUnixTime(text)) return Position{Position::Kind::kTime, *micros};
  }
  if (const std::optional<int64_t> duration = ParseDuration(text)) {
    return Position{Position::Kind::kTime, now_micros - *duration};
  }
  const bool is_number = text.find_first_of(":Tt") == std::string_view::npos;  // judged above
  const auto micros = is_number ? std::nullopt : ParseTimeOfQuery(text);
  if (micros) return Position{Position::Kind::kTime, *micros};
  return tl::unexpected(InvalidParameter(
      "since",
      "'since' must be an RFC 3339 time with a zone (2026-11-21T07:41:02Z), Unix seconds or "
      "milliseconds (or finer), a duration (90s, 10m, 1h30m, 7d), 'all' or 'now'"));
}

tl::expected<EventFilter, Refusal> ParseFilter(const ParameterLookup& parameters) {
  EventFilter filter;
  const std::array<
      std::tuple<const char*, std::vector<std::string>*, std::string (*)(const std::string&)>, 4>
      lists = {{{"type", &filter.types, TypeComplaint},
                {"stage", &filter.stages, StageComplaint},
                {"level", &filter.levels, LevelComplaint},
                {"job", &filter.jobs, JobComplaint}}};
  for (const auto& [name, list, complaint] : lists) {
    auto items = ParseList(parameters, name, complaint);
    if (!items) return tl::unexpected(std::move(items.error()));
    *list = std::move(*items);
  }
  for (std::string& level : filter.levels) level = LevelOfWord(level);
  const std::string text = parameters("q").value_or("");
  if (text.size() > 1024) {
    return tl::unexpected(InvalidParameter("q", "'q' is longer than 1024 bytes"));
  }
  AppendJsonEscaped(filter.text, LowerCase(text));
  return filter;
}

std::vector<std::string> SplitList(std::string_view text) {
  std::vector<std::string> items;
  while (true) {
    const size_t comma = text.find(',');
    items.emplace_back(text.substr(0, comma));
    if (comma == std::string_view::npos) return items;
    text.remove_prefix(comma + 1);
  }
}

tl::expected<std::vector<std::string>, Refusal> ParseWordList(
    const ParameterLookup& parameters, const std::string& name,
    std::span<const std::string_view> known) {
  return ParseList(parameters, name, [&](const std::string& word) -> std::string {
    if (std::find(known.begin(), known.end(), word) != known.end()) return "";
    return "unknown " + name + " '" + QuotableText(word, 80) + "'" + DidYouMean(word, known);
  });
}

tl::expected<size_t, Refusal> ParseLimit(const std::optional<std::string>& text) {
  if (!text) return size_t{100};
  const std::optional<int64_t> value = ParseCursor(*text);
  if (!value || *value < 1 || *value > 10'000) {
    return tl::unexpected(
        InvalidParameter("limit", "'limit' must be a whole number from 1 to 10000"));
  }
  return static_cast<size_t>(*value);
}

StreamStart ParseStreamStart(const std::optional<std::string>& last_event_id_header,
                             const ParameterLookup& parameters, const std::string& journal_id,
                             int64_t now_micros) {
  StreamStart start;
  const std::optional<std::string> journal = parameters("journal");
  start.foreign_journal = journal && *journal != journal_id;
  std::optional<std::string> cursor = last_event_id_header;
  for (const char* name : {"last_event_id", "lastEventId", "evs_last_event_id", "after"}) {
    if (!cursor) cursor = parameters(name);
  }
  if (cursor) {
    if (const std::optional<int64_t> seq = ParseCursor(*cursor)) {
      start.position = Position{Position::Kind::kCursor, *seq};
    } else {
      start.unreadable = cursor->empty() ? "(empty)" : QuotableText(*cursor, 128);
    }
    return start;
  }
  if (const std::optional<std::string> since = parameters("since")) {
    if (const auto position = ParseSince(*since, now_micros)) {
      start.position = *position;
    } else {
      start.unreadable = since->empty() ? "(empty)" : QuotableText(*since, 128);
    }
  }
  return start;
}

}  // namespace stagelog
