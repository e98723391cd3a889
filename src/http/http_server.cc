#include "http/http_server.h"

#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <algorithm>

#include "base/abortive_close.h"
#include "base/logging.h"
#include "base/text.h"
#include "core/append_refusal.h"
#include "http/problem.h"

namespace stagelog {
namespace {

constexpr int64_t kLingerMicros = 2'000'000;
constexpr int64_t kFinishMicros = 2'000'000;
// How long a client that has ended its side may wait for the answer to a GET. Some do so and read
// on; most have gone.
constexpr int64_t kHalfClosedMicros = 500'000;
constexpr size_t kBodyProgressBytes = 16'384;
constexpr size_t kSpareConnections = 64;
constexpr size_t kSmallBodyBytes = size_t{64} << 10;
// Requests of one connection in one turn of the loop; those that are answered in it count twice.
constexpr int kStepsAtOnce = 32;

using Stage = Exchange::Stage;

// What the head says, as far as it decides how the exchange goes on.
void FillFromHead(Exchange& exchange, RequestHead head, httplib::Request request,
                  size_t max_body_bytes) {
  exchange.keep_alive = head.keep_alive;
  exchange.is_http_1_1 = head.is_http_1_1;
  exchange.is_head = request.method == "HEAD";
  exchange.expects_continue = head.expects_continue;
  exchange.content_length = head.content_length;
  exchange.body_is_here = !head.chunked && head.content_length == 0;
  exchange.origin = head.Field("Origin").value_or("");
  if (head.chunked) exchange.chunked.emplace(max_body_bytes);
  exchange.accepted_coding = PreferredCoding(head.Field("Accept-Encoding").value_or(""));
  exchange.call.has_body = head.chunked || head.has_length;
  exchange.call.request = std::move(request);
  exchange.call.fields = std::move(head.fields);
  if (head.authority.empty()) return;
  std::erase_if(exchange.call.fields,
                [](const auto& field) { return EqualsIgnoringCase(field.first, "Host"); });
  exchange.call.fields.emplace_back("Host", std::move(head.authority));
}

}  // namespace

HttpServer::HttpServer(HttpLimits limits, HttpPolicy policy, StreamSink& streams, Clock& clock,
                       MetricsRegistry& metrics)
    : limits_(limits),
      streams_(streams),
      clock_(clock),
      connections_gauge_(
          metrics.GetGauge("stagelog_http_connections", "Open connections, not counting streams.")),
      body_bytes_gauge_(metrics.GetGauge("stagelog_http_body_bytes",
                                         "Bytes reserved for request bodies in flight.")),
      unsent_bytes_gauge_(metrics.GetGauge("stagelog_http_unsent_bytes",
                                           "Response bytes that clients have not read yet.")),
      reads_dropped_(metrics.GetCounter("stagelog_http_reads_dropped_total",
                                        "Reads skipped because the client had disconnected.")),
      closed_idle_(metrics.GetCounter("stagelog_http_closed_idle_total",
                                      "Idle connections closed to make room for new ones.")),
      closed_unread_(
          metrics.GetCounter("stagelog_http_closed_unread_total",
                             "Connections closed because unsent responses exceeded the limit.")),
      library_([this](UniqueFd socket) { Accept(std::move(socket)); }),
      lines_(library_),
      pool_(limits.pool_threads),
      loop_(clock,
            [this](uint64_t id, uint32_t events) {
              if (Connection* connection = Find(id)) OnEvent(*connection, events);
            }),
      policy_(std::move(policy)),
      request_metrics_(metrics),
      handoff_(loop_, [this] { RunOnce(); }) {
  metrics.SetGaugeFunction(
      "stagelog_http_quick_reads_waiting", "Short reads waiting for a thread.",
      [this] { return static_cast<int64_t>(pool_.Waiting(WorkerPool::Kind::kQuick)); });
  metrics.SetGaugeFunction(
      "stagelog_http_searches_waiting", "Searches waiting for a thread.",
      [this] { return static_cast<int64_t>(pool_.Waiting(WorkerPool::Kind::kSearch)); });
  finisher_ = [this](uint64_t connection_id, uint64_t exchange_id, Responder::MakeResult make) {
    Post([this, connection_id, exchange_id, make = std::move(make)] {
      Connection* connection = Find(connection_id);
      Exchange* exchange = connection ? connection->FindExchange(exchange_id) : nullptr;
      if (exchange == nullptr) return;
      Conclude(*connection, *exchange, make());
      if (Find(connection_id) != nullptr) Advance(*connection);
    });
  };
}

HttpServer::~HttpServer() {
  FinishShutdown();
  pool_.Stop();  // also where there was no Start(): its work uses what is destroyed first
}

// --- Threads ---

void HttpServer::Start() {
  thread_ = std::thread([this] {
    ::pthread_setname_np(::pthread_self(), "requests");
    handoff_.Acquire();
    while (!finishing_ || !connections_.empty()) RunOnce();
    handoff_.Release();
  });
  library_.Start();
}

void HttpServer::BeginShutdown() {
  library_.StopAccepting();
  Post([this] {
    shutting_down_ = true;
    std::vector<uint64_t> idle;
    for (const auto& [id, connection] : connections_) {
      if (connection->IsIdle() || connection->lingering) idle.push_back(id);
    }
    for (const uint64_t id : idle) Close(*Find(id));
  });
}

void HttpServer::FinishShutdown() {
  if (!thread_.joinable()) return;
  BeginShutdown();
  pool_.Stop();
  Post([this] {
    finishing_ = true;
    AnswerPending();
    CallAt(clock_.MonotonicMicros() + kFinishMicros, [this] {
      while (!connections_.empty()) Close(*connections_.begin()->second);
    });
  });
  thread_.join();
  handoff_.Stop();
}

void HttpServer::SetPolicy(HttpPolicy policy) {
  Post([this, policy = std::move(policy)]() mutable { policy_ = std::move(policy); });
}

// What was to be done elsewhere will not be: the pool has stopped.
void HttpServer::AnswerPending() {
  std::vector<uint64_t> ids;
  for (const auto& [id, connection] : connections_) ids.push_back(id);
  for (const uint64_t id : ids) {
    Connection& connection = *Find(id);
    for (Exchange& exchange : connection.exchanges) {
      if (exchange.stage != Stage::kOnPool) continue;
      Refuse(connection, exchange, ShuttingDown("unknown"));
    }
    Settle(connection);
  }
}

void HttpServer::Accept(UniqueFd socket) {
  // Beyond the limit a few are let in and refused with an answer; beyond those there is no
  // descriptor to spare.
  const size_t spare = std::min(kSpareConnections, limits_.max_connections / 4);
  if (OpenCount() >= limits_.max_connections + spare) return;
  ++connection_count_;
  Post([this, fd = socket.Release()] { AddConnection(fd); });
}

// --- The loop ---

void HttpServer::RunOnce() {
  loop_.RunOnce([this] { NotifyAppender(); });
}

// All appends of a turn go to the writer together. One by itself is written here: the thread that
// writes is the one that answers.
void HttpServer::NotifyAppender() {
  if (appender_ == nullptr) return;
  const bool may_wait = !handoff_.is_on_standby();  // not so when this is the standby
  if (appender_->NotifyWriter(may_wait)) handoff_.RunOffLoop([this] { appender_->CommitInline(); });
}

void HttpServer::AddConnection(int socket) {
  const int yes = 1;
  ::setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes));
  ::setsockopt(socket, SOL_SOCKET, SO_SNDBUF, &limits_.send_buffer_bytes,
               sizeof(limits_.send_buffer_bytes));
  const uint64_t id = next_connection_id_++;
  const bool over_limit = OpenCount() > limits_.max_connections && !MakeRoom();
  if (over_limit) MakeRoomLater();
  auto connection =
      std::make_unique<Connection>(id, UniqueFd(socket), over_limit, limits_.head_bytes);
  connection->idle_since_micros = clock_.MonotonicMicros();
  connection->registered_events = connection->WantedEvents();
  if (!loop_.Add(socket, id, connection->registered_events)) {
    --connection_count_;
    return;
  }
  Connection& added = *connections_.emplace(id, std::move(connection)).first->second;
  connections_gauge_.Set(static_cast<int64_t>(connections_.size()));
  UpdateDeadline(added);
}

