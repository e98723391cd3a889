#include "api/idempotency_key.h"

#include "base/name_uuid.h"
#include "base/text.h"
#include "core/identifier.h"
#include "core/json_object_reader.h"

namespace stagelog {
namespace {

constexpr const char* kField = "Idempotency-Key";

// A string of RFC 8941, section 3.3.3; many clients send their key without the quotes.
std::optional<std::string> KeyOf(std::string_view field) {
  if (!field.starts_with('"')) {
    const bool is_bare = field.find_first_of("\", ;") == std::string_view::npos;
    return is_bare ? std::optional(std::string(field)) : std::nullopt;
  }
  std::string key;
  for (size_t i = 1; i < field.size(); ++i) {
    if (field[i] == '"') {
      return i + 1 == field.size() ? std::optional(std::move(key)) : std::nullopt;
    }
    if (field[i] == '\\' && ++i == field.size()) break;
    key += field[i];
  }
  return std::nullopt;
}

}  // namespace

tl::expected<std::optional<std::string>, Refusal> ReadIdempotencyKey(const Call& call) {
  std::optional<std::string> key;
  for (const auto& [name, value] : call.fields) {
    if (!EqualsIgnoringCase(name, kField)) continue;
    if (key) return tl::unexpected(DuplicateKey(kField));
    key = KeyOf(value);
    if (key && IsEventId(*key)) continue;
    return tl::unexpected(
        Refusal{.code = "invalid_id",
                .detail = "'Idempotency-Key' must be a quoted string of 1 to 128 printable ASCII "
                          "characters without blanks, like \"8e03978e-40d5\"",
                .field = kField});
  }
  return key;
}

void ApplyIdempotencyKey(const std::string& key, DecodedBody& decoded) {
  for (size_t i = 0; i < decoded.drafts.size(); ++i) {
    std::string& event_id = decoded.drafts[i].event_id;
    if (!event_id.empty()) continue;
    event_id =
        decoded.is_batch ? UuidOfName("idempotency-key\n" + key + "\n" + std::to_string(i)) : key;
  }
}

}  // namespace stagelog
