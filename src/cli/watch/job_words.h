// Words and colours for the values of a job's document.
#ifndef STAGELOG_CLI_WATCH_JOB_WORDS_H_
#define STAGELOG_CLI_WATCH_JOB_WORDS_H_

#include <string>

#include "cli/screen.h"
#include "client/daemon_client.h"

namespace stagelog::cli {

// The colour of a job's, a stage's or a gate's status, or of a liveness.
Style StyleOfStatus(const std::string& status);

// "env=prod team=film"; empty where there are no labels.
std::string LabelsText(const Json& job);

// "40 %" from `progress`; empty when nothing is known.
std::string PercentText(const Json& document);

// A member in milliseconds as BriefDuration().
std::string MillisText(const Json& object, const char* key);

}  // namespace stagelog::cli

#endif  // STAGELOG_CLI_WATCH_JOB_WORDS_H_
