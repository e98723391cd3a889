// A consumer of the committed log, as it shows in /readyz and /metrics.
#ifndef STAGELOG_CORE_FOLLOWER_H_
#define STAGELOG_CORE_FOLLOWER_H_

#include <cstdint>
#include <string>

namespace stagelog {

struct FollowerStatus {
  std::string name;        // "job_tables"
  int64_t lag_events = 0;  // committed events that it lacks; at most, where it counts seqs
  std::string problem;     // why it does not go on; empty: nothing keeps it
};

// It takes the events in the order of the log, as often as need be, and keeps its own account of
// how far it has come. If it cannot go on it lags and tries again, which keeps nobody else from
// anything.
class Follower {
 public:
  virtual ~Follower() = default;

  // Safe from any thread, never blocks.
  virtual FollowerStatus GetFollowerStatus() const = 0;
};

}  // namespace stagelog

#endif  // STAGELOG_CORE_FOLLOWER_H_
