// One client connection: its input, its pending responses, and its requests.
#ifndef STAGELOG_HTTP_CONNECTION_H_
#define STAGELOG_HTTP_CONNECTION_H_

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/unique_fd.h"
#include "http/call.h"
#include "http/content_coding.h"
#include "http/request_head.h"
#include "http/route_table.h"

namespace stagelog {

// One request and its answer.
struct Exchange {
  enum class Stage {
    kReadingBody,
    kOnPool,    // on the pool: nothing of the connection starts before it ends
    kDeferred,  // waits for a commit or an event
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
  ContentCoding coding = ContentCoding::kIdentity;           // of the body
  ContentCoding accepted_coding = ContentCoding::kIdentity;  // for a large answer
  size_t reserved_bytes = 0;                                 // of the budget for bodies
  int64_t started_micros = 0;  // when it was wholly here, or refused before; monotonic
  bool is_long_poll = false;   // for an event, as a long poll does
  std::string origin;          // its Origin field
  std::string bytes;           // the answer, once kAnswered
  std::vector<std::pair<std::string, std::string>> more_fields;  // of the answer
  CancelFlag canceled;  // of the work that a GET waits for; null: there is none
};

// Received bytes that were not consumed yet. Consuming is amortized O(1) per byte.
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

// Belongs to the loop's thread. Owns the socket and the buffers; the HttpServer decides what to do
// with requests.
class Connection {
 public:
  static constexpr size_t kMaxPipelined = 64;
  // Read before it can be used; a head of the largest size that is allowed fits in.
  static constexpr size_t kReadAheadBytes = size_t{128} << 10;
  // Of responses; above this no further request is started, even if already received.
  static constexpr size_t kMaxUnsentBytes = size_t{64} << 10;
  // Read from the socket in one turn of the loop, for fairness to other connections.
  static constexpr size_t kReceiveAtOnceBytes = size_t{128} << 10;
  // Read and discarded from a client whose connection is about to be closed.
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

  // Reads from the socket up to the bounds of the buffer and of one turn. False if the connection
  // is broken.
  bool Receive();

  // Sends what the socket accepts. False if the connection is broken.
  bool Send();

  // Moves finished responses to the output, in the order of their requests.
  void CollectAnswers();

  // The epoll events to wait for now.
  uint32_t WantedEvents() const;

  // Appends bytes to the output.
  void Queue(std::string_view bytes) { output_ += bytes; }

  // A GET waits for an event: if the client closes now, the response is not needed.
  bool IsParked() const {
    return !exchanges.empty() && exchanges.front().stage == Exchange::Stage::kDeferred &&
           exchanges.front().route->method == "GET";
  }

  // A GET's work is on the pool.
  bool HasReadUnderWay() const {
    return !exchanges.empty() && exchanges.front().stage == Exchange::Stage::kOnPool &&
           exchanges.front().route->method == "GET";
  }

  // No request is in progress and no output is pending.
  bool IsIdle() const { return exchanges.empty() && input.empty() && !HasUnsent() && !closing; }

  bool HasUnsent() const { return sent_ < output_.size(); }
  size_t UnsentBytes() const { return output_.size() - sent_; }

  // False while the client does not read its responses, while the input buffer is full, and after
  // too many bytes were discarded.
  bool MayReceive() const;

  // The socket holds bytes that were not received yet.
  bool HasBytesWaiting() const;

  // Bytes in the kernel that the client has not received yet; 0 if its socket cannot be queried.
  size_t UntakenBytes() const;
  bool HasClientTakenAll() const { return UntakenBytes() == 0; }

  bool IsReadingBody() const {
    return !exchanges.empty() && exchanges.back().stage == Exchange::Stage::kReadingBody;
  }
  Exchange* FindExchange(uint64_t exchange_id);

  // True if a request may start now: all earlier ones are answered, or they are appends that wait
  // for their commit and the next is an append too.
  bool MayStart(bool next_is_append) const;

  // After the last response: half-closes, so that the client can read it, and waits for the client
  // to close.
  void BeginLingering();

  InputBuffer input;
  std::deque<Exchange> exchanges;  // oldest first
  bool closing = false;            // no further request is read
  bool peer_finished = false;      // the client has sent all it will
  bool lingering = false;
  bool has_deferred_input = false;  // the rest of its input is processed in a later turn
  // Its input was left for the sake of a bound, and may hold whole requests.
  bool is_input_held = false;
  uint32_t registered_events = 0;
  int64_t head_started_micros = 0;  // first byte of the head that is coming in; 0: none is
  int64_t body_progress_micros = 0;
  size_t body_progress_bytes = 0;
  int64_t send_progress_micros = 0;
  int64_t idle_since_micros = 0;
  int64_t lingering_since_micros = 0;
  // While it lingers: what the client had not taken when last asked, and when that last shrank.
  size_t untaken_bytes = SIZE_MAX;
  int64_t taken_micros = 0;
  int64_t peer_finished_micros = 0;  // when that was seen; 0: it has not
  int64_t deadline_micros = INT64_MAX;
  int64_t timer_micros = INT64_MAX;  // when the timer that is set will fire
  uint64_t sent_total = 0;
  size_t unsent_counted = 0;  // as counted in the server's sum of unsent bytes

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
