#include "stream/timer_wheel.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>

namespace stagelog {
namespace {

constexpr int64_t kPeriod = 5'000'000;
constexpr int64_t kTick = kPeriod / 100;

std::vector<uint64_t> Due(TimerWheel& wheel, int64_t now) {
  std::vector<uint64_t> due;
  wheel.TakeDue(now, due);
  return due;
}

TEST(TimerWheel, EmptyWheelNeverTicks) {
  TimerWheel wheel(kPeriod, 100);
  EXPECT_FALSE(wheel.NextDueMicros());
  const size_t slot = wheel.Add(1, 77 * kPeriod);
  EXPECT_TRUE(wheel.NextDueMicros());
  wheel.Remove(slot, 1);
  EXPECT_FALSE(wheel.NextDueMicros());
}

TEST(TimerWheel, FirstWithinAPeriodThenEveryPeriod) {
  for (int64_t start = 0; start < kPeriod; start += 333'333) {
    TimerWheel wheel(kPeriod, 100);
    wheel.Add(1, start);
    int64_t last = wheel.NextDueMicros().value();
    EXPECT_GT(last, start);
    EXPECT_LE(last, start + kPeriod);
    for (int i = 0; i < 3; ++i) {
      EXPECT_EQ(size_t{1}, Due(wheel, last).size());
      EXPECT_EQ(last + kPeriod, wheel.NextDueMicros().value());
      EXPECT_TRUE(Due(wheel, last + kPeriod - 1).empty());
      last += kPeriod;
    }
  }
}

TEST(TimerWheel, SpreadsEvenly) {
  TimerWheel wheel(kPeriod, 100);
  std::map<size_t, int> load;
  for (uint64_t id = 1; id <= 1000; ++id) ++load[wheel.Add(id, 0)];
  ASSERT_EQ(size_t{100}, load.size());
  for (const auto& [slot, count] : load) EXPECT_EQ(10, count);
  for (int64_t tick = 1; tick <= 100; ++tick) {
    EXPECT_EQ(size_t{10}, Due(wheel, tick * kTick).size());
  }
}

TEST(TimerWheel, LateCallGivesEachTimerOnce) {
  TimerWheel wheel(kPeriod, 100);
  for (uint64_t id = 1; id <= 250; ++id) wheel.Add(id, 0);
  std::vector<uint64_t> due = Due(wheel, 7 * kPeriod);
  std::sort(due.begin(), due.end());
  EXPECT_EQ(size_t{250}, due.size());
  EXPECT_EQ(due.end(), std::unique(due.begin(), due.end()));
}

}  // namespace
}  // namespace stagelog
