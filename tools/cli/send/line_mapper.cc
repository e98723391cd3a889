#include "tools/cli/send/line_mapper.h"

#include <algorithm>
#include <cctype>
#include <optional>

#include "base/sha256.h"
#include "base/timestamp.h"
#include "core/draft_decoder.h"
#include "core/identifier.h"
#include "core/json_object_reader.h"
#include "core/json_text.h"
#include "core/vocabulary.h"

namespace stagelog::cli {
namespace {

using Kind = JsonMember::Kind;

std::string LowerCase(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return text;
}

// A scalar as text; none for null, objects and arrays.
std::optional<std::string> TextOf(const JsonMember& member) {
  if (member.kind == Kind::kText) return member.text;
  const bool is_scalar =
      member.kind == Kind::kInteger || member.kind == Kind::kFloat || member.kind == Kind::kBoolean;
  return is_scalar ? std::optional(std::string(member.raw)) : std::nullopt;
}

std::string TypeOf(const std::string& text) {
  if (FindType(text) != nullptr) return text;
  std::string name;
  for (const char c : LowerCase(text)) {
    const bool is_plain = std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '.' || c == '_';
    name += is_plain ? c : '-';
  }
  return "x-" + name.substr(0, 63);
}

// Names as syslog, log4j, Python and pino have them; pino's numbers too.
std::string LevelOf(const std::string& text) {
  static constexpr std::pair<std::string_view, std::string_view> kLevels[] = {
      {"trace", "debug"},    {"verbose", "debug"},  {"notice", "info"},   {"information", "info"},
      {"warn", "warning"},   {"err", "error"},      {"severe", "error"},  {"fatal", "critical"},
      {"emerg", "critical"}, {"alert", "critical"}, {"crit", "critical"}, {"panic", "critical"},
      {"10", "debug"},       {"20", "debug"},       {"30", "info"},       {"40", "warning"},
      {"50", "error"},       {"60", "critical"}};
  const std::string name = LowerCase(text);
  for (const auto& [theirs, ours] : kLevels) {
    if (name == theirs) return std::string(ours);
  }
  return name;
}

class Mapper {
 public:
  Mapper(const FieldMapping& mapping, std::string_view line) : mapping_(mapping), line_(line) {}

  CliResult<std::string> Map(std::string_view source, int64_t line_number) {
    auto members = ReadJsonObject(line_, kMaxJsonDepth);
    if (!members) return Fail(ExitCode::kUsage, members.error().detail);
    for (const JsonMember& member : *members) Take(member);
    if (!problem_.empty()) return Fail(ExitCode::kUsage, problem_);
    if (job_.empty()) job_ = mapping_.job;
    if (!IsJobId(job_)) {
      return Fail(ExitCode::kUsage,
                  job_.empty() ? "no job: name one with --job, or its member with --job-field"
                               : "'" + QuotableText(job_, 80) +
                                     "' is no name for a job: " + std::string(kNameRule));
    }
    if (type_.empty()) type_ = mapping_.type.empty() ? "log" : TypeOf(mapping_.type);
    if (id_.empty()) {
      id_ = "import-" +
            Sha256Hex(std::string(source) + ":" + std::to_string(line_number) + ":", line_)
                .substr(0, 32);
    }
    return Encode();
  }

 private:
  void Take(const JsonMember& member) {
    const std::optional<std::string> text = TextOf(member);
    const auto is = [&](const std::string& field) { return !field.empty() && member.key == field; };
    if (text && is(mapping_.job_field)) {
      job_ = *text;
    } else if (text && is(mapping_.type_field)) {
      type_ = TypeOf(*text);
    } else if (text && is(mapping_.stage_field)) {
      stage_ = *text;
    } else if (text && is(mapping_.gate_field)) {
      gate_ = *text;
    } else if (text && is(mapping_.level_field)) {
      level_ = LevelOf(*text);
    } else if (text && is(mapping_.message_field)) {
      message_ = *text;
    } else if (text && is(mapping_.id_field)) {
      id_ = *text;
    } else if (text && is(mapping_.time_field)) {
      TakeTime(*text);
    } else {
      Keep(member);
    }
  }

  void TakeTime(const std::string& text) {
    std::optional<int64_t> micros = ParseTimestamp(text);
    if (!micros) {
      char* end = nullptr;
      const double number = std::strtod(text.c_str(), &end);
      const bool is_number = !text.empty() && *end == '\0' && number > 0 && number < 1e14;
      if (is_number) micros = static_cast<int64_t>(number >= 1e11 ? number * 1e3 : number * 1e6);
    }
    if (!micros) {
      problem_ = "'" + QuotableText(text, 80) +
                 "' is no time: RFC 3339, Unix seconds or "
                 "milliseconds are understood";
      return;
    }
    time_ = FormatTimestamp(*micros);
  }

  void Keep(const JsonMember& member) {
    payload_ += payload_.empty() ? '{' : ',';
    AppendJsonString(payload_, member.key);
    payload_ += ':';
    payload_ += member.raw;
  }

  std::string Encode() const {
    std::string event = "{\"job_id\":\"" + job_ + "\"";
    const auto add = [&event](const char* key, const std::string& value) {
      if (value.empty()) return;
      event += std::string(",\"") + key + "\":";
      AppendJsonString(event, value);
    };
    add("event_id", id_);
    add("type", type_);
    add("occurred_at", time_);
    add("stage", stage_);
    add("gate", gate_);
    add("level", level_);
    // A log without a text would be refused, and the line is the best there is to read.
    add("message", message_.empty() && type_ == "log" ? QuotableText(line_, 4'096) : message_);
    if (!payload_.empty()) event += ",\"payload\":" + payload_ + "}";
    return event + "}";
  }

  const FieldMapping& mapping_;
  const std::string_view line_;
  std::string job_;
  std::string type_;
  std::string time_;
  std::string stage_;
  std::string gate_;
  std::string level_;
  std::string message_;
  std::string id_;
  std::string payload_;
  std::string problem_;
};

}  // namespace

CliResult<std::string> MapLine(const FieldMapping& mapping, std::string_view line,
                               std::string_view source, int64_t line_number) {
  return Mapper(mapping, line).Map(source, line_number);
}

}  // namespace stagelog::cli
