#include "core/json_value.h"

#include <nlohmann/json.hpp>
#include <set>
#include <vector>

namespace stagelog {

nlohmann::json ParseJson(std::string_view text) {
  return nlohmann::json::parse(text, nullptr, /*allow_exceptions=*/false);
}

nlohmann::ordered_json ParseOrderedJson(std::string_view text) {
  return nlohmann::ordered_json::parse(text, nullptr, /*allow_exceptions=*/false);
}

std::string RepeatedKey(std::string_view text) {
  std::vector<std::set<std::string>> open_objects;  // the keys of each
  std::string repeated;
  const auto watch = [&](int, nlohmann::json::parse_event_t event, nlohmann::json& parsed) {
    if (event == nlohmann::json::parse_event_t::object_start) open_objects.emplace_back();
    if (event == nlohmann::json::parse_event_t::object_end) open_objects.pop_back();
    if (event == nlohmann::json::parse_event_t::key && repeated.empty()) {
      auto key = parsed.get<std::string>();
      if (!open_objects.back().insert(key).second) repeated = std::move(key);
    }
    return true;
  };
  const auto ignored = nlohmann::json::parse(text, watch, /*allow_exceptions=*/false);
  return repeated;
}

std::string DumpJson(const nlohmann::json& value) {
  return value.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

std::string DumpJson(const nlohmann::ordered_json& value) {
  return value.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

}  // namespace stagelog
