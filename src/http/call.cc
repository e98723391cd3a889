#include "http/call.h"

namespace stagelog {

std::optional<std::string> Call::Parameter(const std::string& name) const {
  const auto found = request.params.find(name);
  if (found == request.params.end()) return std::nullopt;
  return found->second;
}

std::optional<std::string> Call::Header(const std::string& name) const {
  const auto found = request.headers.find(name);
  if (found == request.headers.end()) return std::nullopt;
  return found->second;
}

}  // namespace stagelog
