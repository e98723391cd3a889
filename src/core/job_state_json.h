// A job's state as JSON: the public document, and the snapshot from which folding resumes.
#ifndef STAGELOG_CORE_JOB_STATE_JSON_H_
#define STAGELOG_CORE_JOB_STATE_JSON_H_

#include <optional>
#include <string>
#include <string_view>

#include "core/job_state.h"

namespace stagelog {

// By default each document below is a function of the events: durations of running items extend to
// the job's last event, so that the same events give the same bytes. With `live_micros` (now,
// microseconds since 1970) they extend to now, and the job has `"live":true`. For a terminal job
// both are the same.

// The document of GET /jobs/{job} and of state.json, compact, without a newline.
std::string EncodeJobState(const JobState& state, int64_t live_micros = 0);

// A row of a listing: the document without stages and gates. `done` is state.Done(), because a
// listed job does not have its stages.
std::string EncodeJobSummary(const JobState& state, std::optional<int64_t> done,
                             int64_t live_micros = 0);

// One stage with all its attempts (none where it was declared and has not begun), one gate with all
// its iterations; empty when there is none of the name.
std::string EncodeStage(const JobState& state, std::string_view path, int64_t live_micros = 0);
std::string EncodeGate(const JobState& state, std::string_view name);

// One iteration of a gate by itself, as the inbox over all jobs lists it.
std::string EncodeGateIteration(const std::string& job_id, const GateState& gate);

// The complete state, to resume folding from.
std::string EncodeSnapshot(const JobState& state);
std::optional<JobState> DecodeSnapshot(std::string_view text);

}  // namespace stagelog

#endif  // STAGELOG_CORE_JOB_STATE_JSON_H_
