// A strict reading of one flat request object: grammar, depth, and the members at its top level.
#ifndef STAGELOG_CORE_JSON_OBJECT_READER_H_
#define STAGELOG_CORE_JSON_OBJECT_READER_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <vector>

#include "core/refusal.h"

namespace stagelog {

// One member at the top level of an object.
struct JsonMember {
  enum class Kind { kNull, kBoolean, kInteger, kFloat, kText, kObject, kArray };
  std::string key;  // escapes resolved
  Kind kind = Kind::kNull;
  std::string text;     // for kText, escapes resolved
  int64_t integer = 0;  // for kInteger; clamped to what fits
  double number = 0;    // for kInteger and kFloat
  std::string raw;      // the value's own bytes without white space between tokens
};

// The members of `json` in order. Refusals: malformed_json (with the byte), too_deep,
// not_an_object. Keys given twice are all returned.
tl::expected<std::vector<JsonMember>, Refusal> ReadJsonObject(std::string_view json, int max_depth);

// The refusal of a key that is given twice.
Refusal DuplicateKey(std::string_view key);

}  // namespace stagelog

#endif  // STAGELOG_CORE_JSON_OBJECT_READER_H_
