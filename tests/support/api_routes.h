// The daemon's route table without a daemon.
#ifndef STAGELOG_TESTS_SUPPORT_API_ROUTES_H_
#define STAGELOG_TESTS_SUPPORT_API_ROUTES_H_

#include <vector>

#include "api/api.h"
#include "api/long_polls.h"
#include "tests/support/manual_clock.h"
#include "tests/support/null_journal.h"

namespace stagelog {

// Its handlers have an empty journal behind them.
inline std::vector<Route> RoutesOfApi() {
  static NullJournal journal;
  static LongPolls polls;
  static ManualClock clock;
  static MetricsRegistry metrics;
  return ApiRoutes({journal, journal, journal, journal, journal, journal, journal, journal, journal,
                    polls, clock, metrics});
}

}  // namespace stagelog

#endif  // STAGELOG_TESTS_SUPPORT_API_ROUTES_H_
