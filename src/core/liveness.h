// Whether a job's worker is still there, judged from the job's own rhythm of heartbeats. No part of
// the job's state: nothing is recorded, and a restart forgets it.
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

// What one worker has taught of its heartbeats. Pure: times are monotonic microseconds that the
// caller passes in; one that goes back counts as no time passed. One thread at a time.
class HeartbeatRhythm {
 public:
  // `interval_micros`: the rhythm as the worker declares it, 0: it does not. A declared rhythm
  // counts from the first heartbeat on, and as long as heartbeats come in time that declare one.
  void OnHeartbeat(int64_t now_micros, int64_t interval_micros = 0);

  // Anything else that only a living worker does.
  void OnSign(int64_t now_micros);

  // Before the first sign: unknown. With a rhythm (a declared one, else from the second heartbeat
  // on): by the heartbeats missed since the last sign, each counted half a beat after its time:
  // none is ok, one or two are late, three are lost. Without one: ok for a minute after the last
  // sign and then unknown, for what never beat cannot miss a beat.
  Liveness Judge(int64_t now_micros) const;

  // No sign yet: kNever.
  static constexpr int64_t kNever = INT64_MIN;
  int64_t last_sign_micros() const { return last_sign_micros_; }

 private:
  int64_t RhythmMicros() const;
  void TakeInterval(int64_t micros);

  int64_t last_sign_micros_ = kNever;
  int64_t last_heartbeat_micros_ = kNever;
  int64_t declared_micros_ = 0;                // 0: none
  std::array<int64_t, 8> intervals_micros_{};  // the last ones taken, in a ring; 0: not yet
  uint8_t next_ = 0;
  bool last_was_outage_ = false;
};

static_assert(sizeof(HeartbeatRhythm) < 100, "there is one for each job that lives");

}  // namespace stagelog

#endif  // STAGELOG_CORE_LIVENESS_H_
