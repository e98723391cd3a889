#include "cli/send/field_arguments.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <optional>
#include <utility>

#include "base/nearest.h"
#include "base/terminal_text.h"
#include "core/json_value.h"

namespace stagelog::cli {
namespace {

tl::unexpected<CliError> WrongField(const std::string& text, const std::string& problem) {
  return Fail(ExitCode::kUsage, "--field '" + EscapeControls(Shorten(text, 60)) + "': " + problem);
}

std::optional<double> NumberOf(std::string_view text) {
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || !std::isfinite(value)) {
    return std::nullopt;
  }
  return value;
}

// A whole number stays one: the daemon takes no 2.0 for a number of characters.
Json JsonNumber(std::string_view text, double value) {
  int64_t whole = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), whole);
  if (error == std::errc() && end == text.data() + text.size()) return whole;
  return value;
}

std::vector<std::string> SplitAt(std::string_view text, char separator) {
  std::vector<std::string> parts;
  while (true) {
    const size_t end = text.find(separator);
    parts.emplace_back(text.substr(0, end));
    if (end == std::string_view::npos) return parts;
    text.remove_prefix(end + 1);
  }
}

// One part behind the type. Empty: it was taken; else what is wrong with it.
std::string TakePart(const std::string& part, Json& field) {
  static constexpr std::array<std::string_view, 5> kParts = {"required", "min", "max", "options",
                                                             "label"};
  if (part == "required") {
    field["required"] = true;
    return "";
  }
  const size_t equals = part.find('=');
  const std::string key = part.substr(0, equals);
  const std::string value = equals == std::string::npos ? "" : part.substr(equals + 1);
  const bool is_known = std::find(kParts.begin(), kParts.end(), key) != kParts.end();
  if (!is_known) {
    return "unknown part '" + EscapeControls(Shorten(key, 40)) + "'" + DidYouMean(key, kParts);
  }
  if (key == "required")
    return "'required' takes no value; leave it out for an answer that may be missing";
  if (value.empty()) return "'" + key + "' needs a value: " + key + "=...";
  if (key == "label") field["label"] = value;
  if (key == "options") field["options"] = SplitAt(value, '|');
  if (key == "min" || key == "max") {
    const std::optional<double> bound = NumberOf(value);
    if (!bound) return "'" + key + "' must be a number";
    field[key] = JsonNumber(value, *bound);
  }
  return "";
}

std::string NamesOf(const Json& fields) {
  std::string names;
  for (const Json& field : fields) names += (names.empty() ? "" : ", ") + TextAt(field, "name");
  return names;
}

// The answer of the field's type; none where the text is no such value.
std::optional<Json> AnswerOf(const std::string& type, const std::string& text) {
  if (type == "boolean") {
    if (text == "true" || text == "yes") return true;
    if (text == "false" || text == "no") return false;
    return std::nullopt;
  }
  if (type != "number") return text;
  const std::optional<double> value = NumberOf(text);
  if (!value) return std::nullopt;
  return JsonNumber(text, *value);
}

}  // namespace

CliResult<Json> ParseFieldDefinition(const std::string& text) {
  const size_t colon = text.find(':');
  if (colon == std::string::npos) {
    return WrongField(text,
                      "a field is NAME:TYPE[,required][,min=N][,max=N][,options=A|B][,label=TEXT]");
  }
  Json field;
  field["name"] = text.substr(0, colon);
  std::string_view rest = std::string_view(text).substr(colon + 1);
  const size_t comma = rest.find(',');
  field["type"] = rest.substr(0, comma);
  rest.remove_prefix(comma == std::string_view::npos ? rest.size() : comma + 1);
  while (!rest.empty()) {
    const size_t end = rest.starts_with("label=") ? std::string_view::npos : rest.find(',');
    const std::string problem = TakePart(std::string(rest.substr(0, end)), field);
    if (!problem.empty()) return WrongField(text, problem);
    rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
  }
  return field;
}

CliResult<Json> ParseAnswers(const std::vector<std::string>& texts, const Json& gate) {
  const Json fields = gate.contains("fields") ? gate["fields"] : Json::array();
  Json answers = Json::object();
  for (const std::string& text : texts) {
    const size_t equals = text.find('=');
    if (equals == std::string::npos) return WrongField(text, "an answer is NAME=VALUE");
    const std::string name = text.substr(0, equals);
    const auto field = std::find_if(fields.begin(), fields.end(), [&](const Json& candidate) {
      return TextAt(candidate, "name") == name;
    });
    if (field == fields.end()) {
      return WrongField(text, fields.empty() ? "the gate asks no fields"
                                             : "the gate's fields are " + NamesOf(fields));
    }
    if (answers.contains(name)) return WrongField(text, "'" + name + "' is given twice");
    const std::string type = TextAt(*field, "type");
    std::optional<Json> answer = AnswerOf(type, text.substr(equals + 1));
    if (!answer) {
      return WrongField(text, type == "boolean" ? "must be true or false" : "must be a number");
    }
    answers[name] = std::move(*answer);
  }
  return answers;
}

std::string AnswersText(const Json& answers) {
  std::string text;
  for (const auto& answer : answers.items()) {
    const Json& value = answer.value();
    text += (text.empty() ? "" : ", ") + answer.key() + "=";
    text += value.is_string() ? value.get<std::string>() : DumpJson(value);
  }
  return text;
}

}  // namespace stagelog::cli
