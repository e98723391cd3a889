// How a daemon serves many streams: one epoll loop reads them all while a second connection posts.
//
//   stream_load --url http://127.0.0.1:8008 --token T --streams 10000 --jobs 10 --rate 10
//               --seconds 20 [--stall N] [--idle N] [--pid PID]
//
// The streams are spread over K new jobs, and so are the events. Each event bears its number in its
// job and the time it was made, so that every stream can be checked for what is missing or doubled,
// and the way from before the POST to the client's recv() be timed. `--rate 0` posts nothing and
// only counts heartbeats, `--full-speed 1` posts as fast as it is answered. `--peer nchan`: the
// server is nginx with Nchan instead, which has /pub/<channel> and /sub/<channel>. `--stall N`: N
// of the streams stop reading for 30 seconds from the first event on, and then must still get
// everything. `--idle N`: so many idle keep-alive connections stay open meanwhile. `--pid` names
// the daemon, for its memory, threads and processor time.
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <ctime>
#include <iostream>
#include <memory>
#include <thread>
#include <utility>

#include "tools/bench/bench_support.h"

namespace stagelog {
namespace {

constexpr int64_t kSecond = 1'000'000'000;
constexpr int64_t kStallNanos = 30 * kSecond;
constexpr int64_t kConnectNanos = 120 * kSecond;
constexpr int64_t kDrainNanos = 120 * kSecond;  // after the last event, or the end of the stall
constexpr size_t kConnectsAtOnce = 500;
constexpr int64_t kBatchAtFullSpeed = 100;
constexpr int kStreamsOfAnAddress = 20'000;
constexpr int64_t kTickNanos = 5'000'000;  // events that are due closer together go in one batch

// One client connection: a stream, or an idle one.
struct Client {
  UniqueFd socket;
  int job = 0;
  bool idle = false;  // asks for /healthz once and then stays
  bool stalls = false;
  bool request_sent = false;
  bool ready = false;  // `connected` came, or the answer to an idle one
  bool closed = false;
  int64_t lines_of_event = 3;  // what stands between the chunks of a body counts as two more
  int64_t next_number = 1;
  int64_t missing = 0;
  int64_t doubled = 0;
  int64_t heartbeats = 0;
  std::string unread;  // the beginning of a frame
};

// Posts events at a steady rate from a thread of its own.
class Poster {
 public:
  Poster(const Flags& flags, const ServerAddress& server, std::string prefix)
      : flags_(flags),
        server_(server),
        prefix_(std::move(prefix)),
        is_nchan_(flags.Text("peer") == "nchan"),
        posted_(static_cast<size_t>(flags.Number("jobs")), 0) {}

  // Posts until the time is over, then writes to `done` (an eventfd).
  void Run(int done);

  // After Run():
  const std::vector<int64_t>& posted() const { return posted_; }
  const Latencies& latencies() const { return latencies_; }
  const std::string& problem() const { return problem_; }

 private:
  bool PostAll(int64_t count);
  bool Post(int64_t count);
  std::string MakeEvent(bool names_job);

