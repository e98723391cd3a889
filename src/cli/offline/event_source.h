// Resolves the argument that names the events of a job: a file, a folder, or a job of the daemon.
#ifndef STAGELOG_CLI_OFFLINE_EVENT_SOURCE_H_
#define STAGELOG_CLI_OFFLINE_EVENT_SOURCE_H_

#include <memory>
#include <string>

#include "cli/offline/event_sequence.h"
#include "cli/offline/file_events.h"
#include "client/settings.h"

namespace stagelog::cli {

// True if `name` is not a path: existing files, and names that are not valid job ids, are paths.
bool NamesJobOfDaemon(const std::string& name);

// Opens the events `name` refers to; `trust` is for files. The error for a job unknown to the
// daemon mentions that there is no such file either.
CliResult<std::unique_ptr<EventSequence>> OpenEvents(const Settings& settings,
                                                     const std::string& name, Trust trust);

}  // namespace stagelog::cli

#endif  // STAGELOG_CLI_OFFLINE_EVENT_SOURCE_H_