Connection* HttpServer::Find(uint64_t connection_id) {
  const auto found = connections_.find(connection_id);
  return found == connections_.end() ? nullptr : found->second.get();
}

void HttpServer::Close(Connection& connection) {
  for (Exchange& exchange : connection.exchanges) {
    if (exchange.canceled) *exchange.canceled = true;
    ReleaseBody(exchange);
  }
  CountUnsent(connection, 0);
  --connection_count_;
  connections_.erase(connection.id());  // closing the socket takes it out of epoll
  connections_gauge_.Set(static_cast<int64_t>(connections_.size()));
}

// What the client has not taken is dropped, in the kernel too.
void HttpServer::GiveUp(Connection& connection) {
  MakeCloseAbortive(connection.fd());
  Close(connection);
}

// All answers were given to the kernel. It would keep them beyond a close for as long as the client
// does not take them, where nobody counts them: so the connection stays, and counts, as long as the
// client takes some of them from time to time.
void HttpServer::CloseOnceTaken(Connection& connection) {
  const size_t untaken = connection.UntakenBytes();
  if (untaken == 0) return Close(connection);
  const int64_t now = clock_.MonotonicMicros();
  if (untaken < connection.untaken_bytes) {
    connection.untaken_bytes = untaken;
    connection.taken_micros = now;
  }
  if (now - connection.taken_micros >= limits_.write_timeout_micros) return GiveUp(connection);
  connection.lingering_since_micros = now;
  if (connection.lingering) return UpdateDeadline(connection);
  connection.closing = true;
  Settle(connection);
}