  const Flags& flags_;
  const ServerAddress& server_;
  const std::string prefix_;
  const bool is_nchan_;
  std::vector<int64_t> posted_;  // events by job
  size_t next_job_ = 0;
  Latencies latencies_;
  std::string problem_;
};

void SleepUntil(int64_t nanos) {
  const timespec moment = {.tv_sec = nanos / kSecond, .tv_nsec = nanos % kSecond};
  ::clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &moment, nullptr);
}

// One event a request is what Nchan knows.
bool Poster::PostAll(int64_t count) {
  if (!is_nchan_) return Post(count);
  while (count-- > 0) {
    if (!Post(1)) return false;
  }
  return true;
}

void Poster::Run(int done) {
  const int64_t rate = flags_.Number("rate");
  const int64_t start = MonotonicNanos();
  const int64_t end = start + flags_.Number("seconds") * kSecond;
  const bool at_full_speed = flags_.Number("full-speed") > 0;
  while (at_full_speed && MonotonicNanos() < end && PostAll(kBatchAtFullSpeed)) {
  }
  const int64_t tick = rate == 0 ? kSecond : std::max(kTickNanos, kSecond / rate);
  int64_t sent = 0;
  for (int64_t next = start + tick; !at_full_speed && next <= end; next += tick) {
    SleepUntil(next);
    const int64_t due = (next - start) / 1000 * rate / 1'000'000 - sent;
    if (due > 0 && !PostAll(due)) break;
    sent += due;
  }
  const uint64_t one = 1;
  [[maybe_unused]] const ssize_t written = ::write(done, &one, sizeof(one));
}

std::string Poster::MakeEvent(bool names_job) {
  const std::string job =
      names_job ? R"("job_id":")" + prefix_ + std::to_string(next_job_) + "\"," : "";
  return "{" + job +
         R"("type":"stage_progress","stage":"encode","message":"frame done","payload":)" +
         R"({"number":)" + std::to_string(posted_[next_job_] + 1) + R"(,"made_nanos":)" +
         std::to_string(MonotonicNanos()) + "}}";
}

