// The response to an append.
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

// Sets Location to the path of what the request has created or changed.
void SetLocation(httplib::Response& response, const std::string& path);

// At most this many flagged events of a batch are listed; all are counted.
inline constexpr size_t kMaxNamedViolations = 100;

// 201, 200 if every event was a duplicate, or the problem. A 201 has a Location: the job if this
// created it, else the events. `where` has the position of each event in the request; empty for a
// single event.
httplib::Response AppendResponse(const AppendOutcome& outcome, const BatchPlaces& where);

// The members `"seq":...,"job_seq":...,"ts":...,"event_id":...,"durable":"disk","duplicate":...,
// "job_status":...,"violations":[...]`.
std::string EncodePlace(const AppendedEvent& place);

}  // namespace stagelog

#endif  // STAGELOG_API_APPEND_ANSWER_H_
