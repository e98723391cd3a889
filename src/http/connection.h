// One client's connection: what it has sent, what it is owed, and the requests in between.
#ifndef STAGELOG_HTTP_CONNECTION_H_
#define STAGELOG_HTTP_CONNECTION_H_

#include <cstdint>
#include <deque>
#include <optional>
#include <string>

#include "base/unique_fd.h"
#include "http/call.h"
#include "http/request_head.h"
#include "http/route_table.h"

namespace stagelog {

// One request and its answer.
struct Exchange {
  enum class Stage {
    kReadingBody,
    kElsewhere,  // on the pool: nothing of the connection starts before it ends
    kDeferred,   // waits for a commit or an event
    kAnswered,
  };

  uint64_t id = 0;
  Stage stage = Stage::kReadingBody;
  Call call;
  const Route* route = nullptr;  // null when the request matched none
  bool keep_alive = true;
  bool is_http_1_1 = true;
  bool is_head = false;
  bool expects_continue = false;
  bool body_is_here = false;
  uint64_t content_length = 0;  // bytes
  std::optional<ChunkedReader> chunked;
  size_t reserved_bytes = 0;      // of the budget for bodies
  int64_t started_micros = 0;     // when it was wholly here, or refused before; monotonic
  bool waits_on_purpose = false;  // for an event, as a long poll does
  std::string origin;             // its Origin field
  std::string bytes;              // the answer, once kAnswered
};

// Belongs to the loop's thread. Holds the socket and the buffers; what is done with requests is
// decided by the HttpServer.
class Connection {
 public:
  static constexpr size_t kMaxPipelined = 64;
  static constexpr size_t kReadAheadBytes = size_t{128} << 10;
  static constexpr size_t kMaxUnsentBytes = size_t{1} << 20;

  Connection(uint64_t id, UniqueFd socket, bool over_limit)
      : id_(id), over_limit_(over_limit), socket_(std::move(socket)) {}

  uint64_t id() const { return id_; }
  bool over_limit() const { return over_limit_; }
  int fd() const { return socket_.get(); }
  UniqueFd TakeSocket() { return std::move(socket_); }

  // Reads what the socket has, up to what may be kept. False when the connection is broken.
  bool Receive();

  // Sends what the socket takes. False when the connection is broken.
  bool Send();

  // Moves the answers that are due, in the order of their requests, to the output.
  void CollectAnswers();

  // The events that epoll should wait for now.
  uint32_t WantedEvents() const;

  // Puts bytes behind what is owed already.
  void Queue(std::string_view bytes) { output_ += bytes; }

  // A GET waits for an event: whoever closes meanwhile does not want the answer any more.
  bool IsParked() const {
    return !exchanges.empty() && exchanges.front().stage == Exchange::Stage::kDeferred &&
           exchanges.front().route->method == "GET";
  }

  bool HasUnsent() const { return sent_ < output_.size(); }
  bool MayReceive() const;
  bool IsReadingBody() const {
    return !exchanges.empty() && exchanges.back().stage == Exchange::Stage::kReadingBody;
  }
  Exchange* FindExchange(uint64_t exchange_id);

  // True when a request may start now: all earlier ones are answered, or are appends that wait for
  // their commit and the next is one too.
  bool MayStart(bool next_is_append) const;

  // The last answer went out: half-closes, so that the client can read it in peace, and waits for
  // its end.
  void BeginLingering();

  std::string input;               // not yet consumed
  std::deque<Exchange> exchanges;  // oldest first
  bool closing = false;            // no further request is read
  bool peer_finished = false;      // the client has sent all it will
  bool lingering = false;
  uint32_t registered_events = 0;
  int64_t head_started_micros = 0;  // first byte of the head that is coming in; 0: none is
  int64_t body_progress_micros = 0;
  size_t body_progress_bytes = 0;
  int64_t send_progress_micros = 0;
  int64_t idle_since_micros = 0;
  int64_t lingering_since_micros = 0;
  int64_t deadline_micros = INT64_MAX;
  int64_t timer_micros = INT64_MAX;  // when the timer that is set will fire
  uint64_t sent_total = 0;

 private:
  const uint64_t id_;
  const bool over_limit_;
  UniqueFd socket_;
  std::string output_;
  size_t sent_ = 0;  // of output_
};

// "HTTP/1.1 200 OK ..." with its body. Fields for length, date and connection are added.
std::string EncodeResponse(const httplib::Response& response, const Exchange& exchange, bool closes,
                           const std::string& date);

// RFC 9110, section 5.6.7.
std::string FormatHttpDate(int64_t wall_micros);

}  // namespace stagelog

#endif  // STAGELOG_HTTP_CONNECTION_H_
