#include "cli/offline/daemon_events.h"

#include <algorithm>
#include <utility>

#include "core/event_codec.h"

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

CliStatus DaemonEvents::ReadPage() {
  const auto page = client_.GetLines(target_ + std::to_string(after_));
  if (!page) {
    CliError error = page.error();
    if (after_ == 0) error.message += "; there is no file '" + job_id_ + "' either";
    return tl::unexpected(std::move(error));
  }
  after_ = page->next_after;
  has_more_ = page->has_more;
  std::string_view lines = page->lines;
  while (!lines.empty()) {
    std::string body(lines.substr(0, lines.find('\n')));
    lines.remove_prefix(std::min(body.size() + 1, lines.size()));
    Result<Event> event = DecodeStoredEvent(body);
    if (!event) {
      return Fail(ExitCode::kUnreachable,
                  client_.url() + " sent an invalid event: " + event.error().message);
    }
    page_.push_back({std::move(*event), std::move(body)});
  }
  return {};
}

}  // namespace stagelog::cli