bool Poster::Post(int64_t count) {
  thread_local Requester requester(server_);
  const bool batch = count > 1;
  const std::string job = prefix_ + std::to_string(next_job_);
  const std::string target = is_nchan_ ? "/pub/" + job
                             : batch   ? "/api/v1/events"
                                       : "/api/v1/jobs/" + job + "/events";
  std::string body;
  for (int64_t i = 0; i < count; ++i) {
    body += MakeEvent(batch) + "\n";
    ++posted_[next_job_];
    next_job_ = (next_job_ + 1) % posted_.size();
  }
  if (!batch) body.pop_back();  // Nchan makes a line of an event's data of each line
  const int64_t start = MonotonicNanos();
  const auto status =
      requester.Send("POST " + target + " HTTP/1.1\r\nHost: " + server_.host +
                     "\r\nAuthorization: Bearer " + flags_.Text("token") +
                     "\r\nContent-Type: " + (batch ? "application/x-ndjson" : "application/json") +
                     "\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body);
  latencies_.Add(MonotonicNanos() - start);
  if (status && (*status == 201 || (is_nchan_ && *status == 202))) return true;
  problem_ = status ? "a POST was answered " + std::to_string(*status) : status.error().message;
  return false;
}

// The number that follows `key` in `text`; -1 when it is not there.
int64_t NumberAfter(std::string_view text, std::string_view key) {
  const size_t at = text.find(key);
  if (at == std::string_view::npos) return -1;
  int64_t value = -1;
  std::from_chars(text.data() + at + key.size(), text.data() + text.size(), value);
  return value;
}

double SecondsSince(int64_t start_nanos, int64_t end_nanos) {
  return static_cast<double>(end_nanos - start_nanos) / 1e9;
}

class StreamLoad {
 public:
  StreamLoad(const Flags& flags, ServerAddress server);

  int Run();

 private:
  // Of all streams together, the idle connections left out.
  struct Totals {
    int64_t streams = 0;
    int64_t events = 0;
    int64_t missing = 0;
    int64_t doubled = 0;
    int64_t heartbeats = 0;
    int64_t fewest_heartbeats = 0;
    int64_t most_heartbeats = 0;
  };

  void PlanClients();
  bool ConnectAll();
  bool StartNext();
  void Poll(int timeout_ms);
  void OnEvent(Client& client, uint32_t events);
  void SendRequest(Client& client);
  void Receive(Client& client);
  bool TakeHead(Client& client);
  void TakeFrames(Client& client, std::string_view bytes);
  bool TakeManyFrames(Client& client, std::string_view bytes);
  void TakeFrame(Client& client, std::string_view frame);
  void TakeEvent(Client& client, std::string_view data, int64_t now);
  void Close(Client& client);
  void SetReading(bool stalled_ones_read);
  void ReadUntilAllIsSeen();
  bool AllIsSeen() const;
  Totals Add() const;
  int Report(double seconds) const;
  void PrintHeartbeats(const Totals& totals) const;
  void PrintCost() const;

  const Flags& flags_;
  const ServerAddress server_;
  const std::string prefix_;
  Poster poster_;
  UniqueFd epoll_{::epoll_create1(EPOLL_CLOEXEC)};
  UniqueFd posting_done_{::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
  std::vector<Client> clients_;
  std::vector<char> buffer_ = std::vector<char>(size_t{256} << 10);
  size_t started_ = 0;  // clients that began to connect
  size_t ready_ = 0;
  size_t closed_ = 0;
  bool is_posting_ = false;
  int64_t stall_ends_nanos_ = 0;
  int64_t deliveries_ = 0;
  int64_t last_delivery_nanos_ = 0;
  int64_t gaps_ = 0;
  Latencies latencies_;
  Latencies stalled_latencies_;
  std::string first_refusal_;
  double connect_seconds_ = 0;
  std::optional<ProcessCost> cost_before_;
  int64_t posting_started_nanos_ = 0;
};

StreamLoad::StreamLoad(const Flags& flags, ServerAddress server)
    : flags_(flags),
      server_(std::move(server)),
      prefix_("stream-load-" + std::to_string(::getpid()) + "-"),
      poster_(flags, server_, prefix_) {}

void StreamLoad::PlanClients() {
  const int64_t streams = flags_.Number("streams");
  const int64_t total = streams + flags_.Number("idle");
  clients_.resize(static_cast<size_t>(total));
  for (int64_t i = 0; i < total; ++i) {
    Client& client = clients_[static_cast<size_t>(i)];
    client.idle = i >= streams;
    client.stalls = i < std::min(streams, flags_.Number("stall"));
    client.job = static_cast<int>(i % flags_.Number("jobs"));
  }
}

int StreamLoad::Run() {
  PlanClients();
  const int64_t start = MonotonicNanos();
  if (!ConnectAll()) return 1;
  connect_seconds_ = SecondsSince(start, MonotonicNanos());
  cost_before_ = ReadProcessCost(flags_.Number("pid"));
  epoll_event done = {};
  done.events = EPOLLIN;
  done.data.u64 = UINT64_MAX;
  ::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, posting_done_.get(), &done);
  SetReading(false);
  posting_started_nanos_ = MonotonicNanos();
  if (flags_.Number("stall") > 0) stall_ends_nanos_ = posting_started_nanos_ + kStallNanos;
  is_posting_ = true;
  std::thread posting([this] { poster_.Run(posting_done_.get()); });
  while (is_posting_) Poll(100);
  posting.join();
  const double posting_seconds = SecondsSince(posting_started_nanos_, MonotonicNanos());
  ReadUntilAllIsSeen();
  return Report(posting_seconds);
}

bool StreamLoad::ConnectAll() {
  const int64_t deadline = MonotonicNanos() + kConnectNanos;
  while (ready_ + closed_ < clients_.size()) {
    while (started_ < clients_.size() && started_ - ready_ - closed_ < kConnectsAtOnce) {
      if (!StartNext()) return false;
    }
    Poll(100);
    if (MonotonicNanos() < deadline && closed_ == 0) continue;
    std::cerr << ready_ << " of " << clients_.size() << " connections are open, " << closed_
              << " were closed. " << first_refusal_ << "\n";
    return false;
  }
  return true;
}

bool StreamLoad::StartNext() {
  Client& client = clients_[started_];
  auto socket = StartConnect(server_, 1 + static_cast<int>(started_) / kStreamsOfAnAddress);
  if (!socket) {
    std::cerr << socket.error().message << ": " << std::strerror(socket.error().error_number)
              << "\n";
    return false;
  }
  client.socket = std::move(*socket);
  epoll_event wanted = {};
  wanted.events = EPOLLOUT;
  wanted.data.u64 = started_++;
  ::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, client.socket.get(), &wanted);
  return true;
}

