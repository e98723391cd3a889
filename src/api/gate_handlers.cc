// Gates: the inbox over all jobs, one gate, waiting for its decision, deciding.
#include <array>

#include "api/api.h"
#include "api/append_answer.h"
#include "api/command.h"
#include "api/entity_tag.h"
#include "api/job_query.h"
#include "api/long_polls.h"
#include "api/next_link.h"
#include "api/parameters.h"
#include "core/gate_rules.h"
#include "core/identifier.h"
#include "core/job_state_json.h"
#include "core/payload.h"
#include "core/precondition.h"
#include "http/problem.h"

namespace stagelog {
namespace {

constexpr std::array<std::string_view, 5> kDecisionKeys = {"comment", "message", "choice",
                                                           "answers", "event_id"};

// What may open or decide a gate, or end it with its job.
const std::vector<std::string> kGateTypes = {"gate_pause",         "gate_approved", "gate_rejected",
                                             "gate_auto_approved", "gate_expired",  "job_completed",
                                             "job_failed",         "job_canceled"};

// One look at a gate from its query to its answer.
struct GateQuestion {
  JobQuery job;
  std::string gate;
  std::string if_none_match;
  int64_t deadline_micros = 0;  // monotonic, of the wait
  bool was_absent = false;      // it, or its job, was waited for
  CancelFlag canceled = std::make_shared<std::atomic<bool>>(false);
};

tl::expected<std::string, Refusal> GateOfPath(const Call& call) {
  const std::string& gate = call.captures.at(1);
  if (IsName(gate)) return gate;
  return tl::unexpected(Refusal{.code = "invalid_id",
                                .detail = "a gate name must be " + std::string(kNameRule),
                                .field = "gate"});
}

tl::expected<GateQuestion, Refusal> ParseGateQuestion(const Call& call, Clock& clock) {
  auto job = ParseJobQuery(call, clock);
  if (!job) return tl::unexpected(job.error());
  auto gate = GateOfPath(call);
  if (!gate) return tl::unexpected(gate.error());
  const auto wait_seconds = ParseWaitSeconds(call);
  if (!wait_seconds) return tl::unexpected(wait_seconds.error());
  if (*wait_seconds > 0 && !job->is_current()) {
    return tl::unexpected(Refusal{.code = "invalid_parameter",
                                  .detail = "'wait' cannot be combined with 'at' or 'at_seq'",
                                  .field = "wait"});
  }
  return GateQuestion{.job = std::move(*job),
                      .gate = std::move(*gate),
                      .if_none_match = IfNoneMatch(call),
                      .deadline_micros = WaitDeadline(call, *wait_seconds, clock)};
}

HandlerResult LookAtGate(const ApiServices& services, const std::shared_ptr<GateQuestion>& question,
                         const Responder& responder, bool may_wait);

// Parks the request until the gate is opened or decided, or its time is up.
HandlerResult Park(const ApiServices& services, const std::shared_ptr<GateQuestion>& question,
                   int64_t scanned_through, const Responder& responder) {
  ParkedPoll parked;
  parked.job_id = question->job.job_id;
  parked.filter.types = kGateTypes;
  parked.scanned_through = scanned_through;
  parked.deadline_micros = question->deadline_micros;
  parked.canceled = question->canceled;
  parked.wake = [services, question, responder](bool something_came) {
    const auto work = [services, question, responder, something_came] {
      return LookAtGate(services, question, responder, something_came);
    };
    responder.Finish({RunOnPool{.work = work, .canceled = question->canceled}});
  };
  services.long_polls.Park(std::move(parked));
  return {Deferred{}};
}

// A gate that is not there may be opened yet, unless its job is over or deleted.
bool MayBeOpened(const tl::expected<JobState, Refusal>& job) {
  return job ? !IsTerminal(job->status) : job.error().code == "unknown_job";
}

HandlerResult LookAtGate(const ApiServices& services, const std::shared_ptr<GateQuestion>& question,
                         const Responder& responder, bool may_wait) {
  // Read before the state: what comes after it wakes the parked request.
  const int64_t scanned_through = services.journal.GetStatus().head_seq;
  const auto job = ResolveJobQuery(services, question->job);
  const GateState* gate = job ? job->FindGate(question->gate) : nullptr;
  const bool waits = may_wait && services.clock.MonotonicMicros() < question->deadline_micros;
  if (gate == nullptr) {
    if (waits && MayBeOpened(job)) {
      question->was_absent = true;
      return Park(services, question, scanned_through, responder);
    }
    return Refused(job ? UnknownGate(job->job_id, question->gate) : job.error());
  }
  if (gate->status == GateStatus::kPending && waits && !question->was_absent) {
    return Park(services, question, scanned_through, responder);
  }
  return {WithTag(JsonResponse(200, EncodeGate(*job, question->gate) + "\n"), StateTag(*job),
                  question->if_none_match)};
}

tl::expected<GateListRequest, Refusal> ParseGateList(const Call& call) {
  auto statuses = ParseWordList(LookupIn(call), "status", GateStatusNames());
  if (!statuses) return tl::unexpected(statuses.error());
  const auto limit = ParseLimit(call.Parameter("limit"));
  if (!limit) return tl::unexpected(limit.error());
  const std::optional<int64_t> after = ParseCursor(call.Parameter("after").value_or("0"));
  if (!after) {
    return tl::unexpected(Refusal{.code = "invalid_parameter",
                                  .detail = "'after' must be the next_after of an earlier response",
                                  .field = "after"});
  }
  return GateListRequest{std::move(*statuses), *after, *limit};
}

httplib::Response GateListResponse(const std::vector<GateListing>& gates, size_t limit,
                                   const NextLink& next) {
  std::string body = "{\"gates\":[";
  const size_t count = std::min(limit, gates.size());
  for (size_t i = 0; i < count; ++i) {
    if (i > 0) body += ',';
    body += gates[i].document;
  }
  body += "],";
  const bool has_more = gates.size() > limit;
  const int64_t last = has_more ? gates[count - 1].opened_seq : 0;
  httplib::Response response = JsonResponse(200, body + PagingMembers(has_more, last) + "}\n");
  if (has_more) next.Add(response, last);
  return response;
}

HandlerResult Decide(const ApiServices& services, const Call& call, const Responder& responder,
                     const char* type) {
  const auto job_id = JobOfPath(call);
  if (!job_id) return Refused(job_id.error());
  const auto gate = GateOfPath(call);
  if (!gate) return Refused(gate.error());
  auto draft = DraftOfCommand(call, type, *job_id, *gate, kDecisionKeys);
  if (!draft) return Refused(draft.error());
  const bool needs_comment = draft->kind == EventType::kGateRejected;
  const std::string comment = ReadDecisionPayload(draft->payload).comment;
  if (needs_comment && comment.find_first_not_of(" \t\r\n") == std::string::npos) {
    return Refused({.code = "missing_field",
                    .detail = "a rejection requires a 'comment' that gives the reason",
                    .field = "comment"});
  }
  Precondition precondition = MayDecide(*draft, call.principal.admin);
  AppendCommand(services, std::move(*draft), std::move(precondition),
                PathOfJob(*job_id) + "/gates/" + *gate, responder);
  return {Deferred{}};
}

}  // namespace

HandlerResult ShowGate(const ApiServices& services, Call call, const Responder& responder) {
  auto parsed = ParseGateQuestion(call, services.clock);
  if (!parsed) return Refused(parsed.error());
  auto question = std::make_shared<GateQuestion>(std::move(*parsed));
  const auto work = [services, question, responder] {
    return LookAtGate(services, question, responder, true);
  };
  return {RunOnPool{.work = work, .canceled = question->canceled}};
}

HandlerResult ListGates(const ApiServices& services, Call call, const Responder&) {
  auto request = ParseGateList(call);
  if (!request) return Refused(request.error());
  const size_t limit = request->limit++;  // one more tells whether there is more
  const auto work = [services, request = std::move(*request), limit,
                     next = NextLink(call)]() -> HandlerResult {
    const auto gates = services.jobs.ListGates(request);
    if (!gates) return Refused(ReadRefusal(gates.error()));
    return {GateListResponse(*gates, limit, next)};
  };
  return {RunOnPool{.work = work, .is_search = services.jobs.MustWait()}};
}

HandlerResult ApproveGate(const ApiServices& services, Call call, const Responder& responder) {
  return Decide(services, call, responder, "gate_approved");
}

HandlerResult RejectGate(const ApiServices& services, Call call, const Responder& responder) {
  return Decide(services, call, responder, "gate_rejected");
}

}  // namespace stagelog
