// What an append is answered.
#ifndef STAGELOG_HTTP_APPEND_ANSWER_H_
#define STAGELOG_HTTP_APPEND_ANSWER_H_

#include <httplib.h>

#include <string>

#include "core/ports.h"

namespace stagelog {

// "/api/v1/jobs/render-42". Ids need no escapes.
std::string PathOfJob(const std::string& job_id);

// Where what a request has created or changed can be read.
void SetLocation(httplib::Response& response, const std::string& path);

// A 201 has the Location of what was created: the job where it began with this, else the events.
// 201, 200 when every event was in the journal already, or the problem.
httplib::Response AppendResponse(const AppendOutcome& outcome, bool is_batch);

// The members `"seq":...,"job_seq":...,"ts":...,"event_id":...,"durable":"disk","duplicate":...,
// "job_status":...`.
std::string EncodePlace(const AppendedEvent& place);

}  // namespace stagelog

#endif  // STAGELOG_HTTP_APPEND_ANSWER_H_
