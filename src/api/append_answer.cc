#include "api/append_answer.h"

#include <algorithm>

#include "base/timestamp.h"
#include "core/json_text.h"
#include "http/problem.h"

namespace stagelog {
namespace {

std::string JobStatusMember(const AppendedEvent& place) {
  return ",\"job_status\":\"" + std::string(StatusName(place.job_status)) + "\"";
}

std::string GateMembers(const AppendedEvent& place) {
  if (!place.gate_status) return "";
  std::string out = ",\"gate_status\":\"" + std::string(StatusName(*place.gate_status)) + "\"";
  if (place.approval_count == 0) return out;
  return out + ",\"approval\":{\"count\":" + std::to_string(place.approval_count) +
         ",\"required\":" + std::to_string(place.approvals_required) + "}";
}

// Where the events are that came in: a page that begins with the first of them.
std::string LocationOf(const std::vector<AppendedEvent>& places) {
  const AppendedEvent* first = nullptr;
  bool is_one_job = true;
  bool began_job = false;
  for (const AppendedEvent& place : places) {
    is_one_job = is_one_job && place.job_id == places.front().job_id;
    if (place.duplicate) continue;
    if (first == nullptr || place.seq < first->seq) first = &place;
    began_job = began_job || place.job_seq == 1;
  }
  if (is_one_job && began_job) return PathOfJob(first->job_id);
  const std::string cursor = "/events?after=" + std::to_string(first->seq - 1);
  if (!is_one_job) return "/api/v1" + cursor;
  return PathOfJob(first->job_id) + cursor + (places.size() == 1 ? "&limit=1" : "");
}

httplib::Response Created(httplib::Response response, const std::vector<AppendedEvent>& places) {
  if (response.status == 201) SetLocation(response, LocationOf(places));
  return response;
}

std::string CodesMember(const AppendedEvent& place) {
  std::string out = "\"violations\":[";
  for (size_t i = 0; i < place.violations.size(); ++i) {
    if (i > 0) out += ',';
    AppendJsonString(out, place.violations[i]);
  }
  return out + "]";
}

// How many events of a batch were flagged, and which, by `index` or `line` as refusals name them.
std::string FlaggedMembers(const std::vector<AppendedEvent>& places, const BatchPlaces& where) {
  size_t flagged = 0;
  std::string list;
  for (size_t i = 0; i < places.size(); ++i) {
    const AppendedEvent& place = places[i];
    if (place.violations.empty() || ++flagged > kMaxNamedViolations) continue;
    list += list.empty() ? "{\"" : ",{\"";
    list += std::string(where.is_array ? "index" : "line") +
            "\":" + std::to_string(where.places[i]) + ",\"job_id\":\"" + place.job_id +
            "\",\"seq\":" + std::to_string(place.seq) +
            ",\"job_seq\":" + std::to_string(place.job_seq) + ",\"event_id\":";
    AppendJsonString(list, place.event_id);
    list += "," + CodesMember(place) + "}";
  }
  return ",\"flagged\":" + std::to_string(flagged) + ",\"violations\":[" + list + "]";
}

}  // namespace

std::string PathOfJob(const std::string& job_id) { return "/api/v1/jobs/" + job_id; }

void SetLocation(httplib::Response& response, const std::string& path) {
  response.headers.erase("Location");
  response.headers.emplace("Location", path);
}

httplib::Response AppendResponse(const AppendOutcome& outcome, const BatchPlaces& where) {
  if (!outcome) return ProblemResponse(outcome.error());
  const bool is_batch = !where.places.empty();
  const auto is_duplicate = [](const AppendedEvent& place) { return place.duplicate; };
  const auto duplicates = std::count_if(outcome->begin(), outcome->end(), is_duplicate);
  const auto accepted = static_cast<std::ptrdiff_t>(outcome->size()) - duplicates;
  const int status = accepted > 0 ? 201 : 200;
  if (!is_batch) {
    return Created(JsonResponse(status, "{" + EncodePlace(outcome->front()) + "}\n"), *outcome);
  }
  const auto [first, last] = std::minmax_element(
      outcome->begin(), outcome->end(),
      [](const AppendedEvent& a, const AppendedEvent& b) { return a.seq < b.seq; });
  std::string body = "{\"accepted\":" + std::to_string(accepted) +
                     ",\"duplicates\":" + std::to_string(duplicates) +
                     ",\"first_seq\":" + std::to_string(first->seq) +
                     ",\"last_seq\":" + std::to_string(last->seq) + ",\"durable\":\"disk\"";
  const bool is_one_job = std::all_of(outcome->begin(), outcome->end(), [&](const auto& place) {
    return place.job_id == outcome->front().job_id;
  });
  if (is_one_job) body += JobStatusMember(outcome->front());
  body += FlaggedMembers(*outcome, where);
  return Created(JsonResponse(status, body + "}\n"), *outcome);
}

std::string EncodePlace(const AppendedEvent& place) {
  std::string out = "\"seq\":" + std::to_string(place.seq) +
                    ",\"job_seq\":" + std::to_string(place.job_seq) + ",\"ts\":";
  AppendJsonString(out, FormatTimestamp(place.ts_micros));
  out += ",\"event_id\":";
  AppendJsonString(out, place.event_id);
  out += ",\"durable\":\"disk\",\"duplicate\":";
  out += place.duplicate ? "true" : "false";
  return out + JobStatusMember(place) + GateMembers(place) + "," + CodesMember(place);
}

}  // namespace stagelog
