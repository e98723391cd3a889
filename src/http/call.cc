#include "http/call.h"

#include "base/text.h"
#include "http/request_head.h"

namespace stagelog {

std::optional<std::string> Call::Parameter(const std::string& name) const {
  const auto found = request.params.find(name);
  if (found == request.params.end()) return std::nullopt;
  return found->second;
}

std::optional<std::string_view> Call::Header(std::string_view name) const {
  for (const auto& [field, value] : fields) {
    if (EqualsIgnoringCase(field, name)) return value;
  }
  return std::nullopt;
}

}  // namespace stagelog
