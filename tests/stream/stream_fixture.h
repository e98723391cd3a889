// An EventStreamManager with a journal in memory and clients at the other ends of socket pairs. A
// test moves the loop with RunUntil() and the time with `clock`.
#ifndef STAGELOG_TESTS_STREAM_STREAM_FIXTURE_H_
#define STAGELOG_TESTS_STREAM_STREAM_FIXTURE_H_

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "stream/event_stream_manager.h"
#include "tests/support/chunked_body.h"
#include "tests/support/manual_clock.h"
#include "tests/support/time_units.h"

namespace stagelog {

// A journal in memory. An event is there when Store() returns; Announce-ing it is the test's work.
class FakeJournal : public EventSource, public JournalStatusSource {
 public:
  CommittedEvent Store(const std::string& job_id, const std::string& type,
                       const std::string& message = "") {
    const std::lock_guard lock(mutex_);
    CommittedEvent event;
    event.seq = static_cast<int64_t>(events_.size()) + 1;
    event.job_id = job_id;
    event.job_over =
        type == "job_completed" || (type != "job_resumed" && JobOver(job_id, event.seq - 1));
    event.body = "{\"seq\":" + std::to_string(event.seq) + ",\"job_id\":\"" + job_id +
                 "\",\"type\":\"" + type + "\",\"message\":\"" + message + "\"}";
    events_.push_back(event);
    return event;
  }

  Result<Page> Read(const ReadRequest& request) override {
    const std::lock_guard lock(mutex_);
    ++reads;
    if (failing_reads > 0) {
      --failing_reads;
      return Failure("the disk is on fire");
    }
    Page page;
    page.head_seq = static_cast<int64_t>(events_.size());
    page.job_over = request.job_id && JobOver(*request.job_id, page.head_seq);
    page.scanned_through = std::max(request.after, page.head_seq);
    size_t bytes = 0;
    for (size_t i = static_cast<size_t>(request.after); i < events_.size(); ++i) {
      const CommittedEvent& event = events_[i];
      if (request.job_id && event.job_id != *request.job_id) continue;
      if (!request.filter.Matches(event.body)) continue;
      if (page.events.size() >= request.max_events || bytes >= request.max_bytes) {
        page.has_more = true;
        page.scanned_through = page.events.back().seq;
        break;
      }
      bytes += event.body.size();
      page.events.push_back({event.seq, event.body});
    }
    return page;
  }

  Result<int64_t> SeqAtTime(int64_t micros) override { return micros / 1'000'000; }

  JournalStatus GetStatus() const override {
    const std::lock_guard lock(mutex_);
    return {.journal_id = "journal-1", .head_seq = static_cast<int64_t>(events_.size())};
  }

  std::vector<CommittedEvent> Events() const {
    const std::lock_guard lock(mutex_);
    return events_;
  }

  std::atomic<int> reads = 0;
  int failing_reads = 0;

 private:
  bool JobOver(const std::string& job_id, int64_t through_seq) const {
    for (size_t i = static_cast<size_t>(through_seq); i > 0; --i) {
      if (events_[i - 1].job_id == job_id) return events_[i - 1].job_over;
    }
    return false;
  }

  mutable std::mutex mutex_;
  std::vector<CommittedEvent> events_;
};

struct StreamFrame {
  std::string id;
  std::string event;
  std::string data;
  std::string retry;
};

// The other end of a stream.
class StreamClient {
 public:
  StreamClient(UniqueFd socket, bool is_chunked)
      : socket_(std::move(socket)), is_chunked_(is_chunked) {}

  // Takes what is there, at most `max_bytes`.
  void Receive(size_t max_bytes = SIZE_MAX) {
    std::array<char, 65536> buffer;
    while (max_bytes > 0 && socket_.valid()) {
      const ssize_t got =
          ::recv(socket_.get(), buffer.data(), std::min(max_bytes, buffer.size()), MSG_DONTWAIT);
      if (got <= 0) {
        closed_ = got == 0 || (errno != EAGAIN && errno != EWOULDBLOCK);
        return;
      }
      received_.append(buffer.data(), static_cast<size_t>(got));
      max_bytes -= static_cast<size_t>(got);
    }
  }

  // True when the daemon has closed the stream and everything was received.
  bool closed() const { return closed_; }
  const std::string& received() const { return received_; }
  int fd() const { return socket_.get(); }
  void HangUp() { socket_.Reset(); }

  // The body so far, without what makes chunks of it.
  const std::string& Body() {
    if (decoded_ == 0) {
      const size_t head_end = received_.find("\r\n\r\n");
      if (head_end == std::string::npos) return body_;
      decoded_ = head_end + 4;
    }
    const std::string_view fresh = std::string_view(received_).substr(decoded_);
    if (!is_chunked_) {
      body_ += fresh;
    } else if (!chunks_.Feed(fresh, body_)) {
      ADD_FAILURE() << "no chunks: " << fresh;
    }
    decoded_ = received_.size();
    return body_;
  }

  // The whole frames of the body.
  const std::vector<StreamFrame>& Frames() {
    Body();
    for (size_t end = 0; (end = body_.find("\n\n", parsed_)) != std::string::npos;) {
      frames_.push_back(Parse(body_.substr(parsed_, end + 1 - parsed_)));
      parsed_ = end + 2;
    }
    return frames_;
  }

  // The last chunk came.
  bool HasEnded() {
    Body();
    return chunks_.has_ended();
  }

  // The frames of one kind; "" is a journal event.
  std::vector<StreamFrame> Frames(const std::string& event) {
    std::vector<StreamFrame> found;
    for (const StreamFrame& frame : Frames()) {
      if (frame.event == event && !frame.data.empty()) found.push_back(frame);
    }
    return found;
  }

