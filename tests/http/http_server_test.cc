// The server with routes of the test's own, its loop turned by hand, over socket pairs: what it
// does in one turn, for how long it reads whom, and what it does for clients that have gone.
#include "http/http_server.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <array>
#include <future>
#include <memory>
#include <string>
#include <vector>

#include "base/sha256.h"
#include "tests/support/manual_clock.h"

namespace stagelog {
namespace {

constexpr const char* kAuthorization = "Authorization: Bearer a-token\r\n";
constexpr size_t kMediumBytes = 80'000;

class NoStreams : public StreamSink {
 public:
  void Adopt(UniqueFd, StreamRequest, std::string) override {}
  void KeepOnlyTokens(std::vector<std::string>) override {}
  void EndGrant(uint64_t) override {}
  size_t SubscriberCount() const override { return 0; }
};

// Takes appends, and writes them when it is kicked.
class LazyAppender : public EventAppender {
 public:
  void Append(std::vector<EventDraft> drafts, std::optional<Precondition>,
              AppendDone done) override {
    Enqueue(std::move(drafts), std::nullopt, std::move(done));
    NotifyWriter(false);
  }
  void Enqueue(std::vector<EventDraft>, std::optional<Precondition>, AppendDone done) override {
    waiting_.push_back(std::move(done));
  }
  bool NotifyWriter(bool) override {
    for (const AppendDone& done : std::exchange(waiting_, {})) done(std::vector<AppendedEvent>(1));
    return false;
  }

  size_t waiting() const { return waiting_.size(); }

 private:
  std::vector<AppendDone> waiting_;
};

// The client's end of a connection. Does not block.
class Client {
 public:
  explicit Client(UniqueFd socket) : socket_(std::move(socket)) {}

