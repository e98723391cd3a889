// POST of events.
#include <algorithm>

#include "core/draft_decoder.h"
#include "core/gate_rules.h"
#include "http/api.h"
#include "http/append_answer.h"
#include "http/parameters.h"
#include "http/problem.h"

namespace stagelog {
namespace {

// A body beyond this is decoded on the pool, so that the other connections do not wait for it.
constexpr size_t kDecodeHereBytes = size_t{64} << 10;

// Append() or Enqueue(): the loop kicks the writer itself after its turn.
using AppendWay = decltype(&EventAppender::Append);

bool IsNdjson(const Call& call) {
  return call.Header("Content-Type").value_or("").find("ndjson") != std::string::npos;
}

// Decisions among the drafts are judged by the writer too: a gate may name its approvers.
Precondition ApproversAllow(const std::vector<EventDraft>& drafts, bool is_admin) {
  const bool has_decision = std::any_of(drafts.begin(), drafts.end(), [](const EventDraft& draft) {
    return FindType(draft.type)->is_gate_decision;
  });
  if (!has_decision || is_admin) return nullptr;
  return [drafts](const JobLookup& find) { return JudgeApprovers(drafts, find); };
}

// The first event that the sender may not append.
std::optional<Refusal> JudgeRoles(const std::vector<EventDraft>& drafts, const Principal& principal,
                                  bool is_batch) {
  for (size_t i = 0; i < drafts.size(); ++i) {
    const bool is_decision = FindType(drafts[i].type)->is_gate_decision;
    const Role needed = is_decision ? Role::kApprover : Role::kWriter;
    if (principal.May(needed)) continue;
    Refusal refusal{.code = "forbidden",
                    .detail = "'" + drafts[i].type + "' needs the role '" +
                              std::string(RoleName(needed)) + "', which token '" +
                              principal.token_name + "' does not have",
                    .field = "type"};
    if (is_batch) refusal.line = static_cast<int64_t>(i) + 1;
    return refusal;
  }
  return std::nullopt;
}

// Decodes, judges and hands on by `append`. Runs on the loop or on the pool.
Ending DecodeAndAppend(const ApiServices& services, const Call& call, const std::string& job_id,
                       const Responder& responder, AppendWay append) {
  const DraftOrigin origin{job_id, call.principal.token_name};
  auto decoded = IsNdjson(call) ? DecodeNdjsonBody(call.request.body, origin)
                                : DecodeJsonBody(call.request.body, origin);
  if (!decoded) return Refused(decoded.error());
  if (auto refusal = JudgeRoles(decoded->drafts, call.principal, decoded->is_batch)) {
    return Refused(*refusal);
  }
  for (const EventDraft& draft : decoded->drafts) {
    const bool is_heartbeat = draft.kind == EventType::kHeartbeat;
    if (is_heartbeat && services.journal.IsDeleted(draft.job_id)) {
      return Refused(DeletedJob(draft.job_id));
    }
  }
  std::erase_if(decoded->drafts, [&](const EventDraft& draft) {
    if (draft.kind == EventType::kHeartbeat) services.liveness.OnHeartbeat(draft.job_id);
    return draft.kind == EventType::kHeartbeat;
  });
  if (decoded->drafts.empty()) return {JsonResponse(202, "{\"durable\":\"none\"}\n")};
  const bool is_batch = decoded->is_batch;
  Precondition precondition = ApproversAllow(decoded->drafts, call.principal.admin);
  (services.appender.*append)(std::move(decoded->drafts), std::move(precondition),
                              [responder, is_batch](AppendOutcome outcome) {
                                responder.FinishBy([outcome = std::move(outcome), is_batch] {
                                  return Ending{AppendResponse(outcome, is_batch)};
                                });
                              });
  return {Deferred{}};
}

Ending AppendBody(const ApiServices& services, Call call, std::string job_id,
                  const Responder& responder) {
  if (call.request.body.size() <= kDecodeHereBytes) {
    return DecodeAndAppend(services, call, job_id, responder, &EventAppender::Enqueue);
  }
  return {WorkElsewhere{[services, call = std::move(call), job_id = std::move(job_id), responder] {
    return DecodeAndAppend(services, call, job_id, responder, &EventAppender::Append);
  }}};
}

}  // namespace

Ending AppendToJob(const ApiServices& services, Call call, const Responder& responder) {
  auto job_id = JobOfPath(call);
  if (!job_id) return Refused(job_id.error());
  return AppendBody(services, std::move(call), std::move(*job_id), responder);
}

Ending AppendToJobs(const ApiServices& services, Call call, const Responder& responder) {
  return AppendBody(services, std::move(call), "", responder);
}

}  // namespace stagelog
