#include "stream/stream_socket.h"

#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "base/check.h"
#include "stream/sse_frame.h"

namespace stagelog {
namespace {

// Of one system call: the runs of a chunked body with what is in hand, or so many frames of another
// body. The kernel takes 1,024 (IOV_MAX).
constexpr size_t kMaxParts = 256;
static_assert(StreamSocket::kMaxRuns + 2 <= kMaxParts);

}  // namespace

// What goes into one system call, in order.
struct StreamSocket::Parts {
  std::array<iovec, kMaxParts> vectors;
  size_t count = 0;

  bool IsFull() const { return count == vectors.size(); }
  void Add(std::string_view bytes) {
    // sendmsg() does not write through this pointer.
    vectors[count++] = {const_cast<char*>(bytes.data()), bytes.size()};
  }
};

int StreamSocket::BoundKernelBytes(int bytes) const {
  int granted = 0;
  socklen_t size = sizeof(granted);
  ::setsockopt(fd(), SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes));
  return ::getsockopt(fd(), SOL_SOCKET, SO_SNDBUF, &granted, &size) == 0 ? granted : 0;
}

size_t StreamSocket::UnsentBytes() const {
  const size_t in_segment = segment_ == nullptr ? 0 : segment_end_ - segment_begin_;
  return in_segment + control_.size() - control_begin_;
}

void StreamSocket::QueueFrames(std::string_view frames) {
  if (frames.empty()) return;
  if (chunked_) {
    AppendChunk(control_, frames);
  } else {
    control_ += frames;
  }
}

void StreamSocket::QueueLastChunk() {
  if (chunked_) control_ += kLastChunk;
}

void StreamSocket::QueueHeartbeat(std::string_view frame) {
  QueueFrames(frame);
  heartbeat_queued_ = true;
}

// Adds the bytes of [begin, end) as this body has them.
void StreamSocket::AddFrames(Parts& parts, const FrameSegment& segment, uint32_t begin,
                             uint32_t end) const {
  if (chunked_) return parts.Add(std::string_view(segment.bytes()).substr(begin, end - begin));
  std::array<std::string_view, kMaxParts> frames;
  const size_t count =
      segment.FramesWithin(begin, end, std::span(frames).first(parts.vectors.size() - parts.count));
  for (size_t i = 0; i < count; ++i) parts.Add(frames[i]);
}

// Where the unsent part of [begin, end) begins when `sent` bytes more were sent; takes off `sent`
// what belonged to it.
uint32_t StreamSocket::Advance(const FrameSegment& segment, uint32_t begin, uint32_t end,
                               size_t& sent) const {
  if (!chunked_) return segment.AdvanceInFrames(begin, end, sent);
  const size_t taken = std::min<size_t>(sent, end - begin);
  sent -= taken;
  return begin + static_cast<uint32_t>(taken);
}

// What does not fit into one call goes with the next: nothing is put behind a part that is missing.
ssize_t StreamSocket::SendOnce(std::span<const FrameRun> runs) {
  Parts parts;
  if (segment_ != nullptr) AddFrames(parts, *segment_, segment_begin_, segment_end_);
  if (!control_.empty() && !parts.IsFull()) {
    parts.Add(std::string_view(control_).substr(control_begin_));
  }
  for (const FrameRun& run : runs) {
    if (parts.IsFull()) break;
    AddFrames(parts, *run.segment, run.begin, run.end);
  }
  msghdr message = {};
  message.msg_iov = parts.vectors.data();
  message.msg_iovlen = parts.count;
  ssize_t sent = -1;
  do {
    sent = ::sendmsg(fd(), &message, MSG_NOSIGNAL | MSG_DONTWAIT);
  } while (sent < 0 && errno == EINTR);
  return sent;
}

