// Identifiers that are made of names: the same name, the same identifier.
#ifndef STAGELOG_BASE_NAME_UUID_H_
#define STAGELOG_BASE_NAME_UUID_H_

#include <string>
#include <string_view>

namespace stagelog {

// The UUID version 5 (RFC 9562, section 5.5) of `name` in the namespace of URLs.
std::string UuidOfName(std::string_view name);

}  // namespace stagelog

#endif  // STAGELOG_BASE_NAME_UUID_H_