void StreamLoad::Poll(int timeout_ms) {
  std::array<epoll_event, 512> events;
  const int count = ::epoll_wait(epoll_.get(), events.data(), events.size(), timeout_ms);
  for (int i = 0; i < count; ++i) {
    const epoll_event& event = events[static_cast<size_t>(i)];
    if (event.data.u64 == UINT64_MAX) {
      is_posting_ = false;
      ::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, posting_done_.get(), nullptr);
    } else {
      OnEvent(clients_[event.data.u64], event.events);
    }
  }
  if (stall_ends_nanos_ != 0 && MonotonicNanos() >= stall_ends_nanos_) {
    stall_ends_nanos_ = 0;
    SetReading(true);
  }
}

void StreamLoad::OnEvent(Client& client, uint32_t events) {
  if (client.closed) return;
  if (!client.request_sent && events != 0) return SendRequest(client);
  Receive(client);
}

void StreamLoad::SendRequest(Client& client) {
  const std::string job = prefix_ + std::to_string(client.job);
  const std::string target = client.idle ? "/healthz"
                             : flags_.Text("peer") == "nchan"
                                 ? "/sub/" + job
                                 : "/api/v1/jobs/" + job + "/events/stream";
  const std::string request = "GET " + target + " HTTP/1.1\r\nHost: " + server_.host +
                              "\r\nAccept: text/event-stream\r\nAuthorization: Bearer " +
                              flags_.Text("token") + "\r\n\r\n";
  // A fresh socket takes so little whole.
  const ssize_t count = ::send(client.socket.get(), request.data(), request.size(), MSG_NOSIGNAL);
  if (count != static_cast<ssize_t>(request.size())) {
    if (first_refusal_.empty()) first_refusal_ = std::strerror(errno);
    return Close(client);
  }
  client.request_sent = true;
  epoll_event wanted = {};
  wanted.events = EPOLLIN;
  wanted.data.u64 = static_cast<uint64_t>(&client - clients_.data());
  ::epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, client.socket.get(), &wanted);
}

void StreamLoad::Receive(Client& client) {
  const ssize_t count = ::recv(client.socket.get(), buffer_.data(), buffer_.size(), 0);
  if (count < 0 && errno == EAGAIN) return;
  if (count <= 0) return Close(client);
  const std::string_view got(buffer_.data(), static_cast<size_t>(count));
  if (client.ready && client.unread.empty()) return TakeFrames(client, got);
  client.unread += got;
  if (!client.ready && !TakeHead(client)) return;
  TakeFrames(client, std::exchange(client.unread, std::string()));
}

// True when the head is there and frames may follow it.
bool StreamLoad::TakeHead(Client& client) {
  const size_t head_end = client.unread.find("\r\n\r\n");
  if (head_end == std::string::npos) return false;
  if (!client.unread.starts_with("HTTP/1.1 200")) {
    if (first_refusal_.empty()) first_refusal_ = client.unread;
    Close(client);
    return false;
  }
  if (client.idle) {
    if (client.unread.size() < AnswerSize(client.unread)) return false;
    client.unread.clear();
  } else {
    const std::string_view head = std::string_view(client.unread).substr(0, head_end);
    if (head.find("\r\nTransfer-Encoding: chunked") != head.npos) client.lines_of_event = 5;
    client.unread.erase(0, head_end + 4);
  }
  client.ready = true;
  ++ready_;
  return true;
}

// What follows the last whole frame is kept. The lines that frame the chunks of a body look like
// fields of no meaning before the first one of a frame: taking them out first would cost more.
void StreamLoad::TakeFrames(Client& client, std::string_view bytes) {
  const size_t last_end = bytes.rfind("\n\n");
  std::string_view whole =
      last_end == std::string_view::npos ? std::string_view() : bytes.substr(0, last_end + 2);
  client.unread = bytes.substr(whole.size());
  if (whole.empty() || TakeManyFrames(client, whole)) return;
  while (!whole.empty()) {
    const size_t end = whole.find("\n\n");
    TakeFrame(client, whole.substr(0, end));
    whole.remove_prefix(end + 2);
  }
}

