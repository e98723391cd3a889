// Whether a job's worker is alive, judged by the job's heartbeat interval. Not part of the job's
// state: nothing is recorded, and a restart forgets it.
#ifndef STAGELOG_CORE_LIVENESS_H_
#define STAGELOG_CORE_LIVENESS_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace stagelog {

enum class Liveness { kUnknown, kOk, kLate, kLost };
inline constexpr size_t kLivenessCount = 4;

// "unknown", "ok", "late", "lost"
std::string_view LivenessName(Liveness liveness);

// What is known of one worker's heartbeats. Pure: the caller passes monotonic microseconds; a time
// that goes back counts as no time passed. One thread at a time.
class HeartbeatRhythm {
 public:
  // `interval_micros`: the rhythm as the worker declares it, 0: it does not. A declared rhythm
  // counts from the first heartbeat on, and as long as heartbeats come in time that declare one.
  void OnHeartbeat(int64_t now_micros, int64_t interval_micros = 0);

  // Any other activity that proves a live worker.
  void OnActivity(int64_t now_micros);

  // Unknown before the first activity. With an interval (declared, else measured from the second
  // heartbeat on): by the number of heartbeats missed since the last activity, each counted as
  // missed half an interval after it was due: 0 is ok, 1 or 2 is late, 3 is lost. Without one: ok
  // for a minute after the last activity, then unknown.
  Liveness Judge(int64_t now_micros) const;

  // No sign yet: kNever.
  static constexpr int64_t kNever = INT64_MIN;
  int64_t last_activity_micros() const { return last_activity_micros_; }

 private:
  int64_t RhythmMicros() const;
  void TakeInterval(int64_t micros);

  int64_t last_activity_micros_ = kNever;
  int64_t last_heartbeat_micros_ = kNever;
  int64_t declared_micros_ = 0;                // 0: none
  std::array<int64_t, 8> intervals_micros_{};  // the last ones taken, in a ring; 0: not yet
  uint8_t next_ = 0;
  bool last_was_outage_ = false;
};

static_assert(sizeof(HeartbeatRhythm) < 100, "one is kept for each live job");

}  // namespace stagelog

#endif  // STAGELOG_CORE_LIVENESS_H_
