#include "stream/catch_up_reader.h"

#include <gmock/gmock.h>

#include <condition_variable>
#include <mutex>
#include <string>
#include <vector>

namespace stagelog {
namespace {

using ::testing::Each;
using ::testing::ElementsAre;

// Notes what is read; the first read waits until the test lets it go on.
class NotingSource : public EventSource {
 public:
  Result<Page> Read(const ReadRequest& request) override {
    std::unique_lock lock(mutex_);
    reads_.push_back(request.filter.empty() ? "plain" : "filtered");
    if (!request.filter.empty()) filtered_micros_.push_back(request.max_micros);
    changed_.notify_all();
    changed_.wait(lock, [this] { return is_open_; });
    return Page();
  }
  Result<int64_t> SeqAtTime(int64_t) override { return 0; }

  void WaitForFirst() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return !reads_.empty(); });
  }
  std::vector<std::string> OpenAndWaitFor(size_t count) {
    std::unique_lock lock(mutex_);
    is_open_ = true;
    changed_.notify_all();
    changed_.wait(lock, [&] { return reads_.size() >= count; });
    return reads_;
  }
  const std::vector<int64_t>& filtered_micros() const { return filtered_micros_; }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool is_open_ = false;
  std::vector<std::string> reads_;
  std::vector<int64_t> filtered_micros_;
};

CatchUpTask Task(uint64_t id, bool is_filtered) {
  CatchUpTask task{.subscriber_id = id};
  task.request.after = static_cast<int64_t>(id);  // so that no two share a read
  if (is_filtered) task.request.filter.text = "needle";
  return task;
}

TEST(CatchUpReaderTest, WhoSearchesDoesNotHoldUpTheOthers) {
  NotingSource source;
  {
    CatchUpReader reader(source, 1, [](const CatchUpResult&) {});
    for (uint64_t id = 1; id <= 5; ++id) reader.Submit(Task(id, true));
    source.WaitForFirst();
    for (uint64_t id = 6; id <= 7; ++id) reader.Submit(Task(id, false));
    EXPECT_THAT(source.OpenAndWaitFor(7), ElementsAre("filtered", "plain", "filtered", "plain",
                                                      "filtered", "filtered", "filtered"));
  }
  EXPECT_THAT(source.filtered_micros(), Each(::testing::Le(50'000))) << "of a turn";
}

TEST(CatchUpReaderTest, WhoSearchesHasItsTurnHoweverManyOthersWait) {
  NotingSource source;
  CatchUpReader reader(source, 1, [](const CatchUpResult&) {});
  for (uint64_t id = 1; id <= 4; ++id) reader.Submit(Task(id, false));
  source.WaitForFirst();
  reader.Submit(Task(5, true));
  EXPECT_THAT(source.OpenAndWaitFor(5),
              ElementsAre("plain", "filtered", "plain", "plain", "plain"));
}

TEST(CatchUpReaderTest, ACanceledTaskIsNotRead) {
  NotingSource source;
  CatchUpReader reader(source, 1, [](const CatchUpResult&) {});
  reader.Submit(Task(1, false));
  source.WaitForFirst();
  for (uint64_t id = 2; id <= 5; ++id) reader.Submit(Task(id, id % 2 == 0));
  for (uint64_t id = 2; id <= 4; ++id) reader.Cancel(id);
  EXPECT_THAT(source.OpenAndWaitFor(2), ElementsAre("plain", "plain"));
}

}  // namespace
}  // namespace stagelog
