// nlohmann_json's parser and serializer, compiled once: each file that instantiates them itself
// costs the build a second.
#ifndef STAGELOG_CORE_JSON_VALUE_H_
#define STAGELOG_CORE_JSON_VALUE_H_

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

namespace stagelog {

// The value of `text`; is_discarded() where it is not JSON (RFC 8259).
nlohmann::json ParseJson(std::string_view text);
// The same with the members of objects in their order.
nlohmann::ordered_json ParseOrderedJson(std::string_view text);

// A key that some object in `text` has twice, of which a parser keeps the last; empty for none.
std::string RepeatedKey(std::string_view text);

// `value` on one line. Bytes that are not UTF-8 become U+FFFD.
std::string DumpJson(const nlohmann::json& value);
std::string DumpJson(const nlohmann::ordered_json& value);

}  // namespace stagelog

#endif  // STAGELOG_CORE_JSON_VALUE_H_
