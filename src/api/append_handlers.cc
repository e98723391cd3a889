// POST of events.
#include <algorithm>
#include <optional>

#include "api/api.h"
#include "api/append_answer.h"
#include "api/event_bodies.h"
#include "api/idempotency_key.h"
#include "api/parameters.h"
#include "core/dialect/open_lineage_decoder.h"
#include "core/draft_decoder.h"
#include "core/gate_rules.h"
#include "core/payload.h"
#include "core/precondition.h"
#include "http/problem.h"

namespace stagelog {
namespace {

// A body beyond this is decoded on the pool, so that the other connections do not wait for it.
constexpr size_t kDecodeHereBytes = size_t{64} << 10;

// Append() or Enqueue(): the loop kicks the writer itself after its turn.
using AppendWay = decltype(&EventAppender::Append);

// Reads the body of a request.
using Decoder = tl::expected<DecodedBody, Refusal> (*)(const Call& call, const DraftOrigin& origin);

// Decisions among the drafts are judged by the writer too: a gate may name its approvers. A ticket
// decides nothing, and is for one job as long as that goes on.
std::optional<Precondition> PreconditionOf(const std::vector<EventDraft>& drafts,
                                           const Principal& principal) {
  if (principal.door == Principal::Door::kTicket) return JobNotOver{principal.scope};
  if (principal.admin) return std::nullopt;
  return ApproversMustAllow(drafts);
}

// The first event that the sender may not append; its number is in `line`.
std::optional<Refusal> CheckRoles(const std::vector<EventDraft>& drafts,
                                  const Principal& principal) {
  for (size_t i = 0; i < drafts.size(); ++i) {
    const bool is_decision = FindType(drafts[i].type)->is_gate_decision;
    const Role needed = is_decision ? Role::kApprover : Role::kWriter;
    if (principal.May(needed)) continue;
    Refusal refusal = MissingRole("'" + drafts[i].type + "'", needed, principal);
    refusal.field = "type";
    refusal.line = static_cast<int64_t>(i) + 1;
    return refusal;
  }
  return std::nullopt;
}

// Answers the heartbeats among the drafts and takes them out; the first that is of a deleted job is
// refused.
std::optional<Refusal> TakeHeartbeats(const ApiServices& services, DecodedBody& decoded) {
  const auto is_heartbeat = [](const EventDraft& draft) {
    return draft.kind == EventType::kHeartbeat;
  };
  std::vector<EventDraft>& drafts = decoded.drafts;
  if (std::none_of(drafts.begin(), drafts.end(), is_heartbeat)) return std::nullopt;
  for (size_t i = 0; i < drafts.size(); ++i) {
    if (!is_heartbeat(drafts[i]) || !services.journal.IsDeleted(drafts[i].job_id)) continue;
    Refusal refusal = DeletedJob(drafts[i].job_id);
    refusal.line = static_cast<int64_t>(i) + 1;
    return refusal;
  }
  std::vector<int64_t> places;
  for (size_t i = 0; i < drafts.size(); ++i) {
    if (is_heartbeat(drafts[i])) {
      services.liveness.OnHeartbeat(drafts[i].job_id,
                                    ReadHeartbeatPayload(drafts[i].payload).interval_micros);
    } else if (decoded.is_batch) {
      places.push_back(decoded.where.places[i]);
    }
  }
  decoded.where.places = std::move(places);
  std::erase_if(drafts, is_heartbeat);
  return std::nullopt;
}

// As the sender sees it: where in the body, and nowhere in a body of one event.
HandlerResult RefusedAt(const BatchPlaces& where, Refusal refusal) {
  if (where.places.empty()) refusal.line.reset();
  return Refused(where.Locate(std::move(refusal)));
}

// Decodes, judges and hands on by `append`. Runs on the loop or on the pool.
HandlerResult DecodeAndAppend(const ApiServices& services, const Call& call,
                              const std::string& job_id, const Responder& responder, Decoder decode,
                              AppendWay append) {
  const DraftOrigin origin{job_id, call.principal.token_name};
  auto decoded = decode(call, origin);
  if (!decoded) return Refused(decoded.error());
  const auto key = ReadIdempotencyKey(call);
  if (!key) return Refused(key.error());
  if (*key) ApplyIdempotencyKey(**key, *decoded);
  if (auto refusal = CheckRoles(decoded->drafts, call.principal)) {
    return RefusedAt(decoded->where, std::move(*refusal));
  }
  if (auto refusal = TakeHeartbeats(services, *decoded)) {
    return RefusedAt(decoded->where, std::move(*refusal));
  }
  if (decoded->drafts.empty()) return {JsonResponse(202, "{\"durable\":\"none\"}\n")};
  auto precondition = PreconditionOf(decoded->drafts, call.principal);
  (services.appender.*append)(
      std::move(decoded->drafts), std::move(precondition),
      [responder, where = std::move(decoded->where)](AppendOutcome outcome) mutable {
        responder.FinishBy([outcome = std::move(outcome), where = std::move(where)] {
          if (!outcome) return RefusedAt(where, outcome.error());
          return HandlerResult{AppendResponse(outcome, where)};
        });
      });
  return {Deferred{}};
}

HandlerResult AppendBody(const ApiServices& services, Call call, std::string job_id,
                         const Responder& responder, Decoder decode = &DecodeEvents) {
  if (call.request.body.size() <= kDecodeHereBytes) {
    return DecodeAndAppend(services, call, job_id, responder, decode, &EventAppender::Enqueue);
  }
  return {
      RunOnPool{[services, call = std::move(call), job_id = std::move(job_id), responder, decode] {
        return DecodeAndAppend(services, call, job_id, responder, decode, &EventAppender::Append);
      }}};
}

}  // namespace

HandlerResult AppendToJob(const ApiServices& services, Call call, const Responder& responder) {
  auto job_id = JobOfPath(call);
  if (!job_id) return Refused(job_id.error());
  return AppendBody(services, std::move(call), std::move(*job_id), responder);
}

HandlerResult AppendLineage(const ApiServices& services, Call call, const Responder& responder) {
  return AppendBody(services, std::move(call), "", responder,
                    [](const Call& request, const DraftOrigin& origin) {
                      return DecodeOpenLineage(request.request.body, origin);
                    });
}

HandlerResult AppendToJobs(const ApiServices& services, Call call, const Responder& responder) {
  return AppendBody(services, std::move(call), "", responder);
}

}  // namespace stagelog
