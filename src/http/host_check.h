// The defence against DNS rebinding: a hostile site that points its own name at this machine
// reaches the daemon from its visitors' browsers, but with its own name in the Host field.
#ifndef STAGELOG_HTTP_HOST_CHECK_H_
#define STAGELOG_HTTP_HOST_CHECK_H_

#include <string>
#include <string_view>
#include <vector>

namespace stagelog {

// True for a Host field (RFC 9110, section 7.2) that names an IP address (IPv6 in brackets), a name
// without a dot, or one of `hosts`; each with or without a port. Case and one dot at the end of a
// name do not count. False for everything else, the empty field included. Pure.
bool IsAllowedHost(std::string_view host_header, const std::vector<std::string>& hosts);

// True for what `hosts` may hold: an IP address or a name, without a port and without brackets.
bool IsHostName(std::string_view text);

// True for an address or name that only this machine can reach: 127.0.0.0/8, ::1 (without
// brackets), "localhost".
bool IsLoopbackHost(std::string_view host);

}  // namespace stagelog

#endif  // STAGELOG_HTTP_HOST_CHECK_H_
