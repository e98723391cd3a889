// Which addresses are anybody's, and which are within the own network.
#ifndef STAGELOG_FOLLOW_WEBHOOK_PUBLIC_ADDRESS_H_
#define STAGELOG_FOLLOW_WEBHOOK_PUBLIC_ADDRESS_H_

#include <sys/socket.h>

#include <optional>
#include <string>

namespace stagelog {

// True for global unicast addresses that lead where they say. False for loopback, private,
// link-local, shared (100.64.0.0/10), multicast, reserved and documentation addresses (IANA's
// special-purpose registries, RFC 6890), and for IPv6 forms that carry an IPv4 address (v4-mapped,
// NAT64, 6to4, Teredo), whatever that is.
bool IsPublicAddress(const sockaddr& address);

// The same of text such as "127.0.0.1" or "[::1]", also in the shorter and hexadecimal forms that
// resolvers take ("127.1", "0x7f000001"). No value for what is a name.
std::optional<bool> IsPublicAddress(const std::string& host);

}  // namespace stagelog

#endif  // STAGELOG_FOLLOW_WEBHOOK_PUBLIC_ADDRESS_H_