// --- A connection's turn ---

void HttpServer::OnEvent(Connection& connection, uint32_t events) {
  if ((events & EPOLLERR) != 0) return Close(connection);
  if ((events & EPOLLHUP) != 0) return OnHangUp(connection);
  if ((events & (EPOLLIN | EPOLLRDHUP)) != 0 && !connection.Receive()) return Close(connection);
  Advance(connection);
}

// Both sides have ended, or the connection is broken.
void HttpServer::OnHangUp(Connection& connection) {
  if (!connection.lingering || connection.HasClientTakenAll()) return Close(connection);
  loop_.Remove(connection.fd());  // it would be reported again and again
  connection.registered_events = 0;
  connection.peer_finished = true;
}

// Does what the bytes which are here allow, and goes on in the next turn where that is much. The
// connection may be gone afterwards.
void HttpServer::Advance(Connection& connection) {
  const uint64_t id = connection.id();
  int steps = 0;
  bool went_on = true;
  while (went_on) {
    went_on = false;
    connection.CollectAnswers();
    while (steps < kStepsAtOnce && TakeStep(connection)) {
      if (Find(id) == nullptr) return;
      went_on = true;
      const bool was_answered =
          !connection.exchanges.empty() && connection.exchanges.back().stage == Stage::kAnswered;
      steps += was_answered ? 2 : 1;
      connection.CollectAnswers();
    }
    const bool had_unsent = connection.HasUnsent();
    connection.is_input_held =
        steps >= kStepsAtOnce || connection.UnsentBytes() > Connection::kMaxUnsentBytes;
    if (Find(id) == nullptr || !Settle(connection)) return;
    // What went out has made room for the answers to more requests.
    went_on = (went_on || had_unsent) && !connection.input.empty() && !connection.HasUnsent();
    if (steps >= kStepsAtOnce && !connection.input.empty()) return AdvanceLater(connection);
  }
}

void HttpServer::AdvanceLater(Connection& connection) {
  if (std::exchange(connection.has_deferred_input, true)) return;
  Post([this, id = connection.id()] {
    Connection* found = Find(id);
    if (found == nullptr) return;
    found->has_deferred_input = false;
    Advance(*found);
  });
}

bool HttpServer::TakeStep(Connection& connection) {
  return connection.IsReadingBody() ? ReadBody(connection) : StartNextRequest(connection);
}

// Takes the next head off the input and judges it. False when there is none, or it has to wait.
bool HttpServer::StartNextRequest(Connection& connection) {
  if (connection.input.empty() || !connection.MayStart(true)) return false;
  if (connection.head_started_micros == 0 && connection.exchanges.empty()) {
    connection.head_started_micros = clock_.MonotonicMicros();
  }
  auto head = ReadRequestHead(connection.input.view(), limits_.head_bytes);
  if (!head) {
    OnHeadRefused(connection, head.error());
    return false;
  }
  if (!head->has_value()) return false;
  std::optional<RequestLine> line = lines_.Read((*head)->request_line, *routes_);
  if (!line) {
    OnHeadRefused(connection, {.code = "malformed_request",
                               .detail = "invalid method or target in the request line"});
    return false;
  }
  RouteMatch& match = line->match;
  const bool is_append = match.route != nullptr && match.route->is_append;
  if (!connection.MayStart(is_append && !(*head)->expects_continue)) return false;
  // What goes out by another way than the output waits until that is empty.
  const bool is_stream = match.route != nullptr && match.route->is_stream;
  if (is_stream && connection.HasUnsent()) return false;
  connection.input.Consume((*head)->size);
  connection.head_started_micros = 0;
  Exchange& exchange = connection.exchanges.emplace_back();
  exchange.id = next_exchange_id_++;
  exchange.route = match.route;
  exchange.call.captures = std::move(match.captures);
  FillFromHead(exchange, std::move(**head), std::move(line->request), limits_.request_bytes);
  BeginExchange(connection, exchange, match.allowed);
  return true;
}

