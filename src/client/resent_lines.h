// Which events a run sends again after another run of its job has ended the job. Pure.
//
// The journal stores events after the end and flags them (job_over). If this run is still going, or
// ends later, it resumes the job and sends those that decide its state again, with ".again"
// appended to their event_id. Sending them twice has no effect.
#ifndef STAGELOG_CLIENT_RESENT_LINES_H_
#define STAGELOG_CLIENT_RESENT_LINES_H_

#include <string>
#include <vector>

#include "client/json_member.h"

namespace stagelog::cli {

// True for an event that has no effect after the job's end but may have to be sent again: the end
// of a run that is a job, or an event of a stage of such a run.
bool MayBeResent(const std::string& line);

// What to send for `lines` (MayBeResent(), in order, all without effect because the job was over):
// job_resumed events, and the lines with other ids. Empty if the job's own end must stand: it was
// canceled, the lines were sent already, or the job was ended by a run inside this one whose end is
// not better. A stage brings the job back only if its run has not ended and another run has ended
// the job. Stages that were running then are abandoned; each continues as another attempt with the
// same start. `job`: its state; `ends`: its last end events, oldest first.
std::vector<std::string> LinesToResend(const std::vector<std::string>& lines, const Json& job,
                                       const Json& ends);

}  // namespace stagelog::cli

#endif  // STAGELOG_CLIENT_RESENT_LINES_H_
