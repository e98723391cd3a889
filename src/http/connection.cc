#include "http/connection.h"

#include <linux/sockios.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <ctime>

#include "http/problem.h"

namespace stagelog {
namespace {

// A buffer of at most so many bytes is kept for the next request.
constexpr size_t kKeptBytes = 4096;

}  // namespace

void InputBuffer::Append(std::string_view bytes) {
  if (begin_ > bytes_.size() / 2) {
    bytes_.erase(0, begin_);
    begin_ = 0;
  }
  bytes_ += bytes;
}

void InputBuffer::Consume(size_t count) {
  begin_ += count;
  if (empty()) Clear();
}

void InputBuffer::Clear() {
  begin_ = 0;
  if (bytes_.capacity() > kKeptBytes) {
    bytes_ = std::string();
  } else {
    bytes_.clear();
  }
}

bool Connection::MayReceive() const {
  if (peer_finished) return false;
  if (closing) return discarded_bytes_ < kMaxDiscardedBytes;
  return input.size() < read_ahead_bytes_ && !HasUnsent();
}

bool Connection::Receive() {
  std::array<char, 65'536> buffer;
  for (size_t received = 0; received < kReceiveAtOnceBytes && MayReceive();) {
    const ssize_t got = ::recv(fd(), buffer.data(), buffer.size(), MSG_DONTWAIT);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return errno == EAGAIN || errno == EWOULDBLOCK;
    if (got == 0) {
      peer_finished = true;
      return true;
    }
    const auto size = static_cast<size_t>(got);
    received += size;
    if (closing) {
      discarded_bytes_ += size;
    } else {
      input.Append({buffer.data(), size});
    }
    if (size < buffer.size()) return true;
  }
  return true;
}

bool Connection::Send() {
  while (HasUnsent()) {
    const ssize_t sent =
        ::send(fd(), output_.data() + sent_, output_.size() - sent_, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0) return errno == EAGAIN || errno == EWOULDBLOCK;
    sent_ += static_cast<size_t>(sent);
    sent_total += static_cast<uint64_t>(sent);
  }
  sent_ = 0;
  // A connection that idles keeps no buffer.
  if (output_.capacity() > kKeptBytes) {
    output_ = std::string();
  } else {
    output_.clear();
  }
  return true;
}

void Connection::CollectAnswers() {
  while (!exchanges.empty() && exchanges.front().stage == Exchange::Stage::kAnswered) {
    if (output_.empty()) {
      output_ = std::move(exchanges.front().bytes);  // it may be a page of megabytes
    } else {
      output_ += exchanges.front().bytes;
    }
    exchanges.pop_front();
  }
}

uint32_t Connection::WantedEvents() const {
  uint32_t events = 0;
  if (MayReceive()) events |= EPOLLIN | EPOLLRDHUP;
  if (HasUnsent()) events |= EPOLLOUT;
  return events;
}

Exchange* Connection::FindExchange(uint64_t exchange_id) {
  const auto found = std::find_if(exchanges.begin(), exchanges.end(),
                                  [&](const Exchange& e) { return e.id == exchange_id; });
  return found == exchanges.end() ? nullptr : &*found;
}

bool Connection::MayStart(bool next_is_append) const {
  if (closing || UnsentBytes() > kMaxUnsentBytes) return false;
  if (exchanges.empty()) return true;
  if (!next_is_append || exchanges.size() >= kMaxPipelined) return false;
  return std::all_of(exchanges.begin(), exchanges.end(), [](const Exchange& exchange) {
    return exchange.stage == Exchange::Stage::kAnswered ||
           (exchange.stage == Exchange::Stage::kDeferred && exchange.route->is_append);
  });
}

void Connection::BeginLingering() {
  lingering = true;
  input.Clear();
  ::shutdown(fd(), SHUT_WR);
}

bool Connection::HasBytesWaiting() const {
  int waiting = 0;
  return ::ioctl(fd(), FIONREAD, &waiting) == 0 && waiting > 0;
}

size_t Connection::UntakenBytes() const {
  int queued = 0;
  return ::ioctl(fd(), SIOCOUTQ, &queued) == 0 && queued > 0 ? static_cast<size_t>(queued) : 0;
}

std::string EncodeResponse(const httplib::Response& response, const Exchange& exchange, bool closes,
                           const std::string& date) {
  const bool has_body = response.status != 204 && response.status != 304;
  std::string out = "HTTP/1.1 " + std::to_string(response.status) + ' ';
  out += ReasonPhrase(response.status);
  out += "\r\nDate: " + date + "\r\n";
  for (const auto& [name, value] : response.headers) out += name + ": " + value + "\r\n";
  // HEAD tells how long what GET sends would be; a stream has no length.
  const bool is_stream = response.get_header_value("Content-Type") == "text/event-stream";
  const bool has_length = has_body && !is_stream;
  if (has_body && is_stream && exchange.is_http_1_1) out += "Transfer-Encoding: chunked\r\n";
  if (has_length) out += "Content-Length: " + std::to_string(response.body.size()) + "\r\n";
  if (closes) out += "Connection: close\r\n";
  if (!closes && !exchange.is_http_1_1) out += "Connection: keep-alive\r\n";
  out += "\r\n";
  if (has_body && !exchange.is_head) out += response.body;
  return out;
}

std::string FormatHttpDate(int64_t wall_micros) {
  const std::time_t seconds = wall_micros / 1'000'000;
  std::tm parts{};
  ::gmtime_r(&seconds, &parts);
  std::array<char, 40> text;
  const size_t size = std::strftime(text.data(), text.size(), "%a, %d %b %Y %H:%M:%S GMT", &parts);
  return std::string(text.data(), size);
}

}  // namespace stagelog
