// Takes the chunks off a body (RFC 9112, section 7.1) as a strict client does. It takes no chunk
// extensions and no trailer, for the daemon sends none.
#ifndef STAGELOG_TESTS_SUPPORT_CHUNKED_BODY_H_
#define STAGELOG_TESTS_SUPPORT_CHUNKED_BODY_H_

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <string>
#include <string_view>

namespace stagelog {

// Fed with bytes in any portions. Used by one thread.
class ChunkedBody {
 public:
  // Appends to `text` what `bytes` holds of the body. False when they are no chunks, and from then
  // on.
  bool Feed(std::string_view bytes, std::string& text) {
    unread_ += bytes;
    size_t at = 0;
    while (!is_broken_ && !has_ended_ && TakePart(at, text)) {
    }
    unread_.erase(0, at);
    if (has_ended_ && !unread_.empty()) is_broken_ = true;
    return !is_broken_;
  }

  // The last chunk was here: the body is whole.
  bool has_ended() const { return has_ended_ && !is_broken_; }

 private:
  // Moves `at` over what is here of a chunk's head, its data or its end. False when more is needed.
  bool TakePart(size_t& at, std::string& text) {
    const std::string_view rest = std::string_view(unread_).substr(at);
    if (rest.empty()) return false;
    if (left_ > 0) {
      const size_t part = std::min(left_, rest.size());
      text += rest.substr(0, part);
      left_ -= part;
      at += part;
      is_at_end_ = left_ == 0;
      return true;
    }
    const size_t line_end = rest.find("\r\n");
    if (line_end == std::string_view::npos) {
      is_broken_ = rest.size() > 18;
      return false;
    }
    at += line_end + 2;
    const std::string_view line = rest.substr(0, line_end);
    if (is_at_end_) {
      is_broken_ = !line.empty();
      is_at_end_ = false;
      has_ended_ = is_last_;
      return true;
    }
    const auto [stop, error] = std::from_chars(line.data(), line.data() + line.size(), left_, 16);
    is_broken_ = line.empty() || error != std::errc() || stop != line.data() + line.size();
    is_last_ = left_ == 0;
    is_at_end_ = is_last_;
    return true;
  }

  std::string unread_;
  size_t left_ = 0;         // of the chunk's data
  bool is_at_end_ = false;  // the line end behind the data comes next
  bool is_last_ = false;
  bool has_ended_ = false;
  bool is_broken_ = false;
};

}  // namespace stagelog

#endif  // STAGELOG_TESTS_SUPPORT_CHUNKED_BODY_H_
