// Takes over the connections of streams.
#ifndef STAGELOG_CORE_STREAM_SINK_H_
#define STAGELOG_CORE_STREAM_SINK_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/unique_fd.h"
#include "core/query.h"

namespace stagelog {

// How journal events stand in the frames of a stream.
struct FrameForm {
  enum class Kind : uint8_t {
    kPlain,        // as they are stored
    kNamed,        // the same, with `event: <type>`
    kCloudEvents,  // as CloudEvents in the JSON format
    kCdEvents,     // the same, with CDEvents in them where there is an equivalent
  };
  static constexpr size_t kKinds = 4;

  Kind kind = Kind::kPlain;
  std::shared_ptr<const std::string> journal_id;  // of the sources of CloudEvents; else null

  bool operator==(const FrameForm& other) const { return kind == other.kind; }
};

// A subscriber to be: what it wants and from where.
struct StreamRequest {
  std::optional<std::string> job_id;  // none: all jobs
  EventFilter filter;
  StreamStart start;
  FrameForm form;
  bool until_terminal = false;    // closes when the job is over and all that matches was sent
  std::string token_name;         // the stream is closed when this token is taken away
  uint64_t grant = 0;             // as it is when this session ends; 0: it came by none
  int64_t expires_at_micros = 0;  // monotonic; 0: not by time
  // HTTP/1.1: the body comes in chunks (RFC 9112, section 7.1), and only an `end` frame is followed
  // by the last one. Else the body ends with the connection.
  bool chunked = false;
};

// Takes over an accepted connection. Safe from any thread.
class StreamSink {
 public:
  virtual ~StreamSink() = default;

  // `socket` is connected and non-blocking; nothing was sent on it yet for this request. `head` is
  // the HTTP head that goes out first.
  virtual void Adopt(UniqueFd socket, StreamRequest request, std::string head) = 0;

  // Closes the streams whose token is no longer one of `token_names`.
  virtual void KeepOnlyTokens(std::vector<std::string> token_names) = 0;

  // Closes the streams that came by this session.
  virtual void EndGrant(uint64_t grant) = 0;

  virtual size_t SubscriberCount() const = 0;
};

}  // namespace stagelog

#endif  // STAGELOG_CORE_STREAM_SINK_H_