// At full speed reading each frame would take this program longer than it takes the server to send
// it. An event's frame has three lines, a chunk of one has five: where there are as many as lie
// between the numbers of the first and the last, none is missing and none is doubled. False when
// that is not so.
bool StreamLoad::TakeManyFrames(Client& client, std::string_view bytes) {
  constexpr int64_t kMany = 4;
  constexpr std::string_view kKey = "\"number\":";
  const int64_t frames = std::count(bytes.begin(), bytes.end(), '\n') / client.lines_of_event;
  if (frames < kMany) return false;
  const size_t last_key = bytes.rfind(kKey);
  if (last_key == std::string_view::npos) return false;
  const std::string_view last = bytes.substr(last_key);
  if (NumberAfter(bytes, kKey) != client.next_number ||
      NumberAfter(last, kKey) != client.next_number + frames - 1) {
    return false;
  }
  client.next_number += frames - 1;
  deliveries_ += frames - 1;
  TakeEvent(client, last, MonotonicNanos());
  return true;
}

void StreamLoad::TakeFrame(Client& client, std::string_view frame) {
  std::string_view name;
  std::string_view data;
  while (!frame.empty()) {
    const size_t end = frame.find('\n');
    const std::string_view line = frame.substr(0, end);
    if (line.starts_with("event: ")) name = line.substr(7);
    if (line.starts_with("data: ")) data = line.substr(6);
    frame.remove_prefix(end == std::string_view::npos ? frame.size() : end + 1);
  }
  if (name.empty() && !data.empty()) TakeEvent(client, data, MonotonicNanos());
  if (name == "heartbeat") ++client.heartbeats;
  if (name == "gap") ++gaps_;
}

void StreamLoad::TakeEvent(Client& client, std::string_view data, int64_t now) {
  const int64_t number = NumberAfter(data, "\"number\":");
  const int64_t made_nanos = NumberAfter(data, "\"made_nanos\":");
  if (number < client.next_number) {
    ++client.doubled;
    return;
  }
  client.missing += number - client.next_number;
  client.next_number = number + 1;
  (client.stalls ? stalled_latencies_ : latencies_).Add(now - made_nanos);
  ++deliveries_;
  last_delivery_nanos_ = now;
}

void StreamLoad::Close(Client& client) {
  if (client.closed) return;
  client.closed = true;
  ++closed_;
  if (client.ready) --ready_;
  client.socket.Reset();
}

void StreamLoad::SetReading(bool stalled_ones_read) {
  for (size_t i = 0; i < clients_.size(); ++i) {
    if (!clients_[i].stalls || clients_[i].closed) continue;
    epoll_event wanted = {};
    if (stalled_ones_read) wanted.events = EPOLLIN;
    wanted.data.u64 = i;
    ::epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, clients_[i].socket.get(), &wanted);
  }
}

void StreamLoad::ReadUntilAllIsSeen() {
  const int64_t deadline = std::max(MonotonicNanos(), stall_ends_nanos_) + kDrainNanos;
  while (!AllIsSeen() && MonotonicNanos() < deadline) {
    // Looking through all clients costs something: not after each of many small portions.
    for (int i = 0; i < 20; ++i) Poll(5);
  }
}

bool StreamLoad::AllIsSeen() const {
  return std::all_of(clients_.begin(), clients_.end(), [this](const Client& client) {
    return client.idle || client.closed ||
           client.next_number > poster_.posted()[static_cast<size_t>(client.job)];
  });
}

StreamLoad::Totals StreamLoad::Add() const {
  Totals totals;
  for (const Client& client : clients_) {
    if (client.idle) continue;
    const int64_t posted = poster_.posted()[static_cast<size_t>(client.job)];
    ++totals.streams;
    totals.missing += client.missing + posted - (client.next_number - 1);
    totals.doubled += client.doubled;
    totals.heartbeats += client.heartbeats;
    totals.most_heartbeats = std::max(totals.most_heartbeats, client.heartbeats);
    totals.fewest_heartbeats = totals.streams == 1
                                   ? client.heartbeats
                                   : std::min(totals.fewest_heartbeats, client.heartbeats);
  }
  for (const int64_t count : poster_.posted()) totals.events += count;
  return totals;
}

