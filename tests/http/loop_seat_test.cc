#include "http/loop_seat.h"

#include <gtest/gtest.h>

#include <future>
#include <thread>
#include <utility>

#include "base/clock.h"

namespace stagelog {
namespace {

// A loop with its thread. What is posted runs on whoever has the seat.
class LoopSeatTest : public testing::Test {
 protected:
  LoopSeatTest()
      : loop_(SystemClock(), [](uint64_t, uint32_t) {}), seat_(loop_, [this] { RunOnce(); }) {}

  ~LoopSeatTest() override {
    if (!thread_.joinable()) return;
    loop_.Post([this] { is_over_ = true; });
    thread_.join();
  }

  void Start() {
    thread_ = std::thread([this] {
      seat_.Sit();
      while (!is_over_) RunOnce();
      seat_.Leave();
    });
  }

  void RunOnce() {
    loop_.RunOnce([this] {
      if (work_ && !seat_.is_aside()) seat_.StepAside(std::exchange(work_, nullptr));
    });
  }

  // The thread on which a task runs that is posted now.
  std::thread::id WhoRuns() {
    std::promise<std::thread::id> who;
    loop_.Post([&] { who.set_value(std::this_thread::get_id()); });
    return who.get_future().get();
  }

  std::thread::id own_id() const { return thread_.get_id(); }

  EventLoop loop_;
  LoopSeat seat_;
  std::function<void()> work_;  // the loop's own, as is the next
  bool is_over_ = false;
  std::thread thread_;
};

TEST_F(LoopSeatTest, WorkRunsOnTheLoopsOwnThreadWhichThenGoesOn) {
  std::promise<std::thread::id> worker;
  work_ = [&] { worker.set_value(std::this_thread::get_id()); };
  Start();
  loop_.Wake();
  EXPECT_EQ(worker.get_future().get(), own_id());
  EXPECT_EQ(WhoRuns(), own_id());
}

TEST_F(LoopSeatTest, TheLoopGoesOnWhileTheWorkBlocks) {
  std::promise<void> began;
  std::promise<void> release;
  work_ = [&] {
    began.set_value();
    release.get_future().wait();
  };
  Start();
  loop_.Wake();
  began.get_future().wait();
  EXPECT_NE(WhoRuns(), own_id());
  EXPECT_NE(WhoRuns(), own_id());
  release.set_value();
  // The seat is given back, be it that the standby waits for a socket or is about to.
  while (WhoRuns() != own_id()) {
  }
}

TEST_F(LoopSeatTest, ItCanBeDoneAgainAndAgain) {
  Start();
  for (int i = 0; i < 200; ++i) {
    std::promise<void> done;
    loop_.Post([&] {
      work_ = [&] {
        if (i % 20 == 0) WhoRuns();  // only the standby can answer
        done.set_value();
      };
      loop_.Wake();
    });
    done.get_future().wait();
  }
  EXPECT_EQ(WhoRuns(), own_id());
}

}  // namespace
}  // namespace stagelog
