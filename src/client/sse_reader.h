// Server-Sent Events as they come over a connection: the parser of the WHATWG HTML standard,
// section 9.2.6 "Interpreting an event stream". Pure: bytes in, frames out.
#ifndef STAGELOG_CLIENT_SSE_READER_H_
#define STAGELOG_CLIENT_SSE_READER_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace stagelog::cli {

// What the standard dispatches as one event.
struct SseFrame {
  std::string event;              // empty for an unnamed frame
  std::string data;               // never empty
  std::optional<std::string> id;  // of this frame itself; none when it had no `id` field
};

// Reads one connection. An incomplete frame at its end is discarded, as the standard requires. One
// thread.
class SseReader {
 public:
  // Much larger than any frame of a daemon: a sender of more without an end is not a daemon.
  static constexpr size_t kMaxFrameBytes = size_t{16} << 20;

  using OnFrame = std::function<bool(const SseFrame& frame)>;

  // Reads on; `bytes` may be cut anywhere. False when `on_frame` returned false, and from then on,
  // or when a frame is beyond kMaxFrameBytes: what is left of `bytes` is not read.
  bool Feed(std::string_view bytes, const OnFrame& on_frame);

  // The last `retry:` field.
  std::optional<int64_t> retry_ms() const { return retry_ms_; }

 private:
  bool EndLine(const OnFrame& on_frame);
  void TakeField(std::string_view name, std::string_view value);
  bool Dispatch(const OnFrame& on_frame);

  bool is_first_line_ = true;
  bool after_return_ = false;  // a '\n' that follows belongs to the same end of line
  bool is_over_ = false;
  std::string line_;
  SseFrame frame_;
  std::optional<int64_t> retry_ms_;
};

}  // namespace stagelog::cli

#endif  // STAGELOG_CLIENT_SSE_READER_H_
