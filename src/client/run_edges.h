// The first and last events of a `stagelog run`, for a job that another run may have started or
// ended in the meantime: the job's state is that of its last run, and a run avoids invalid events.
// For events after the job's end see resent_lines.h. Pure.
//
// A run writes its beginning into the spool before it knows the state of its job. The variant to
// send is chosen when it is sent, by the job's status then. All variants have the same event_id and
// different content, so the journal accepts one of them (event_id_conflict for the others): a
// beginning that several processes send is stored once.
#ifndef STAGELOG_CLIENT_RUN_EDGES_H_
#define STAGELOG_CLIENT_RUN_EDGES_H_

#include <optional>
#include <string>
#include <vector>

#include "client/json_member.h"

namespace stagelog::cli {

// True for the first line of a run: its payload names the process. If a stage is run with --resume,
// that is the line that resumes the job.
bool BeginsRun(const std::string& line);
// How many of `lines`, of which the first begins a run, form the beginning: 1 or 2.
size_t BeginningSize(const std::vector<std::string>& lines);

// The variants of the beginning in `lines`, the one for `status` (of the job; empty: it does not
// exist) first. An empty variant: nothing is to be sent.
std::vector<std::vector<std::string>> BeginningVariants(const std::vector<std::string>& lines,
                                                        const std::string& status);

// The last line of a run that is a job.
bool EndsRun(const std::string& line);

}  // namespace stagelog::cli

#endif  // STAGELOG_CLIENT_RUN_EDGES_H_
