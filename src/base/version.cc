#include "base/version.h"

namespace stagelog {

std::string_view Version() { return STAGELOG_VERSION; }

}  // namespace stagelog
