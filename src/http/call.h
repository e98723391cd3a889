// One request on its way through a handler, and the four ways in which a handler may end.
#ifndef STAGELOG_HTTP_CALL_H_
#define STAGELOG_HTTP_CALL_H_

#include <httplib.h>

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "core/stream_sink.h"
#include "http/auth.h"

namespace stagelog {

// A request that is wholly here. Path and parameters are decoded by cpp-httplib; its `headers` are
// not filled.
struct Call {
  httplib::Request request;
  std::vector<std::pair<std::string, std::string>> fields;  // of the head, as they were sent
  Principal principal;
  std::vector<std::string> captures;  // what stands for {job} and the like in the route, in order
  bool has_body = false;              // the head announced one, if only an empty one

  // The first value of a parameter of the query.
  std::optional<std::string> Parameter(const std::string& name) const;
  // The value of the first field of that name, case ignored. Valid as long as the call.
  std::optional<std::string_view> Header(std::string_view name) const;
};

struct Ending;

// The answer comes later, through the Responder.
struct Deferred {};

// The connection becomes a stream.
struct GiveAway {
  StreamRequest stream;
};

// Set when nobody waits for an answer any more. Safe from any thread.
using CancelFlag = std::shared_ptr<std::atomic<bool>>;

// The rest is done on a thread that may wait for the disk. What it returns is the ending. The work
// of a GET is dropped when its client has gone before it began.
struct WorkElsewhere {
  std::function<Ending()> work;
  bool is_search = false;         // looks through many events or jobs: waits in a queue of its own
  CancelFlag canceled = nullptr;  // set when the client of a GET goes; null: `work` does not look
};

struct Ending {
  std::variant<httplib::Response, Deferred, GiveAway, WorkElsewhere> way;
};

// Ends a deferred call. It names the connection by an id that is never used again: when the client
// has gone meanwhile, the answer is dropped.
class Responder {
 public:
  using MakeEnding = std::function<Ending()>;
  using Finisher =
      std::function<void(uint64_t connection_id, uint64_t exchange_id, MakeEnding make)>;

  Responder(const Finisher* finisher, uint64_t connection_id, uint64_t exchange_id)
      : finisher_(finisher), connection_id_(connection_id), exchange_id_(exchange_id) {}

  // Once; safe from any thread.
  void Finish(Ending ending) const {
    FinishBy([ending = std::move(ending)]() mutable { return std::move(ending); });
  }

  // As Finish() with what `make` gives, which runs in the loop: for threads that have better to do.
  void FinishBy(MakeEnding make) const {
    (*finisher_)(connection_id_, exchange_id_, std::move(make));
  }
  void Send(httplib::Response response) const { Finish(Ending{std::move(response)}); }

 private:
  const Finisher* finisher_;  // the server's; outlives every call
  uint64_t connection_id_;
  uint64_t exchange_id_;
};

}  // namespace stagelog

#endif  // STAGELOG_HTTP_CALL_H_
