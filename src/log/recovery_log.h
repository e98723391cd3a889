// Tells the log of the daemon what opening a journal has found.
#ifndef STAGELOG_LOG_RECOVERY_LOG_H_
#define STAGELOG_LOG_RECOVERY_LOG_H_

#include <string>

#include "log/recovery.h"

namespace stagelog {

// A line for each thing that was out of order, none if nothing was. `journal_id` as it is now.
void LogRecovery(const RecoveryReport& report, const std::string& journal_id);

}  // namespace stagelog

#endif  // STAGELOG_LOG_RECOVERY_LOG_H_
