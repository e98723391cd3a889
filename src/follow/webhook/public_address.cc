#include "follow/webhook/public_address.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>

namespace stagelog {
namespace {

struct V4Range {
  uint32_t first;
  int bits;
};

constexpr uint32_t V4(uint32_t a, uint32_t b, uint32_t c, uint32_t d) {
  return a << 24 | b << 16 | c << 8 | d;
}

constexpr std::array<V4Range, 15> kSpecialV4 = {{
    {V4(0, 0, 0, 0), 8},        // this network
    {V4(10, 0, 0, 0), 8},       // private
    {V4(100, 64, 0, 0), 10},    // shared by carriers
    {V4(127, 0, 0, 0), 8},      // loopback
    {V4(169, 254, 0, 0), 16},   // link-local, cloud metadata
    {V4(172, 16, 0, 0), 12},    // private
    {V4(192, 0, 0, 0), 24},     // protocol assignments
    {V4(192, 0, 2, 0), 24},     // documentation
    {V4(192, 88, 99, 0), 24},   // 6to4 relays
    {V4(192, 168, 0, 0), 16},   // private
    {V4(198, 18, 0, 0), 15},    // benchmarks
    {V4(198, 51, 100, 0), 24},  // documentation
    {V4(203, 0, 113, 0), 24},   // documentation
    {V4(224, 0, 0, 0), 4},      // multicast
    {V4(240, 0, 0, 0), 4},      // reserved, broadcast
}};

bool IsPublicV4(uint32_t address) {
  return std::none_of(kSpecialV4.begin(), kSpecialV4.end(), [address](const V4Range& range) {
    return address >> (32 - range.bits) == range.first >> (32 - range.bits);
  });
}

struct V6Range {
  std::array<uint8_t, 8> first;
  int bits;
};

// Within 2000::/3, which holds all global unicast addresses.
constexpr std::array<V6Range, 4> kSpecialV6 = {{
    {{0x20, 0x01, 0, 0}, 23},        // protocol assignments, Teredo
    {{0x20, 0x01, 0x0d, 0xb8}, 32},  // documentation
    {{0x20, 0x02}, 16},              // 6to4
    {{0x3f, 0xff}, 20},              // documentation
}};

bool HasPrefix(const in6_addr& address, const V6Range& range) {
  for (int bit = 0; bit < range.bits; bit += 8) {
    const size_t byte = static_cast<size_t>(bit / 8);
    const int kept = std::min(8, range.bits - bit);
    const uint8_t mask = static_cast<uint8_t>(0xff << (8 - kept));
    if ((address.s6_addr[byte] & mask) != (range.first[byte] & mask)) return false;
  }
  return true;
}

bool IsPublicV6(const in6_addr& address) {
  if ((address.s6_addr[0] & 0xe0) != 0x20) return false;
  return std::none_of(kSpecialV6.begin(), kSpecialV6.end(),
                      [&](const V6Range& range) { return HasPrefix(address, range); });
}

}  // namespace

bool IsPublicAddress(const sockaddr& address) {
  if (address.sa_family == AF_INET) {
    sockaddr_in v4{};
    std::memcpy(&v4, &address, sizeof(v4));
    return IsPublicV4(ntohl(v4.sin_addr.s_addr));
  }
  if (address.sa_family == AF_INET6) {
    sockaddr_in6 v6{};
    std::memcpy(&v6, &address, sizeof(v6));
    return IsPublicV6(v6.sin6_addr);
  }
  return false;
}

std::optional<bool> IsPublicAddress(const std::string& host) {
  std::string bare = host;
  if (bare.size() > 2 && bare.front() == '[' && bare.back() == ']') {
    bare = bare.substr(1, bare.size() - 2);
    bare = bare.substr(0, bare.find('%'));
  }
  in6_addr v6{};
  if (::inet_pton(AF_INET6, bare.c_str(), &v6) == 1) return IsPublicV6(v6);
  in_addr v4{};
  if (::inet_aton(bare.c_str(), &v4) == 1) return IsPublicV4(ntohl(v4.s_addr));
  return std::nullopt;
}

}  // namespace stagelog
