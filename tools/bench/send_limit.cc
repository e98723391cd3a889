// The least that a server of streams has to do: one thread, and one send() after the other. What it
// costs is the limit that the daemon's streams are held against, with the same reader.
//
//   send_limit --port 8099 [--heartbeat-seconds 5] [--threads 2]
//   stream_load --peer nchan --url http://127.0.0.1:8099 --streams 1000 --rate 100
//
// It knows as much of Nchan's protocol as stream_load does: GET /sub/<channel> subscribes, POST
// /pub/<channel> publishes one event. A subscriber that does not take a frame whole is closed.
// Nothing is kept. With two threads each sends a frame to every other subscriber.
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <iostream>
#include <memory>
#include <semaphore>
#include <thread>
#include <unordered_map>
#include <vector>

#include "tools/bench/bench_support.h"

namespace stagelog {
namespace {

constexpr int64_t kNanosPerMilli = 1'000'000;
constexpr int64_t kHeartbeatTickMillis = 10;
constexpr std::string_view kStreamHead =
    "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nCache-Control: no-cache\r\n\r\n";
constexpr std::string_view kCreated = "HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n";
// As long as the daemon's.
constexpr std::string_view kHeartbeat =
    "event: heartbeat\ndata: {\"ts\":\"2026-11-21T07:41:02.123456Z\",\"head_seq\":123456,"
    "\"sent_through\":123456}\n\n";

struct Connection {
  UniqueFd socket;
  std::string received;
};

class SendLimit {
 public:
  SendLimit(int64_t heartbeat_seconds, bool has_helper)
      : heartbeat_seconds_(heartbeat_seconds), last_beat_nanos_(MonotonicNanos()) {
    if (has_helper) helper_ = std::jthread([this](const std::stop_token&) { Help(); });
  }

  Status Listen(uint16_t port);
  [[noreturn]] void Run();

 private:
  struct Subscriber {
    int fd = -1;
    std::string channel;
  };

  void Accept();
  void OnReadable(int fd);
  void TakeRequest(int fd, Connection& connection);
  void Subscribe(int fd, std::string channel);
  void Publish(std::string_view channel, std::string_view data);
  void SendToEvery(size_t step, size_t first, std::vector<int>& failed) const;
  [[noreturn]] void Help();
  void BeatSome();
  static bool SendWhole(int fd, std::string_view bytes);
  void Close(int fd);

  const int64_t heartbeat_seconds_;  // 0: none
  int64_t last_beat_nanos_;
  double beats_due_ = 0;
  size_t next_beat_ = 0;
  UniqueFd listener_;
  const UniqueFd epoll_{::epoll_create1(EPOLL_CLOEXEC)};
  std::unordered_map<int, Connection> connections_;
  std::vector<Subscriber> subscribers_;
  // What the helper sends, between the two signals.
  std::string_view channel_;
  std::string_view frame_;
  std::vector<int> failed_at_helper_;
  std::binary_semaphore begin_{0};
  std::binary_semaphore done_{0};
  std::jthread helper_;
};

Status SendLimit::Listen(uint16_t port) {
  listener_ = UniqueFd(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  const int yes = 1;
  ::setsockopt(listener_.get(), SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(port);
  const auto* any = reinterpret_cast<const sockaddr*>(&address);
  if (::bind(listener_.get(), any, sizeof(address)) != 0 || ::listen(listener_.get(), 4096) != 0) {
    return Failure("port " + std::to_string(port), errno);
  }
  epoll_event wanted = {};
  wanted.events = EPOLLIN;
  wanted.data.fd = listener_.get();
  ::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, listener_.get(), &wanted);
  return {};
}

void SendLimit::Run() {
  std::array<epoll_event, 256> events;
  while (true) {
    const int timeout_ms = heartbeat_seconds_ > 0 ? static_cast<int>(kHeartbeatTickMillis) : -1;
    const int count =
        ::epoll_wait(epoll_.get(), events.data(), static_cast<int>(events.size()), timeout_ms);
    for (int i = 0; i < count; ++i) {
      const int fd = events[static_cast<size_t>(i)].data.fd;
      if (fd == listener_.get()) {
        Accept();
      } else {
        OnReadable(fd);
      }
    }
    if (heartbeat_seconds_ > 0) BeatSome();
  }
}

void SendLimit::Accept() {
  while (true) {
    const int fd = ::accept4(listener_.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) return;
    const int yes = 1;
    ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes));
    connections_[fd].socket = UniqueFd(fd);
    epoll_event wanted = {};
    wanted.events = EPOLLIN | EPOLLRDHUP;
    wanted.data.fd = fd;
    ::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &wanted);
  }
}

