#include "base/name_uuid.h"

#include <openssl/evp.h>

#include <array>
#include <cstdint>

#include "base/check.h"

namespace stagelog {

std::string UuidOfName(std::string_view name) {
  // RFC 9562, section 6.6: 6ba7b811-9dad-11d1-80b4-00c04fd430c8.
  static constexpr std::array<unsigned char, 16> kUrls = {0x6b, 0xa7, 0xb8, 0x11, 0x9d, 0xad,
                                                          0x11, 0xd1, 0x80, 0xb4, 0x00, 0xc0,
                                                          0x4f, 0xd4, 0x30, 0xc8};
  std::string text(kUrls.begin(), kUrls.end());
  text += name;
  std::array<unsigned char, 20> digest;
  unsigned int size = 0;
  STAGELOG_CHECK(EVP_Digest(text.data(), text.size(), digest.data(), &size, EVP_sha1(), nullptr) ==
                 1);
  digest[6] = static_cast<unsigned char>((digest[6] & 0x0f) | 0x50);
  digest[8] = static_cast<unsigned char>((digest[8] & 0x3f) | 0x80);
  static constexpr char kHex[] = "0123456789abcdef";
  std::string uuid;
  for (size_t i = 0; i < 16; ++i) {
    if (i == 4 || i == 6 || i == 8 || i == 10) uuid += '-';
    uuid += kHex[digest[i] >> 4];
    uuid += kHex[digest[i] & 15];
  }
  return uuid;
}

}  // namespace stagelog
