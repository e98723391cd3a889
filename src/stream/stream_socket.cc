#include "stream/stream_socket.h"

#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "base/check.h"

namespace stagelog {
namespace {

// No subscriber has anything to say. One that floods us is closed rather than read for ever.
constexpr int kMaxDiscardReads = 64;

void AddPart(std::span<iovec> parts, size_t& count, std::string_view bytes) {
  // sendmsg() does not write through this pointer.
  parts[count++] = {const_cast<char*>(bytes.data()), bytes.size()};
}

}  // namespace

size_t StreamSocket::UnsentBytes() const {
  const size_t in_segment = segment_ == nullptr ? 0 : segment_end_ - segment_begin_;
  return in_segment + control_.size() - control_begin_;
}

void StreamSocket::QueueControl(std::string_view bytes) { control_ += bytes; }

void StreamSocket::QueueHeartbeat(std::string_view frame) {
  QueueControl(frame);
  heartbeat_queued_ = true;
}

ssize_t StreamSocket::SendOnce(std::span<const FrameRun> runs) {
  std::array<iovec, kMaxRuns + 2> parts;
  size_t count = 0;
  if (segment_ != nullptr) {
    AddPart(
        parts, count,
        std::string_view(segment_->bytes()).substr(segment_begin_, segment_end_ - segment_begin_));
  }
  if (!control_.empty()) AddPart(parts, count, std::string_view(control_).substr(control_begin_));
  for (const FrameRun& run : runs) {
    AddPart(parts, count,
            std::string_view(run.segment->bytes()).substr(run.begin, run.end - run.begin));
  }
  msghdr message = {};
  message.msg_iov = parts.data();
  message.msg_iovlen = count;
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
    const size_t taken = std::min<size_t>(sent, segment_end_ - segment_begin_);
    segment_begin_ += static_cast<uint32_t>(taken);
    sent -= taken;
    if (segment_begin_ == segment_end_) segment_.reset();
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
    const size_t taken = std::min<size_t>(sent, run.end - run.begin);
    if (taken < run.end - run.begin) Keep(run, taken);
    sent -= taken;
  }
  return begun;
}

void StreamSocket::Keep(const FrameRun& run, size_t sent) {
  segment_ = run.segment->shared_from_this();
  segment_begin_ = run.begin + static_cast<uint32_t>(sent);
  segment_end_ = run.end;
}

bool StreamSocket::DiscardInput() {
  std::array<char, 16384> ignored;
  for (int i = 0; i < kMaxDiscardReads; ++i) {
    const ssize_t got = ::recv(fd(), ignored.data(), ignored.size(), MSG_DONTWAIT);
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
  if (!blocked_ && now_micros - progress_micros_ < timeout_micros / 4) return false;
  int queued = 0;
  if (::ioctl(fd(), SIOCOUTQ, &queued) != 0) queued = 0;
  const int64_t taken = sent_bytes_ - queued;
  had_all_ = queued == 0 && !blocked_;
  if (had_all_ || taken > taken_bytes_) progress_micros_ = now_micros;
  taken_bytes_ = std::max(taken_bytes_, taken);
  return now_micros - progress_micros_ >= timeout_micros;
}

}  // namespace stagelog
