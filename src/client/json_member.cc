#include "client/json_member.h"

#include "base/timestamp.h"
#include "core/event.h"
#include "core/json_value.h"

namespace stagelog::cli {

Json ObjectOf(std::string_view text) {
  Json json = ParseOrderedJson(text);
  return json.is_object() ? json : Json::object();
}

std::string TextAt(const Json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_string() ? found->get<std::string>() : "";
}

int64_t IntegerAt(const Json& object, const char* key, int64_t otherwise) {
  const auto found = object.find(key);
  return found != object.end() && found->is_number_integer() ? found->get<int64_t>() : otherwise;
}

std::optional<double> FigureAt(const Json& object, const char* key) {
  const auto found = object.find(key);
  if (found == object.end() || !found->is_number()) return std::nullopt;
  return found->get<double>();
}

const Json& PartAt(const Json& object, const char* key) {
  static const Json kNothing = Json::object();
  const auto found = object.find(key);
  return found != object.end() && found->is_structured() ? *found : kNothing;
}

std::optional<int64_t> TimeAt(const Json& object, const char* key) {
  return ParseTimestamp(TextAt(object, key));
}

std::optional<int64_t> HappenedAt(const Json& event) {
  const auto ts = TimeAt(event, "ts");
  if (!ts) return std::nullopt;
  return EffectiveMicros(TimeAt(event, "occurred_at"), *ts);
}

}  // namespace stagelog::cli
