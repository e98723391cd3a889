#include "core/webhook_template.h"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <vector>

#include "base/nearest.h"
#include "base/text.h"
#include "core/json_text.h"
#include "core/json_value.h"

namespace stagelog {
namespace {

constexpr std::array<std::string_view, 20> kTemplateNames = {
    "seq",   "job_id", "job_seq",    "event_id",   "ts",         "occurred_at", "type",
    "stage", "gate",   "attempt",    "status",     "level",      "message",     "payload",
    "actor", "hash",   "violations", "journal_id", "webhook_id", "public_url"};

constexpr std::string_view kJsonWord = "json ";
constexpr std::string_view kPayloadPrefix = "payload.";

// What stands between the braces.
struct Placeholder {
  bool is_json = false;
  std::vector<std::string_view> alternatives;
};

Placeholder ParsePlaceholder(std::string_view text) {
  Placeholder placeholder;
  text = Trimmed(text);
  if (text.starts_with(kJsonWord)) {
    placeholder.is_json = true;
    text.remove_prefix(kJsonWord.size());
  }
  while (true) {
    // A bar within quotes belongs to the text.
    size_t end = 0;
    bool is_quoted = false;
    while (end < text.size() && (is_quoted || text[end] != '|')) {
      if (text[end] == '\'') is_quoted = !is_quoted;
      ++end;
    }
    placeholder.alternatives.push_back(Trimmed(text.substr(0, end)));
    if (end == text.size()) return placeholder;
    text.remove_prefix(end + 1);
  }
}

bool IsQuoted(std::string_view name) {
  return name.size() >= 2 && name.front() == '\'' && name.back() == '\'';
}

// Visits the literal parts of a template and its placeholders. Returns the problem of one that is
// not closed.
template <typename Literal, typename Value>
std::optional<std::string> VisitTemplate(std::string_view text, const Literal& on_literal,
                                         const Value& on_placeholder) {
  while (true) {
    const size_t open = text.find("{{");
    on_literal(text.substr(0, open));
    if (open == text.npos) return std::nullopt;
    const size_t close = text.find("}}", open);
    if (close == text.npos) return "a '{{' is not closed by '}}'";
    on_placeholder(text.substr(open + 2, close - open - 2));
    text.remove_prefix(close + 2);
  }
}

// The value of a name as JSON; empty where there is none.
std::string JsonOf(std::string_view name, std::string_view body, const TemplateContext& context) {
  if (IsQuoted(name)) return JsonString(name.substr(1, name.size() - 2));
  if (name == "journal_id") return JsonString(context.journal_id);
  if (name == "webhook_id") return JsonString(context.webhook_id);
  if (name == "public_url") return JsonString(context.public_url);
  std::string_view object = body;
  while (true) {
    // A key may have dots itself: the longest one that is there counts.
    std::string_view found;
    size_t found_size = 0;
    if (!object.starts_with('{')) return "";
    for (JsonMembers members(object); members.Next();) {
      const std::string_view key = members.key();
      const bool fits = name == key || (name.starts_with(key) && name[key.size()] == '.');
      if (fits && (found_size == 0 || key.size() > found_size)) {
        found = members.value();
        found_size = key.size();
      }
    }
    if (found.empty()) return "";
    if (found_size == name.size()) return std::string(found);
    name.remove_prefix(found_size + 1);
    object = found;
  }
}

// The same as text: without quotes and escapes where it is a string.
std::string TextOf(const std::string& json) {
  if (!json.starts_with('"')) return json == "null" ? "" : json;
  return ParseJson(json).get<std::string>();
}

std::optional<std::string> NameProblem(std::string_view name) {
  if (IsQuoted(name) || (name.starts_with(kPayloadPrefix) && name.size() > kPayloadPrefix.size())) {
    return std::nullopt;
  }
  if (std::find(kTemplateNames.begin(), kTemplateNames.end(), name) != kTemplateNames.end()) {
    return std::nullopt;
  }
  return "unknown name '" + QuotableText(name, 80) + "'" + DidYouMean(name, kTemplateNames);
}

}  // namespace

std::string RenderTemplate(std::string_view text, std::string_view body,
                           const TemplateContext& context, bool escapes_json) {
  std::string out;
  VisitTemplate(
      text, [&out](std::string_view literal) { out += literal; },
      [&](std::string_view between) {
        const Placeholder placeholder = ParsePlaceholder(between);
        std::string json;
        for (const std::string_view name : placeholder.alternatives) {
          json = JsonOf(name, body, context);
          if (!json.empty() && json != "null" && json != "\"\"") break;
        }
        if (placeholder.is_json) {
          out += json.empty() ? "null" : json;
        } else if (escapes_json) {
          AppendJsonEscaped(out, TextOf(json));
        } else {
          out += TextOf(json);
        }
      });
  return out;
}

std::optional<std::string> TemplateProblem(std::string_view text, bool is_json) {
  std::optional<std::string> problem;
  const auto check = [&problem](std::string_view between) {
    for (const std::string_view name : ParsePlaceholder(between).alternatives) {
      if (!problem) problem = NameProblem(name);
    }
  };
  const auto open = VisitTemplate(
      text, [](std::string_view) {}, check);
  if (open) return open;
  if (problem || !is_json) return problem;
  // Of an event with little and of one with everything.
  constexpr std::string_view kFull =
      R"({"seq":1,"job_id":"j","job_seq":1,"event_id":"e","ts":"t","occurred_at":"t",)"
      R"("type":"gate_pause","stage":"s","gate":"g","attempt":1,"status":"s","level":"info",)"
      R"("message":"m\"m","payload":{},"violations":["v"],"actor":"a","hash":"h"})";
  for (const std::string_view sample : {std::string_view("{\"seq\":1}"), kFull}) {
    const std::string made = RenderTemplate(text, sample, {"j", "w", "http://u"}, true);
    if (ParseJson(made).is_discarded()) {
      return "it does not make JSON, but '" + QuotableText(made, 200) +
             "' (texts need quotes around them, as in \"{{message}}\"; {{json payload}} needs "
             "none)";
    }
  }
  return std::nullopt;
}

}  // namespace stagelog
