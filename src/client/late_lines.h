// What a run tells again after another run of its job has ended the job. Pure.
//
// The journal stores what comes after the end and flags it (job_over). Where the run goes on, or
// ends by itself, the job is resumed and the same is told again under other ids: its event_id with
// ".again". To send all of that twice changes nothing.
#ifndef STAGELOG_CLIENT_LATE_LINES_H_
#define STAGELOG_CLIENT_LATE_LINES_H_

#include <string>
#include <vector>

#include "client/json_member.h"

namespace stagelog::cli {

// A line that counts for nothing after the job's end but might be told again: the end of a run that
// is a job, or a stage of such a run.
bool MayBeToldAgain(const std::string& line);

// What to send for `lines` (MayBeToldAgain(), in their order, all of them without effect because
// the job was over): resumptions, and the lines under other ids. Empty where the job's own end is
// to stand: it was canceled, or the lines are told already, or the job was ended by something that
// the run itself has started and its own end is not worse. A stage brings the job back only if its
// run has not ended and another run has ended the job. The stages that were running then are
// abandoned: each goes on as another attempt that has the same start.
// `job`: its state; `ends`: its last end events, oldest first.
std::vector<std::string> LinesToldAgain(const std::vector<std::string>& lines, const Json& job,
                                        const Json& ends);

}  // namespace stagelog::cli

#endif  // STAGELOG_CLIENT_LATE_LINES_H_
