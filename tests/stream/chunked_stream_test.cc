// What tells a client that a stream has ended, and what does not; HTTP/1.1 and 1.0 side by side.
#include <gtest/gtest.h>

#include "tests/stream/stream_fixture.h"

namespace stagelog {
namespace {

class ChunkedStreamTest : public StreamFixture {
 protected:
  static StreamRequest Plain(StreamRequest request) {
    request.chunked = false;
    return request;
  }
  static StreamRequest UntilTerminal(const std::string& job_id) {
    StreamRequest request = OneJob(job_id);
    request.until_terminal = true;
    return request;
  }
};

TEST_F(ChunkedStreamTest, OnlyAnEndFrameIsFollowedByTheLastChunk) {
  StreamClient& terminal = Connect(UntilTerminal("a"));
  StreamClient& deleted = Connect(OneJob("b"));
  StreamRequest of_old_token = AllJobs();
  of_old_token.token_name = "old";
  StreamClient& without_token = Connect(of_old_token);
  StreamClient& at_shutdown = Connect(AllJobs());
  Commit("a", "job_completed");
  RunUntil([&] { return terminal.closed(); });
  Manager().OnJobDeleted("b", 2);
  RunUntil([&] { return deleted.closed(); });
  Manager().KeepOnlyTokens({"reader"});
  RunUntil([&] { return without_token.closed(); });
  Manager().Stop();
  ReceiveAll();
  ASSERT_TRUE(at_shutdown.closed());

  EXPECT_TRUE(terminal.HasEnded());
  EXPECT_EQ("end", terminal.Frames().back().event);
  EXPECT_TRUE(deleted.HasEnded());
  EXPECT_EQ("end", deleted.Frames().back().event);
  EXPECT_FALSE(without_token.HasEnded());
  EXPECT_FALSE(at_shutdown.HasEnded());
  EXPECT_NE("", at_shutdown.Frames().back().retry);
}

TEST_F(ChunkedStreamTest, AStreamThatHasStalledDidNotEnd) {
  StreamClient& client = Connect(AllJobs(), 4096);
  Settle();
  const std::string message(60'000, 'm');
  for (int i = 0; i < 20; ++i) Commit("a", "log", message);
  for (int i = 0; i < 100 && Closed("stalled") == 0; ++i) {
    clock.AdvanceMicros(kSecond);
    Manager().RunOnce(0);
  }
  EXPECT_EQ(uint64_t{1}, Closed("stalled"));
  client.Receive();
  EXPECT_TRUE(client.closed());
  EXPECT_FALSE(client.HasEnded());
}

// The same frames, from the same segments: from pages of the journal, live, and in parts.
TEST_F(ChunkedStreamTest, WithoutChunksTheFramesAreTheSame) {
  StoreBefore("a", 700);
  StreamClient& chunked = Connect(OneJob("a"));
  StreamClient& plain = Connect(Plain(OneJob("a")));
  StreamClient& slow = Connect(Plain(OneJob("a")), 4096);
  RunUntil([&] { return plain.Seqs().size() == 700 && chunked.Seqs().size() == 700; });
  std::vector<std::pair<std::string, std::string>> many(1'000, {"a", "log"});
  Commit(many, "one commit of more frames than go into one system call");
  RunUntil([&] {
    return plain.Seqs().size() == 1'700 && chunked.Seqs().size() == 1'700 &&
           slow.Seqs().size() == 1'700;
  });
  EXPECT_EQ(Range(1, 1'700), plain.Seqs());
  EXPECT_EQ(chunked.Body(), plain.Body());
  EXPECT_EQ(Range(1, 1'700), slow.Seqs());
}

TEST_F(ChunkedStreamTest, WithoutChunksTheEndIsThatOfTheConnection) {
  StreamClient& client = Connect(Plain(UntilTerminal("a")));
  Commit("a", "job_completed");
  RunUntil([&] { return client.closed(); });
  EXPECT_EQ("end", client.Frames().back().event);
  EXPECT_TRUE(client.Body().ends_with("\"reason\":\"terminal\"}\n\n"));
}

TEST_F(ChunkedStreamTest, HeartbeatsGoBetweenChunks) {
  StreamClient& chunked = Connect(AllJobs());
  StreamClient& plain = Connect(Plain(AllJobs()));
  Settle();
  clock.AdvanceMicros(5 * kSecond);
  RunUntil(
      [&] { return !chunked.Frames("heartbeat").empty() && !plain.Frames("heartbeat").empty(); });
  Commit("a");
  RunUntil([&] { return chunked.Seqs().size() == 1 && plain.Seqs().size() == 1; });
}

}  // namespace
}  // namespace stagelog
