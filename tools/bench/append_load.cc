// How fast a daemon takes events: connections that post one request after the other.
//
//   append_load --url http://127.0.0.1:8008 --token T --connections 50 --batch 1 --seconds 10
//
// One epoll loop drives all connections, each kept alive with one request in flight, as
// redis-benchmark does. With --batch B each request is NDJSON of B events. Each connection posts to
// a job of its own, or with --jobs K to one of K. --ids gives each event an event_id that was not
// there before: "uuid4" a random one, "uuid7" one that begins with the time.
#include <sys/epoll.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <iostream>
#include <memory>

#include "base/random.h"
#include "tools/bench/bench_support.h"

namespace stagelog {
namespace {

constexpr size_t kUuidLength = 36;

struct Client {
  UniqueFd socket;
  std::string request;
  std::vector<size_t> id_places;  // in the request
  size_t sent = 0;
  std::string answer;
  int64_t started_nanos = 0;
};

class AppendLoad {
 public:
  AppendLoad(const Flags& flags, ServerAddress server);

  int Run();

 private:
  Status Connect();
  void MakeRequest(int64_t job, Client& client) const;
  void RenewIds(Client& client) const;
  void StartNext(Client& client);
  bool OnEvent(Client& client, uint32_t events);
  bool Send(Client& client);
  bool Receive(Client& client);
  bool TakeAnswers(Client& client);
  void Report(double seconds, const std::optional<ProcessCost>& before);

