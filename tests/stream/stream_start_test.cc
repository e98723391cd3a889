#include "stream/stream_start.h"

#include <gtest/gtest.h>

namespace stagelog {
namespace {

StreamStart At(Position::Kind kind, int64_t value = 0) {
  return {.position = Position{kind, value}};
}

TEST(StreamStart, DefaultIsTheJobsFirstEventOrNow) {
  EXPECT_EQ(0, PlanStart({}, true, 42).cursor);
  EXPECT_EQ(42, PlanStart({}, false, 42).cursor);
}

TEST(StreamStart, PositionsThatCanBeServed) {
  EXPECT_EQ(7, PlanStart(At(Position::Kind::kCursor, 7), true, 42).cursor);
  EXPECT_EQ(42, PlanStart(At(Position::Kind::kCursor, 42), true, 42).cursor);
  EXPECT_EQ(42, PlanStart(At(Position::Kind::kNow), true, 42).cursor);
  EXPECT_EQ(0, PlanStart(At(Position::Kind::kBeginning), false, 42).cursor);
  EXPECT_EQ(99, PlanStart(At(Position::Kind::kTime, 99), false, 42).time_micros);
  EXPECT_FALSE(PlanStart(At(Position::Kind::kCursor, 42), true, 42).gap);
}

TEST(StreamStart, BeyondHeadGoesOnFromTheHead) {
  const StartPlan plan = PlanStart(At(Position::Kind::kCursor, 43), true, 42);
  ASSERT_TRUE(plan.gap);
  EXPECT_EQ("beyond_head", plan.gap->reason);
  EXPECT_EQ("43", plan.gap->requested);
  EXPECT_EQ(42, plan.cursor);
  EXPECT_EQ(42, plan.gap->resumed_after);
  EXPECT_EQ(1, plan.gap->oldest);
  EXPECT_EQ(0, PlanStart(At(Position::Kind::kCursor, 1), true, 0).gap->oldest);
}

// A poll shows what is committed a moment before it is announced.
TEST(StreamStart, WhatIsVisibleAlreadyIsNotBeyondTheHead) {
  const StartPlan plan = PlanStart(At(Position::Kind::kCursor, 43), true, 42, 43);
  EXPECT_FALSE(plan.gap);
  EXPECT_EQ(43, plan.cursor);
  EXPECT_TRUE(PlanStart(At(Position::Kind::kCursor, 44), true, 42, 43).gap);
  EXPECT_EQ(42, PlanStart(At(Position::Kind::kNow), true, 42, 43).cursor);
}

TEST(StreamStart, UnreadableAndForeignGoOnFromTheDefault) {
  const StartPlan unreadable = PlanStart({.unreadable = "0x\"1"}, false, 42);
  EXPECT_EQ("unreadable", unreadable.gap->reason);
  EXPECT_EQ("\"0x\\\"1\"", unreadable.gap->requested);
  EXPECT_EQ(42, unreadable.cursor);
  StreamStart foreign = At(Position::Kind::kCursor, 7);
  foreign.foreign_journal = true;
  const StartPlan plan = PlanStart(foreign, true, 42);
  EXPECT_EQ("other_journal", plan.gap->reason);
  EXPECT_EQ(0, plan.cursor);
  // Only a cursor belongs to a journal; a time does not.
  StreamStart time = At(Position::Kind::kTime, 7);
  time.foreign_journal = true;
  EXPECT_FALSE(PlanStart(time, true, 42).gap);
}

}  // namespace
}  // namespace stagelog
