// What a person names when a command wants the events of a job: a file, a folder, or a job of the
// daemon.
#ifndef STAGELOG_CLI_OFFLINE_EVENT_SOURCE_H_
#define STAGELOG_CLI_OFFLINE_EVENT_SOURCE_H_

#include <memory>
#include <string>

#include "cli/offline/event_sequence.h"
#include "cli/offline/file_events.h"
#include "client/settings.h"

namespace stagelog::cli {

// True where `name` is no path: what is there is a file, and what cannot name a job is a path.
bool NamesJobOfDaemon(const std::string& name);

// The events that `name` stands for; `trust` is for files. An error of a job that the daemon does
// not have says that there is no such file either.
CliResult<std::unique_ptr<EventSequence>> OpenEvents(const Settings& settings,
                                                     const std::string& name, Trust trust);

}  // namespace stagelog::cli

#endif  // STAGELOG_CLI_OFFLINE_EVENT_SOURCE_H_
