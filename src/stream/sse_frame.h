// The frames of a stream: the WHATWG HTML standard, section 9.2 (server-sent events), and the
// control frames of src/api/README.md. Pure; no input can inject a frame, because event bodies are
// JSON lines and all other text is JSON-escaped.
#ifndef STAGELOG_STREAM_SSE_FRAME_H_
#define STAGELOG_STREAM_SSE_FRAME_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace stagelog {

// No event's chunk is longer than its body, its type and this many bytes.
inline constexpr size_t kEventFrameOverhead = 64;

// What stands behind the data of a chunk, and behind the body in an event's frame.
inline constexpr size_t kChunkEndBytes = 2;
inline constexpr size_t kEventFrameEndBytes = 2;

// Where the parts of an event's chunk begin in the text it was appended to.
struct EventChunk {
  size_t frame_begin = 0;  // ends kChunkEndBytes before the chunk does
  size_t body_begin = 0;   // ends kEventFrameEndBytes before the frame does
};

// Appends one journal event as one chunk of a chunked body (RFC 9112, section 7.1): a subscriber of
// HTTP/1.0 is sent the frame in it. An empty `type` leaves the frame unnamed.
EventChunk AppendEventChunk(std::string& out, int64_t seq, std::string_view type,
                            std::string_view body);

// Appends `frames` as one chunk. They are not empty: an empty chunk would end the body.
void AppendChunk(std::string& out, std::string_view frames);

// The regular end of a chunked body.
inline constexpr std::string_view kLastChunk = "0\r\n\r\n";

// The first frame of a stream. Its id is the cursor, so that a drop before the first event resumes
// where this stream started.
struct ConnectedFrame {
  int64_t retry_ms = 0;
  int64_t cursor = 0;
  std::string journal_id;
  std::optional<std::string> job_id;  // left out of the frame of a stream of all jobs
  int64_t head_seq = 0;
  int64_t heartbeat_interval_ms = 0;
};
void AppendConnectedFrame(std::string& out, const ConnectedFrame& frame);

// Reports a request that cannot be served exactly (guarantee 5 in src/GUARANTEES.md).
struct GapFrame {
  std::string requested;  // JSON: the cursor as it was sent
  int64_t oldest = 0;     // the oldest seq there is; 0 when the journal is empty
  int64_t head = 0;
  std::string_view reason;  // a literal
  int64_t resumed_after = 0;
};
void AppendGapFrame(std::string& out, const GapFrame& frame);

// Has no id: a client resumes from an event it has received.
void AppendHeartbeatFrame(std::string& out, std::string_view timestamp, int64_t head_seq,
                          int64_t sent_through);

// The job is terminal and all matching events were sent.
void AppendEndFrame(std::string& out, std::string_view job_id, int64_t as_of_seq,
                    std::string_view reason = "terminal");

// Only tells the client to reconnect after `retry_ms`.
void AppendRetry(std::string& out, int64_t retry_ms);

// `text` as a JSON string that is valid UTF-8 whatever bytes a client sent.
std::string JsonTextOfAnyBytes(std::string_view text);

}  // namespace stagelog

#endif  // STAGELOG_STREAM_SSE_FRAME_H_
