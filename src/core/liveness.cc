#include "core/liveness.h"

#include <algorithm>

namespace stagelog {
namespace {

constexpr int64_t kShortestRhythmMicros = 1'000'000;
constexpr int64_t kTrustWithoutRhythmMicros = 60'000'000;
constexpr int64_t kMissesUntilLost = 3;

// How many heartbeats were due in `silence_micros`. A rhythm is never exact: each has half a beat
// of grace.
int64_t MissedBeats(int64_t silence_micros, int64_t rhythm_micros) {
  return std::max<int64_t>(0, (silence_micros - rhythm_micros / 2) / rhythm_micros);
}

}  // namespace

std::string_view LivenessName(Liveness liveness) {
  constexpr std::array<std::string_view, 4> kNames = {"unknown", "ok", "late", "lost"};
  return kNames[static_cast<size_t>(liveness)];
}

void HeartbeatRhythm::OnHeartbeat(int64_t now_micros, int64_t interval_micros) {
  now_micros = std::max(now_micros, last_heartbeat_micros_);
  if (interval_micros > 0) {
    declared_micros_ = std::max(interval_micros, kShortestRhythmMicros);
  } else {
    // Who declared it is lost: this is another worker, with a rhythm of its own.
    if (declared_micros_ > 0 && Judge(now_micros) == Liveness::kLost) declared_micros_ = 0;
    const bool teaches = declared_micros_ == 0 && last_heartbeat_micros_ != kNever;
    if (teaches) TakeInterval(now_micros - last_heartbeat_micros_);
  }
  last_heartbeat_micros_ = now_micros;
  OnActivity(now_micros);
}

void HeartbeatRhythm::OnActivity(int64_t now_micros) {
  last_activity_micros_ = std::max(last_activity_micros_, now_micros);
}

// A silence in which the worker counted as lost is an outage and must not stretch the rhythm. A
// second one in a row is a worker that has become slower, and is believed.
void HeartbeatRhythm::TakeInterval(int64_t micros) {
  const int64_t rhythm = RhythmMicros();
  const bool is_outage = rhythm > 0 && MissedBeats(micros, rhythm) >= kMissesUntilLost;
  const bool is_taken = !is_outage || last_was_outage_;
  last_was_outage_ = is_outage;
  if (!is_taken) return;
  intervals_micros_[next_] = std::max(micros, kShortestRhythmMicros);
  next_ = static_cast<uint8_t>((next_ + 1) % intervals_micros_.size());
}

// The declared one, else the longest of the intervals, so that a worker with a ragged beat is not
// called late; 0 when there is none yet.
int64_t HeartbeatRhythm::RhythmMicros() const {
  if (declared_micros_ > 0) return declared_micros_;
  return *std::max_element(intervals_micros_.begin(), intervals_micros_.end());
}

Liveness HeartbeatRhythm::Judge(int64_t now_micros) const {
  if (last_activity_micros_ == kNever) return Liveness::kUnknown;
  const int64_t silence = std::max<int64_t>(0, now_micros - last_activity_micros_);
  const int64_t rhythm = RhythmMicros();
  if (rhythm == 0) {
    return silence <= kTrustWithoutRhythmMicros ? Liveness::kOk : Liveness::kUnknown;
  }
  const int64_t missed = MissedBeats(silence, rhythm);
  if (missed == 0) return Liveness::kOk;
  return missed < kMissesUntilLost ? Liveness::kLate : Liveness::kLost;
}

}  // namespace stagelog
