// The sending side of one stream: its socket and its unsent data. It has no buffer of events, only
// a reference to the segment it stopped in (guarantee 4 in src/GUARANTEES.md), so ten thousand idle
// streams need little memory. Stream thread only.
#ifndef STAGELOG_STREAM_STREAM_SOCKET_H_
#define STAGELOG_STREAM_STREAM_SOCKET_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "base/unique_fd.h"
#include "stream/frame_ring.h"
#include "stream/frame_segment.h"

namespace stagelog {

enum class SendOutcome { kSentAll, kBlocked, kGone };

struct SendReport {
  SendOutcome outcome = SendOutcome::kSentAll;
  int error_number = 0;  // with kGone
  size_t bytes = 0;
  size_t runs_begun = 0;  // sent, or kept in hand: they will be sent before anything else
};

class StreamSocket {
 public:
  // At most this many runs go into one system call.
  static constexpr size_t kMaxRuns = 64;

  // `socket` is connected and non-blocking. `chunked`: runs go out as they are, and frames that are
  // queued become chunks; else only the frames' text goes out, a part for each of them.
  explicit StreamSocket(UniqueFd socket, bool chunked = true)
      : socket_(std::move(socket)), chunked_(chunked) {}

  int fd() const { return socket_.get(); }

  // Sets SO_SNDBUF. Returns the granted bytes; 0 on failure.
  int BoundKernelBytes(int bytes) const;

  // The bytes in the kernel when HasStalled() last queried them. Queried again while non-zero.
  int kernel_bytes() const { return kernel_bytes_; }

  // The socket was full, and was not reported writable since.
  bool blocked() const { return blocked_; }
  void Unblock() { blocked_ = false; }

  bool HasUnsent() const { return segment_ != nullptr || !control_.empty(); }
  size_t UnsentBytes() const;

  // Queues complete control frames, sent between whole runs: after the run in progress, before any
  // later run.
  void QueueFrames(std::string_view frames);

  // The same of bytes that are no part of the body, or frame it: the head, and the last chunk
  // (nothing where there are no chunks).
  void QueueHead(std::string_view head) { control_ += head; }
  void QueueLastChunk();

  // At most one heartbeat is queued: older ones are useless once the socket is writable again.
  bool HasHeartbeatQueued() const { return heartbeat_queued_; }
  void QueueHeartbeat(std::string_view frame);

  // Sends pending data, then `runs` (at most kMaxRuns), until the socket is full. A run that was
  // begun is kept; the others are not consumed. Not while blocked().
  SendReport Send(std::span<const FrameRun> runs, int64_t now_micros);

  // Subscribers have no reason to send data. One that sends more than this is disconnected.
  static constexpr size_t kMaxDiscardedBytes = size_t{64} << 10;

  // Reads and discards input; false if the client has disconnected.
  bool DiscardInput();

  // True if data is pending and the peer has received nothing for `timeout_micros`. Call it several
  // times within that time: a full socket becomes writable only when a third of its buffer is free,
  // which takes a slow peer minutes, so the kernel is queried.
  bool HasStalled(int64_t now_micros, int64_t timeout_micros);

 private:
  struct Parts;

  ssize_t SendOnce(std::span<const FrameRun> runs);
  void AddFrames(Parts& parts, const FrameSegment& segment, uint32_t begin, uint32_t end) const;
  uint32_t Advance(const FrameSegment& segment, uint32_t begin, uint32_t end, size_t& sent) const;
  size_t TakeFromHand(size_t sent);
  size_t TakeRuns(std::span<const FrameRun> runs, size_t sent);

  UniqueFd socket_;
  const bool chunked_;
  bool blocked_ = false;
  bool stuck_ = false;  // was blocked and has not taken everything since
  bool heartbeat_queued_ = false;
  bool had_all_ = true;  // the peer, when last asked, and nothing was sent since
  int kernel_bytes_ = 0;
  uint32_t discarded_bytes_ = 0;
  int64_t sent_bytes_ = 0;      // given to the kernel
  int64_t taken_bytes_ = 0;     // of these, by the peer, when last asked
  uint32_t segment_begin_ = 0;  // the unsent part of segment_
  uint32_t segment_end_ = 0;
  uint32_t control_begin_ = 0;   // the unsent part of control_
  FrameSegmentPointer segment_;  // always sent before control_
  std::string control_;
  int64_t progress_micros_ = 0;  // when the socket last took something, or filled up
};

}  // namespace stagelog

#endif  // STAGELOG_STREAM_STREAM_SOCKET_H_
