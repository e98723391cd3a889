#include "api/next_link.h"

#include <string_view>

#include "base/text.h"

namespace stagelog {
namespace {

// RFC 3986, section 2.3: all but the unreserved characters are percent-coded.
void AppendEncoded(std::string& out, std::string_view text) {
  static constexpr char kHex[] = "0123456789ABCDEF";
  for (const char c : text) {
    if (IsAlphanumeric(c) || c == '-' || c == '.' || c == '_' || c == '~') {
      out += c;
      continue;
    }
    const auto byte = static_cast<unsigned char>(c);
    out += '%';
    out += kHex[byte >> 4];
    out += kHex[byte & 15];
  }
}

// What says where a page begins, and how long to wait for it.
bool IsPlace(std::string_view name) {
  return name == "after" || name == "since" || name == "before" || name == "wait";
}

}  // namespace

// Names in paths need no escapes.
NextLink::NextLink(const Call& call, const std::string& since) : target_(call.request.path + "?") {
  if (!since.empty()) {
    target_ += "since=";
    AppendEncoded(target_, since);
    target_ += '&';
  }
  for (const auto& [name, value] : call.request.params) {
    if (IsPlace(name)) continue;
    AppendEncoded(target_, name);
    target_ += '=';
    AppendEncoded(target_, value);
    target_ += '&';
  }
  target_ += "after=";
}

void NextLink::Add(httplib::Response& response, int64_t after) const {
  response.headers.emplace("Link", "<" + target_ + std::to_string(after) + ">; rel=\"next\"");
}

}  // namespace stagelog