namespace {

// Empty where there is none any more.
std::string PeerAddress(int socket) {
  sockaddr_storage address{};
  socklen_t size = sizeof(address);
  if (::getpeername(socket, reinterpret_cast<sockaddr*>(&address), &size) != 0) return "";
  char text[NI_MAXHOST];
  const int failed = ::getnameinfo(reinterpret_cast<sockaddr*>(&address), size, text, sizeof(text),
                                   nullptr, 0, NI_NUMERICHOST);
  return failed != 0 ? "" : text;
}

}  // namespace

void HttpServer::BeginExchange(Connection& connection, Exchange& exchange,
                               const std::string& allowed_methods) {
  exchange.started_micros = clock_.MonotonicMicros();
  const ServerLoad load{shutting_down_, connection.over_limit(), limits_.request_bytes};
  auto refusal = CheckRequest(exchange, allowed_methods, policy_, load);
  if (!TakeFromQuota(exchange)) {
    if (exchange.route->is_stream) return RefuseStream(connection, exchange);
    refusal = RateLimited(exchange.call.principal);
  }
  if (refusal) {
    httplib::Response response = ProblemResponse(*refusal);
    if (!allowed_methods.empty()) response.headers.emplace("Allow", allowed_methods);
    return Answer(connection, exchange, std::move(response));
  }
  if (exchange.call.request.method == "OPTIONS") return AnswerPreflight(connection, exchange);
  if (exchange.route->access == Access::kSignIn) exchange.call.peer = PeerAddress(connection.fd());
  if (exchange.body_is_here) return RunHandler(connection, exchange);
  connection.body_progress_micros = clock_.MonotonicMicros();
  connection.body_progress_bytes = 0;
  if (exchange.expects_continue && connection.input.empty()) {
    connection.Queue("HTTP/1.1 100 Continue\r\n\r\n");
  }
}

// The bytes are no request: there is no telling where the next one would begin.
void HttpServer::OnHeadRefused(Connection& connection, const Refusal& refusal) {
  if (!connection.MayStart(false)) return;  // what is owed goes out first
  Exchange& exchange = connection.exchanges.emplace_back();
  exchange.id = next_exchange_id_++;
  exchange.keep_alive = false;
  exchange.body_is_here = true;
  Refuse(connection, exchange, refusal);
}

// False when more bytes are needed.
bool HttpServer::ReadBody(Connection& connection) {
  Exchange& exchange = connection.exchanges.back();
  std::string& body = exchange.call.request.body;
  InputBuffer& input = connection.input;
  if (exchange.chunked) {
    const auto used = exchange.chunked->Read(input.view(), body);
    if (!used) {
      Refuse(connection, exchange, used.error());
      return true;
    }
    input.Consume(*used);
    exchange.body_is_here = exchange.chunked->done();
  } else {
    const size_t part = static_cast<size_t>(
        std::min<uint64_t>(input.size(), exchange.content_length - body.size()));
    body += input.view().substr(0, part);
    input.Consume(part);
    exchange.body_is_here = body.size() == exchange.content_length;
  }
  if (!Reserve(exchange, body.size())) {
    Refuse(connection, exchange, TooManyBodies());
    return true;
  }
  if (exchange.body_is_here) {
    RunHandler(connection, exchange);
    return true;
  }
  if (body.size() >= connection.body_progress_bytes + kBodyProgressBytes) {
    connection.body_progress_bytes = body.size();
    connection.body_progress_micros = clock_.MonotonicMicros();
  }
  return false;
}

// Counts the body of an exchange as it is now. False where that is beyond the budget of all.
bool HttpServer::Reserve(Exchange& exchange, size_t body_bytes) {
  body_bytes_ += body_bytes - exchange.reserved_bytes;
  exchange.reserved_bytes = body_bytes;
  body_bytes_gauge_.Set(static_cast<int64_t>(body_bytes_));
  // A small body always finds room: large ones that trickle in must not keep the others out.
  return body_bytes_ <= limits_.bodies_in_flight_bytes || body_bytes <= kSmallBodyBytes;
}

