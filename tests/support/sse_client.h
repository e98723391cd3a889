// Server-Sent Events as a browser reads them: the parser of the WHATWG HTML standard, section 9.2.6
// "Interpreting an event stream", and a client that waits for frames.
#ifndef STAGELOG_TESTS_SUPPORT_SSE_CLIENT_H_
#define STAGELOG_TESTS_SUPPORT_SSE_CLIENT_H_

#include <chrono>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "tests/support/chunked_body.h"
#include "tests/support/http_client.h"

namespace stagelog {

// What would be dispatched to a listener.
struct SseFrame {
  std::string event;  // "message" for an unnamed frame
  std::string data;
  std::string last_event_id;
  bool has_id = false;  // this frame itself had an `id` field
};

// Fed with bytes in any portions. Used by one thread.
class SseParser {
 public:
  // Reads on; what is complete is added to `frames`.
  void Feed(std::string_view bytes, std::deque<SseFrame>& frames);

  const std::string& last_event_id() const { return last_event_id_; }
  std::optional<int64_t> retry_ms() const { return retry_ms_; }

  // True when all bytes so far make up whole frames: the stream could end here without a loss.
  bool AtFrameEnd() const { return line_.empty() && frame_is_empty_; }

 private:
  void EndLine(std::deque<SseFrame>& frames);
  void TakeField(std::string_view name, std::string_view value);
  void Dispatch(std::deque<SseFrame>& frames);

  bool at_start_ = true;  // a byte order mark may come
  bool after_return_ = false;
  bool frame_is_empty_ = true;
  std::string line_;
  std::string event_;
  std::string data_;
  std::string id_buffer_;
  bool has_id_ = false;
  std::string last_event_id_;
  std::optional<int64_t> retry_ms_;
};

// One connection that may be a stream. Used by one thread.
class SseClient {
 public:
  // Sends the GET and reads the head of the answer. Another status than 200 is no failure: see
  // head(), which then has the whole body.
  static Result<SseClient> Open(uint16_t port, const std::string& target,
                                std::string_view token = kAdminToken, const HttpHeaders& more = {});

  const HttpResponse& head() const { return head_; }

  // The next frame of any kind. A failure with ETIMEDOUT when none came in time; with EPIPE when
  // the stream has ended as it should, by the last chunk; with ECONNRESET when it was cut.
  Result<SseFrame> Next(std::chrono::milliseconds timeout = std::chrono::seconds(10));

  // The next frame of that name; the ones before are thrown away. Failures as above.
  Result<SseFrame> NextNamed(std::string_view name,
                             std::chrono::milliseconds timeout = std::chrono::seconds(10));

  // The next frame that is neither `connected` nor a heartbeat.
  Result<SseFrame> NextEvent(std::chrono::milliseconds timeout = std::chrono::seconds(10));

  // True when the stream ends in time as it should. Frames before the end are thrown away.
  bool WaitForEnd(std::chrono::milliseconds timeout = std::chrono::seconds(10));

  // True when the stream is cut in time, without an end but on the boundary of a frame.
  bool WaitForCut(std::chrono::milliseconds timeout = std::chrono::seconds(10));

  const SseParser& parser() const { return parser_; }
  int fd() const { return connection_.fd(); }

 private:
  SseClient(HttpConnection connection, HttpResponse head)
      : connection_(std::move(connection)), head_(std::move(head)) {}

  int WaitForFailure(std::chrono::milliseconds timeout);

  HttpConnection connection_;
  HttpResponse head_;
  ChunkedBody chunks_;
  SseParser parser_;
  std::deque<SseFrame> frames_;
};

}  // namespace stagelog

#endif  // STAGELOG_TESTS_SUPPORT_SSE_CLIENT_H_
