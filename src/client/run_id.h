// Which run an event comes from: the ids of its events begin with the id of the run.
//
// Runs of one job share a spool, and any of them may send it. Only the run that is the job has an
// id; the runs inside it pass it on (STAGELOG_RUN), so that a part belongs to the run that will end
// the job.
#ifndef STAGELOG_CLIENT_RUN_ID_H_
#define STAGELOG_CLIENT_RUN_ID_H_

#include <string>
#include <string_view>

namespace stagelog::cli {

inline constexpr const char* kRunVariable = "STAGELOG_RUN";

// "run-" and 16 hex digits, unpredictable.
std::string MakeRunId();
bool IsRunId(std::string_view text);

// The id of the run that an event_id begins with; empty for an event of no known run.
std::string RunIdOf(std::string_view event_id);

}  // namespace stagelog::cli

#endif  // STAGELOG_CLIENT_RUN_ID_H_
