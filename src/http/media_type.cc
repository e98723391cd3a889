#include "http/media_type.h"

#include <algorithm>
#include <charconv>

#include "base/text.h"
#include "http/request_head.h"

namespace stagelog {
namespace {

// Takes what comes before the next `separator` off `text`; one within quotes is none.
std::string_view TakeItem(std::string_view& text, char separator) {
  bool is_quoted = false;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\' && is_quoted) {
      ++i;
    } else if (text[i] == '"') {
      is_quoted = !is_quoted;
    } else if (text[i] == separator && !is_quoted) {
      const std::string_view item = text.substr(0, i);
      text.remove_prefix(i + 1);
      return Trimmed(item, kOptionalSpace);
    }
  }
  return Trimmed(std::exchange(text, {}), kOptionalSpace);
}

std::string Unquoted(std::string_view text) {
  if (text.size() < 2 || text.front() != '"' || text.back() != '"') return std::string(text);
  std::string plain;
  text = text.substr(1, text.size() - 2);
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\' && i + 1 < text.size()) ++i;
    plain += text[i];
  }
  return plain;
}

// The weight of a range; 1 without a `q`, 0 for one that is none.
double WeightOf(const MediaType& range) {
  for (const auto& [name, value] : range.parameters) {
    if (name != "q") continue;
    double weight = 0;
    const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), weight);
    return error == std::errc() && end == value.data() + value.size() ? weight : 0;
  }
  return 1;
}

// How well a range fits application/json: the more exact one counts.
int JsonFit(std::string_view range) {
  if (range == kJsonType) return 3;
  if (range == "application/*") return 2;
  return range == "*/*" ? 1 : 0;
}

}  // namespace

MediaType ParseMediaType(std::string_view field) {
  MediaType parsed;
  parsed.type = LowerCase(TakeItem(field, ';'));
  while (!field.empty()) {
    const std::string_view item = TakeItem(field, ';');
    if (item.empty()) continue;
    const size_t equals = item.find('=');
    const std::string_view value =
        equals == std::string_view::npos ? "" : Trimmed(item.substr(equals + 1), kOptionalSpace);
    parsed.parameters.emplace_back(LowerCase(Trimmed(item.substr(0, equals), kOptionalSpace)),
                                   Unquoted(value));
  }
  return parsed;
}

std::optional<std::string> OtherCharset(const MediaType& media_type) {
  for (const auto& [name, value] : media_type.parameters) {
    if (name != "charset") continue;
    // Many write it without the hyphen, and mean the same.
    if (!EqualsIgnoringCase(value, "utf-8") && !EqualsIgnoringCase(value, "utf8")) return value;
  }
  return std::nullopt;
}

std::optional<double> WeightIn(std::string_view list, std::string_view name) {
  std::optional<double> weight;
  while (!list.empty()) {
    const MediaType range = ParseMediaType(TakeItem(list, ','));
    if (range.type == name) weight = WeightOf(range);
  }
  return weight;
}

std::string_view PreferredType(std::string_view accept, std::span<const std::string_view> offers) {
  double json = 0;
  int json_fit = 0;
  for (std::string_view rest = accept; !rest.empty();) {
    const MediaType range = ParseMediaType(TakeItem(rest, ','));
    const int fit = JsonFit(range.type);
    if (fit <= json_fit) continue;
    json_fit = fit;
    json = WeightOf(range);
  }
  std::string_view preferred = kJsonType;
  double best = 0;
  for (const std::string_view offer : offers) {
    const double weight = WeightIn(accept, offer).value_or(0);
    if (weight <= best || weight < json) continue;
    best = weight;
    preferred = offer;
  }
  return preferred;
}

}  // namespace stagelog
