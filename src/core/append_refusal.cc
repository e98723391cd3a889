#include "core/append_refusal.h"

#include <utility>

namespace stagelog {

Refusal RefusalWithOutcome(std::string code, std::string detail, const std::string& outcome) {
  return {.code = std::move(code),
          .detail = std::move(detail),
          .members = {{"outcome", "\"" + outcome + "\""}}};
}

Refusal ShuttingDown(const std::string& outcome) {
  return RefusalWithOutcome("shutting_down", "the daemon is shutting down", outcome);
}

Refusal JournalUnavailable(const std::string& problem, const std::string& outcome) {
  return RefusalWithOutcome("journal_unavailable", "the journal is not writable: " + problem,
                            outcome);
}

Refusal Overloaded(std::string detail) {
  return RefusalWithOutcome("overloaded", std::move(detail), "not_applied");
}

}  // namespace stagelog
