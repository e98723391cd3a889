// A request as its handler sees it, and the four possible results of a handler.
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
#include "http/access/auth.h"

namespace stagelog {

// A completely received request. Path and parameters are decoded by cpp-httplib; its `headers` are
// not filled.
struct Call {
  httplib::Request request;
  std::vector<std::pair<std::string, std::string>> fields;  // of the head, as they were sent
  Principal principal;
  std::string peer;                   // the address of the client; only for Access::kSignIn
  std::vector<std::string> captures;  // what stands for {job} and the like in the route, in order
  bool has_body = false;              // the head announced one, if only an empty one

  // The first value of a parameter of the query.
  std::optional<std::string> Parameter(const std::string& name) const;
  // The value of the first field of that name, case ignored. Valid as long as the call.
  std::optional<std::string_view> Header(std::string_view name) const;
};

struct HandlerResult;

// The response is sent later, through the Responder.
struct Deferred {};

// The connection becomes a stream.
struct UpgradeToStream {
  StreamRequest stream;
};

// Set when the client no longer waits for the response. Safe from any thread.
using CancelFlag = std::shared_ptr<std::atomic<bool>>;

// Continue on a thread that may block on the disk. `work` returns the final result, or another one
// of these when it finds that it is a search. The work of a GET is dropped if its client
// disconnects before it begins.
struct RunOnPool {
  std::function<HandlerResult()> work;
  bool is_search = false;         // looks through many events or jobs: waits in a queue of its own
  CancelFlag canceled = nullptr;  // set when the client of a GET goes; null: `work` does not look
};

struct HandlerResult {
  std::variant<httplib::Response, Deferred, UpgradeToStream, RunOnPool> way;
};

// Completes a deferred call. Connections are named by ids that are never reused: if the client is
// gone, the response is dropped.
class Responder {
 public:
  using MakeResult = std::function<HandlerResult()>;
  using Finisher =
      std::function<void(uint64_t connection_id, uint64_t exchange_id, MakeResult make)>;

  Responder(const Finisher* finisher, uint64_t connection_id, uint64_t exchange_id)
      : finisher_(finisher), connection_id_(connection_id), exchange_id_(exchange_id) {}

  // Once; safe from any thread.
  void Finish(HandlerResult ending) const {
    FinishBy([ending = std::move(ending)]() mutable { return std::move(ending); });
  }

  // As Finish() with the result of `make`, which runs on the loop to keep the calling thread free.
  void FinishBy(MakeResult make) const {
    (*finisher_)(connection_id_, exchange_id_, std::move(make));
  }
  void Send(httplib::Response response) const { Finish(HandlerResult{std::move(response)}); }

 private:
  const Finisher* finisher_;  // the server's; outlives every call
  uint64_t connection_id_;
  uint64_t exchange_id_;
};

}  // namespace stagelog

#endif  // STAGELOG_HTTP_CALL_H_
