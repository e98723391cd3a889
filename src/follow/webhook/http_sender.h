// Sends requests to other people's servers, many at a time, by libcurl.
#ifndef STAGELOG_FOLLOW_WEBHOOK_HTTP_SENDER_H_
#define STAGELOG_FOLLOW_WEBHOOK_HTTP_SENDER_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/unique_fd.h"

namespace stagelog {

// What is wrong with a URL as libcurl reads it; no value where nothing is.
std::optional<std::string> UnusableUrlReason(const std::string& url);

// The host that a URL leads to; empty where it cannot be read.
std::string HostOfUrl(const std::string& url);

struct OutgoingRequest {
  std::string method = "POST";
  std::string url;                   // http or https
  std::vector<std::string> headers;  // "Name: value"
  std::string body;
};

struct OutgoingAnswer {
  int status = 0;                    // 0: there was none, and `problem` says why
  std::string problem;               // for people; empty if the answer is whole
  bool is_abandoned = false;         // AbandonAll()
  bool was_refused = false;          // the address is not to be dialled: nothing was sent
  int64_t retry_after_seconds = -1;  // Retry-After, at most a day; -1: none
  std::string allowed_origin;        // WebHook-Allowed-Origin
  int64_t allowed_rate = 0;          // WebHook-Allowed-Rate, requests a minute; 0: any
  std::string text;  // the first bytes of the body, if the server's address is public
};

// Neither redirects nor proxies (whatever the environment says) are followed, and certificates are
// checked. Each address is judged when it is dialled, after its name was resolved. All functions on
// one thread, but Wake().
class HttpSender {
 public:
  struct Options {
    bool allow_private = false;  // addresses that are not public (public_address.h)
    std::string ca_file;         // PEM, instead of the system's certificates; empty: those
    int64_t connect_timeout_ms = 5'000;
    int64_t timeout_ms = 15'000;  // of a request, from its start to the end of its answer
    size_t kept_connections = 64;
    // For tests: "name:port:address" that names lead to, as libcurl has it.
    std::vector<std::string> resolved;
  };
  using Done = std::function<void(OutgoingAnswer)>;

  explicit HttpSender(Options options);
  ~HttpSender();  // drops what is under way, without calling anybody

  // `done` is called by Run(). Returns a number for Drop().
  uint64_t Send(OutgoingRequest request, Done done);

  // Ends the request, if it is under way; its `done` is not called.
  void Drop(uint64_t number);

  // Ends all of them; each `done` is called, with that problem.
  void AbandonAll(const std::string& problem);

  // Moves what can be moved. Waits until there is something, but for `timeout_ms` at most (-1: no
  // limit) or until Wake().
  void Run(int64_t timeout_ms);

  // From any thread: Run() returns, or the next one does.
  void Wake();

  size_t in_flight() const { return transfers_.size(); }

 private:
  struct Transfer;

  void Finish(void* easy, int code);

  const Options options_;
  void* multi_;  // CURLM
  // libcurl has one of its own, which needs a pair of Unix sockets: a sandbox may not give them.
  UniqueFd wake_;
  uint64_t next_number_ = 1;
  std::map<uint64_t, std::unique_ptr<Transfer>> transfers_;
};

}  // namespace stagelog

#endif  // STAGELOG_FOLLOW_WEBHOOK_HTTP_SENDER_H_
