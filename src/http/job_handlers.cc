// Jobs: creating, listing, showing.
#include <array>

#include "base/random.h"
#include "core/draft_decoder.h"
#include "core/json_object_reader.h"
#include "core/json_text.h"
#include "http/api.h"
#include "http/append_answer.h"
#include "http/parameters.h"
#include "http/problem.h"

namespace stagelog {
namespace {

constexpr std::array<std::string_view, 2> kListParameters = {"limit", "before"};

void AppendMember(std::string& object, std::string_view key, std::string_view raw) {
  if (object.size() > 1) object += ',';
  AppendJsonString(object, key);
  object += ':';
  object += raw;
}

bool BelongsToPayload(std::string_view key) {
  return key == "pipeline" || key == "stages" || key == "strict";
}

// The body of POST /jobs as the event that it stands for: the type is given, and what a job_created
// carries in its payload may stand at the top level.
tl::expected<std::string, Refusal> EventOfBody(const std::string& body, Clock& clock) {
  auto members = ReadJsonObject(body.empty() ? "{}" : body, kMaxJsonDepth);
  if (!members) return tl::unexpected(std::move(members.error()));
  std::string event = "{";
  std::string payload = "{";
  bool has_job = false;
  bool has_type = false;
  for (const JsonMember& member : *members) {
    if (member.key == "payload" && member.kind == JsonMember::Kind::kObject) {
      for (JsonMembers inner(member.raw); inner.Next();) {
        if (payload.size() > 1) payload += ',';
        payload.append("\"").append(inner.key()).append("\":").append(inner.value());
      }
    } else if (BelongsToPayload(member.key)) {
      AppendMember(payload, member.key, member.raw);
    } else {
      AppendMember(event, member.key, member.raw);
      has_job = has_job || member.key == "job_id";
      has_type = has_type || member.key == "type" || member.key == "event_type";
    }
  }
  if (!has_job) AppendMember(event, "job_id", '"' + MakeUuidV7(clock.WallMicros()) + '"');
  if (!has_type) AppendMember(event, "type", "\"job_created\"");
  if (payload.size() > 1) AppendMember(event, "payload", payload + "}");
  return event + "}";
}

httplib::Response CreatedResponse(const std::string& job_id, const AppendOutcome& outcome) {
  if (!outcome) return ProblemResponse(outcome.error());
  std::string body = "{\"job_id\":\"" + job_id + "\"," + EncodePlace(outcome->front()) + "}\n";
  httplib::Response response = JsonResponse(outcome->front().duplicate ? 200 : 201, body);
  response.headers.emplace("Location", "/api/v1/jobs/" + job_id);
  return response;
}

Precondition JobIsNew(const std::string& job_id) {
  return [job_id](const JobLookup& find) -> std::optional<Refusal> {
    if (find(job_id) == nullptr) return std::nullopt;
    return Refusal{.code = "job_exists",
                   .detail = "there is a job '" + job_id + "' already",
                   .field = "job_id"};
  };
}

}  // namespace

Ending CreateJob(const ApiServices& services, Call call, const Responder& responder) {
  const auto event = EventOfBody(call.request.body, services.clock);
  if (!event) return Refused(event.error());
  auto draft = DecodeDraft(*event, {"", call.principal.token_name});
  if (!draft) return Refused(draft.error());
  if (draft->kind != EventType::kJobCreated) {
    return Refused({.code = "invalid_field",
                    .detail = "a job is created by a 'job_created'; leave 'type' out",
                    .field = "type"});
  }
  const std::string job_id = draft->job_id;
  std::vector<EventDraft> drafts;
  drafts.push_back(std::move(*draft));
  services.appender.Append(std::move(drafts), JobIsNew(job_id),
                           [responder, job_id](const AppendOutcome& outcome) {
                             responder.Send(CreatedResponse(job_id, outcome));
                           });
  return {Deferred{}};
}

Ending ListJobs(const ApiServices& services, Call call, const Responder&) {
  if (auto refusal = CheckParameters(call, kListParameters)) return Refused(*refusal);
  const auto limit = ParseLimit(call.Parameter("limit"));
  if (!limit) return Refused(limit.error());
  int64_t before = INT64_MAX;
  if (const auto text = call.Parameter("before")) {
    const std::optional<int64_t> cursor = ParseCursor(*text);
    if (!cursor) {
      return Refused({.code = "invalid_parameter",
                      .detail = "'before' must be the next_before of an earlier answer",
                      .field = "before"});
    }
    before = *cursor;
  }
  return {WorkElsewhere{[&source = services.source, limit = *limit, before]() -> Ending {
    const auto jobs = source.ListJobs(before, limit + 1);
    if (!jobs) return Refused({.code = "read_failed", .detail = jobs.error().message});
    std::string body = "{\"jobs\":[";
    for (size_t i = 0; i < std::min(limit, jobs->size()); ++i) {
      if (i > 0) body += ',';
      body += EncodeJobState((*jobs)[i]);
    }
    const bool has_more = jobs->size() > limit;
    body += "],\"next_before\":";
    body += has_more ? std::to_string((*jobs)[limit - 1].first_seq) : "null";
    return {JsonResponse(200, body + "}\n")};
  }}};
}

Ending ShowJob(const ApiServices& services, Call call, const Responder&) {
  if (auto refusal = CheckParameters(call, {})) return Refused(*refusal);
  auto job_id = JobOfPath(call);
  if (!job_id) return Refused(job_id.error());
  return {WorkElsewhere{[&source = services.source, job_id = std::move(*job_id)]() -> Ending {
    const auto job = source.FindJob(job_id);
    if (!job) return Refused({.code = "read_failed", .detail = job.error().message});
    if (!job->has_value()) {
      return Refused({.code = "unknown_job", .detail = "there is no job '" + job_id + "'"});
    }
    return {JsonResponse(200, EncodeJobState(**job) + "\n")};
  }}};
}

}  // namespace stagelog
