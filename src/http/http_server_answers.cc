// How a request is answered: refused, by its handler, later, or with a stream.
#include <fmt/core.h>

#include <algorithm>

#include "base/random.h"
#include "base/text.h"
#include "http/cors.h"
#include "http/http_server.h"
#include "http/problem.h"

namespace stagelog {
namespace {

using Stage = Exchange::Stage;

void AddFields(httplib::Response& response, const HeaderFields& fields) {
  for (const auto& [name, value] : fields) response.headers.emplace(name, value);
}

// The handshake of CloudEvents' webhooks (HTTP 1.1 Web Hooks for Event Delivery, section 4): a
// sender asks whether it may deliver here. Anybody may, who has a token for each delivery.
HeaderFields WebhookConsent(const Call& call) {
  const std::string_view origin = call.Header("WebHook-Request-Origin").value_or("");
  const bool is_name = !origin.empty() && std::all_of(origin.begin(), origin.end(), [](char c) {
    return IsAlphanumeric(c) || c == '.' || c == '-' || c == ':' || c == '/';
  });
  if (!is_name) return {};
  HeaderFields fields = {{"WebHook-Allowed-Origin", std::string(origin)}};
  if (call.Header("WebHook-Request-Rate")) fields.emplace_back("WebHook-Allowed-Rate", "*");
  return fields;
}

// The connection ends with the stream. HTTP/1.0 knows no chunks: there the body ends with it too.
std::string StreamHead(const Exchange& exchange, const HttpPolicy& policy) {
  std::string head =
      "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
      "Cache-Control: no-cache, no-transform\r\nX-Accel-Buffering: no\r\nConnection: close\r\n";
  if (exchange.is_http_1_1) head += "Transfer-Encoding: chunked\r\n";
  for (const auto& [name, value] : CorsFields(exchange.origin, policy.allowed_origins)) {
    head += name + ": " + value + "\r\n";
  }
  for (const auto& [name, value] : exchange.more_fields) head += name + ": " + value + "\r\n";
  return head + "\r\n";
}

// A body that only tells to come back later, without an end: an end would be one for good to some
// clients.
std::string RetryBody(uint64_t retry_millis, bool is_chunked) {
  const std::string frame = fmt::format("retry: {}\n\n", retry_millis);
  return is_chunked ? fmt::format("{:x}\r\n{}\r\n", frame.size(), frame) : frame;
}

}  // namespace

void HttpServer::Refuse(Connection& connection, Exchange& exchange, const Refusal& refusal) {
  Answer(connection, exchange, ProblemResponse(refusal));
}

void HttpServer::AnswerPreflight(Connection& connection, Exchange& exchange) {
  const RouteMatch match = routes_->Match("OPTIONS", exchange.call.request.path);
  httplib::Response response;
  response.status = 204;
  response.headers.emplace("Allow", match.allowed.empty() ? "OPTIONS" : match.allowed);
  AddFields(response, PreflightFields(exchange.origin, policy_.allowed_origins));
  const Route* post = routes_->Match("POST", exchange.call.request.path).route;
  if (post != nullptr && !post->body_types.any_beside_fields.empty()) {
    AddFields(response, WebhookConsent(exchange.call));
  }
  exchange.origin.clear();  // its fields are there already
  Answer(connection, exchange, std::move(response));
}

// Counts the request of a token, refused or not. False where its token has had what it may have in
// this minute.
bool HttpServer::TakeFromQuota(Exchange& exchange) {
  const Principal& principal = exchange.call.principal;
  if (principal.requests_per_minute == 0) return true;
  const RateQuota quota = rate_limiter_.Take(principal.token_name, principal.requests_per_minute,
                                             clock_.MonotonicMicros());
  exchange.more_fields = quota.Fields();
  return quota.is_allowed;
}

void HttpServer::RunHandler(Connection& connection, Exchange& exchange) {
  if (connection.over_limit() && exchange.route->is_stream) {
    return RefuseStream(connection, exchange);
  }
  exchange.stage = Stage::kDeferred;
  exchange.started_micros = clock_.MonotonicMicros();
  const Responder responder(&finisher_, connection.id(), exchange.id);
  if (exchange.coding != ContentCoding::kIdentity)
    return ExpandBody(connection, exchange, responder);
  HandlerResult ending = exchange.route->handler(std::move(exchange.call), responder);
  Conclude(connection, exchange, std::move(ending));
}

// Expands the body on the pool, then runs the handler on the loop.
void HttpServer::ExpandBody(const Connection& connection, Exchange& exchange,
                            const Responder& responder) {
  exchange.stage = Stage::kOnPool;
  auto call = std::make_shared<Call>(std::move(exchange.call));
  const auto expand = [this, call, responder, route = exchange.route, coding = exchange.coding,
                       connection_id = connection.id(), exchange_id = exchange.id] {
    auto body = Expand(coding, call->request.body, limits_.request_bytes);
    if (!body) return responder.Finish(Refused(body.error()));
    call->request.body = std::move(*body);
    Post([this, call, responder, route, connection_id, exchange_id] {
      Connection* open = Find(connection_id);
      Exchange* waiting = open == nullptr ? nullptr : open->FindExchange(exchange_id);
      if (waiting != nullptr && !Reserve(*waiting, call->request.body.size())) {
        return responder.Finish(Refused(TooManyBodies()));
      }
      HandlerResult ending = route->handler(std::move(*call), responder);
      if (waiting != nullptr) return responder.Finish(std::move(ending));
      // The client is gone. What it has sent is done all the same.
      if (auto* elsewhere = std::get_if<RunOnPool>(&ending.way)) {
        pool_.Run(WorkerPool::Kind::kQuick, [work = std::move(elsewhere->work)] { work(); });
      }
    });
  };
  pool_.Run(WorkerPool::Kind::kQuick, expand);
}

void HttpServer::Conclude(Connection& connection, Exchange& exchange, HandlerResult ending) {
  if (exchange.stage == Stage::kAnswered) return;
  if (auto* response = std::get_if<httplib::Response>(&ending.way)) {
    Answer(connection, exchange, std::move(*response));
  } else if (auto* away = std::get_if<UpgradeToStream>(&ending.way)) {
    HandOffSocket(connection, exchange, std::move(away->stream));
  } else if (auto* elsewhere = std::get_if<RunOnPool>(&ending.way)) {
    exchange.stage = Stage::kOnPool;
    StartPoolWork(exchange, std::move(*elsewhere),
                  Responder(&finisher_, connection.id(), exchange.id));
  } else {
    exchange.stage = Stage::kDeferred;
    if (exchange.route->method == "GET") exchange.is_long_poll = true;
  }
}

// Only a GET may be dropped: what changes something is done, whether or not its client is there.
void HttpServer::StartPoolWork(Exchange& exchange, RunOnPool elsewhere,
                               const Responder& responder) {
  CancelFlag canceled;
  if (exchange.route->method == "GET") {
    canceled = elsewhere.canceled ? elsewhere.canceled : std::make_shared<std::atomic<bool>>(false);
    exchange.canceled = canceled;
  }
  const auto kind = elsewhere.is_search ? WorkerPool::Kind::kSearch : WorkerPool::Kind::kQuick;
  pool_.Run(kind, [this, work = std::move(elsewhere.work), responder, canceled,
                   coding = exchange.accepted_coding] {
    if (canceled && *canceled) return reads_dropped_.Add();
    HandlerResult result = work();
    if (auto* response = std::get_if<httplib::Response>(&result.way)) {
      CompressAnswer(coding, *response);
    }
    responder.Finish(std::move(result));
  });
}

void HttpServer::Answer(Connection& connection, Exchange& exchange, httplib::Response response) {
  CountRequest(exchange, response.status);
  // Where the body did not come in whole there is no telling where the next request begins.
  const bool closes = !exchange.keep_alive || !exchange.body_is_here || shutting_down_;
  if (!exchange.origin.empty()) {
    AddFields(response, CorsFields(exchange.origin, policy_.allowed_origins));
  }
  AddFields(response, exchange.more_fields);
  exchange.bytes = EncodeResponse(response, exchange, closes, FormatHttpDate(clock_.WallMicros()));
  exchange.stage = Stage::kAnswered;
  ReleaseBody(exchange);
  exchange.call = Call();
  if (closes) connection.closing = true;
}

void HttpServer::HandOffSocket(Connection& connection, Exchange& exchange, StreamRequest stream) {
  CountRequest(exchange, 200);
  std::string head = StreamHead(exchange, policy_);
  stream.chunked = exchange.is_http_1_1;
  ReleaseBody(exchange);
  loop_.Remove(connection.fd());
  UniqueFd socket = connection.TakeSocket();
  Close(connection);
  streams_.Adopt(std::move(socket), std::move(stream), std::move(head));
}

// An EventSource gives up for good at any status but 200: it is asked to come back later instead.
void HttpServer::RefuseStream(Connection& connection, Exchange& exchange) {
  CountRequest(exchange, 200);
  const uint64_t retry_millis = 10'000 + RandomBits() % 20'000;
  exchange.bytes = StreamHead(exchange, policy_);
  if (!exchange.is_head) exchange.bytes += RetryBody(retry_millis, exchange.is_http_1_1);
  exchange.stage = Stage::kAnswered;
  connection.closing = true;
}

void HttpServer::CountRequest(const Exchange& exchange, int status) {
  // The call is the handler's by now; HEAD is served by the route of GET.
  const std::string_view method = exchange.is_head ? "HEAD"
                                  : exchange.route != nullptr
                                      ? std::string_view(exchange.route->method)
                                      : exchange.call.request.method;
  std::optional<int64_t> micros;
  if (exchange.started_micros > 0 && !exchange.is_long_poll) {
    micros = clock_.MonotonicMicros() - exchange.started_micros;
  }
  request_metrics_.Count(exchange.route, method, status, micros);
}

}  // namespace stagelog
