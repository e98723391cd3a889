// Which handler serves which method and path, and who may call it.
#ifndef STAGELOG_HTTP_ROUTE_TABLE_H_
#define STAGELOG_HTTP_ROUTE_TABLE_H_

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "http/call.h"

namespace stagelog {

// Who may call a route.
enum class Access {
  kOpen,            // anybody: no token is looked at
  kSignIn,          // anybody, with a token in the body; the handler limits the tries
  kReader,          // every token
  kSignOut,         // every token; a session without its secret, for it does nothing but end
  kReaderOrTicket,  // also a ticket whose scope is the path's
  kWriter,
  kApprover,
  kAppender,          // writers, and approvers for their decisions: the handler judges each event
  kAppenderOrTicket,  // also a ticket for that, whose scope is the path's
  kAdmin,
  kAdminByToken,  // an admin that sends the token itself: a session is not enough
};

bool Admits(Access access, const Principal& principal);

// The role to give somebody who is not admitted. Not for kOpen.
Role NeededRole(Access access);

using Handler = std::function<HandlerResult(Call call, const Responder& responder)>;

// The media types that a route takes in the body of a request.
struct BodyTypes {
  std::vector<std::string_view> names = {"application/json"};
  // Of requests with a field whose name begins so, a body of any type. Empty: none.
  std::string_view any_beside_fields;
};

struct Route {
  std::string method;
  std::string
      pattern;  // "/api/v1/jobs/{job}/events": "{name}" is any one part, "{name*}" all the rest
  Access access = Access::kReader;
  Handler handler;
  bool takes_body = false;
  bool is_append =
      false;  // may start while earlier appends of the connection wait for their commit
  bool is_stream = false;
  std::vector<std::string_view> parameters;  // of the query; the handler checks them
  BodyTypes body_types;
};

struct RouteMatch {
  const Route* route = nullptr;  // null: see `allowed`
  std::vector<std::string> captures;
  std::string allowed;  // methods of the path for an Allow field; empty: unknown path
};

// Built once, then only read. Safe from any thread.
class RouteTable {
 public:
  explicit RouteTable(std::vector<Route> routes) : routes_(std::move(routes)) {}

  // `path` is decoded. HEAD is served by the route of GET.
  RouteMatch Match(std::string_view method, std::string_view path) const;

 private:
  std::vector<Route> routes_;
};

}  // namespace stagelog

#endif  // STAGELOG_HTTP_ROUTE_TABLE_H_
