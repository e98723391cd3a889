#include "core/level_words.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <iterator>
#include <string>
#include <utility>

#include "base/text.h"
#include "core/vocabulary.h"

namespace stagelog {
namespace {

constexpr std::string_view kDebug = "debug";
constexpr std::string_view kInfo = "info";
constexpr std::string_view kWarning = "warning";
constexpr std::string_view kError = "error";
constexpr std::string_view kCritical = "critical";

// In lower case.
constexpr std::pair<std::string_view, std::string_view> kWords[] = {{"debug", kDebug},
                                                                    {"dbg", kDebug},
                                                                    {"dbug", kDebug},
                                                                    {"deb", kDebug},
                                                                    {"trace", kDebug},
                                                                    {"trc", kDebug},
                                                                    {"trce", kDebug},
                                                                    {"tracing", kDebug},
                                                                    {"verbose", kDebug},
                                                                    {"verb", kDebug},
                                                                    {"vrb", kDebug},
                                                                    {"fine", kDebug},
                                                                    {"finer", kDebug},
                                                                    {"finest", kDebug},
                                                                    {"config", kDebug},
                                                                    {"silly", kDebug},
                                                                    {"spam", kDebug},
                                                                    {"diagnostic", kDebug},
                                                                    {"detail", kDebug},
                                                                    {"debugging", kDebug},
                                                                    {"t", kDebug},
                                                                    {"d", kDebug},
                                                                    {"v", kDebug},
                                                                    {"info", kInfo},
                                                                    {"inf", kInfo},
                                                                    {"information", kInfo},
                                                                    {"informational", kInfo},
                                                                    {"notice", kInfo},
                                                                    {"note", kInfo},
                                                                    {"success", kInfo},
                                                                    {"ok", kInfo},
                                                                    {"log", kInfo},
                                                                    {"audit", kInfo},
                                                                    {"http", kInfo},
                                                                    {"default", kInfo},
                                                                    {"i", kInfo},
                                                                    {"n", kInfo},
                                                                    {"warning", kWarning},
                                                                    {"warn", kWarning},
                                                                    {"wrn", kWarning},
                                                                    {"wng", kWarning},
                                                                    {"caution", kWarning},
                                                                    {"w", kWarning},
                                                                    {"error", kError},
                                                                    {"err", kError},
                                                                    {"eror", kError},
                                                                    {"severe", kError},
                                                                    {"fail", kError},
                                                                    {"failure", kError},
                                                                    {"failed", kError},
                                                                    {"exception", kError},
                                                                    {"e", kError},
                                                                    {"critical", kCritical},
                                                                    {"crit", kCritical},
                                                                    {"crt", kCritical},
                                                                    {"fatal", kCritical},
                                                                    {"ftl", kCritical},
                                                                    {"fatl", kCritical},
                                                                    {"emergency", kCritical},
                                                                    {"emerg", kCritical},
                                                                    {"alert", kCritical},
                                                                    {"panic", kCritical},
                                                                    {"dpanic", kCritical},
                                                                    {"catastrophe", kCritical},
                                                                    {"pnc", kCritical},
                                                                    {"assert", kCritical},
                                                                    {"c", kCritical},
                                                                    {"f", kCritical},
                                                                    {"a", kCritical}};

constexpr std::array<LevelScale, 11> kScales = {{
    {.name = "syslog",  // RFC 5424; journald's PRIORITY, GELF
     .falls = true,
     .least = 0,
     .greatest = 7,
     .info = 6,
     .warning = 4,
     .error = 3,
     .critical = 2},
    {.name = "pino",
     .least = 0,
     .greatest = 100,
     .info = 30,
     .warning = 40,
     .error = 50,
     .critical = 60},
    {.name = "bunyan",
     .least = 0,
     .greatest = 100,
     .info = 30,
     .warning = 40,
     .error = 50,
     .critical = 60},
    {.name = "python",
     .least = 0,
     .greatest = 100,
     .info = 20,
     .warning = 30,
     .error = 40,
     .critical = 50},
    {.name = "otel",  // OpenTelemetry's SeverityNumber
     .least = 1,
     .greatest = 24,
     .info = 9,
     .warning = 13,
     .error = 17,
     .critical = 21},
    {.name = "slog",
     .least = -100,
     .greatest = 100,
     .info = 0,
     .warning = 4,
     .error = 8,
     .critical = 12},
    {.name = "zap", .least = -1, .greatest = 5, .info = 0, .warning = 1, .error = 2, .critical = 3},
    {.name = "monolog",
     .least = 0,
     .greatest = 1'000,
     .info = 200,
     .warning = 300,
     .error = 400,
     .critical = 500},
    {.name = "gcp",
     .least = 0,
     .greatest = 1'000,
     .info = 200,
     .warning = 400,
     .error = 500,
     .critical = 600},
    {.name = "logback",
     .least = 0,
     .greatest = 100'000,
     .info = 20'000,
     .warning = 30'000,
     .error = 40'000,
     .critical = 50'000},
    {.name = "java",  // java.util.logging
     .least = 0,
     .greatest = 10'000,
     .info = 800,
     .warning = 900,
     .error = 1'000,
     .critical = 1'001},
}};

std::string_view Lookup(std::string_view word) {
  for (const auto& [theirs, ours] : kWords) {
    if (theirs == word) return ours;
  }
  return {};
}

// log/slog prints a level that has no name as the one below it and the distance: "WARN+1".
std::string_view LevelWithDistance(const std::string& word) {
  const size_t sign = word.find_first_of("+-");
  if (sign == std::string::npos) return {};
  const std::string_view base = Lookup(std::string_view(word).substr(0, sign));
  int64_t distance = 0;
  const char* first = word.data() + sign + (word[sign] == '+' ? 1 : 0);
  const auto [end, error] = std::from_chars(first, word.data() + word.size(), distance);
  const bool is_number = error == std::errc() && end == word.data() + word.size();
  if (base.empty() || !is_number || distance < -100 || distance > 100) return {};
  const int64_t start = base == kDebug     ? -4
                        : base == kInfo    ? 0
                        : base == kWarning ? 4
                        : base == kError   ? 8
                                           : 12;
  return LevelOfNumber(*FindLevelScale("slog"),
                       static_cast<double>(std::clamp<int64_t>(start + distance, -100, 100)));
}

// A word with a degree: Postgres' DEBUG1 to DEBUG5, MongoDB's D1 to D5, OpenTelemetry's WARN2.
std::string_view LevelWithDegree(std::string_view word) {
  constexpr std::string_view kWithDegrees[] = {"trace", "debug", "info", "warn",
                                               "error", "fatal", "d"};
  if (word.size() < 2 || word.back() < '1' || word.back() > '9') return {};
  word.remove_suffix(1);
  const bool has_degrees =
      std::find(std::begin(kWithDegrees), std::end(kWithDegrees), word) != std::end(kWithDegrees);
  return has_degrees ? Lookup(word) : std::string_view();
}

std::string_view LevelOfPlainWord(const std::string& word) {
  const std::string_view level = Lookup(word);
  if (!level.empty()) return level;
  const std::string_view degree = LevelWithDegree(word);
  return degree.empty() ? LevelWithDistance(word) : degree;
}

// `text` without the sequences of a terminal that set colors.
std::string WithoutColors(std::string_view text) {
  std::string plain;
  while (!text.empty()) {
    const size_t end = text.starts_with("\x1b[") ? text.find('m', 2) : text.npos;
    const bool is_color = end != text.npos && text.find_first_not_of("0123456789;", 2) == end;
    if (!is_color) plain += text.front();
    text.remove_prefix(is_color ? end + 1 : 1);
  }
  return plain;
}

// "info" of "info[0000]", "warn" of "warn(30)".
std::string_view WithoutNumberBehind(std::string_view word) {
  const bool is_square = word.ends_with(']');
  if (!is_square && !word.ends_with(')')) return word;
  const size_t open = word.rfind(is_square ? '[' : '(');
  if (open == word.npos || open == 0) return word;
  const std::string_view inside = word.substr(open + 1, word.size() - open - 2);
  const bool is_number = !inside.empty() && inside.find_first_not_of("0123456789") == inside.npos;
  return is_number ? word.substr(0, open) : word;
}

// What may stand around a word: punctuation, and symbols that are not ASCII.
bool IsMark(char c) {
  constexpr std::string_view kMarks = " \t[](){}<>*_:|,.!\"'=#-";
  constexpr unsigned char kLastOfAscii = 0x7f;
  return static_cast<unsigned char>(c) > kLastOfAscii || kMarks.find(c) != kMarks.npos;
}

// A plain word without what stands around it.
std::string Undecorated(const std::string& word) {
  constexpr std::string_view kPrefixes[] = {"loglevel.", "level.",    "log_level_",
                                            "logging.",  "severity.", "severity_number_",
                                            "log_",      "loglevel_", "level_"};
  const std::string colorless = WithoutColors(word);
  std::string_view rest = colorless;
  const auto trim = [&rest] {
    while (!rest.empty() && IsMark(rest.front())) rest.remove_prefix(1);
    while (!rest.empty() && IsMark(rest.back())) rest.remove_suffix(1);
  };
  const size_t blank = rest.find_last_not_of(" \t");
  rest = WithoutNumberBehind(rest.substr(0, blank == rest.npos ? 0 : blank + 1));
  trim();
  rest = WithoutNumberBehind(rest);
  for (const std::string_view prefix : kPrefixes) {
    if (!rest.starts_with(prefix)) continue;
    rest.remove_prefix(prefix.size());
    break;
  }
  trim();
  return std::string(rest);
}

}  // namespace

std::string_view LevelOfWord(std::string_view text) {
  constexpr size_t kLongestWord = 64;
  if (text.size() > kLongestWord) return {};
  for (const std::string_view level : AllLevels()) {
    if (level == text) return level;  // as nearly all are
  }
  const std::string word = LowerCase(Trimmed(text));
  const std::string_view level = LevelOfPlainWord(word);
  return level.empty() ? LevelOfPlainWord(Undecorated(word)) : level;
}

bool IsNoLevelWord(std::string_view text) {
  constexpr std::string_view kNone[] = {"off",     "none",        "unknown",   "notset",
                                        "not_set", "unspecified", "undefined", "unset",
                                        "null",    "nil",         "n/a",       "-"};
  constexpr size_t kLongestWord = 64;
  if (text.size() > kLongestWord) return false;
  const std::string word = LowerCase(Trimmed(text));
  const auto is_none = [&](const std::string& plain) {
    return std::find(std::begin(kNone), std::end(kNone), plain) != std::end(kNone);
  };
  return is_none(word) || is_none(Undecorated(word));
}

const LevelScale* FindLevelScale(std::string_view name) {
  const std::string word = LowerCase(Trimmed(name));
  for (const LevelScale& scale : kScales) {
    if (scale.name == word) return &scale;
  }
  return nullptr;
}

std::vector<std::string_view> LevelScaleNames() {
  std::vector<std::string_view> names;
  for (const LevelScale& scale : kScales) names.push_back(scale.name);
  return names;
}

std::string_view LevelOfNumber(const LevelScale& scale, double number) {
  const bool is_on_it =
      number >= static_cast<double>(scale.least) && number <= static_cast<double>(scale.greatest);
  if (!is_on_it) return {};
  const double sign = scale.falls ? -1 : 1;
  const auto reaches = [&](int64_t step) {
    return sign * number >= sign * static_cast<double>(step);
  };
  if (reaches(scale.critical)) return kCritical;
  if (reaches(scale.error)) return kError;
  if (reaches(scale.warning)) return kWarning;
  return reaches(scale.info) ? kInfo : kDebug;
}

}  // namespace stagelog
