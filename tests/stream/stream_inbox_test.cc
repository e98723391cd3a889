#include "stream/stream_inbox.h"

#include <gtest/gtest.h>
#include <poll.h>

#include <functional>
#include <memory>

namespace stagelog {
namespace {

CommittedBatchPointer BatchOf(int64_t seq, size_t bytes) {
  auto batch = std::make_shared<CommittedBatch>();
  batch->events.push_back({.seq = seq, .job_id = "job", .body = std::string(bytes, 'x')});
  return batch;
}

TEST(StreamInboxTest, WhatWasWorkedOffMakesRoom) {
  StreamInbox inbox(1'000);
  ASSERT_TRUE(inbox.PostAdoption({}));
  size_t worked_off = 0;
  for (int64_t seq = 1; seq <= 20; ++seq) {
    inbox.PostBatch(BatchOf(seq, 600));
    const InboxContents contents = inbox.Take(worked_off);
    ASSERT_EQ(contents.batches.size(), 1U) << seq;
    ASSERT_EQ(contents.skipped_through, 0) << seq;
    worked_off = 600;
    inbox.Take(worked_off);
    worked_off = 0;
  }
}

bool IsReadable(const StreamInbox& inbox) {
  pollfd wanted{.fd = inbox.wake_fd(), .events = POLLIN, .revents = 0};
  return ::poll(&wanted, 1, 0) == 1;
}

TEST(StreamInboxTest, EverythingThatIsPostedWakes) {
  StreamInbox inbox(1'000);
  const std::vector<std::function<void()>> posts = {[&] { ASSERT_TRUE(inbox.PostAdoption({})); },
                                                    [&] { inbox.PostBatch(BatchOf(1, 10)); },
                                                    [&] { inbox.PostBatch(BatchOf(2, 2'000)); },
                                                    [&] { inbox.PostResult({}); },
                                                    [&] { inbox.PostDeletedJob("job", 3); },
                                                    [&] { inbox.PostTokens({"reader"}); },
                                                    [&] { inbox.Close(); }};
  for (size_t i = 0; i < posts.size(); ++i) {
    EXPECT_FALSE(IsReadable(inbox)) << i;
    posts[i]();
    EXPECT_TRUE(IsReadable(inbox)) << i;
    inbox.Take(0);
  }
}

TEST(StreamInboxTest, WhatIsTooMuchIsSkipped) {
  StreamInbox inbox(1'000);
  ASSERT_TRUE(inbox.PostAdoption({}));
  inbox.PostBatch(BatchOf(1, 500));
  inbox.PostBatch(BatchOf(2, 500));
  EXPECT_EQ(inbox.Take(0).batches.size(), 2U) << "just as much as it holds";
  inbox.PostBatch(BatchOf(3, 1));
  const InboxContents contents = inbox.Take(0);
  EXPECT_TRUE(contents.batches.empty()) << "nothing was worked off yet";
  EXPECT_EQ(contents.skipped_through, 3);
}

TEST(StreamInboxTest, ADeletionIsPassedWithWhatWasPending) {
  StreamInbox inbox(1'000);
  inbox.PostDeletedJob("a", 3);
  EXPECT_EQ(inbox.Take(0).skipped_through, 3) << "nobody listens yet";
  ASSERT_TRUE(inbox.PostAdoption({}));
  inbox.PostBatch(BatchOf(4, 10));
  inbox.PostDeletedJob("b", 5);
  inbox.PostBatch(BatchOf(6, 10));
  const InboxContents contents = inbox.Take(0);
  EXPECT_EQ(contents.skipped_through, 5);
  EXPECT_EQ(contents.newest_seq, 6);
  ASSERT_EQ(contents.batches.size(), 1U);
  EXPECT_EQ(contents.batches.front()->events.front().seq, 6);
  EXPECT_EQ(contents.deleted_jobs, std::vector<std::string>{"b"});
}

}  // namespace
}  // namespace stagelog
