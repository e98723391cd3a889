// Message authentication and signatures, by OpenSSL. Keys and results are bytes, not text.
#ifndef STAGELOG_BASE_SIGNING_H_
#define STAGELOG_BASE_SIGNING_H_

#include <cstddef>
#include <string>
#include <string_view>

namespace stagelog {

// Unpredictable bytes from the kernel, for keys.
std::string RandomBytes(size_t count);

// HMAC-SHA256 (RFC 2104): 32 bytes.
std::string HmacSha256(std::string_view key, std::string_view text);

// Ed25519 (RFC 8032). A seed is the private key: 32 bytes.
inline constexpr size_t kEd25519SeedBytes = 32;
std::string Ed25519PublicKey(std::string_view seed);                         // 32 bytes
std::string Ed25519Signature(std::string_view seed, std::string_view text);  // 64 bytes

}  // namespace stagelog

#endif  // STAGELOG_BASE_SIGNING_H_