void SendLimit::OnReadable(int fd) {
  const auto found = connections_.find(fd);
  if (found == connections_.end()) return;
  std::array<char, 16'384> buffer;
  const ssize_t count = ::recv(fd, buffer.data(), buffer.size(), 0);
  if (count <= 0) return Close(fd);
  found->second.received.append(buffer.data(), static_cast<size_t>(count));
  TakeRequest(fd, found->second);
}

// One at a time: the reader waits for each answer.
void SendLimit::TakeRequest(int fd, Connection& connection) {
  const std::string& text = connection.received;
  const size_t head_end = text.find("\r\n\r\n");
  if (head_end == std::string::npos) return;
  const size_t space = text.find(' ');
  const size_t slash = text.find('/', space + 2);
  const std::string channel = text.substr(slash + 1, text.find(' ', slash) - slash - 1);
  if (text.starts_with("GET ")) {
    connection.received.clear();
    return Subscribe(fd, channel);
  }
  const size_t length = text.find("Content-Length: ");
  const size_t size = length < head_end ? std::stoul(text.substr(length + 16)) : 0;
  if (text.size() < head_end + 4 + size) return;
  Publish(channel, std::string_view(text).substr(head_end + 4, size));
  connection.received.clear();
  SendWhole(fd, kCreated);
}

void SendLimit::Subscribe(int fd, std::string channel) {
  if (!SendWhole(fd, kStreamHead)) return Close(fd);
  subscribers_.push_back({fd, std::move(channel)});
}

void SendLimit::Publish(std::string_view channel, std::string_view data) {
  const std::string frame = "id: 1\ndata: " + std::string(data) + "\n\n";
  channel_ = channel;
  frame_ = frame;
  std::vector<int> failed;
  if (helper_.joinable()) {
    begin_.release();
    SendToEvery(2, 0, failed);
    done_.acquire();
    failed.insert(failed.end(), failed_at_helper_.begin(), failed_at_helper_.end());
  } else {
    SendToEvery(1, 0, failed);
  }
  for (const int fd : failed) Close(fd);
}

void SendLimit::SendToEvery(size_t step, size_t first, std::vector<int>& failed) const {
  for (size_t i = first; i < subscribers_.size(); i += step) {
    const Subscriber& subscriber = subscribers_[i];
    const bool is_for_it = subscriber.channel == channel_;
    if (is_for_it && !SendWhole(subscriber.fd, frame_)) failed.push_back(subscriber.fd);
  }
}

void SendLimit::Help() {
  while (true) {
    begin_.acquire();
    failed_at_helper_.clear();
    SendToEvery(2, 1, failed_at_helper_);
    done_.release();
  }
}

// Spread over time, as the daemon's.
void SendLimit::BeatSome() {
  const int64_t now = MonotonicNanos();
  const double seconds = static_cast<double>(now - last_beat_nanos_) / 1e9;
  if (now - last_beat_nanos_ < kHeartbeatTickMillis * kNanosPerMilli) return;
  last_beat_nanos_ = now;
  beats_due_ +=
      seconds * static_cast<double>(subscribers_.size()) / static_cast<double>(heartbeat_seconds_);
  for (; beats_due_ >= 1 && !subscribers_.empty(); --beats_due_) {
    next_beat_ = (next_beat_ + 1) % subscribers_.size();
    SendWhole(subscribers_[next_beat_].fd, kHeartbeat);
  }
}

bool SendLimit::SendWhole(int fd, std::string_view bytes) {
  const ssize_t sent = ::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
  return sent == static_cast<ssize_t>(bytes.size());
}

void SendLimit::Close(int fd) {
  std::erase_if(subscribers_, [fd](const Subscriber& subscriber) { return subscriber.fd == fd; });
  connections_.erase(fd);
}

int Run(const Flags& flags) {
  RaiseFileLimit();
  SendLimit server(flags.Number("heartbeat-seconds"), flags.Number("threads") > 1);
  const Status listens = server.Listen(static_cast<uint16_t>(flags.Number("port")));
  if (!listens) {
    std::cerr << listens.error().message << ": " << std::strerror(listens.error().error_number)
              << "\n";
    return 1;
  }
  server.Run();
}

}  // namespace
}  // namespace stagelog

int main(int argument_count, char** arguments) {
  return stagelog::Run(
      stagelog::Flags(argument_count, arguments, "send_limit",
                      {{"port", "8099"}, {"heartbeat-seconds", "0"}, {"threads", "1"}}));
}
