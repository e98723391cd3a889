// Refusals that report the outcome of an append, so that the client knows whether to retry.
#ifndef STAGELOG_CORE_APPEND_REFUSAL_H_
#define STAGELOG_CORE_APPEND_REFUSAL_H_

#include <string>

#include "core/refusal.h"

namespace stagelog {

// `outcome` is "not_applied" or "unknown".
Refusal RefusalWithOutcome(std::string code, std::string detail, const std::string& outcome);

Refusal ShuttingDown(const std::string& outcome);

// The journal is closed because of `problem`, and will be reopened: 503.
Refusal JournalUnavailable(const std::string& problem, const std::string& outcome);

// Nothing was applied.
Refusal Overloaded(std::string detail);

}  // namespace stagelog

#endif  // STAGELOG_CORE_APPEND_REFUSAL_H_
