// Bytes from a client through the real server and its real routes, over a socket pair: it answers
// or closes, every answer is well formed, none is a 5xx, and how the bytes come in makes no
// difference.
#include <sys/socket.h>

#include <algorithm>
#include <memory>
#include <nlohmann/json.hpp>

#include "api/api.h"
#include "api/long_polls.h"
#include "base/check.h"
#include "base/sha256.h"
#include "http/http_server.h"
#include "tests/fuzz/fuzz_target.h"
#include "tests/support/manual_clock.h"
#include "tests/support/null_journal.h"

namespace stagelog {
namespace {

using Json = nlohmann::json;

// Streams end with their head.
class HeadOnlyStreams : public StreamSink {
 public:
  void Adopt(UniqueFd socket, StreamRequest, std::string head) override {
    static_cast<void>(::send(socket.get(), head.data(), head.size(), MSG_NOSIGNAL));
  }
  void KeepOnlyTokens(std::vector<std::string>) override {}
  void EndGrant(uint64_t) override {}
  size_t SubscriberCount() const override { return 0; }
};

constexpr const char* kToken = "a-token-for-fuzzing";

HttpPolicy Policy() {
  const std::vector<TokenEntry> tokens = {
      {.name = "fuzzer", .sha256_hex = Sha256Hex(kToken), .roles = {Role::kAdmin}}};
  return {std::make_shared<TokenTable>(tokens), {"journal.example.org"}, {"*"}};
}

HttpLimits Limits() {
  HttpLimits limits;
  limits.request_bytes = 4096;
  limits.head_bytes = 4096;
  limits.pool_threads = 1;
  return limits;
}

// The server's loop runs on the fuzzer's own thread; time stands still.
class Server {
 public:
  Server() : server_(Limits(), Policy(), streams_, clock_, metrics_) {
    polls_.Connect([this](std::function<void()> task) { server_.Post(std::move(task)); },
                   [this](int64_t at_micros, std::function<void()> task) {
                     server_.CallAt(at_micros, std::move(task));
                   });
    server_.SetRoutes(ApiRoutes({journal_, journal_, journal_, journal_, journal_, journal_,
                                 journal_, journal_, journal_, polls_, clock_, metrics_}));
  }

  // What a client gets that sends `bytes`, `step` at a time, and then nothing more.
  std::string Answer(std::string_view bytes, size_t step) {
    int ends[2];
    STAGELOG_CHECK(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends) == 0);
    const UniqueFd client(ends[0]);
    server_.Accept(UniqueFd(ends[1]));
    Turn();
    std::string answer;
    bool closed = false;
    while (!bytes.empty() && !closed) {
      const size_t size = std::min(step, bytes.size());
      const ssize_t sent = ::send(client.get(), bytes.data(), size, MSG_NOSIGNAL);
      if (sent < 0 && errno != EAGAIN) break;  // the server has closed
      if (sent > 0) bytes.remove_prefix(static_cast<size_t>(sent));
      Turn();
      closed = Receive(client.get(), answer);
    }
    ::shutdown(client.get(), SHUT_WR);
    for (int turns = 0; !Receive(client.get(), answer); ++turns) {
      STAGELOG_CHECK(turns < 100'000);
      Turn();
    }
    return answer;
  }

 private:
  // Goes on at once when there is nothing to do.
  void Turn() {
    server_.Post([] {});
    server_.RunOnce();
  }

  // True when the server has closed.
  static bool Receive(int fd, std::string& answer) {
    char buffer[16'384];
    while (true) {
      const ssize_t got = ::recv(fd, buffer, sizeof(buffer), 0);
      if (got == 0) return true;
      if (got < 0) return errno != EAGAIN;
      answer.append(buffer, static_cast<size_t>(got));
    }
  }

  NullJournal journal_;
  HeadOnlyStreams streams_;
  ManualClock clock_;
  MetricsRegistry metrics_;
  LongPolls polls_;
  HttpServer server_;
};

void RemoveAll(std::string& text, std::string_view part) {
  for (size_t at = text.find(part); at != text.npos; at = text.find(part, at)) {
    text.erase(at, part.size());
  }
}

// One answer at the front of `text`, checked and taken off.
void CheckOneAnswer(std::string_view& text) {
  STAGELOG_CHECK(text.starts_with("HTTP/1.1 "));
  const int status = std::stoi(std::string(text.substr(9, 3)));
  const size_t head_end = text.find("\r\n\r\n");
  STAGELOG_CHECK(head_end != std::string_view::npos);
  const std::string_view head = text.substr(0, head_end + 2);
  // 505 is what a version is refused with that is no HTTP/1.
  if (status >= 500 && status != 505) CheckSameText("a 5xx", text, "");
  STAGELOG_CHECK(status >= 200);
  for (size_t at = 0; at < head.size();) {
    const size_t end = head.find("\r\n", at);
    const std::string_view line = head.substr(at, end - at);
    STAGELOG_CHECK(line.find_first_of(std::string_view("\r\n\0", 3)) == line.npos);
    STAGELOG_CHECK(at == 0 || line.find(": ") != line.npos);
    at = end + 2;
  }
  text.remove_prefix(head_end + 4);
  const size_t length_at = head.find("\r\nContent-Length: ");
  const size_t length =
      length_at == head.npos ? 0 : std::stoul(std::string(head.substr(length_at + 18, 12)));
  // The answer to HEAD tells a length and has no body.
  const bool has_body = length > 0 && !text.empty() && !text.starts_with("HTTP/1.1 ");
  if (!has_body) return;
  STAGELOG_CHECK(text.size() >= length);
  const std::string_view body = text.substr(0, length);
  CheckIsUtf8("body", body);
  if (head.find("json") != head.npos && head.find("ndjson") == head.npos) {
    if (!Json::accept(body)) CheckSameText("a body that is no JSON", body, "");
  }
  text.remove_prefix(length);
}

// Ids that are made up, and what the pool has counted meanwhile, differ from one time to the next.
bool IsTheSameEachTime(std::string_view input) {
  return input.find("metrics") == input.npos && input.find("jobs ") == input.npos &&
         input.find("jobs?") == input.npos && input.find('%') == input.npos;
}

}  // namespace

// "~" stands for a head's usual fields, so that mutations get beyond them.
STAGELOG_FUZZ_TARGET(http_server) {
  static Server* server = new Server();
  std::string bytes;
  for (const char c : input) {
    if (c == '~') {
      bytes += "Host: localhost\r\nAuthorization: Bearer " + std::string(kToken) + "\r\n";
    } else {
      bytes += c;
    }
  }
  std::string answer = server->Answer(bytes, bytes.size() + 1);
  RemoveAll(answer, "HTTP/1.1 100 Continue\r\n\r\n");
  // Unless the mutations have found it out themselves.
  const bool may_be_told =
      input.find("token") != input.npos || std::count(input.begin(), input.end(), '~') > 1;
  if (!may_be_told) STAGELOG_CHECK(answer.find(kToken) == answer.npos);
  std::string_view rest = answer;
  while (!rest.empty()) CheckOneAnswer(rest);
  if (IsTheSameEachTime(bytes)) {
    std::string in_pieces = server->Answer(bytes, 1 + bytes.size() / 5);
    RemoveAll(in_pieces, "HTTP/1.1 100 Continue\r\n\r\n");
    CheckSameText("in pieces", in_pieces, answer);
  }
  // It is still there.
  const std::string health = server->Answer("GET /healthz HTTP/1.0\r\n\r\n", 100);
  STAGELOG_CHECK(health.starts_with("HTTP/1.1 200 OK\r\n"));
}

}  // namespace stagelog
