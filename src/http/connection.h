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
  CancelFlag canceled;            // of the work that a GET waits for; null: there is none
};

// Bytes that came and were not used yet. To use some costs no more than to have received them.
class InputBuffer {
 public:
  bool empty() const { return begin_ == bytes_.size(); }
  size_t size() const { return bytes_.size() - begin_; }
  // Valid until the next change.
  std::string_view view() const { return std::string_view(bytes_).substr(begin_); }

  void Append(std::string_view bytes);
  // Takes `count` bytes off the front, at most size().
  void Consume(size_t count);
  // Gives the memory back too.
  void Clear();

 private:
  std::string bytes_;
  size_t begin_ = 0;  // of what was not used yet
};

// Belongs to the loop's thread. Holds the socket and the buffers; what is done with requests is
// decided by the HttpServer.
class Connection {
 public:
  static constexpr size_t kMaxPipelined = 64;
  // Read before it can be used; a head of the largest size that is allowed fits in.
  static constexpr size_t kReadAheadBytes = size_t{128} << 10;
  // Of answers; beyond this no request is begun, whatever was sent already.
  static constexpr size_t kMaxUnsentBytes = size_t{64} << 10;
  // Taken from the socket in one turn of the loop, so that the others have theirs.
  static constexpr size_t kReceiveAtOnceBytes = size_t{128} << 10;
  // What a client may still send, and nobody reads, when its connection is to be closed.
  static constexpr size_t kMaxDiscardedBytes = size_t{256} << 10;

  Connection(uint64_t id, UniqueFd socket, bool over_limit, size_t max_head_bytes)
      : id_(id),
        over_limit_(over_limit),
        read_ahead_bytes_(kReadAheadBytes + max_head_bytes),
        socket_(std::move(socket)) {}

  uint64_t id() const { return id_; }
  bool over_limit() const { return over_limit_; }
  int fd() const { return socket_.get(); }
  UniqueFd TakeSocket() { return std::move(socket_); }

  // Reads what the socket has, up to what may be kept and belongs to one turn. False when the
  // connection is broken.
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

  // A GET's work is on the pool.
  bool HasReadUnderWay() const {
    return !exchanges.empty() && exchanges.front().stage == Exchange::Stage::kElsewhere &&
           exchanges.front().route->method == "GET";
  }

  // Nothing was begun and nothing is owed.
  bool IsIdle() const { return exchanges.empty() && input.empty() && !HasUnsent() && !closing; }

  bool HasUnsent() const { return sent_ < output_.size(); }
  size_t UnsentBytes() const { return output_.size() - sent_; }

  // False while answers wait that the client does not take, while enough is here, and once enough
  // was thrown away.
  bool MayReceive() const;

  // The socket holds bytes that were not received yet.
  bool HasBytesWaiting() const;

  // The client has all that was sent, or its socket cannot be asked.
  bool HasClientTakenAll() const;

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

  InputBuffer input;
  std::deque<Exchange> exchanges;  // oldest first
  bool closing = false;            // no further request is read
  bool peer_finished = false;      // the client has sent all it will
  bool lingering = false;
  bool goes_on_later = false;  // more of its input is worked on in a later turn
  // Its input was left for the sake of a bound, and may hold whole requests.
  bool is_held_up = false;
  uint32_t registered_events = 0;
  int64_t head_started_micros = 0;  // first byte of the head that is coming in; 0: none is
  int64_t body_progress_micros = 0;
  size_t body_progress_bytes = 0;
  int64_t send_progress_micros = 0;
  int64_t idle_since_micros = 0;
  int64_t lingering_since_micros = 0;
  int64_t peer_finished_micros = 0;  // when that was seen; 0: it has not
  int64_t deadline_micros = INT64_MAX;
  int64_t timer_micros = INT64_MAX;  // when the timer that is set will fire
  uint64_t sent_total = 0;
  size_t unsent_counted = 0;  // what the server's sum of unsent bytes knows of

 private:
  const uint64_t id_;
  const bool over_limit_;
  const size_t read_ahead_bytes_;
  UniqueFd socket_;
  size_t discarded_bytes_ = 0;
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