// "200 in 20.0 s, 10.0/s".
std::string RateText(int64_t count, double seconds) {
  if (count == 0) return "none";
  return std::to_string(count) + " in " + Fixed(seconds, 1) + " s, " +
         Fixed(static_cast<double>(count) / seconds, 1) + "/s";
}

int StreamLoad::Report(double seconds) const {
  const Totals totals = Add();
  PrintRow("streams", std::to_string(totals.streams) + " on " + flags_.Text("jobs") +
                          " jobs, open after " + Fixed(connect_seconds_, 2) + " s");
  PrintRow("idle connections", flags_.Text("idle"));
  PrintRow("events", RateText(totals.events, seconds));
  PrintRow("POST latency", poster_.latencies().Summary());
  PrintRow("deliveries",
           RateText(deliveries_, SecondsSince(posting_started_nanos_, last_delivery_nanos_)));
  PrintRow("event to receipt", latencies_.Summary());
  if (flags_.Number("stall") > 0) PrintRow("of stalled streams", stalled_latencies_.Summary());
  PrintRow("missing", std::to_string(totals.missing));
  PrintRow("doubled", std::to_string(totals.doubled));
  PrintRow("gap frames", std::to_string(gaps_));
  PrintRow("closed by the daemon", std::to_string(closed_));
  PrintHeartbeats(totals);
  PrintCost();
  if (!poster_.problem().empty()) PrintRow("problem", poster_.problem());
  const bool good = totals.missing == 0 && totals.doubled == 0 && gaps_ == 0 && closed_ == 0 &&
                    poster_.problem().empty();
  return good ? 0 : 1;
}

void StreamLoad::PrintHeartbeats(const Totals& totals) const {
  const double mean = static_cast<double>(totals.heartbeats) /
                      static_cast<double>(std::max<int64_t>(1, totals.streams));
  PrintRow("heartbeats of a stream",
           "fewest " + std::to_string(totals.fewest_heartbeats) + ", mean " + Fixed(mean, 2) +
               ", most " + std::to_string(totals.most_heartbeats) + " in " +
               Fixed(SecondsSince(posting_started_nanos_, MonotonicNanos()), 1) + " s");
}

void StreamLoad::PrintCost() const {
  const auto cost = ReadProcessCost(flags_.Number("pid"));
  if (!cost || !cost_before_) return;
  const double wall_seconds = SecondsSince(posting_started_nanos_, MonotonicNanos());
  const double cpu_seconds = cost->cpu_seconds - cost_before_->cpu_seconds;
  PrintRow("daemon's memory", Fixed(static_cast<double>(cost->resident_kib) / 1024, 1) + " MiB (" +
                                  Fixed(static_cast<double>(cost_before_->resident_kib) / 1024, 1) +
                                  " before the first event)");
  PrintRow("daemon's threads", std::to_string(cost->threads));
  PrintRow("daemon's processor", Fixed(100 * cpu_seconds / wall_seconds, 1) + " % of a core");
}

}  // namespace
}  // namespace stagelog

int main(int argument_count, char** arguments) {
  const stagelog::Flags flags(argument_count, arguments, "stream_load",
                              {{"url", "http://127.0.0.1:8008"},
                               {"token", "default-admin-token-change-me"},
                               {"streams", "1000"},
                               {"jobs", "10"},
                               {"rate", "10"},
                               {"seconds", "10"},
                               {"stall", "0"},
                               {"idle", "0"},
                               {"full-speed", "0"},
                               {"peer", "daemon"},
                               {"pid", "0"}});
  auto server = stagelog::ParseUrl(flags.Text("url"));
  if (!server || flags.Number("jobs") == 0) {
    std::cerr << (server ? "--jobs must be at least 1" : server.error().message) << "\n";
    return 2;
  }
  stagelog::RaiseFileLimit();
  return stagelog::StreamLoad(flags, std::move(*server)).Run();
}
