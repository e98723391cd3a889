#include "http/library_server.h"

#include <netinet/in.h>
#include <pthread.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>

#include "base/logging.h"

namespace stagelog {
namespace {

constexpr int kBacklog = 4096;
constexpr int kSendBufferBytes = 512 << 10;  // the kernel grants twice as much

// Runs what the library wants on a pool at once, on the accepting thread.
class RunHere : public httplib::TaskQueue {
 public:
  void enqueue(std::function<void()> task) override { task(); }
  void shutdown() override {}
};

// A stream that reads from memory and forgets what is written to it.
class MemoryStream : public httplib::Stream {
 public:
  explicit MemoryStream(std::string_view bytes) : bytes_(bytes) {}

  bool is_readable() const override { return !bytes_.empty(); }
  bool is_writable() const override { return true; }
  ssize_t read(char* buffer, size_t size) override {
    const size_t part = std::min(size, bytes_.size());
    std::memcpy(buffer, bytes_.data(), part);
    bytes_.remove_prefix(part);
    return static_cast<ssize_t>(part);
  }
  ssize_t write(const char*, size_t size) override { return static_cast<ssize_t>(size); }
  void get_remote_ip_and_port(std::string&, int&) const override {}
  void get_local_ip_and_port(std::string&, int&) const override {}
  socket_t socket() const override { return INVALID_SOCKET; }

 private:
  std::string_view bytes_;
};

// The library's own choice is SO_REUSEPORT, with which a second daemon would silently share the
// port.
void SetSocketOptions(socket_t socket) {
  const int yes = 1;
  ::setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
  // Each connection inherits this. Left to itself the kernel keeps megabytes for a client that
  // takes nothing.
  ::setsockopt(socket, SOL_SOCKET, SO_SNDBUF, &kSendBufferBytes, sizeof(kSendBufferBytes));
}

}  // namespace

LibraryServer::LibraryServer(Acceptor acceptor) : acceptor_(std::move(acceptor)) {
  new_task_queue = [] { return new RunHere; };
  set_socket_options(SetSocketOptions);
  // The request is wanted, not the library's answer: everything counts as handled.
  set_pre_routing_handler([](const httplib::Request&, httplib::Response& response) {
    response.status = 204;
    return HandlerResponse::Handled;
  });
}

LibraryServer::~LibraryServer() { StopAccepting(); }

Result<int> LibraryServer::Bind(const std::string& host, int port) {
  host_ = host;
  port_ = port;
  errno = 0;
  if (!BindOnce()) {
    const int number = errno;
    return Failure("cannot listen on " + host + ":" + std::to_string(port) +
                       (number == 0 ? "" : std::string(": ") + std::strerror(number)),
                   number);
  }
  return port_;
}

bool LibraryServer::BindOnce() {
  if (port_ == 0) {
    const int port = bind_to_any_port(host_);
    if (port <= 0) return false;
    port_ = port;
  } else if (!bind_to_port(host_, port_)) {
    return false;
  }
  // The library listens with a backlog of 5.
  return ::listen(svr_sock_, kBacklog) == 0;
}

void LibraryServer::Start() {
  thread_ = std::thread([this] {
    ::pthread_setname_np(::pthread_self(), "accept");
    AcceptUntilStopped();
  });
}

// The library gives up listening at the first error of accept() that it does not know, a connection
// that was aborted for one: then it is made to listen again.
void LibraryServer::AcceptUntilStopped() {
  while (!stopping_) {
    listen_after_bind();
    if (stopping_) return;
    LogWarning("[http] the listener stopped unexpectedly; listening again on port {}", port_);
    while (!stopping_ && !BindOnce()) std::this_thread::sleep_for(std::chrono::milliseconds(100));
  }
}

void LibraryServer::StopAccepting() {
  stopping_ = true;
  if (!thread_.joinable()) return;
  // stop() does nothing before the library's loop runs; the socket is shut down in any case.
  const socket_t socket = svr_sock_;
  if (socket != INVALID_SOCKET) ::shutdown(socket, SHUT_RDWR);
  stop();
  thread_.join();
}

bool LibraryServer::process_and_close_socket(socket_t socket) {
  acceptor_(UniqueFd(socket));
  return true;
}

std::optional<httplib::Request> LibraryServer::ParseRequestLine(const std::string& request_line) {
  std::optional<httplib::Request> parsed;
  const std::string head = request_line + "\r\n\r\n";
  MemoryStream stream(head);
  bool closed = false;
  process_request(stream, false, closed,
                  [&](httplib::Request& request) { parsed = std::move(request); });
  return parsed;
}

}  // namespace stagelog
