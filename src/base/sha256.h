// SHA-256 (FIPS 180-4) as lower-case hex digits.
#ifndef STAGELOG_BASE_SHA256_H_
#define STAGELOG_BASE_SHA256_H_

#include <string>
#include <string_view>

namespace stagelog {

// 64 hex digits of the digest of `first` followed by `second`.
std::string Sha256Hex(std::string_view first, std::string_view second = {});

}  // namespace stagelog

#endif  // STAGELOG_BASE_SHA256_H_
