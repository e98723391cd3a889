// Jobs: creating, listing, showing.
#include <algorithm>
#include <array>
#include <set>

#include "api/api.h"
#include "api/append_answer.h"
#include "api/entity_tag.h"
#include "api/idempotency_key.h"
#include "api/job_query.h"
#include "api/next_link.h"
#include "api/parameters.h"
#include "base/name_uuid.h"
#include "base/random.h"
#include "base/timestamp.h"
#include "core/draft_decoder.h"
#include "core/job_state_json.h"
#include "core/json_object_reader.h"
#include "core/json_text.h"
#include "core/payload_keys.h"
#include "core/precondition.h"
#include "core/text_line.h"
#include "http/problem.h"

namespace stagelog {
namespace {

constexpr size_t kMaxLabelConditions = 32;

bool BelongsToPayload(std::string_view key) {
  const auto keys = PayloadKeys(EventType::kJobCreated);
  return std::find(keys.begin(), keys.end(), key) != keys.end();
}

// A key that is nearly one of those above: the hint is to name that, not a key of an event.
std::optional<Refusal> CheckTopKey(const std::string& key) {
  if (key == "stage") return std::nullopt;  // is one of an event
  std::string payload = "{";
  AppendJsonMember(payload, key, "1");
  const auto suspect = FindSuspectKey(EventType::kJobCreated, payload + "}");
  if (!suspect) return std::nullopt;
  const std::string shown = QuotableText(key, 128);
  return Refusal{
      .code = "unknown_key",
      .detail = "unknown key '" + shown + "'; did you mean '" + std::string(suspect->meant) + "'?",
      .field = shown};
}

// The body of POST /jobs as the event that it stands for: the type is given, and what a job_created
// carries in its payload may stand at the top level.
// A retry with the same key means the same job, also where the daemon is to name it.
tl::expected<std::string, Refusal> EventOfBody(std::string_view body,
                                               const std::optional<std::string>& key,
                                               Clock& clock) {
  body = WithoutByteOrderMark(body);
  auto members = ReadJsonObject(body.empty() ? "{}" : body, kMaxJsonDepth);
  if (!members) return tl::unexpected(std::move(members.error()));
  std::string event = "{";
  std::string payload = "{";
  std::set<std::string> own_keys;  // of the payload's, at the top level
  std::set<std::string> inner_keys;
  bool has_payload = false;
  bool has_job = false;
  bool has_type = false;
  for (const JsonMember& member : *members) {
    const bool is_payload = member.key == "payload" || member.key == "metadata";
    if (is_payload && member.kind == JsonMember::Kind::kNull) continue;  // stands for "left out"
    if (is_payload && member.kind == JsonMember::Kind::kObject) {
      if (std::exchange(has_payload, true)) return tl::unexpected(DuplicateKey(member.key));
      for (JsonMembers inner(member.raw); inner.Next();) {
        if (payload.size() > 1) payload += ',';
        payload.append("\"").append(inner.key()).append("\":").append(inner.value());
        inner_keys.emplace(inner.key());
      }
    } else if (BelongsToPayload(member.key)) {
      if (!own_keys.insert(member.key).second) return tl::unexpected(DuplicateKey(member.key));
      AppendJsonMember(payload, member.key, member.raw);
    } else {
      if (auto refusal = CheckTopKey(member.key)) return tl::unexpected(std::move(*refusal));
      AppendJsonMember(event, member.key, member.raw);
      has_job = has_job || member.key == "job_id";
      has_type = has_type || member.key == "type" || member.key == "event_type";
    }
  }
  for (const std::string& own : own_keys) {
    if (inner_keys.contains(own)) return tl::unexpected(DuplicateKey(own));
  }
  if (!has_job) {
    const std::string job_id =
        key ? UuidOfName("idempotency-key\n" + *key) : MakeUuidV7(clock.WallMicros());
    AppendJsonMember(event, "job_id", '"' + job_id + '"');
  }
  if (!has_type) AppendJsonMember(event, "type", "\"job_created\"");
  if (payload.size() > 1) AppendJsonMember(event, "payload", payload + "}");
  return event + "}";
}

httplib::Response CreatedResponse(const std::string& job_id, const AppendOutcome& outcome) {
  if (!outcome) return ProblemResponse(outcome.error());
  std::string body = "{\"job_id\":\"" + job_id + "\"," + EncodePlace(outcome->front()) + "}\n";
  httplib::Response response = JsonResponse(outcome->front().duplicate ? 200 : 201, body);
  SetLocation(response, PathOfJob(job_id));
  return response;
}

void AddLiveness(std::string_view liveness, std::string& body) {
  body.append(",\"liveness\":\"").append(liveness).append("\"");
}

// What the plain answer adds to the state: it is true now and no part of the past.
void AddWhatIsNow(const ApiServices& services, const JobState& job, std::string_view liveness,
                  std::string& body) {
  // The state may have been read just before its last commit was announced.
  const int64_t head_seq = std::max(services.journal.GetStatus().head_seq, job.as_of_seq);
  body.pop_back();
  body += ",\"head_seq\":" + std::to_string(head_seq);
  if (!liveness.empty()) AddLiveness(liveness, body);
  body += '}';
}

// What is past has ended.
int64_t LiveMicros(const ApiServices& services, const JobQuery& question) {
  return question.is_current() ? services.LiveMicros() : 0;
}

tl::expected<JobListRequest, Refusal> ParseJobList(const Call& call, Clock& clock) {
  JobListRequest request;
  auto statuses = ParseWordList(LookupIn(call), "status", JobStatusNames());
  if (!statuses) return tl::unexpected(statuses.error());
  request.statuses = std::move(*statuses);
  // `pipeline=` with nothing behind it asks for the jobs that name none.
  if (const auto names = call.Parameter("pipeline")) request.pipelines = SplitList(*names);
  const auto [first_label, last_label] = call.request.params.equal_range("label");
  for (auto label = first_label; label != last_label; ++label) {
    auto condition = ParseLabelCondition(label->second);
    if (!condition) return tl::unexpected(condition.error());
    request.labels.push_back(std::move(*condition));
  }
  if (request.labels.size() > kMaxLabelConditions) {
    return tl::unexpected(Refusal{.code = "invalid_parameter",
                                  .detail = "'label' may be given at most 32 times",
                                  .field = "label"});
  }
  request.text = call.Parameter("q").value_or("");
  const auto limit = ParseLimit(call.Parameter("limit"));
  if (!limit) return tl::unexpected(limit.error());
  request.limit = *limit;
  if (const auto text = call.Parameter("since")) {
    const auto since = ParseSince(*text, clock.WallMicros());
    if (!since) return tl::unexpected(since.error());
    if (since->kind == Position::Kind::kTime) request.updated_after_micros = since->value;
    if (since->kind == Position::Kind::kNow) request.updated_after_micros = clock.WallMicros();
  }
  const auto after = call.Parameter("after");
  const auto before = call.Parameter("before");
  if (after && before) {
    return tl::unexpected(
        Refusal{.code = "invalid_parameter",
                .detail = "'after' and 'before' are aliases of the same parameter; give only one",
                .field = "before"});
  }
  if (after || before) {
    const std::optional<int64_t> cursor = ParseCursor(after ? *after : *before);
    if (!cursor) {
      const std::string name = after ? "after" : "before";
      return tl::unexpected(
          Refusal{.code = "invalid_parameter",
                  .detail = "'" + name + "' must be the next_" + name + " of an earlier response",
                  .field = name});
    }
    request.before_first_seq = *cursor;
  }
  return request;
}

httplib::Response JobListResponse(const ApiServices& services, const std::vector<JobListing>& jobs,
                                  size_t limit, const NextLink& next) {
  std::string body = "{\"jobs\":[";
  const size_t count = std::min(limit, jobs.size());
  for (size_t i = 0; i < count; ++i) {
    if (i > 0) body += ',';
    body += jobs[i].summary;
    if (jobs[i].is_over) continue;
    body.pop_back();
    AddLiveness(LivenessName(services.liveness.GetLiveness(jobs[i].job_id)), body);
    body += '}';
  }
  const bool has_more = jobs.size() > limit;
  const int64_t last = has_more ? jobs[count - 1].first_seq : 0;
  body += "]," + PagingMembers(has_more, last) + ",\"next_before\":";
  body += (has_more ? std::to_string(last) : "null") + "}\n";
  httplib::Response response = JsonResponse(200, std::move(body));
  if (has_more) next.Add(response, last);
  return response;
}

// The part `key` of a job's document as a list of its own, with the state it is part of.
HandlerResult ListPart(const ApiServices& services, const Call& call, const char* key) {
  auto question = ParseJobQuery(call, services.clock);
  if (!question) return Refused(question.error());
  return {RunOnPool{[services, question = std::move(*question), key,
                     condition = IfNoneMatch(call)]() -> HandlerResult {
    const auto job = ResolveJobQuery(services, question);
    if (!job) return Refused(job.error());
    const std::string document = EncodeJobState(*job);
    std::string body = "{\"job_id\":";
    AppendJsonString(body, job->job_id);
    for (JsonMembers member(document); member.Next();) {
      if (member.key() == key) body.append(",\"").append(key).append("\":").append(member.value());
    }
    body += "," + PagingMembers(/*has_more=*/false, 0) + ",\"job_status\":\"";
    body.append(StatusName(job->status)).append("\",\"as_of_seq\":");
    body += std::to_string(job->as_of_seq) + "}\n";
    return {WithTag(JsonResponse(200, std::move(body)), StateTag(*job), condition)};
  }}};
}

}  // namespace

HandlerResult CreateJob(const ApiServices& services, Call call, const Responder& responder) {
  const auto key = ReadIdempotencyKey(call);
  if (!key) return Refused(key.error());
  const auto event = EventOfBody(call.request.body, *key, services.clock);
  if (!event) return Refused(event.error());
  auto draft = DecodeDraft(*event, {"", call.principal.token_name});
  if (!draft) return Refused(draft.error());
  if (*key && draft->event_id.empty()) draft->event_id = **key;
  if (draft->kind != EventType::kJobCreated) {
    return Refused({.code = "invalid_field",
                    .detail = "'type' must be 'job_created' here; omit it",
                    .field = "type"});
  }
  const std::string job_id = draft->job_id;
  std::vector<EventDraft> drafts;
  drafts.push_back(std::move(*draft));
  services.appender.Append(std::move(drafts), JobMustBeNew{job_id},
                           [responder, job_id](const AppendOutcome& outcome) {
                             responder.Send(CreatedResponse(job_id, outcome));
                           });
  return {Deferred{}};
}

HandlerResult ListJobs(const ApiServices& services, Call call, const Responder&) {
  auto request = ParseJobList(call, services.clock);
  if (!request) return Refused(request.error());
  const size_t limit = request->limit++;  // one more tells whether there is more
  request->live_micros = services.LiveMicros();
  // These look through all jobs, or wait; those of a status are found by an index.
  const bool is_search = !request->text.empty() || !request->pipelines.empty() ||
                         !request->labels.empty() || request->updated_after_micros > 0 ||
                         services.jobs.MustWait();
  // A duration means another time with each page.
  const std::string since = request->updated_after_micros > 0
                                ? FormatTimestamp(request->updated_after_micros)
                                : std::string();
  const auto work = [services, request = std::move(*request), limit,
                     next = NextLink(call, since)]() -> HandlerResult {
    const auto jobs = services.jobs.ListJobs(request);
    if (!jobs) return Refused(ReadRefusal(jobs.error()));
    return {JobListResponse(services, *jobs, limit, next)};
  };
  return {RunOnPool{.work = work, .is_search = is_search}};
}

HandlerResult ShowJob(const ApiServices& services, Call call, const Responder&) {
  auto question = ParseJobQuery(call, services.clock);
  if (!question) return Refused(question.error());
  return {RunOnPool{[services, question = std::move(*question),
                     condition = IfNoneMatch(call)]() -> HandlerResult {
    const auto job = ResolveJobQuery(services, question);
    if (!job) return Refused(job.error());
    const bool has_worker = question.is_current() && !job->IsTerminal();
    const std::string_view liveness =
        has_worker ? LivenessName(services.liveness.GetLiveness(job->job_id)) : std::string_view();
    std::string body = EncodeJobState(*job, LiveMicros(services, question));
    if (question.is_current()) AddWhatIsNow(services, *job, liveness, body);
    return {WithTag(JsonResponse(200, body + "\n"), StateTag(*job, liveness), condition)};
  }}};
}

HandlerResult ListStages(const ApiServices& services, Call call, const Responder&) {
  return ListPart(services, call, "stages");
}

HandlerResult ListGatesOfJob(const ApiServices& services, Call call, const Responder&) {
  return ListPart(services, call, "gates");
}

HandlerResult ShowStage(const ApiServices& services, Call call, const Responder&) {
  auto question = ParseJobQuery(call, services.clock);
  if (!question) return Refused(question.error());
  return {RunOnPool{[services, question = std::move(*question), path = call.captures.at(1),
                     condition = IfNoneMatch(call)]() -> HandlerResult {
    const auto job = ResolveJobQuery(services, question);
    if (!job) return Refused(job.error());
    const std::string body = EncodeStage(*job, path, LiveMicros(services, question));
    if (!body.empty()) {
      return {WithTag(JsonResponse(200, body + "\n"), StateTag(*job), condition)};
    }
    return Refused(
        {.code = "unknown_stage",
         .detail = "job '" + job->job_id + "' has no stage '" + QuotableText(path, 128) + "'",
         .field = "stage"});
  }}};
}

}  // namespace stagelog