  const Flags& flags_;
  const ServerAddress server_;
  const int64_t batch_;
  const std::string& ids_;
  UniqueFd epoll_{::epoll_create1(EPOLL_CLOEXEC)};
  std::vector<std::unique_ptr<Client>> clients_;
  Latencies latencies_;
  int64_t end_nanos_ = INT64_MAX;
  int64_t requests_left_ = INT64_MAX;
  size_t busy_ = 0;  // clients with a request in flight
  int64_t refused_ = 0;
  std::string first_refusal_;
};

AppendLoad::AppendLoad(const Flags& flags, ServerAddress server)
    : flags_(flags),
      server_(std::move(server)),
      batch_(std::max<int64_t>(1, flags.Number("batch"))),
      ids_(flags.Text("ids")) {}

int AppendLoad::Run() {
  const Status connected = Connect();
  if (!connected) {
    std::cerr << connected.error().message << ": " << std::strerror(connected.error().error_number)
              << "\n";
    return 1;
  }
  const auto before = ReadProcessCost(flags_.Number("pid"));
  const int64_t start = MonotonicNanos();
  if (const int64_t events = flags_.Number("events"); events > 0) {
    requests_left_ = (events + batch_ - 1) / batch_;
  } else {
    end_nanos_ = start + flags_.Number("seconds") * 1'000'000'000;
  }
  for (auto& client : clients_) StartNext(*client);
  std::array<epoll_event, 256> events;
  while (busy_ > 0) {
    const int count = ::epoll_wait(epoll_.get(), events.data(), events.size(), 10'000);
    if (count == 0) {
      std::cerr << "no answer within ten seconds\n";
      return 1;
    }
    for (int i = 0; i < count; ++i) {
      Client& client = *clients_[events[static_cast<size_t>(i)].data.u64];
      if (!OnEvent(client, events[static_cast<size_t>(i)].events)) {
        std::cerr << "a connection broke: " << std::strerror(errno) << "\n";
        return 1;
      }
    }
  }
  Report(static_cast<double>(MonotonicNanos() - start) / 1e9, before);
  return refused_ == 0 ? 0 : 1;
}

Status AppendLoad::Connect() {
  const int64_t jobs = flags_.Number("jobs");
  for (int64_t i = 0; i < flags_.Number("connections"); ++i) {
    auto socket = StartConnect(server_, 0);
    if (!socket) return Failure(socket.error().message, socket.error().error_number);
    auto client = std::make_unique<Client>();
    client->socket = std::move(*socket);
    MakeRequest(jobs > 0 ? i % jobs : i, *client);
    epoll_event wanted = {};
    wanted.events = EPOLLIN | EPOLLOUT | EPOLLET;
    wanted.data.u64 = static_cast<uint64_t>(i);
    ::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, client->socket.get(), &wanted);
    clients_.push_back(std::move(client));
  }
  return {};
}

void AppendLoad::MakeRequest(int64_t job, Client& client) const {
  const std::string id_member =
      ids_ == "none" ? "" : "\"event_id\":\"" + std::string(kUuidLength, ' ') + "\",";
  const std::string event = "{" + id_member +
                            R"("type":"stage_progress","stage":"encode","message":"frame done",)"
                            R"("payload":{"current":4242,"total":9000}})";
  std::string body = event;
  for (int64_t i = 1; i < batch_; ++i) body += "\n" + event;
  client.request = "POST /api/v1/jobs/" + flags_.Text("prefix") + "-" + std::to_string(job) +
                   "/events HTTP/1.1\r\nHost: " + server_.host + "\r\nAuthorization: Bearer " +
                   flags_.Text("token") + "\r\nContent-Type: " +
                   (batch_ > 1 ? "application/x-ndjson" : "application/json") +
                   "\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
  const std::string blank(kUuidLength, ' ');
  for (size_t at = client.request.find(blank); at != std::string::npos;
       at = client.request.find(blank, at + kUuidLength)) {
    client.id_places.push_back(at);
  }
}

void AppendLoad::RenewIds(Client& client) const {
  const int64_t now = std::chrono::duration_cast<std::chrono::microseconds>(
                          std::chrono::system_clock::now().time_since_epoch())
                          .count();
  for (const size_t place : client.id_places) {
    const uint64_t random = RandomBits();
    const int64_t micros = ids_ == "uuid7" ? now : static_cast<int64_t>(random >> 16);
    std::string id = MakeForeignUuidV7(micros);
    if (ids_ == "uuid4") id[14] = '4';  // its version
    client.request.replace(place, kUuidLength, id);
  }
}

void AppendLoad::StartNext(Client& client) {
  if (requests_left_ == 0 || MonotonicNanos() >= end_nanos_) return;
  --requests_left_;
  ++busy_;
  client.sent = 0;
  RenewIds(client);
  client.started_nanos = MonotonicNanos();
  Send(client);
}

bool AppendLoad::OnEvent(Client& client, uint32_t events) {
  if ((events & (EPOLLERR | EPOLLHUP)) != 0) return false;
  return Send(client) && Receive(client);
}

bool AppendLoad::Send(Client& client) {
  while (client.sent < client.request.size()) {
    const ssize_t count = ::send(client.socket.get(), client.request.data() + client.sent,
                                 client.request.size() - client.sent, MSG_NOSIGNAL);
    if (count < 0) return errno == EAGAIN || errno == ENOTCONN;
    client.sent += static_cast<size_t>(count);
  }
  return true;
}

bool AppendLoad::Receive(Client& client) {
  std::array<char, 16384> bytes;
  while (true) {
    const ssize_t count = ::recv(client.socket.get(), bytes.data(), bytes.size(), 0);
    if (count < 0) return errno == EAGAIN || errno == ENOTCONN;
    if (count == 0) return false;
    client.answer.append(bytes.data(), static_cast<size_t>(count));
    if (!TakeAnswers(client)) return false;
  }
}

// False when what came is no answer.
bool AppendLoad::TakeAnswers(Client& client) {
  const size_t size = AnswerSize(client.answer);
  if (size == 0 || client.answer.size() < size) return client.answer.size() < 65'536;
  const int64_t now = MonotonicNanos();
  latencies_.Add(now - client.started_nanos);
  if (client.answer.compare(0, 12, "HTTP/1.1 201") != 0) {
    if (refused_++ == 0) first_refusal_ = client.answer;
  }
  client.answer.clear();
  --busy_;
  StartNext(client);
  return true;
}

void AppendLoad::Report(double seconds, const std::optional<ProcessCost>& before) {
  const auto requests = static_cast<double>(latencies_.count());
  PrintRow("connections", std::to_string(clients_.size()));
  PrintRow("events in a request", std::to_string(batch_));
  PrintRow("requests", Fixed(requests, 0) + " in " + Fixed(seconds, 2) + " s");
  PrintRow("requests/s", Fixed(requests / seconds, 0));
  PrintRow("events/s", Fixed(requests * static_cast<double>(batch_) / seconds, 0));
  PrintRow("latency", latencies_.Summary());
  PrintRow("answers other than 201", std::to_string(refused_));
  if (refused_ > 0) std::cout << first_refusal_ << "\n";
  const auto after = ReadProcessCost(flags_.Number("pid"));
  if (!before || !after) return;
  PrintRow("daemon's processor",
           Fixed(100 * (after->cpu_seconds - before->cpu_seconds) / seconds, 1) + " % of a core");
  PrintRow("daemon's memory", Fixed(static_cast<double>(after->resident_kib) / 1024, 1) + " MiB");
}

}  // namespace
}  // namespace stagelog

int main(int argument_count, char** arguments) {
  const stagelog::Flags flags(argument_count, arguments, "append_load",
                              {{"url", "http://127.0.0.1:8008"},
                               {"token", "default-admin-token-change-me"},
                               {"connections", "50"},
                               {"batch", "1"},
                               {"jobs", "0"},
                               {"ids", "none"},
                               {"events", "0"},
                               {"prefix", "append-load"},
                               {"seconds", "10"},
                               {"pid", "0"}});
  const std::string& ids = flags.Text("ids");
  if (ids != "none" && ids != "uuid4" && ids != "uuid7") {
    std::cerr << "--ids is none, uuid4 or uuid7\n";
    return 2;
  }
  auto server = stagelog::ParseUrl(flags.Text("url"));
  if (!server) {
    std::cerr << server.error().message << "\n";
    return 2;
  }
  stagelog::RaiseFileLimit();
  return stagelog::AppendLoad(flags, std::move(*server)).Run();
}
