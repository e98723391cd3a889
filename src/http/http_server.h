// The HTTP server: an epoll loop that owns the connections and runs each request once the request
// has been received completely.
#ifndef STAGELOG_HTTP_HTTP_SERVER_H_
#define STAGELOG_HTTP_HTTP_SERVER_H_

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

#include "base/clock.h"
#include "base/metrics.h"
#include "base/result.h"
#include "base/unique_fd.h"
#include "core/event_appender.h"
#include "core/refusal.h"
#include "core/stream_sink.h"
#include "http/access/rate_limiter.h"
#include "http/connection.h"
#include "http/event_loop.h"
#include "http/library_server.h"
#include "http/loop_handoff.h"
#include "http/request_check.h"
#include "http/request_line.h"
#include "http/request_metrics.h"
#include "http/route_table.h"
#include "http/worker_pool.h"

namespace stagelog {

// Bounds and deadlines, each for one connection or request unless it says otherwise.
struct HttpLimits {
  size_t request_bytes = size_t{16} << 20;            // of a body
  size_t bodies_in_flight_bytes = size_t{256} << 20;  // of all bodies together
  size_t head_bytes = 16'384;
  int64_t head_timeout_micros = 10'000'000;
  int64_t body_timeout_micros = 60'000'000;  // without 16 KiB of progress
  int64_t keep_alive_timeout_micros = 75'000'000;
  int64_t write_timeout_micros = 60'000'000;  // without any progress
  // Including streams. At this limit idle connections are closed for new ones; if none is idle, a
  // few more are accepted only to be refused with an error.
  size_t max_connections = 100'000;
  size_t unsent_bytes = size_t{128} << 20;  // of all answers that clients have not read yet
  // SO_SNDBUF of a connection (the kernel doubles it). Without a bound it grows to megabytes for
  // each client that reads slowly, beside `unsent_bytes`.
  int send_buffer_bytes = 128 << 10;
  int pool_threads = 3;  // one of them is reserved for short reads
};

// Only the thread that currently runs the loop accesses connections, requests and timers. Public
// functions may be called from any thread unless noted otherwise.
class HttpServer {
 public:
  HttpServer(HttpLimits limits, HttpPolicy policy, StreamSink& streams, Clock& clock,
             MetricsRegistry& metrics);
  ~HttpServer();

  // Before Start().
  void SetRoutes(std::vector<Route> routes) {
    routes_ = std::make_unique<RouteTable>(std::move(routes));
  }

  // Before Start(). `appender` commits what handlers enqueue; it is notified after each loop step.
  void SetAppender(EventAppender* appender) { appender_ = appender; }

  Result<int> Bind(const std::string& host, int port) { return library_.Bind(host, port); }

  void Start();

  // Takes ownership of a new connection. The accepting thread calls it; tests may, too.
  void Accept(UniqueFd socket);

  // Runs one turn of the loop. For tests, instead of Start().
  void RunOnce();

  // Accepts no new connections; answers further requests on open connections with 503.
  void BeginShutdown();

  // Sends pending answers for at most two seconds, then closes all connections and ends
  // the threads. Idempotent.
  void FinishShutdown();

  void SetPolicy(HttpPolicy policy);

  // Runs `task` on the loop's thread.
  void Post(std::function<void()> task) { loop_.Post(std::move(task)); }

  // Runs `task` on the loop's thread at a monotonic time. On the loop's thread only.
  void CallAt(int64_t monotonic_micros, std::function<void()> task) {
    loop_.CallAt(monotonic_micros, std::move(task));
  }

 private:
  void AnswerPending();
  void NotifyAppender();

  void AddConnection(int socket);
  size_t OpenCount() const;
  bool MakeRoom();
  void MakeRoomLater();
  void CountUnsent(Connection& connection, size_t bytes);
  void CloseSlowestReaders();
  Connection* Find(uint64_t connection_id);
  void OnEvent(Connection& connection, uint32_t events);
  void Advance(Connection& connection);
  void AdvanceLater(Connection& connection);
  bool TakeStep(Connection& connection);
  bool StartNextRequest(Connection& connection);
  void BeginExchange(Connection& connection, Exchange& exchange,
                     const std::string& allowed_methods);
  bool ReadBody(Connection& connection);
  void OnHeadRefused(Connection& connection, const Refusal& refusal);
  void ReleaseBody(Exchange& exchange);
  bool Settle(Connection& connection);
  void UpdateDeadline(Connection& connection);
  void OnDeadline(Connection& connection);
  void OnHangUp(Connection& connection);
  void Close(Connection& connection);
  void CloseOnceTaken(Connection& connection);
  void GiveUp(Connection& connection);

  // Answers (http_server_answers.cc).
  void Refuse(Connection& connection, Exchange& exchange, const Refusal& refusal);
  void AnswerPreflight(Connection& connection, Exchange& exchange);
  void RunHandler(Connection& connection, Exchange& exchange);
  void Conclude(Connection& connection, Exchange& exchange, HandlerResult ending);
  void StartPoolWork(Exchange& exchange, RunOnPool elsewhere, const Responder& responder);
  void ExpandBody(const Connection& connection, Exchange& exchange, const Responder& responder);
  bool Reserve(Exchange& exchange, size_t body_bytes);
  void Answer(Connection& connection, Exchange& exchange, httplib::Response response);
  void HandOffSocket(Connection& connection, Exchange& exchange, StreamRequest stream);
  void RefuseStream(Connection& connection, Exchange& exchange);
  void CountRequest(const Exchange& exchange, int status);
  bool TakeFromQuota(Exchange& exchange);

  const HttpLimits limits_;
  StreamSink& streams_;
  Clock& clock_;
  Gauge& connections_gauge_;
  Gauge& body_bytes_gauge_;
  Gauge& unsent_bytes_gauge_;
  Counter& reads_dropped_;
  Counter& closed_idle_;
  Counter& closed_unread_;

  LibraryServer library_;
  RequestLineReader lines_;  // loop thread only
  WorkerPool pool_;
  std::unique_ptr<RouteTable> routes_;
  Responder::Finisher finisher_;
  EventLoop loop_;

  // Loop thread only.
  HttpPolicy policy_;
  std::unordered_map<uint64_t, std::unique_ptr<Connection>> connections_;
  uint64_t next_connection_id_ = 1;
  uint64_t next_exchange_id_ = 1;
  size_t body_bytes_ = 0;
  size_t unsent_bytes_ = 0;
  int64_t next_look_for_room_micros_ = 0;
  bool makes_room_later_ = false;
  bool shutting_down_ = false;
  bool finishing_ = false;
  RequestMetrics request_metrics_;
  RateLimiter rate_limiter_;

  EventAppender* appender_ = nullptr;
  LoopHandoff handoff_;
  std::thread thread_;
  std::atomic<int64_t> connection_count_{0};
};

}  // namespace stagelog

#endif  // STAGELOG_HTTP_HTTP_SERVER_H_
