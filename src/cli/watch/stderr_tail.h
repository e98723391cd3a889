// The error output of failed stages: the last lines that they wrote to standard error, as recorded
// by `stagelog run` (events of type `log` with `"stream":"stderr"` in the payload).
#ifndef STAGELOG_CLI_WATCH_STDERR_TAIL_H_
#define STAGELOG_CLI_WATCH_STDERR_TAIL_H_

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "cli/screen.h"
#include "client/daemon_client.h"
#include "client/json_member.h"

namespace stagelog::cli {

struct StderrTail {
  std::string stage;  // empty: of the job itself
  std::vector<std::string> lines;
};

// Of whom lines are wanted, by a job's document: the stages whose last attempt failed, the last
// eight of them; of a failed job without such a stage the job itself (an empty path).
std::vector<std::string> FailedStages(const Json& job);

// The last `max_lines` lines of each of `stages`, of its last attempt, not later than the document.
// `starts` and `logs` are stored lines, oldest first: the events by which attempts began, and those
// among which the lines are. Pure. Stages that wrote none are left out.
std::vector<StderrTail> TailsAmong(const std::vector<std::string>& stages, const Json& job,
                                   std::string_view starts, std::string_view logs,
                                   size_t max_lines);

// The same, asked of the daemon; no request where nothing failed.
CliResult<std::vector<StderrTail>> ReadStderrTails(DaemonClient& client, const Json& job,
                                                   size_t max_lines);

// For people, in whole lines that begin with an empty one; empty for no tails.
std::string TailsText(const std::vector<StderrTail>& tails, const Screen& screen);

}  // namespace stagelog::cli

#endif  // STAGELOG_CLI_WATCH_STDERR_TAIL_H_
