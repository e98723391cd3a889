// What can be told of a request from its head alone, before a byte of its body is kept.
#ifndef STAGELOG_HTTP_REQUEST_JUDGE_H_
#define STAGELOG_HTTP_REQUEST_JUDGE_H_

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/refusal.h"
#include "http/auth.h"
#include "http/connection.h"
#include "http/route_table.h"

namespace stagelog {

// What a SIGHUP may change.
struct HttpPolicy {
  std::shared_ptr<const TokenTable> tokens;
  std::vector<std::string> hosts;  // beyond addresses and names without a dot
  std::vector<std::string> allowed_origins;
};

// How the server is doing as the request comes in.
struct ServerLoad {
  bool shutting_down = false;
  bool too_many_connections = false;
  size_t max_request_bytes = 0;
};

// Judges host, route, token, role, what the head says of the body, and its length, in this order.
// What would change the meaning of the request and is not known here is refused. Fills in the
// principal of the call. A refusal may take the exchange's keep-alive away.
std::optional<Refusal> JudgeRequest(Exchange& exchange, const std::string& allowed_methods,
                                    const HttpPolicy& policy, const ServerLoad& load);

}  // namespace stagelog

#endif  // STAGELOG_HTTP_REQUEST_JUDGE_H_
