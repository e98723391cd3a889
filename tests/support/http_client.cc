#include "tests/support/http_client.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cerrno>
#include <charconv>
#include <cstring>

#include "tests/support/chunked_body.h"
#include "tests/support/deadline.h"

namespace stagelog {
namespace {

constexpr size_t kMaxHeadBytes = size_t{64} << 10;

bool WaitFor(int fd, short events, const Deadline& deadline) {
  while (true) {
    pollfd wait = {.fd = fd, .events = events, .revents = 0};
    const int ready = ::poll(&wait, 1, deadline.RemainingMs());
    if (ready > 0) return true;
    if (ready == 0) return false;
    if (errno != EINTR) return false;
  }
}

std::string Lowered(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return out;
}

std::string_view Trimmed(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

bool ParseStatusLine(std::string_view line, int& status) {
  if (!line.starts_with("HTTP/1.1 ") || line.size() < 12) return false;
  const auto [end, error] = std::from_chars(line.data() + 9, line.data() + 12, status);
  return error == std::errc() && end == line.data() + 12 && status >= 100 && status <= 599;
}

// `head` is everything before the blank line, with the last header's CRLF.
Result<HttpResponse> ParseHead(std::string_view head) {
  HttpResponse response;
  size_t end = head.find("\r\n");
  if (!ParseStatusLine(head.substr(0, end), response.status)) {
    return Failure("not a status line: " + std::string(head.substr(0, end)));
  }
  for (size_t start = end + 2; start < head.size(); start = end + 2) {
    end = head.find("\r\n", start);
    const std::string_view line = head.substr(start, end - start);
    const size_t colon = line.find(':');
    if (colon == std::string_view::npos) return Failure("not a header: " + std::string(line));
    response.headers.emplace_back(Lowered(line.substr(0, colon)), Trimmed(line.substr(colon + 1)));
  }
  return response;
}

}  // namespace

std::string HttpResponse::Header(std::string_view name) const {
  for (const auto& [key, value] : headers) {
    if (key == name) return value;
  }
  return "";
}

bool HttpResponse::HasHeader(std::string_view name) const {
  return std::any_of(headers.begin(), headers.end(),
                     [&](const auto& header) { return header.first == name; });
}

Result<HttpConnection> HttpConnection::Connect(uint16_t port, std::chrono::milliseconds timeout) {
  UniqueFd socket(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!socket.valid()) return Failure("socket", errno);
  const int on = 1;
  ::setsockopt(socket.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  // The one cast that the sockets interface asks for.
  const auto* generic = reinterpret_cast<const sockaddr*>(&address);
  if (::connect(socket.get(), generic, sizeof(address)) != 0 && errno != EINPROGRESS) {
    return Failure("connect", errno);
  }
  if (!WaitFor(socket.get(), POLLOUT, Deadline(timeout))) return Failure("connect: no answer");
  int error = 0;
  socklen_t size = sizeof(error);
  ::getsockopt(socket.get(), SOL_SOCKET, SO_ERROR, &error, &size);
  if (error != 0) return Failure("connect", error);
  return HttpConnection(std::move(socket), timeout);
}

Status HttpConnection::Send(std::string_view bytes) {
  const Deadline deadline(timeout_);
  while (!bytes.empty()) {
    const ssize_t count = ::send(fd(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (count >= 0) {
      bytes.remove_prefix(static_cast<size_t>(count));
    } else if (errno == EAGAIN) {
      if (!WaitFor(fd(), POLLOUT, deadline)) return Failure("send: the server reads nothing");
    } else if (errno != EINTR) {
      return Failure("send: " + std::string(std::strerror(errno)), errno);
    }
  }
  return {};
}

void HttpConnection::FinishSending() { ::shutdown(fd(), SHUT_WR); }

Result<std::string> HttpConnection::ReadSome(std::chrono::milliseconds timeout) {
  if (!unread_.empty()) return std::exchange(unread_, std::string());
  const Deadline deadline(timeout);
  std::array<char, 65536> bytes;
  while (true) {
    const ssize_t count = ::recv(fd(), bytes.data(), bytes.size(), 0);
    if (count >= 0) return std::string(bytes.data(), static_cast<size_t>(count));
    if (errno == EAGAIN) {
      if (!WaitFor(fd(), POLLIN, deadline)) return Failure("nothing came in time", ETIMEDOUT);
    } else if (errno != EINTR) {
      return Failure("recv: " + std::string(std::strerror(errno)), errno);
    }
  }
}

bool HttpConnection::WaitForClose(std::chrono::milliseconds timeout) {
  const Deadline deadline(timeout);
  while (true) {
    const auto bytes = ReadSome(std::chrono::milliseconds(deadline.RemainingMs()));
    if (!bytes) return bytes.error().error_number == ECONNRESET;
    if (bytes->empty()) return true;
  }
}

Result<HttpResponse> HttpConnection::ReadHead() {
  std::string text;
  size_t end = std::string::npos;
  while (end == std::string::npos) {
    auto bytes = ReadSome(timeout_);
    if (!bytes) return Failure(bytes.error().message, bytes.error().error_number);
    if (bytes->empty()) return Failure("the connection ended before an answer");
    text += *bytes;
    end = text.find("\r\n\r\n");
    if (end == std::string::npos && text.size() > kMaxHeadBytes) return Failure("head too long");
  }
  unread_ = text.substr(end + 4);
  return ParseHead(std::string_view(text).substr(0, end + 2));
}

Result<HttpResponse> HttpConnection::ReadResponse(bool to_head_request) {
  auto response = ReadHead();
  if (!response) return response;
  const int status = response->status;
  if (to_head_request || status < 200 || status == 204 || status == 304) return response;
  auto body = ReadBody(*response);
  if (!body) return Failure("body: " + body.error().message, body.error().error_number);
  response->body = std::move(*body);
  return response;
}

Result<std::string> HttpConnection::ReadBody(const HttpResponse& head) {
  if (head.HasHeader("transfer-encoding")) return ReadChunks(head);
  const bool has_length = head.HasHeader("content-length");
  size_t length = 0;
  const std::string text = head.Header("content-length");
  std::from_chars(text.data(), text.data() + text.size(), length);
  std::string body;
  while (!has_length || body.size() < length) {
    auto bytes = ReadSome(timeout_);
    if (!bytes) return bytes;
    if (bytes->empty()) {
      if (has_length) return Failure("the connection ended inside a body");
      return body;
    }
    body += *bytes;
  }
  unread_ = body.substr(length);
  body.resize(length);
  return body;
}

Result<std::string> HttpConnection::ReadChunks(const HttpResponse& head) {
  if (head.Header("transfer-encoding") != "chunked" || head.HasHeader("content-length")) {
    return Failure("the framing of the body is unknown");
  }
  ChunkedBody chunks;
  std::string body;
  while (!chunks.has_ended()) {
    auto bytes = ReadSome(timeout_);
    if (!bytes) return bytes;
    if (bytes->empty()) return Failure("the connection ended inside of a chunked body");
    if (!chunks.Feed(*bytes, body)) return Failure("the body is not in chunks: " + *bytes);
  }
  return body;
}

std::string RequestText(std::string_view method, std::string_view target,
                        const HttpHeaders& headers, std::string_view body) {
  std::string text;
  text.append(method).append(" ").append(target).append(" HTTP/1.1\r\n");
  const bool has_host = std::any_of(headers.begin(), headers.end(), [](const auto& header) {
    return Lowered(header.first) == "host";
  });
  if (!has_host) text += "Host: 127.0.0.1\r\n";
  for (const auto& [name, value] : headers) text += name + ": " + value + "\r\n";
  if (!body.empty() || method == "POST") {
    text += "Content-Length: " + std::to_string(body.size()) + "\r\n";
  }
  text += "\r\n";
  text += body;
  return text;
}

HttpHeaders BearerHeader(std::string_view token) {
  if (token.empty()) return {};
  return {{"Authorization", "Bearer " + std::string(token)}};
}

HttpResponse HttpClient::Get(const std::string& target, const HttpHeaders& more) const {
  return Request("GET", target, more);
}

HttpResponse HttpClient::Post(const std::string& target, std::string_view body,
                              const std::string& content_type, const HttpHeaders& more) const {
  HttpHeaders headers = more;
  headers.emplace_back("Content-Type", content_type);
  return Request("POST", target, std::move(headers), body);
}

HttpResponse HttpClient::Request(std::string_view method, const std::string& target,
                                 HttpHeaders headers, std::string_view body) const {
  for (auto& header : BearerHeader(token_)) headers.push_back(std::move(header));
  auto connection = HttpConnection::Connect(port_);
  if (!connection) return {.status = 0, .headers = {}, .body = connection.error().message};
  // A server may answer and close before it has read everything: its answer counts all the same.
  const Status sent = connection->Send(RequestText(method, target, headers, body));
  auto response = connection->ReadResponse(method == "HEAD");
  if (response) return std::move(*response);
  return {.status = 0,
          .headers = {},
          .body = response.error().message + (sent ? "" : "; " + sent.error().message)};
}

HttpResponse HttpClient::SendRaw(std::string_view bytes) const {
  auto connection = HttpConnection::Connect(port_);
  if (!connection) return {.status = 0, .headers = {}, .body = connection.error().message};
  const Status sent = connection->Send(bytes);
  auto response = connection->ReadResponse();
  while (response && response->status < 200) response = connection->ReadResponse();
  if (response) return std::move(*response);
  return {.status = 0, .headers = {}, .body = response.error().message};
}

}  // namespace stagelog
