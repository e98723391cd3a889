// A stream is fed from its topic's ring exactly when the ring has every event after its cursor. One
// event too early would be a silent gap.
#include <gmock/gmock.h>

#include "tests/stream/stream_fixture.h"

namespace stagelog {
namespace {

class RingBoundaryTest : public StreamFixture {
 protected:
  // A stream of the job that waits at the head; from now on its ring has what is committed.
  StreamClient& ConnectAtHead(int send_buffer_bytes = 0) {
    const auto head = static_cast<int64_t>(journal.Events().size());
    StreamClient& client = Connect(After(OneJob("job"), head), send_buffer_bytes);
    RunUntil([&] { return client.Frames("connected").size() == 1; });
    return client;
  }

  void ExpectSeqs(StreamClient& client, const std::vector<int64_t>& seqs) {
    RunUntil([&] { return client.Seqs().size() >= seqs.size(); });
    EXPECT_EQ(client.Seqs(), seqs);
  }
};

TEST_F(RingBoundaryTest, ACursorAtTheLastEventBeforeTheRingJoinsWithoutReading) {
  StoreBefore("job", 3);
  ConnectAtHead();
  Commit("job");
  Settle();
  const int reads = journal.reads;
  ExpectSeqs(Connect(After(OneJob("job"), 3)), {4});
  EXPECT_EQ(journal.reads, reads);
}

TEST_F(RingBoundaryTest, ACursorOneEventEarlierReadsTheJournal) {
  StoreBefore("job", 3);
  ConnectAtHead();
  Commit("job");
  Settle();
  ExpectSeqs(Connect(After(OneJob("job"), 2)), {3, 4});
}

TEST_F(RingBoundaryTest, APageThatEndsOneEventBeforeTheRingIsFollowedByAnother) {
  options.page_events = 2;
  StoreBefore("job", 5);
  ConnectAtHead();
  Commit("job");
  Settle();
  ExpectSeqs(Connect(After(OneJob("job"), 2)), {3, 4, 5, 6});
}

// The same with seqs of another job in between, for which the ring of this one has nothing.
TEST_F(RingBoundaryTest, APageThatEndsWhereTheRingBeginsIsTheLast) {
  options.page_events = 2;
  StoreBefore("job", 2);
  StoreBefore("other", 2);
  ConnectAtHead();
  Commit({{"other", "log"}, {"job", "log"}});
  Settle();
  ExpectSeqs(Connect(OneJob("job")), {1, 2, 6});
}

// While its reader takes nothing, the ring drops the one event that the stream has not sent.
TEST_F(RingBoundaryTest, AStreamLeavesTheRingThatHasDroppedItsNextEvent) {
  options.job_ring_bytes = 1;  // the newest commit
  StreamClient& slow = ConnectAtHead(4096);
  const std::string large(400'000, 'x');
  for (int i = 0; i < 3; ++i) {
    Commit("job", "log", large);
    for (int turn = 0; turn < 3; ++turn) Manager().RunOnce(0);
  }
  ExpectSeqs(slow, {1, 2, 3});
}

TEST_F(RingBoundaryTest, AStreamStaysInTheRingThatHasItsNextEvent) {
  options.job_ring_bytes = 1;
  StreamClient& slow = ConnectAtHead(4096);
  const std::string large(400'000, 'x');
  for (int i = 0; i < 2; ++i) {
    Commit("job", "log", large);
    for (int turn = 0; turn < 3; ++turn) Manager().RunOnce(0);
  }
  const int reads = journal.reads;
  ExpectSeqs(slow, {1, 2});
  EXPECT_EQ(journal.reads, reads);
}

}  // namespace
}  // namespace stagelog
