#include "tests/client/stream_spoiler.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include <string_view>
#include <vector>

#include "base/check.h"

namespace stagelog {
namespace {

sockaddr_in Loopback(uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

void SendAll(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t sent = ::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent <= 0) return;
    bytes.remove_prefix(static_cast<size_t>(sent));
  }
}

// What is there; empty when the other side has closed.
std::string ReadSome(int fd) {
  std::string bytes(16'384, '\0');
  const ssize_t count = ::recv(fd, bytes.data(), bytes.size(), 0);
  bytes.resize(count > 0 ? static_cast<size_t>(count) : 0);
  return bytes;
}

}  // namespace

StreamSpoiler::StreamSpoiler(uint16_t daemon_port, Mode mode, uint64_t seed)
    : daemon_port_(daemon_port),
      mode_(mode),
      random_(seed),
      listener_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)),
      done_(::eventfd(0, EFD_CLOEXEC)) {
  sockaddr_in address = Loopback(0);
  socklen_t size = sizeof(address);
  auto* generic = reinterpret_cast<sockaddr*>(&address);
  STAGELOG_CHECK(::bind(listener_.get(), generic, size) == 0);
  STAGELOG_CHECK(::listen(listener_.get(), 16) == 0);
  STAGELOG_CHECK(::getsockname(listener_.get(), generic, &size) == 0);
  port_ = ntohs(address.sin_port);
  thread_ = std::thread([this] { Run(); });
}

StreamSpoiler::~StreamSpoiler() {
  const uint64_t one = 1;
  static_cast<void>(!::write(done_.get(), &one, sizeof(one)));
  thread_.join();
}

void StreamSpoiler::Run() {
  while (true) {
    std::vector<pollfd> entries = {{done_.get(), POLLIN, 0}, {listener_.get(), POLLIN, 0}};
    for (const Pair& pair : pairs_) {
      entries.push_back({pair.client.get(), POLLIN, 0});
      entries.push_back({pair.daemon.get(), POLLIN, 0});
    }
    if (::poll(entries.data(), entries.size(), -1) < 0) continue;
    if (entries[0].revents != 0) return;
    size_t entry = 2;
    for (Pair& pair : pairs_) {
      if (entries[entry++].revents != 0) FromClient(pair);
      if (entries[entry++].revents != 0 && !pair.is_over) FromDaemon(pair);
    }
    pairs_.remove_if([](const Pair& pair) { return pair.is_over; });
    if (entries[1].revents != 0) Accept();
  }
}

// A daemon that is away shows as a connection that is closed at once.
void StreamSpoiler::Accept() {
  Pair pair;
  pair.client.Reset(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
  pair.daemon.Reset(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address = Loopback(daemon_port_);
  if (::connect(pair.daemon.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)) != 0) {
    return;
  }
  pairs_.push_back(std::move(pair));
}

void StreamSpoiler::FromClient(Pair& pair) {
  const std::string bytes = ReadSome(pair.client.get());
  pair.is_over = bytes.empty();
  if (bytes.find("/stream?") == std::string::npos) return SendAll(pair.daemon.get(), bytes);
  ++streams_;
  pair.is_stream = true;
  pair.bytes_left = mode_ == Mode::kCut ? 200 + random_() % 3'800 : 0;
  if (mode_ == Mode::kForbid) {
    SendAll(pair.client.get(), "HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno");
  } else if (mode_ == Mode::kCutAtOnce) {
    pair.is_over = true;
  } else {
    SendAll(pair.daemon.get(), bytes);
  }
}

void StreamSpoiler::FromDaemon(Pair& pair) {
  std::string bytes = ReadSome(pair.daemon.get());
  pair.is_over = bytes.empty();
  if (pair.is_stream && mode_ == Mode::kBuffer) return;
  if (pair.is_stream && mode_ == Mode::kContentType) {
    const std::string_view kind = "text/event-stream";
    const size_t at = bytes.find(kind);
    if (at != std::string::npos) bytes.replace(at, kind.size(), "text/html");
  }
  if (pair.is_stream && mode_ == Mode::kCut) {
    bytes.resize(std::min(bytes.size(), pair.bytes_left));
    pair.bytes_left -= bytes.size();
    pair.is_over = pair.is_over || pair.bytes_left == 0;
  }
  SendAll(pair.client.get(), bytes);
}

}  // namespace stagelog