  std::vector<int64_t> Seqs() {
    std::vector<int64_t> seqs;
    for (const StreamFrame& frame : Frames()) {
      if (!frame.id.empty() && frame.event != "connected") seqs.push_back(std::stoll(frame.id));
    }
    return seqs;
  }

 private:
  static StreamFrame Parse(const std::string& block) {
    StreamFrame frame;
    for (size_t at = 0; at < block.size();) {
      const size_t end = block.find('\n', at);
      const std::string line = block.substr(at, end - at);
      at = end + 1;
      const size_t colon = line.find(": ");
      if (colon == std::string::npos) {
        ADD_FAILURE() << "not a field: " << line;
        continue;
      }
      const std::string name = line.substr(0, colon);
      std::string* field = name == "id"      ? &frame.id
                           : name == "event" ? &frame.event
                           : name == "data"  ? &frame.data
                           : name == "retry" ? &frame.retry
                                             : nullptr;
      if (field == nullptr || !field->empty()) {
        ADD_FAILURE() << "unknown or doubled field: " << line;
        continue;
      }
      *field = line.substr(colon + 2);
    }
    return frame;
  }

  UniqueFd socket_;
  const bool is_chunked_;
  bool closed_ = false;
  std::string received_;
  size_t decoded_ = 0;  // of received_
  ChunkedBody chunks_;
  std::string body_;
  size_t parsed_ = 0;  // of body_
  std::vector<StreamFrame> frames_;
};

class StreamFixture : public ::testing::Test {
 protected:
  static constexpr const char* kHead = "HTTP/1.1 200 OK\r\n\r\n";

  ~StreamFixture() override { manager.reset(); }

  EventStreamManager& Manager() {
    if (manager == nullptr) {
      manager = std::make_unique<EventStreamManager>(options, journal, journal, clock, registry);
    }
    return *manager;
  }

  // A new stream. `send_buffer_bytes`: of the daemon's side; 0 leaves the system's.
  StreamClient& Connect(StreamRequest request, int send_buffer_bytes = 0) {
    std::array<int, 2> ends;
    EXPECT_EQ(0, ::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends.data()));
    if (send_buffer_bytes > 0) {
      ::setsockopt(ends[0], SOL_SOCKET, SO_SNDBUF, &send_buffer_bytes, sizeof(send_buffer_bytes));
    }
    clients.push_back(std::make_unique<StreamClient>(UniqueFd(ends[1]), request.chunked));
    Manager().Adopt(UniqueFd(ends[0]), std::move(request), kHead);
    return *clients.back();
  }

  static StreamRequest AllJobs() { return {.token_name = "reader", .chunked = true}; }
  static StreamRequest OneJob(const std::string& job_id) {
    return {.job_id = job_id, .token_name = "reader", .chunked = true};
  }
  static StreamRequest After(StreamRequest request, int64_t seq) {
    request.start.position = Position{Position::Kind::kCursor, seq};
    return request;
  }

  // Stores events and announces them as one commit.
  void Commit(const std::vector<std::pair<std::string, std::string>>& jobs_and_types,
              const std::string& message = "") {
    auto batch = std::make_shared<CommittedBatch>();
    for (const auto& [job_id, type] : jobs_and_types) {
      batch->events.push_back(journal.Store(job_id, type, message));
    }
    Manager().OnCommit(batch);
  }
  void Commit(const std::string& job_id, const std::string& type = "log",
              const std::string& message = "") {
    Commit({{job_id, type}}, message);
  }

  // Stores events that were committed before the daemon started.
  void StoreBefore(const std::string& job_id, int count, const std::string& message = "") {
    for (int i = 0; i < count; ++i) journal.Store(job_id, "log", message);
  }

  void ReceiveAll() {
    for (const auto& client : clients) client->Receive();
  }

  // Turns the loop until `done` (which sees all that was sent); fails after 20 idle seconds.
  void RunUntil(const std::function<bool()>& done, bool receive = true) {
    for (int idle = 0; idle < 200;) {
      if (receive) ReceiveAll();
      if (done()) return;
      const uint64_t before = BytesSent() + static_cast<uint64_t>(journal.reads);
      Manager().RunOnce(100);
      if (BytesSent() + static_cast<uint64_t>(journal.reads) == before) ++idle;
    }
    FAIL() << "the loop came to rest without it";
  }

  // Turns the loop until nothing is left to do on this thread.
  void Settle() {
    for (int i = 0; i < 20; ++i) {
      Manager().RunOnce(0);
      ReceiveAll();
    }
  }

  uint64_t BytesSent() { return CounterValue("stagelog_stream_bytes_sent_total"); }
  uint64_t CounterValue(const std::string& name, const std::string& labels = "") {
    return registry.GetCounter(name, "", labels).Value();
  }
  uint64_t Closed(const std::string& reason) {
    return CounterValue("stagelog_subscribers_closed_total", "reason=\"" + reason + "\"");
  }

  static std::vector<int64_t> Range(int64_t first, int64_t last) {
    std::vector<int64_t> seqs;
    for (int64_t seq = first; seq <= last; ++seq) seqs.push_back(seq);
    return seqs;
  }

  EventStreamOptions options{.send_buffer_bytes = 0};  // as Connect() has it
  FakeJournal journal;
  ManualClock clock;
  MetricsRegistry registry;
  std::vector<std::unique_ptr<StreamClient>> clients;
  std::unique_ptr<EventStreamManager> manager;
};

}  // namespace stagelog

#endif  // STAGELOG_TESTS_STREAM_STREAM_FIXTURE_H_
