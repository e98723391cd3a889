// The version of the binaries, set once at the top of CMakeLists.txt.
#ifndef STAGELOG_BASE_VERSION_H_
#define STAGELOG_BASE_VERSION_H_

#include <string_view>

namespace stagelog {

std::string_view Version();  // "0.1.0"

}  // namespace stagelog

#endif  // STAGELOG_BASE_VERSION_H_
