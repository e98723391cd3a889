// The events of one job in order, from a file or from the daemon, whichever a name stands for.
#ifndef STAGELOG_TOOLS_CLI_EVENT_PAGES_H_
#define STAGELOG_TOOLS_CLI_EVENT_PAGES_H_

#include <functional>
#include <string>
#include <string_view>

#include "tools/cli/commands.h"

namespace stagelog::cli {

// Takes one stored line; its result ends the visit when it is an error.
using VisitLine = std::function<CliStatus(std::string_view line)>;

// `name` is a path (events.jsonl or a job's folder) where there is such a file or where it has a
// '/', else a job of the daemon. A line of a file that is no event is kBadFile and named; a last
// one that was cut is left out with a word on standard error.
CliStatus VisitEvents(Context& context, const std::string& name, const VisitLine& visit);

}  // namespace stagelog::cli

#endif  // STAGELOG_TOOLS_CLI_EVENT_PAGES_H_
