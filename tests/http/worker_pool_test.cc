#include "http/worker_pool.h"

#include <gtest/gtest.h>

#include <future>
#include <string>
#include <thread>

namespace stagelog {
namespace {

using Kind = WorkerPool::Kind;

// Work that is under way until the test lets it end.
class Gate {
 public:
  std::function<void()> Work() {
    return [this] {
      began_.set_value();
      release_.get_future().wait();
    };
  }
  void WaitUntilBegun() { began_.get_future().wait(); }
  void Release() { release_.set_value(); }

 private:
  std::promise<void> began_;
  std::promise<void> release_;
};

TEST(WorkerPoolTest, QuickWorkRunsWhileEverySearchThreadIsBusy) {
  WorkerPool pool(3);
  Gate first;
  Gate second;
  pool.Run(Kind::kSearch, first.Work());
  pool.Run(Kind::kSearch, second.Work());
  first.WaitUntilBegun();
  second.WaitUntilBegun();
  for (int i = 0; i < 100; ++i) pool.Run(Kind::kSearch, [] {});
  std::promise<void> done;
  pool.Run(Kind::kQuick, [&] { done.set_value(); });
  done.get_future().wait();
  EXPECT_EQ(pool.Waiting(Kind::kSearch), 100u) << "no search has the kept thread";
  first.Release();
  second.Release();
}

TEST(WorkerPoolTest, ASearchIsNotBehindTheQuickWorkThatWaits) {
  WorkerPool pool(1);
  Gate gate;
  pool.Run(Kind::kQuick, gate.Work());
  gate.WaitUntilBegun();
  std::string order;
  std::promise<void> done;
  for (int i = 0; i < 3; ++i) pool.Run(Kind::kQuick, [&] { order += 'q'; });
  pool.Run(Kind::kSearch, [&] { order += 's'; });
  pool.Run(Kind::kQuick, [&] { done.set_value(); });
  gate.Release();
  done.get_future().wait();
  EXPECT_EQ(order, "sqqq");
}

TEST(WorkerPoolTest, EachKindRunsInTheOrderOfTheCalls) {
  for (const Kind kind : {Kind::kQuick, Kind::kSearch}) {
    WorkerPool pool(1);
    std::string order;
    std::promise<void> done;
    for (char c = 'a'; c <= 'e'; ++c) pool.Run(kind, [&order, c] { order += c; });
    pool.Run(kind, [&] { done.set_value(); });
    done.get_future().wait();
    EXPECT_EQ(order, "abcde");
  }
}

TEST(WorkerPoolTest, OneThreadServesBothKinds) {
  WorkerPool pool(1);
  std::promise<void> quick;
  std::promise<void> search;
  pool.Run(Kind::kSearch, [&] { search.set_value(); });
  pool.Run(Kind::kQuick, [&] { quick.set_value(); });
  search.get_future().wait();
  quick.get_future().wait();
}

TEST(WorkerPoolTest, StoppingDropsWhatWaits) {
  Gate gate;
  bool ran = false;
  WorkerPool pool(1);
  pool.Run(Kind::kQuick, gate.Work());
  gate.WaitUntilBegun();
  pool.Run(Kind::kSearch, [&] { ran = true; });
  std::thread stopper([&] { pool.Stop(); });
  while (pool.Waiting(Kind::kSearch) > 0) std::this_thread::yield();
  gate.Release();
  stopper.join();
  pool.Run(Kind::kQuick, [&] { ran = true; });
  EXPECT_FALSE(ran);
}

}  // namespace
}  // namespace stagelog
