// The body of a command as its members, each known and given once.
#ifndef STAGELOG_API_FLAT_BODY_H_
#define STAGELOG_API_FLAT_BODY_H_

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "core/json_object_reader.h"
#include "http/call.h"

namespace stagelog {

// The refusal (unknown_key) of a key that is none of `keys`; names the nearest.
Refusal UnknownKey(const std::string& key, std::span<const std::string_view> keys);

class FlatBody {
 public:
  // Of an object with some of `keys`, or of an empty body. A null stands for "left out". Refusals:
  // those of ReadJsonObject(); unknown_key, duplicate_key.
  static tl::expected<FlatBody, Refusal> Read(const Call& call,
                                              std::span<const std::string_view> keys);

  bool Has(std::string_view key) const { return members_.contains(key); }

  // No value where it was left out. Refusal: invalid_field for another type.
  tl::expected<std::optional<std::string>, Refusal> Text(std::string_view key) const;
  tl::expected<std::optional<int64_t>, Refusal> WholeNumber(std::string_view key, int64_t least,
                                                            int64_t greatest) const;
  tl::expected<bool, Refusal> Truth(std::string_view key) const;  // false where left out

 private:
  std::map<std::string, JsonMember, std::less<>> members_;
};

}  // namespace stagelog

#endif  // STAGELOG_API_FLAT_BODY_H_
