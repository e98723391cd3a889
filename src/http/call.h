// One request on its way through a handler, and the four ways in which a handler may end.
#ifndef STAGELOG_HTTP_CALL_H_
#define STAGELOG_HTTP_CALL_H_

#include <httplib.h>

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "core/ports.h"
#include "http/auth.h"

namespace stagelog {

// A request that is wholly here. `request.headers` are the fields as they were sent; path and
// parameters are decoded by cpp-httplib.
struct Call {
  httplib::Request request;
  Principal principal;
  std::vector<std::string> captures;  // what stands for {job} and the like in the route, in order
  bool has_body = false;              // the head announced one, if only an empty one

  // The first value of a parameter of the query.
  std::optional<std::string> Parameter(const std::string& name) const;
  std::optional<std::string> Header(const std::string& name) const;
};

struct Ending;

// The answer comes later, through the Responder.
struct Deferred {};

// The connection becomes a stream.
struct GiveAway {
  StreamRequest stream;
};

// The rest is done on a thread that may wait for the disk. What it returns is the ending.
struct WorkElsewhere {
  std::function<Ending()> work;
};

struct Ending {
  std::variant<httplib::Response, Deferred, GiveAway, WorkElsewhere> way;
};

// Ends a deferred call. It names the connection by an id that is never used again: when the client
// has gone meanwhile, the answer is dropped.
class Responder {
 public:
  using Finisher = std::function<void(uint64_t connection_id, uint64_t exchange_id, Ending)>;

  Responder(const Finisher* finisher, uint64_t connection_id, uint64_t exchange_id)
      : finisher_(finisher), connection_id_(connection_id), exchange_id_(exchange_id) {}

  // Once; safe from any thread.
  void Finish(Ending ending) const {
    (*finisher_)(connection_id_, exchange_id_, std::move(ending));
  }
  void Send(httplib::Response response) const { Finish(Ending{std::move(response)}); }

 private:
  const Finisher* finisher_;  // the server's; outlives every call
  uint64_t connection_id_;
  uint64_t exchange_id_;
};

}  // namespace stagelog

#endif  // STAGELOG_HTTP_CALL_H_
