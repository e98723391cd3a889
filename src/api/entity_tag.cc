#include "api/entity_tag.h"

#include "base/text.h"
#include "base/version.h"
#include "http/request_head.h"

namespace stagelog {
namespace {

// Weak comparison: "W/" does not count.
std::string_view Opaque(std::string_view tag) {
  return tag.starts_with("W/") ? tag.substr(2) : tag;
}

bool Names(std::string_view list, std::string_view tag) {
  while (!list.empty()) {
    const size_t comma = list.find(',');
    const std::string_view item = Trimmed(list.substr(0, comma), kOptionalSpace);
    if (item == "*" || Opaque(item) == Opaque(tag)) return true;
    list.remove_prefix(comma == std::string_view::npos ? list.size() : comma + 1);
  }
  return false;
}

}  // namespace

std::string StateTag(const JobState& job, std::string_view liveness) {
  // The hash chain: what has another past has another tag, in another journal too.
  std::string tag = "W/\"" + std::to_string(job.as_of_seq) + "-" + job.last_hash.substr(0, 16);
  if (!liveness.empty()) tag += "-" + std::string(liveness);
  // Another version may show the same state in another way.
  return tag + "-" + std::string(Version()) + "\"";
}

std::string IfNoneMatch(const Call& call) {
  return std::string(call.Header("If-None-Match").value_or(""));
}

httplib::Response WithTag(httplib::Response response, const std::string& tag,
                          std::string_view if_none_match) {
  if (Names(if_none_match, tag)) {
    response = {};
    response.status = 304;
  }
  response.headers.emplace("ETag", tag);
  return response;
}

}  // namespace stagelog
