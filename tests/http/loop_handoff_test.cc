#include "http/loop_handoff.h"

#include <gtest/gtest.h>

#include <future>
#include <thread>
#include <utility>

#include "base/clock.h"

namespace stagelog {
namespace {

// A loop with its thread. What is posted runs on whoever has the seat.
class LoopHandoffTest : public testing::Test {
 protected:
  LoopHandoffTest()
      : loop_(SystemClock(), [](uint64_t, uint32_t) {}), handoff_(loop_, [this] { RunOnce(); }) {}

  ~LoopHandoffTest() override {
    if (!thread_.joinable()) return;
    loop_.Post([this] { is_over_ = true; });
    thread_.join();
  }

  void Start() {
    thread_ = std::thread([this] {
      handoff_.Acquire();
      while (!is_over_) RunOnce();
      handoff_.Release();
    });
  }

  void RunOnce() {
    loop_.RunOnce([this] {
      if (work_ && !handoff_.is_on_standby()) handoff_.RunOffLoop(std::exchange(work_, nullptr));
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
  LoopHandoff handoff_;
  std::function<void()> work_;  // the loop's own, as is the next
  bool is_over_ = false;
  std::thread thread_;
};

TEST_F(LoopHandoffTest, WorkRunsOnTheLoopsOwnThreadWhichThenGoesOn) {
  std::promise<std::thread::id> worker;
  work_ = [&] { worker.set_value(std::this_thread::get_id()); };
  Start();
  loop_.Wake();
  EXPECT_EQ(worker.get_future().get(), own_id());
  EXPECT_EQ(WhoRuns(), own_id());
}

TEST_F(LoopHandoffTest, TheLoopGoesOnWhileTheWorkBlocks) {
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

TEST_F(LoopHandoffTest, ItCanBeDoneAgainAndAgain) {
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
  // The standby may still be about to give the seat back.
  while (WhoRuns() != own_id()) {
  }
}

}  // namespace
}  // namespace stagelog
