// How the beginning of a `stagelog run` is told to a job that another run may have begun or ended
// meanwhile: the state is that of the last run, and nothing that a run says is illegal where it can
// be helped. What comes after the job's end is in resent_lines.h. Pure.
//
// A run writes its beginning into the spool before anything is known of its job. What it means is
// decided when it is sent, by the job's status then. Each way to tell it bears the same event_id
// and is other content, so that the journal itself says which one it has taken (event_id_conflict
// for the others): a beginning that is sent again, by whichever process, is told once.
#ifndef STAGELOG_CLIENT_RUN_EDGES_H_
#define STAGELOG_CLIENT_RUN_EDGES_H_

#include <optional>
#include <string>
#include <vector>

#include "client/json_member.h"

namespace stagelog::cli {

// The first line of a run: its payload names the process. Of a stage that is run with --resume the
// line that resumes the job for it.
bool BeginsRun(const std::string& line);
// How many of `lines` (the first one begins a run) tell the beginning: 1 or 2.
size_t BeginningSize(const std::vector<std::string>& lines);

// The ways to tell the beginning in `lines`, the one that is right for `status` first (of the job;
// empty: there is no such job). An empty way: nothing is to be told.
std::vector<std::vector<std::string>> BeginningVariants(const std::vector<std::string>& lines,
                                                        const std::string& status);

// The last line of a run that is a job.
bool EndsRun(const std::string& line);

}  // namespace stagelog::cli

#endif  // STAGELOG_CLIENT_RUN_EDGES_H_
