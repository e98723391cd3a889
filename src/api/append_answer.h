// What an append is answered.
#ifndef STAGELOG_API_APPEND_ANSWER_H_
#define STAGELOG_API_APPEND_ANSWER_H_

#include <httplib.h>

#include <cstdint>
#include <string>
#include <vector>

#include "core/draft_decoder.h"
#include "core/event_appender.h"

namespace stagelog {

// "/api/v1/jobs/render-42". Ids need no escapes.
std::string PathOfJob(const std::string& job_id);

// Where what a request has created or changed can be read.
void SetLocation(httplib::Response& response, const std::string& path);

// Of a batch at most so many events are named that were stored with violations; all are counted.
inline constexpr size_t kMaxNamedViolations = 100;

// 201, 200 when every event was in the journal already, or the problem. A 201 has the Location of
// what was created: the job where it began with this, else the events. `where` has the place of
// each event in the request; it is empty for a single event.
httplib::Response AppendResponse(const AppendOutcome& outcome, const BatchPlaces& where);

// The members `"seq":...,"job_seq":...,"ts":...,"event_id":...,"durable":"disk","duplicate":...,
// "job_status":...,"violations":[...]`.
std::string EncodePlace(const AppendedEvent& place);

}  // namespace stagelog

#endif  // STAGELOG_API_APPEND_ANSWER_H_
