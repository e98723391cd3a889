#include "tools/cli/daemon_events.h"

#include <utility>

#include "core/event_codec.h"
#include "core/json_text.h"

namespace stagelog::cli {

CliResult<std::optional<StoredEvent>> DaemonEvents::Next() {
  while (page_.empty() && has_more_) {
    if (CliStatus read = ReadPage(); !read) return tl::unexpected(read.error());
  }
  if (page_.empty()) return std::nullopt;
  StoredEvent event = std::move(page_.front());
  page_.pop_front();
  return event;
}

// The bodies are cut out of the answer as they stand: they are the stored bytes.
CliStatus DaemonEvents::ReadPage() {
  const auto answer = client_.Get(target_ + after_);
  if (!answer) return tl::unexpected(answer.error());
  if (!answer->ok()) return tl::unexpected(client_.AsError(*answer));
  const auto not_a_page = [this] {
    return Fail(ExitCode::kUnreachable,
                client_.url() + " answers, but not as a stagelog daemon does");
  };
  if (!Json::accept(answer->body) || !answer->body.starts_with("{\"events\":[")) {
    return not_a_page();
  }
  has_more_ = false;
  for (JsonMembers members(answer->body); members.Next();) {
    const std::string_view value = members.value();
    if (members.key() == "next_after") after_ = value;
    if (members.key() == "has_more") has_more_ = value == "true";
    if (members.key() != "events") continue;
    for (size_t at = 1; at + 1 < value.size();) {
      const size_t end = JsonValueEnd(value, at);
      std::string body(value.substr(at, end - at));
      Result<Event> event = DecodeStoredEvent(body);
      if (!event) return not_a_page();
      page_.push_back({std::move(*event), std::move(body)});
      at = end + 1;
    }
  }
  return {};
}

}  // namespace stagelog::cli
