#include "client/poll_page.h"

#include "client/daemon_client.h"
#include "core/json_text.h"
#include "core/json_value.h"

namespace stagelog::cli {
namespace {

std::vector<std::string> Elements(std::string_view array) {
  std::vector<std::string> elements;
  for (size_t at = 1; at + 1 < array.size();) {
    const size_t end = JsonValueEnd(array, at);
    elements.emplace_back(array.substr(at, end - at));
    at = end + 1;
  }
  return elements;
}

}  // namespace

std::optional<PollPage> ParsePollPage(const std::string& body) {
  // The slicing below trusts its text: somebody between us and the daemon may have written it.
  const Json json = ParseOrderedJson(body);
  if (!json.is_object() || !json.contains("events") || !json["events"].is_array()) {
    return std::nullopt;
  }
  const auto next_after = json.find("next_after");
  const auto has_more = json.find("has_more");
  if (next_after == json.end() || !next_after->is_number_integer()) return std::nullopt;
  if (has_more == json.end() || !has_more->is_boolean()) return std::nullopt;
  PollPage page;
  page.next_after = next_after->get<int64_t>();
  page.has_more = has_more->get<bool>();
  const std::string compact = CompactJson(body);
  for (JsonMembers members(compact); members.Next();) {
    if (members.key() == "events") page.events = Elements(members.value());
  }
  return page;
}

}  // namespace stagelog::cli
