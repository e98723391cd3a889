// Base64 (RFC 4648, section 4), by OpenSSL.
#ifndef STAGELOG_BASE_BASE64_H_
#define STAGELOG_BASE_BASE64_H_

#include <optional>
#include <string>
#include <string_view>

namespace stagelog {

std::string Base64(std::string_view bytes);

// The bytes; no value for what is not padded base64 without white space.
std::optional<std::string> DecodeBase64(std::string_view text);

// The same for URLs and file names (section 5), without padding.
std::string Base64Url(std::string_view bytes);
std::optional<std::string> DecodeBase64Url(std::string_view text);

}  // namespace stagelog

#endif  // STAGELOG_BASE_BASE64_H_
