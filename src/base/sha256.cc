#include "base/sha256.h"

#include <openssl/evp.h>

#include <array>
#include <memory>

#include "base/check.h"

namespace stagelog {

std::string Sha256Hex(std::string_view first, std::string_view second) {
  // Fetching the algorithm and making a context cost more than a short digest: both are kept.
  static EVP_MD* const algorithm = EVP_MD_fetch(nullptr, "SHA256", nullptr);
  thread_local const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context(
      EVP_MD_CTX_new(), &EVP_MD_CTX_free);
  std::array<unsigned char, 32> digest;
  unsigned int size = 0;
  STAGELOG_CHECK(EVP_DigestInit_ex(context.get(), algorithm, nullptr) == 1);
  STAGELOG_CHECK(EVP_DigestUpdate(context.get(), first.data(), first.size()) == 1);
  STAGELOG_CHECK(EVP_DigestUpdate(context.get(), second.data(), second.size()) == 1);
  STAGELOG_CHECK(EVP_DigestFinal_ex(context.get(), digest.data(), &size) == 1);
  static constexpr char kHex[] = "0123456789abcdef";
  std::string hex;
  hex.reserve(64);
  for (const unsigned char byte : digest) {
    hex += kHex[byte >> 4];
    hex += kHex[byte & 15];
  }
  return hex;
}

}  // namespace stagelog
