#include "cli/send/level_reader.h"

#include <algorithm>
#include <charconv>
#include <initializer_list>
#include <optional>

#include "base/nearest.h"
#include "cli/send/text_level.h"
#include "core/json_text.h"
#include "core/vocabulary.h"

namespace stagelog::cli {
namespace {

// Keys beside a number that hold its word.
constexpr std::string_view kWordKeys[] = {
    "levelname",     "level_name",    "levelName",     "level_label",   "level_text",
    "levelText",     "severity_text", "severityText",  "SeverityText",  "severity_label",
    "severity_name", "severityName",  "priority_name", "PRIORITY_NAME", "loglevel",
    "level",         "severity",      "lvl",           "log.level"};

constexpr const char* kOfText =
    "levels were read from message prefixes such as [INFO], WARN: or <3>";

std::optional<double> NumberOf(const std::string& text) {
  double number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

bool HasAll(const ForeignLine& line, std::initializer_list<std::string_view> keys) {
  for (const std::string_view key : keys) {
    if (!line.has_key(key)) return false;
  }
  return true;
}

struct Guess {
  const char* scale;
  std::string reason;
};

// The scale that the line's keys give away.
std::optional<Guess> GuessScale(const ForeignLine& line, const std::string& key) {
  if (key == "PRIORITY") {
    for (const std::string_view other :
         {"__REALTIME_TIMESTAMP", "__CURSOR", "_BOOT_ID", "SYSLOG_IDENTIFIER", "MESSAGE"}) {
      if (line.has_key(other)) return Guess{"syslog", "'" + std::string(other) + "' is journald's"};
    }
  }
  if (key == "levelno") return Guess{"python", "'levelno' is Python's"};
  if (key == "severityNumber" || key == "SeverityNumber" || key == "severity_number") {
    return Guess{"otel", "'" + key + "' is OpenTelemetry's"};
  }
  if (key == "level_value") return Guess{"logback", "'level_value' is logback's"};
  if (key != "level") return std::nullopt;
  if (HasAll(line, {"version", "host", "short_message"})) {
    return Guess{"syslog", "the line is GELF"};
  }
  if (HasAll(line, {"v", "name", "hostname", "pid"}))
    return Guess{"bunyan", "the line is bunyan's"};
  if (HasAll(line, {"pid", "hostname", "time"})) return Guess{"pino", "the line is pino's"};
  return std::nullopt;
}

}  // namespace

CliResult<std::string> LevelReader::Read(const ForeignLine& line, const ForeignLine::Place& place) {
  const std::string text = TextOfScalar(*place.member);
  if (const std::string_view level = LevelOfWord(text); !level.empty()) return std::string(level);
  if (IsNoLevelWord(text)) return std::string();
  if (const auto number = NumberOf(text)) return ReadNumber(line, place, *number);
  const std::string_view nearest = NearestWord(text, AllLevels());
  return Fail(ExitCode::kUsage,
              "unknown level '" + QuotableText(text, 80) + "'" +
                  (nearest.empty() ? "" : "; did you mean '" + std::string(nearest) + "'?"));
}

CliResult<std::string> LevelReader::ReadNumber(const ForeignLine& line,
                                               const ForeignLine::Place& place, double number) {
  const std::string& key = place.member->key;
  const std::string shown = "level " + QuotableText(TextOfScalar(*place.member), 40);
  const auto on_scale = [&](const LevelScale& scale) -> CliResult<std::string> {
    const std::string_view level = LevelOfNumber(scale, number);
    const bool is_custom = (scale.name == "pino" || scale.name == "bunyan") && number < 10;
    if (!level.empty() && is_custom) {
      guess_ = "numbers below 10 in '" + QuotableText(key, 80) + "' are not levels of " +
               std::string(scale.name) + "'s own and were read as debug";
    }
    if (!level.empty()) return std::string(level);
    return Fail(ExitCode::kUsage,
                shown + " is not a level of the scale '" + std::string(scale.name) + "'");
  };
  if (scale_ != nullptr) return on_scale(*scale_);
  for (const JsonMember& member : *place.object) {
    const bool is_word_key =
        &member != place.member && member.kind == JsonMember::Kind::kText &&
        std::find(std::begin(kWordKeys), std::end(kWordKeys), member.key) != std::end(kWordKeys);
    const std::string_view level = is_word_key ? LevelOfWord(member.text) : std::string_view();
    if (level.empty()) continue;
    guess_ = "the numbers in '" + QuotableText(key, 80) +
             "' were interpreted using the words in '" + member.key + "'";
    return std::string(level);
  }
  const auto guess = GuessScale(line, key);
  if (!guess) {
    return Fail(ExitCode::kUsage, shown +
                                      " is a number of an unknown scale; "
                                      "choose one with --level-scale (" +
                                      JoinWords(LevelScaleNames()) + ")");
  }
  auto level = on_scale(*FindLevelScale(guess->scale));
  if (level) {
    const std::string custom = guess_.empty() ? "" : "; " + guess_;
    guess_ = "the numbers in '" + QuotableText(key, 80) + "' were interpreted on the scale '" +
             guess->scale + "' because " + guess->reason + custom;
  }
  return level;
}

std::string LevelReader::ReadText(const std::string& text) {
  const std::string_view level = LevelOfText(text);
  if (!level.empty()) guess_ = kOfText;
  return std::string(level);
}

void LevelReader::CountLine() {
  if (!guess_.empty()) ++guesses_[guess_];
  guess_.clear();
}

std::vector<std::string> LevelReader::Remarks() const {
  std::vector<std::string> remarks;
  for (const auto& [guess, lines] : guesses_) {
    remarks.push_back(guess + " (" + std::to_string(lines) + (lines == 1 ? " line" : " lines") +
                      (guess == kOfText ? "); a field given with --level-field takes precedence"
                                        : "); use --level-scale to change that"));
  }
  return remarks;
}

}  // namespace stagelog::cli