  // How much of `bytes` the socket took.
  size_t Send(std::string_view bytes) {
    const ssize_t sent = ::send(socket_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    return sent < 0 ? 0 : static_cast<size_t>(sent);
  }
  void FinishSending() { ::shutdown(socket_.get(), SHUT_WR); }
  void Close() { socket_ = UniqueFd(); }

  // All that came so far.
  const std::string& Received() {
    std::array<char, 65536> buffer;
    while (true) {
      const ssize_t got = ::recv(socket_.get(), buffer.data(), buffer.size(), 0);
      if (got <= 0) {
        closed_ = got == 0 || errno != EAGAIN;
        was_reset_ = was_reset_ || (got < 0 && errno == ECONNRESET);
        return received_;
      }
      received_.append(buffer.data(), static_cast<size_t>(got));
    }
  }
  bool IsClosed() {
    Received();
    return closed_;
  }
  // Reads all that came, and what stands behind it.
  bool WasReset() {
    Received();
    return was_reset_;
  }
  // Something came that was not read.
  bool HasBytes() {
    char byte = 0;
    return ::recv(socket_.get(), &byte, 1, MSG_PEEK) == 1;
  }
  size_t Count(std::string_view text) {
    size_t count = 0;
    for (size_t at = Received().find(text); at != std::string::npos;
         at = received_.find(text, at + 1)) {
      ++count;
    }
    return count;
  }

 private:
  UniqueFd socket_;
  std::string received_;
  bool closed_ = false;
  bool was_reset_ = false;
};

// Both ends of a connection, on which the client takes little before it reads. Unlike a pair of
// local sockets it can be reset, and what was not read is kept on the server's side.
std::array<UniqueFd, 2> TcpPair() {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(address);
  auto* generic = reinterpret_cast<sockaddr*>(&address);
  const UniqueFd listener(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  EXPECT_EQ(::bind(listener.get(), generic, size), 0);
  EXPECT_EQ(::listen(listener.get(), 1), 0);
  EXPECT_EQ(::getsockname(listener.get(), generic, &size), 0);
  UniqueFd client(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const int small = 4'096;
  ::setsockopt(client.get(), SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
  EXPECT_EQ(::connect(client.get(), generic, size), 0);
  ::fcntl(client.get(), F_SETFL, O_NONBLOCK);
  UniqueFd server(::accept4(listener.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
  EXPECT_TRUE(server.valid());
  return {std::move(client), std::move(server)};
}

// Work on the pool that is under way until the test lets it end.
struct HeldWork {
  std::promise<void> began;
  std::promise<void> release;
};

class HttpServerTest : public ::testing::Test {
 protected:
  void Build(HttpLimits limits = {}) {
    const std::vector<TokenEntry> tokens = {
        {.name = "tester", .sha256_hex = Sha256Hex("a-token"), .roles = {Role::kAdmin}}};
    server_ = std::make_unique<HttpServer>(limits,
                                           HttpPolicy{std::make_shared<TokenTable>(tokens), {}, {}},
                                           streams_, clock_, metrics_);
    std::vector<Route> routes;
    const auto answer = [](std::string body) {
      httplib::Response response;
      response.status = 200;
      response.body = std::move(body);
      return HandlerResult{std::move(response)};
    };
    routes.push_back({.method = "GET",
                      .pattern = "/open",
                      .access = Access::kOpen,
                      .handler = [=](Call, const Responder&) { return answer("open"); }});
    routes.push_back({.method = "GET", .pattern = "/read", .handler = [=](Call, const Responder&) {
                        return HandlerResult{RunOnPool{[=] { return answer("read"); }}};
                      }});
    routes.push_back({.method = "GET", .pattern = "/large", .handler = [=](Call, const Responder&) {
                        return answer(std::string(size_t{1} << 20, 'x'));
                      }});
    // The kernel takes it whole from the server, and the client does not.
    routes.push_back(
        {.method = "GET", .pattern = "/medium", .handler = [=](Call, const Responder&) {
           return answer(std::string(kMediumBytes, 'x'));
         }});
    routes.push_back(
        {.method = "GET", .pattern = "/held", .handler = [this, answer](Call, const Responder&) {
           return HandlerResult{RunOnPool{.work =
                                              [this, answer] {
                                                held_.began.set_value();
                                                held_.release.get_future().wait();
                                                return answer("held");
                                              },
                                          .is_search = true}};
         }});
    routes.push_back(
        {.method = "GET", .pattern = "/search", .handler = [this, answer](Call, const Responder&) {
           return HandlerResult{RunOnPool{.work =
                                              [this, answer] {
                                                ++searches_;
                                                return answer("search");
                                              },
                                          .is_search = true}};
         }});
    routes.push_back({.method = "POST",
                      .pattern = "/append",
                      .handler =
                          [this](Call, const Responder& responder) {
                            appender_.Enqueue({}, std::nullopt, [responder](const AppendOutcome&) {
                              httplib::Response response;
                              response.status = 201;
                              responder.Send(std::move(response));
                            });
                            return HandlerResult{Deferred{}};
                          },
                      .takes_body = true,
                      .is_append = true});
    server_->SetRoutes(std::move(routes));
    server_->SetAppender(&appender_);
  }

  Client Connect() {
    int ends[2];
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends), 0);
    server_->Accept(UniqueFd(ends[1]));
    Turn();
    return Client(UniqueFd(ends[0]));
  }

  Client ConnectOverTcp() {
    auto [client, server] = TcpPair();
    server_->Accept(std::move(server));
    Turn();
    return Client(std::move(client));
  }

  int64_t ConnectionCount() { return metrics_.GetGauge("stagelog_http_connections", "").Value(); }

  // One turn of the loop, which does not wait.
  void Turn() {
    server_->Post([] {});
    server_->RunOnce();
  }

  // Turns until it is so; false when that takes very many.
  template <typename Predicate>
  bool TurnUntil(Predicate is_so) {
    for (int turns = 0; turns < 200'000; ++turns) {
      if (is_so()) return true;
      Turn();
      std::this_thread::yield();  // to the pool
    }
    return false;
  }

  // How much the server takes of a client that sends `bytes` again and again and reads nothing,
  // `most` at most.
  size_t SendWithoutReading(Client& client, std::string_view bytes, size_t most) {
    size_t total = 0;
    for (int idle_turns = 0; idle_turns < 10 && total < most;) {
      const size_t sent = client.Send(bytes);
      total += sent;
      idle_turns = sent == 0 ? idle_turns + 1 : 0;
      Turn();
    }
    return total;
  }

  static std::string Get(const std::string& path, const std::string& more = kAuthorization) {
    return "GET " + path + " HTTP/1.1\r\nHost: localhost\r\n" + more + "\r\n";
  }
  static std::string Post() {
    return "POST /append HTTP/1.1\r\nHost: localhost\r\n" + std::string(kAuthorization) +
           "Content-Type: application/json\r\nContent-Length: 2\r\n\r\n{}";
  }

  NoStreams streams_;
  ManualClock clock_{ManualClock::kDefaultWallMicros, 1'000'000};
  MetricsRegistry metrics_;
  LazyAppender appender_;
  HeldWork held_;
  std::atomic<int> searches_ = 0;
  std::unique_ptr<HttpServer> server_;
};

// --- Appends ---

TEST_F(HttpServerTest, AnAppendThatBeginsInATaskIsNotLeftInTheQueue) {
  Build();
  Client client = Connect();
  // The answer of the first comes from the pool by a task; there the second begins.
  client.Send(Get("/read") + Post());
  EXPECT_TRUE(TurnUntil([&] {
    EXPECT_EQ(appender_.waiting(), 0u) << "after a turn";
    return HasFailure() || client.Count("HTTP/1.1 201") == 1;
  }));
}

TEST_F(HttpServerTest, NoneOfManyPipelinedAppendsIsLeftInTheQueue) {
  Build();
  Client client = Connect();
  std::string requests;
  for (int i = 0; i < 200; ++i) requests += Post();
  ASSERT_EQ(client.Send(requests), requests.size());
  EXPECT_TRUE(TurnUntil([&] {
    EXPECT_EQ(appender_.waiting(), 0u) << "after a turn";
    return HasFailure() || client.Count("HTTP/1.1 201") == 200;
  }));
}

TEST_F(HttpServerTest, AnAppendThatATimerBeginsIsNotLeftInTheQueue) {
  Build();
  bool done = false;
  server_->CallAt(clock_.MonotonicMicros() + 1'000, [&] {
    appender_.Enqueue({}, std::nullopt, [&](const AppendOutcome&) { done = true; });
  });
  Turn();
  clock_.AdvanceMicros(1'000);
  Turn();
  EXPECT_TRUE(done);
}

// --- Bounds of one turn ---

TEST_F(HttpServerTest, OneConnectionDoesNotHoldTheLoop) {
  Build();
  Client busy = Connect();
  Client other = Connect();
  std::string requests;
  for (int i = 0; i < 1'000; ++i) requests += Get("/nowhere");
  ASSERT_EQ(busy.Send(requests), requests.size());
  ASSERT_GT(other.Send(Get("/open")), 0u);
  Turn();
  EXPECT_EQ(other.Count("HTTP/1.1 200"), 1u);
  EXPECT_LE(busy.Count("HTTP/1.1 404"), 64u);
  EXPECT_TRUE(TurnUntil([&] { return busy.Count("HTTP/1.1 404") == 1'000; }));
}

TEST_F(HttpServerTest, AllThatCameBeforeTheEndIsAnswered) {
  Build();
  Client client = Connect();
  std::string requests;
  for (int i = 0; i < 1'000; ++i) requests += Get("/open");
  ASSERT_EQ(client.Send(requests), requests.size());
  client.FinishSending();
  EXPECT_TRUE(TurnUntil([&] { return client.IsClosed(); }));
  EXPECT_EQ(client.Count("HTTP/1.1 200"), 1'000u);
}

// --- Clients that send and do not read ---

TEST_F(HttpServerTest, ARefusedUploadIsNotReadToItsEnd) {
  for (const char* head : {"POST /append HTTP/1.1\r\nHost: localhost\r\n"  // no token: 401
                           "Content-Length: 999999999999\r\n\r\n",
                           "POST /append HTTP/1.1\r\nHost: localhost\r\n"
                           "Authorization: Bearer a-token\r\nContent-Type: application/json\r\n"
                           "Content-Length: 999999999999\r\n\r\n",  // 413
                           "POST /append HTTP/1.1\r\nHost: localhost\r\n"
                           "Transfer-Encoding: chunked\r\n\r\n",  // 401
                           "nonsense\r\n\r\n"}) {
    Build();
    Client client = Connect();
    client.Send(head);
    const size_t sent = SendWithoutReading(client, std::string(64 << 10, 'x'), size_t{64} << 20);
    EXPECT_LT(sent, size_t{2} << 20) << head;
    EXPECT_EQ(client.Count("HTTP/1.1 4"), 1u) << "the answer is not lost: " << head;
    clock_.AdvanceMicros(3'000'000);
    EXPECT_TRUE(TurnUntil([&] { return client.IsClosed(); })) << head;
  }
}

TEST_F(HttpServerTest, WhoPipelinesAndNeverReadsIsNotReadOn) {
  const std::string refused = Get("/open/nothing", "");
  for (const bool ends_with_a_body : {false, true}) {
    Build({.send_buffer_bytes = 4'096});
    Client client = Connect();
    size_t sent = 0;
    if (ends_with_a_body) {
      // The socket is full of answers when the connection is to be closed.
      std::string requests;
      for (int i = 0; i < 500; ++i) requests += refused;
      sent += client.Send(requests +
                          "POST /append HTTP/1.1\r\nHost: localhost\r\n"
                          "Content-Length: 999999999999\r\n\r\n");
    }
    std::string requests;
    for (int i = 0; i < 500; ++i) requests += refused;
    sent += SendWithoutReading(client, requests, size_t{64} << 20);
    EXPECT_LT(sent, size_t{2} << 20);
  }
}

TEST_F(HttpServerTest, AnswersThatNobodyTakesAreBoundedTogether) {
  Build({.unsent_bytes = size_t{4} << 20});
  std::vector<Client> clients;
  for (int i = 0; i < 10; ++i) {
    clients.push_back(Connect());
    clients.back().Send(Get("/large"));
    Turn();
    clock_.AdvanceMicros(1'000);
  }
  Turn();
  EXPECT_LE(metrics_.GetGauge("stagelog_http_unsent_bytes", "").Value(), 4 << 20);
  // The last ones are served: who has taken nothing for longest goes.
  EXPECT_TRUE(TurnUntil([&] {
    clients.back().Received();
    return clients.back().Count("x") == size_t{1} << 20;
  }));
  EXPECT_TRUE(clients.front().IsClosed());
}

TEST_F(HttpServerTest, WhatTheKernelKeepsForAClientIsBounded) {
  Build();
  auto [client, server] = TcpPair();
  const UniqueFd same(::dup(server.get()));
  server_->Accept(std::move(server));
  Turn();
  int bytes = 0;
  socklen_t size = sizeof(bytes);
  ASSERT_EQ(::getsockopt(same.get(), SOL_SOCKET, SO_SNDBUF, &bytes, &size), 0);
  EXPECT_LE(bytes, 2 * HttpLimits().send_buffer_bytes);
}

// The kernel would keep for it what it has not taken.
TEST_F(HttpServerTest, WhoTakesNothingOfAnAnswerIsReset) {
  Build();
  Client client = ConnectOverTcp();
  client.Send(Get("/large"));
  ASSERT_TRUE(TurnUntil([&] { return client.HasBytes(); }));
  clock_.AdvanceMicros(61'000'000);
  Turn();
  EXPECT_EQ(ConnectionCount(), 0);
  EXPECT_TRUE(client.WasReset());
}

TEST_F(HttpServerTest, WhoIsClosedForTheSakeOfTheBoundIsReset) {
  Build({.unsent_bytes = size_t{256} << 10});
  Client client = ConnectOverTcp();
  client.Send(Get("/large"));
  ASSERT_TRUE(TurnUntil([&] { return client.HasBytes() && ConnectionCount() == 0; }));
  EXPECT_TRUE(client.WasReset());
}

// Whichever side ends it: as long as an answer was not taken the connection counts, and it is not
// kept for ever.
TEST_F(HttpServerTest, AConnectionStaysUntilItsLastAnswerIsTaken) {
  for (const std::string way : {"closing", "half-closed", "idle"}) {
    for (const bool reads : {true, false}) {
      SCOPED_TRACE(way + (reads ? ", read later" : ", never read"));
      Build();
      Client client = ConnectOverTcp();
      client.Send(Get("/medium", std::string(kAuthorization) +
                                     (way == "closing" ? "Connection: close\r\n" : "")));
      if (way == "half-closed") client.FinishSending();
      ASSERT_TRUE(TurnUntil([&] { return client.HasBytes(); }));
      for (const int64_t seconds : {76, 30, 20}) {
        clock_.AdvanceMicros(seconds * 1'000'000);
        Turn();
        Turn();
        EXPECT_EQ(ConnectionCount(), 1);
      }
      EXPECT_TRUE(!reads || TurnUntil([&] { return client.Count("x") == kMediumBytes; }));
      clock_.AdvanceMicros(61'000'000);
      EXPECT_TRUE(TurnUntil([&] { return ConnectionCount() == 0; }));
      EXPECT_EQ(client.WasReset(), !reads);
    }
  }
}

// --- Clients that have gone ---

TEST_F(HttpServerTest, ASearchIsDroppedWhoseClientHasGone) {
  Build({.pool_threads = 2});
  Client first = Connect();
  first.Send(Get("/held"));
  Turn();
  held_.began.get_future().wait();  // nobody else searches now
  std::vector<Client> others;
  for (int i = 0; i < 20; ++i) {
    others.push_back(Connect());
    others.back().Send(Get("/search"));
    Turn();
  }
  for (Client& other : others) other.Close();
  Client last = Connect();
  last.Send(Get("/search"));
  Turn();
  held_.release.set_value();
  EXPECT_TRUE(TurnUntil([&] { return last.Count("search") == 1; }));
  EXPECT_EQ(searches_, 1);
  EXPECT_EQ(metrics_.GetCounter("stagelog_http_reads_dropped_total", "").Value(), 20u);
}

TEST_F(HttpServerTest, WhoHasEndedItsSideMayWaitALittle) {
  Build({.pool_threads = 2});
  Client first = Connect();
  first.Send(Get("/held"));
  Turn();
  held_.began.get_future().wait();
  first.FinishSending();
  Turn();
  Client second = Connect();
  second.Send(Get("/search"));
  second.FinishSending();
  Turn();  // the request
  Turn();  // the end
  clock_.AdvanceMicros(400'000);
  Turn();
  EXPECT_FALSE(second.IsClosed());
  clock_.AdvanceMicros(200'000);
  EXPECT_TRUE(TurnUntil([&] { return second.IsClosed() && first.IsClosed(); }));
  held_.release.set_value();
  server_ = nullptr;  // its pool has ended
  EXPECT_EQ(searches_, 0);
}

TEST_F(HttpServerTest, AShortReadIsNotBehindSearches) {
  Build({.pool_threads = 2});
  Client first = Connect();
  first.Send(Get("/held"));
  Turn();
  held_.began.get_future().wait();
  Client search = Connect();
  search.Send(Get("/search"));
  Turn();
  Client reader = Connect();
  reader.Send(Get("/read"));
  EXPECT_TRUE(TurnUntil([&] { return reader.Count("read") == 1; }));
  EXPECT_EQ(searches_, 0);
  held_.release.set_value();
  EXPECT_TRUE(TurnUntil([&] { return search.Count("search") == 1; }));
}

// --- Many connections ---

TEST_F(HttpServerTest, IdleConnectionsMakeRoomForNewOnes) {
  Build({.max_connections = 8});
  std::vector<Client> idle;
  for (int i = 0; i < 8; ++i) idle.push_back(Connect());
  clock_.AdvanceMicros(2'000'000);
  for (int i = 0; i < 20; ++i) {
    Client client = Connect();
    client.Send(Get("/open"));
    Turn();
    EXPECT_EQ(client.Count("HTTP/1.1 200"), 1u) << client.Received();
    clock_.AdvanceMicros(2'000'000);
  }
  EXPECT_TRUE(idle.front().IsClosed());
}

TEST_F(HttpServerTest, ABurstOfIdleConnectionsKeepsNobodyOutForLong) {
  Build({.max_connections = 8});
  std::vector<Client> burst;
  for (int i = 0; i < 30; ++i) burst.push_back(Connect());
  EXPECT_TRUE(burst.back().IsClosed()) << "beyond the spare ones";
  for (int i = 0; i < 10; ++i) {
    clock_.AdvanceMicros(250'000);
    Turn();
  }
  Client client = Connect();
  client.Send(Get("/open"));
  Turn();
  EXPECT_EQ(client.Count("HTTP/1.1 200"), 1u) << client.Received();
}

TEST_F(HttpServerTest, WithoutRoomANewOneIsToldSo) {
  Build({.max_connections = 8});
  std::vector<Client> busy;
  for (int i = 0; i < 8; ++i) {
    busy.push_back(Connect());
    busy.back().Send("GET /op");  // it has begun
    Turn();
  }
  clock_.AdvanceMicros(2'000'000);
  Client client = Connect();
  client.Send(Get("/read"));
  Turn();
  EXPECT_EQ(client.Count("HTTP/1.1 503"), 1u) << client.Received();
  for (Client& other : busy) EXPECT_FALSE(other.IsClosed());
}

TEST_F(HttpServerTest, AHeadThatDoesNotEndIsRefusedInTime) {
  for (const char* bytes : {"GET /open HTTP/1.1\r\nHost: loc", "\r\n\r\n", "G"}) {
    Build();
    Client client = Connect();
    client.Send(bytes);
    Turn();
    clock_.AdvanceMicros(11'000'000);
    EXPECT_TRUE(TurnUntil([&] { return client.Count("HTTP/1.1 408") == 1; })) << bytes;
  }
}

TEST_F(HttpServerTest, EmptyLinesWithoutEndAreRefused) {
  Build();
  Client client = Connect();
  std::string lines;
  for (int i = 0; i < 10'000; ++i) lines += "\r\n";
  client.Send(lines);
  EXPECT_TRUE(TurnUntil([&] { return client.Count("HTTP/1.1 431") == 1; }));
}

TEST_F(HttpServerTest, AHeadOfTheLargestSizeThatIsAllowedFitsIn) {
  Build({.head_bytes = size_t{512} << 10});
  Client client = Connect();
  std::string fields = kAuthorization;
  for (int i = 0; i < 40; ++i) {
    fields += "X-Field-" + std::to_string(i) + ": " + std::string(10'000, 'x') + "\r\n";
  }
  const std::string request = Get("/open", fields);
  std::string_view rest = request;
  EXPECT_TRUE(TurnUntil([&] {
    rest.remove_prefix(client.Send(rest));
    return client.Count("HTTP/1.1") > 0;
  }));
  EXPECT_EQ(client.Count("HTTP/1.1 200"), 1u) << client.Received();
}

}  // namespace
}  // namespace stagelog
