// A raw HTTP/1.1 client for tests: it sends whatever bytes it is given, right or wrong, and reads
// answers strictly. Blocking, with a deadline on every wait.
#ifndef STAGELOG_TESTS_SUPPORT_HTTP_CLIENT_H_
#define STAGELOG_TESTS_SUPPORT_HTTP_CLIENT_H_

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "base/unique_fd.h"

namespace stagelog {

// The token of the shipped configuration.
inline constexpr std::string_view kAdminToken = "default-admin-token-change-me";

using HttpHeaders = std::vector<std::pair<std::string, std::string>>;

struct HttpResponse {
  int status = 0;       // 0: there was no answer, and `body` says why
  HttpHeaders headers;  // names in lower case
  std::string body;

  // The value of the first header of that (lower-case) name; empty when there is none.
  std::string Header(std::string_view name) const;
  bool HasHeader(std::string_view name) const;
};

// One connection to 127.0.0.1. Used by one thread.
class HttpConnection {
 public:
  // `timeout` bounds the connect and each later wait.
  static Result<HttpConnection> Connect(
      uint16_t port, std::chrono::milliseconds timeout = std::chrono::seconds(10));

  // Sends all of `bytes`. A server that has closed is a failure, never a signal.
  Status Send(std::string_view bytes);

  // No more bytes will follow; answers may still come.
  void FinishSending();

  // The next answer up to the end of its head; interim answers (1xx) are answers too. The body is
  // left on the connection.
  Result<HttpResponse> ReadHead();

  // The next answer. Its body ends by its Content-Length, its last chunk, or with the connection. A
  // HEAD request's answer has no body.
  Result<HttpResponse> ReadResponse(bool to_head_request = false);

  // What comes next, at least one byte; empty: the server has closed the connection.
  Result<std::string> ReadSome(std::chrono::milliseconds timeout);

  // True when the server closes within the timeout; what it sends before is thrown away.
  bool WaitForClose(std::chrono::milliseconds timeout);

  int fd() const { return socket_.get(); }

 private:
  HttpConnection(UniqueFd socket, std::chrono::milliseconds timeout)
      : socket_(std::move(socket)), timeout_(timeout) {}

  Result<std::string> ReadBody(const HttpResponse& head);
  Result<std::string> ReadChunks(const HttpResponse& head);

  UniqueFd socket_;
  std::chrono::milliseconds timeout_;
  std::string unread_;  // came with an earlier answer
};

// The bytes of a request, with Host, and Content-Length where there is a body or a POST.
std::string RequestText(std::string_view method, std::string_view target,
                        const HttpHeaders& headers, std::string_view body = {});

// `Authorization: Bearer <token>`; no header at all for an empty token.
HttpHeaders BearerHeader(std::string_view token);

// Requests with a token, each on a connection of its own. Copies are cheap.
class HttpClient {
 public:
  HttpClient() = default;
  explicit HttpClient(uint16_t port, std::string token = std::string(kAdminToken))
      : port_(port), token_(std::move(token)) {}

  HttpResponse Get(const std::string& target, const HttpHeaders& more = {}) const;
  HttpResponse Post(const std::string& target, std::string_view body,
                    const std::string& content_type = "application/json",
                    const HttpHeaders& more = {}) const;
  HttpResponse Request(std::string_view method, const std::string& target, HttpHeaders headers,
                       std::string_view body = {}) const;

  // The bytes as they are on a fresh connection, and the first final answer.
  HttpResponse SendRaw(std::string_view bytes) const;

  uint16_t port() const { return port_; }
  const std::string& token() const { return token_; }

 private:
  uint16_t port_ = 0;
  std::string token_;
};

}  // namespace stagelog

#endif  // STAGELOG_TESTS_SUPPORT_HTTP_CLIENT_H_
