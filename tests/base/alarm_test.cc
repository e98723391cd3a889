#include "base/alarm.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "base/clock.h"

namespace stagelog {
namespace {

constexpr int64_t kMoment = 20'000;       // microseconds
constexpr int64_t kHour = 3'600'000'000;  // likewise

TEST(AlarmTest, EndsAtTheTimeOfEitherClock) {
  Alarm alarm;
  const int64_t boot = SystemClock().BootMicros() + kMoment;
  while (SystemClock().BootMicros() < boot) alarm.Sleep(boot, Alarm::kNever);
  const int64_t wall = SystemClock().WallMicros() + kMoment;
  while (SystemClock().WallMicros() < wall) {
    alarm.Sleep(SystemClock().BootMicros() + kHour, wall);
  }
}

TEST(AlarmTest, ATimeThatHasPassedIsNotSleptFor) {
  Alarm alarm;
  for (const int64_t micros : {INT64_MIN, int64_t{-1}, int64_t{0}, int64_t{1}}) {
    alarm.Sleep(micros, Alarm::kNever);
    alarm.Sleep(Alarm::kNever, micros);
  }
}

TEST(AlarmTest, AWakingBeforeTheSleepEndsIt) {
  Alarm alarm;
  alarm.Wake();
  alarm.Wake();
  alarm.Sleep(Alarm::kNever, Alarm::kNever);
}

TEST(AlarmTest, AnotherThreadWakesIt) {
  Alarm alarm;
  std::atomic<bool> is_told{false};
  std::thread sleeper([&] {
    while (!is_told) alarm.Sleep(Alarm::kNever, Alarm::kNever);
  });
  is_told = true;
  alarm.Wake();
  sleeper.join();
}

TEST(ClockTest, TheClockThatCountsSuspensionsIsNeverBehind) {
  const int64_t monotonic = SystemClock().MonotonicMicros();
  EXPECT_GE(SystemClock().BootMicros(), monotonic);
}

}  // namespace
}  // namespace stagelog
