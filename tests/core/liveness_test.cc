#include "core/liveness.h"

#include <gtest/gtest.h>

#include "tests/support/time_units.h"

namespace stagelog {
namespace {

// A worker that has beaten `count` times, every `interval` seconds, the last time at `now_`.
class HeartbeatRhythmTest : public testing::Test {
 protected:
  void Beat(int count, double interval_seconds) {
    for (int i = 0; i < count; ++i) {
      now_ += Micros(interval_seconds);
      rhythm_.OnHeartbeat(now_);
    }
  }

  Liveness After(double seconds) const { return rhythm_.Judge(now_ + Micros(seconds)); }

  static int64_t Micros(double seconds) { return static_cast<int64_t>(seconds * kSecond); }

  HeartbeatRhythm rhythm_;
  int64_t now_ = 0;
};

TEST_F(HeartbeatRhythmTest, NamesEveryLiveness) {
  EXPECT_EQ(LivenessName(Liveness::kUnknown), "unknown");
  EXPECT_EQ(LivenessName(Liveness::kOk), "ok");
  EXPECT_EQ(LivenessName(Liveness::kLate), "late");
  EXPECT_EQ(LivenessName(Liveness::kLost), "lost");
}

TEST_F(HeartbeatRhythmTest, IsUnknownBeforeTheFirstSign) {
  EXPECT_EQ(After(0), Liveness::kUnknown);
}

TEST_F(HeartbeatRhythmTest, WithoutARhythmTrustsASignForAMinute) {
  rhythm_.OnActivity(now_);
  EXPECT_EQ(After(0), Liveness::kOk);
  EXPECT_EQ(After(60), Liveness::kOk);
  EXPECT_EQ(After(60.1), Liveness::kUnknown);
}

TEST_F(HeartbeatRhythmTest, OneHeartbeatMakesNoRhythm) {
  Beat(1, 1);
  EXPECT_EQ(After(60), Liveness::kOk);
  EXPECT_EQ(After(61), Liveness::kUnknown);
}

TEST_F(HeartbeatRhythmTest, ADeclaredRhythmCountsFromTheFirstHeartbeatOn) {
  rhythm_.OnHeartbeat(now_, 5 * kSecond);
  EXPECT_EQ(After(7.4), Liveness::kOk);
  EXPECT_EQ(After(7.5), Liveness::kLate);
  EXPECT_EQ(After(17.5), Liveness::kLost);
  rhythm_.OnHeartbeat(now_, 30 * kSecond);
  EXPECT_EQ(After(44), Liveness::kOk) << "the last declaration counts";
}

TEST_F(HeartbeatRhythmTest, HeartbeatsThatDeclareNothingDoNotEndADeclaration) {
  rhythm_.OnHeartbeat(now_, 5 * kSecond);
  for (int i = 0; i < 3; ++i) {
    Beat(1, 1);
    rhythm_.OnHeartbeat(now_, 5 * kSecond);
  }
  EXPECT_EQ(After(7.4), Liveness::kOk);
}

TEST_F(HeartbeatRhythmTest, AnotherWorkerAfterOneThatIsLostHasItsOwnRhythm) {
  rhythm_.OnHeartbeat(now_, 5 * kSecond);
  Beat(3, 60);
  EXPECT_EQ(After(80), Liveness::kOk);
  EXPECT_EQ(After(90), Liveness::kLate);
}

TEST_F(HeartbeatRhythmTest, ADeclarationIsASecondAtLeast) {
  rhythm_.OnHeartbeat(now_, 1);
  EXPECT_EQ(After(1.4), Liveness::kOk);
}

TEST_F(HeartbeatRhythmTest, CountsMissedBeatsWithHalfABeatOfGrace) {
  Beat(2, 10);
  EXPECT_EQ(After(14.9), Liveness::kOk);
  EXPECT_EQ(After(15), Liveness::kLate);
  EXPECT_EQ(After(34.9), Liveness::kLate);
  EXPECT_EQ(After(35), Liveness::kLost);
  EXPECT_EQ(After(1e6), Liveness::kLost);
}

TEST_F(HeartbeatRhythmTest, AnySignOfLifeBringsItBack) {
  Beat(3, 10);
  ASSERT_EQ(After(100), Liveness::kLost);
  now_ += 100 * kSecond;
  rhythm_.OnActivity(now_);
  EXPECT_EQ(After(14.9), Liveness::kOk);
  EXPECT_EQ(After(35), Liveness::kLost);
}

TEST_F(HeartbeatRhythmTest, IsNeverFasterThanASecond) {
  Beat(20, 0.01);
  EXPECT_EQ(After(1.4), Liveness::kOk);
  EXPECT_EQ(After(1.5), Liveness::kLate);
  EXPECT_EQ(After(3.5), Liveness::kLost);
}

TEST_F(HeartbeatRhythmTest, GoesByTheLongestOfTheLastEightIntervals) {
  Beat(3, 10);
  Beat(1, 30);
  EXPECT_EQ(After(44.9), Liveness::kOk);
  Beat(7, 10);
  EXPECT_EQ(After(44.9), Liveness::kOk);
  Beat(1, 10);
  EXPECT_EQ(After(44.9), Liveness::kLost);
}

TEST_F(HeartbeatRhythmTest, AnOutageDoesNotStretchIt) {
  Beat(3, 10);
  Beat(1, 3600);
  EXPECT_EQ(After(15), Liveness::kLate);
  EXPECT_EQ(After(35), Liveness::kLost);
  Beat(2, 10);
  Beat(1, 3600);
  EXPECT_EQ(After(35), Liveness::kLost);
}

TEST_F(HeartbeatRhythmTest, BelievesAWorkerThatHasBecomeSlower) {
  Beat(3, 10);
  Beat(1, 60);
  EXPECT_EQ(After(60), Liveness::kLost);
  Beat(1, 60);
  EXPECT_EQ(After(60), Liveness::kOk);
  EXPECT_EQ(After(90), Liveness::kLate);
}

TEST_F(HeartbeatRhythmTest, EventsBetweenHeartbeatsDoNotCountAsBeats) {
  Beat(3, 10);
  rhythm_.OnActivity(now_ + 3 * kSecond);
  rhythm_.OnActivity(now_ + 6 * kSecond);
  Beat(1, 10);
  EXPECT_EQ(After(14.9), Liveness::kOk);
  EXPECT_EQ(After(15), Liveness::kLate);
}

TEST_F(HeartbeatRhythmTest, TimesThatGoBackAreNoTime) {
  Beat(3, 10);
  rhythm_.OnHeartbeat(now_ - 5 * kSecond);
  rhythm_.OnActivity(now_ - 5 * kSecond);
  EXPECT_EQ(rhythm_.last_activity_micros(), now_);
  EXPECT_EQ(After(-5), Liveness::kOk);
  EXPECT_EQ(After(14.9), Liveness::kOk);
}

}  // namespace
}  // namespace stagelog