SendReport StreamSocket::Send(std::span<const FrameRun> runs, int64_t now_micros) {
  STAGELOG_CHECK(!blocked_ && runs.size() <= kMaxRuns);
  SendReport report;
  while (HasUnsent() || !runs.empty()) {
    const ssize_t sent = SendOnce(runs);
    if (sent < 0) {
      blocked_ = errno == EAGAIN || errno == EWOULDBLOCK;
      report.outcome = blocked_ ? SendOutcome::kBlocked : SendOutcome::kGone;
      report.error_number = errno;
      if (report.bytes > 0 || !stuck_) progress_micros_ = now_micros;
      stuck_ = blocked_;
      return report;
    }
    report.bytes += static_cast<size_t>(sent);
    if (had_all_) progress_micros_ = now_micros;
    had_all_ = false;
    sent_bytes_ += sent;
    const size_t of_runs = TakeFromHand(static_cast<size_t>(sent));
    const size_t begun = TakeRuns(runs, of_runs);
    report.runs_begun += begun;
    runs = runs.subspan(begun);
  }
  stuck_ = false;
  return report;
}

// Strikes `sent` bytes off what is in hand and returns how many were beyond it.
size_t StreamSocket::TakeFromHand(size_t sent) {
  if (segment_ != nullptr) {
    segment_begin_ = Advance(*segment_, segment_begin_, segment_end_, sent);
    if (segment_begin_ < segment_end_) return 0;
    segment_.reset();
  }
  if (!control_.empty()) {
    const size_t taken = std::min(sent, control_.size() - control_begin_);
    control_begin_ += static_cast<uint32_t>(taken);
    sent -= taken;
    if (control_begin_ == control_.size()) {
      // Gives the memory back as well: most streams have nothing in hand for most of their life.
      control_ = std::string();
      control_begin_ = 0;
      heartbeat_queued_ = false;
    }
  }
  return sent;
}

// Returns how many runs were begun when `sent` bytes of them were sent; the one that was not
// finished is kept in hand.
size_t StreamSocket::TakeRuns(std::span<const FrameRun> runs, size_t sent) {
  size_t begun = 0;
  while (sent > 0) {
    STAGELOG_CHECK(begun < runs.size());
    const FrameRun& run = runs[begun++];
    const uint32_t unsent_begin = Advance(*run.segment, run.begin, run.end, sent);
    if (unsent_begin == run.end) continue;
    segment_ = run.segment->shared_from_this();
    segment_begin_ = unsent_begin;
    segment_end_ = run.end;
  }
  return begun;
}

bool StreamSocket::DiscardInput() {
  std::array<char, 16384> ignored;
  while (discarded_bytes_ <= kMaxDiscardedBytes) {
    const ssize_t got = ::recv(fd(), ignored.data(), ignored.size(), MSG_DONTWAIT);
    if (got > 0) discarded_bytes_ += static_cast<uint32_t>(got);
    if (got > 0 || (got < 0 && errno == EINTR)) continue;
    return got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
  }
  return false;
}

// What the peer has acknowledged is what was given to the kernel less what it still holds. (The
// kernel's own TCP_USER_TIMEOUT does not see that a small window opens and closes again, and closes
// slow peers.)
bool StreamSocket::HasStalled(int64_t now_micros, int64_t timeout_micros) {
  // As long as this has not gone on for a while the kernel need not be asked.
  const bool is_recent = now_micros - progress_micros_ < timeout_micros / 4;
  if (!blocked_ && kernel_bytes_ == 0 && is_recent) return false;
  int queued = 0;
  if (::ioctl(fd(), SIOCOUTQ, &queued) != 0) queued = 0;
  kernel_bytes_ = queued;
  const int64_t taken = sent_bytes_ - queued;
  had_all_ = queued == 0 && !blocked_;
  if (had_all_ || taken > taken_bytes_) progress_micros_ = now_micros;
  taken_bytes_ = std::max(taken_bytes_, taken);
  return now_micros - progress_micros_ >= timeout_micros;
}

}  // namespace stagelog
