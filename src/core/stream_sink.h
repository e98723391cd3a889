// Takes over the connections of streams.
#ifndef STAGELOG_CORE_STREAM_SINK_H_
#define STAGELOG_CORE_STREAM_SINK_H_

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "base/unique_fd.h"
#include "core/query.h"

namespace stagelog {

// A subscriber to be: what it wants and from where.
struct StreamRequest {
  std::optional<std::string> job_id;  // none: all jobs
  EventFilter filter;
  StreamStart start;
  bool named = false;           // adds `event: <type>` to journal events
  bool until_terminal = false;  // closes when the job is over and all that matches was sent
  std::string token_name;       // the stream is closed when this token is taken away
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

  virtual size_t SubscriberCount() const = 0;
};

}  // namespace stagelog

#endif  // STAGELOG_CORE_STREAM_SINK_H_
