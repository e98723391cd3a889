// What an append is answered.
#ifndef STAGELOG_HTTP_APPEND_ANSWER_H_
#define STAGELOG_HTTP_APPEND_ANSWER_H_

#include <httplib.h>

#include <string>

#include "core/ports.h"

namespace stagelog {

// 201, 200 when every event was in the journal already, or the problem.
httplib::Response AppendResponse(const AppendOutcome& outcome, bool is_batch);

// The members `"seq":...,"job_seq":...,"ts":...,"event_id":...,"durable":"disk","duplicate":...,
// "job_status":...`.
std::string EncodePlace(const AppendedEvent& place);

}  // namespace stagelog

#endif  // STAGELOG_HTTP_APPEND_ANSWER_H_
