// Checks a request by its head alone, before its body is read.
#ifndef STAGELOG_HTTP_REQUEST_CHECK_H_
#define STAGELOG_HTTP_REQUEST_CHECK_H_

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/refusal.h"
#include "http/access/auth.h"
#include "http/access/grants.h"
#include "http/connection.h"
#include "http/route_table.h"

namespace stagelog {

// Settings that a SIGHUP may change.
struct HttpPolicy {
  std::shared_ptr<const TokenTable> tokens;
  std::vector<std::string> hosts;  // beyond addresses and names without a dot
  std::vector<std::string> allowed_origins;
  Grants* grants = nullptr;  // outlives the server; null: tokens alone count
};

// The state of the server when the request arrives.
struct ServerLoad {
  bool shutting_down = false;
  bool too_many_connections = false;
  size_t max_request_bytes = 0;
};

// The bodies that have been sent, and those that they expand to, are more than may be kept.
Refusal TooManyBodies();

// The token has had the requests of this minute.
Refusal RateLimited(const Principal& principal);

// Checks host, route, token, role, the headers of the body, and its length, in this order.
// Unsupported headers that would change the meaning of the request are refused. Sets the principal
// of the call. A refusal may disable the exchange's keep-alive.
std::optional<Refusal> CheckRequest(Exchange& exchange, const std::string& allowed_methods,
                                    const HttpPolicy& policy, const ServerLoad& load);

}  // namespace stagelog

#endif  // STAGELOG_HTTP_REQUEST_CHECK_H_