void HttpServer::ReleaseBody(Exchange& exchange) {
  body_bytes_ -= exchange.reserved_bytes;
  exchange.reserved_bytes = 0;
  body_bytes_gauge_.Set(static_cast<int64_t>(body_bytes_));
}

// --- Between turns ---

// Sends what is due and settles what the connection waits for next. False when it is gone.
bool HttpServer::Settle(Connection& connection) {
  connection.CollectAnswers();
  const uint64_t sent_before = connection.sent_total;
  const bool had_unsent = connection.HasUnsent();
  if (!connection.Send()) {
    Close(connection);
    return false;
  }
  CountUnsent(connection, connection.UnsentBytes());
  const int64_t now = clock_.MonotonicMicros();
  if (had_unsent) connection.idle_since_micros = now;
  if (connection.peer_finished && connection.peer_finished_micros == 0) {
    connection.peer_finished_micros = now;
  }
  if (!had_unsent || connection.sent_total != sent_before) connection.send_progress_micros = now;
  const bool body_will_not_come = connection.peer_finished && connection.IsReadingBody();
  const bool nobody_waits = connection.peer_finished && connection.IsParked();
  if (body_will_not_come || nobody_waits ||
      (connection.exchanges.empty() && !connection.HasUnsent())) {
    const bool more_may_be_here = connection.is_input_held && !connection.closing;
    if (connection.peer_finished && !more_may_be_here) {
      const bool is_owed = !body_will_not_come && !nobody_waits && !connection.HasClientTakenAll();
      if (!is_owed) {
        Close(connection);
        return false;
      }
      connection.closing = true;
    }
    if (connection.closing && !connection.lingering) {
      connection.BeginLingering();
      connection.lingering_since_micros = now;
    }
    // It goes on sending what nobody reads. To close before it has the answer would take that away.
    if (connection.lingering && !connection.MayReceive() && connection.HasClientTakenAll()) {
      Close(connection);
      return false;
    }
  }
  const uint32_t wanted = connection.WantedEvents();
  if (wanted != connection.registered_events) {
    connection.registered_events = wanted;
    loop_.Modify(connection.fd(), connection.id(), wanted);
  }
  UpdateDeadline(connection);
  return true;
}

void HttpServer::UpdateDeadline(Connection& connection) {
  int64_t deadline = INT64_MAX;
  const bool reading_body = connection.IsReadingBody();
  if (connection.lingering) {
    deadline = connection.lingering_since_micros + kLingerMicros;
  } else if (connection.HasUnsent()) {
    deadline = connection.send_progress_micros + limits_.write_timeout_micros;
  } else if (reading_body) {
    deadline = connection.body_progress_micros + limits_.body_timeout_micros;
  } else if (!connection.exchanges.empty()) {
    // The client waits for us, if it is there.
    const bool may_have_gone = connection.peer_finished && connection.HasReadUnderWay();
    deadline = may_have_gone ? connection.peer_finished_micros + kHalfClosedMicros : INT64_MAX;
  } else if (connection.head_started_micros > 0) {
    deadline = connection.head_started_micros + limits_.head_timeout_micros;
  } else {
    deadline = connection.idle_since_micros + limits_.keep_alive_timeout_micros;
  }
  connection.deadline_micros = deadline;
  // A timer that fires too early looks again; so moving a deadline on costs nothing.
  if (deadline < connection.timer_micros) {
    connection.timer_micros = deadline;
    CallAt(deadline, [this, id = connection.id()] {
      if (Connection* due = Find(id)) OnDeadline(*due);
    });
  }
}

void HttpServer::OnDeadline(Connection& connection) {
  connection.timer_micros = INT64_MAX;
  if (clock_.MonotonicMicros() < connection.deadline_micros) return UpdateDeadline(connection);
  const bool reading_body = connection.IsReadingBody();
  const bool reading_head = connection.exchanges.empty() && connection.head_started_micros > 0;
  if (connection.HasUnsent()) return GiveUp(connection);
  if (connection.lingering || (!reading_body && !reading_head)) {
    return connection.exchanges.empty() ? CloseOnceTaken(connection) : Close(connection);
  }
  const Refusal refusal{.code = "request_timeout",
                        .detail = "the complete request did not arrive in time"};
  if (reading_head) {
    OnHeadRefused(connection, refusal);
  } else {
    Refuse(connection, connection.exchanges.back(), refusal);
  }
  Settle(connection);
}

}  // namespace stagelog
