// Receives heartbeats, judges liveness.
#ifndef STAGELOG_CORE_LIVENESS_MONITOR_H_
#define STAGELOG_CORE_LIVENESS_MONITOR_H_

#include <array>
#include <cstdint>
#include <string>

#include "core/liveness.h"

namespace stagelog {

// Safe from any thread, never blocks.
class LivenessMonitor {
 public:
  virtual ~LivenessMonitor() = default;

  // `interval_micros`: of the worker's heartbeats, as it declares it; 0: it declares none.
  virtual void OnHeartbeat(const std::string& job_id, int64_t interval_micros) = 0;
  virtual Liveness GetLiveness(const std::string& job_id) const = 0;

  // How many workers are in each state, in the order of the enumeration.
  virtual std::array<int64_t, kLivenessCount> CountWorkers() const { return {}; }
};

}  // namespace stagelog

#endif  // STAGELOG_CORE_LIVENESS_MONITOR_H_
