// A follower tells each event once and in order, whatever happens to the daemon and to what stands
// between.
#include "client/event_follower.h"

#include <gmock/gmock.h>

#include <future>

#include "client/reconnect_delay.h"
#include "tests/client/stream_spoiler.h"
#include "tests/support/daemon_fixture.h"
#include "tests/support/deadline.h"
#include "tests/support/requirement.h"

namespace stagelog {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::Ge;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Le;

// Keeps what it is told.
class CollectingSink : public cli::FollowSink {
 public:
  bool OnEvent(int64_t seq, std::string_view body) override {
    const std::lock_guard lock(mutex_);
    seqs_.push_back(seq);
    bodies_.emplace_back(body);
    changed_.notify_all();
    return true;
  }
  cli::CliStatus OnPause() override { return {}; }
  void OnNotice(const std::string& notice) override {
    const std::lock_guard lock(mutex_);
    notices_.push_back(notice);
    changed_.notify_all();
  }

  bool WaitForEvents(size_t count) {
    return Wait([&] { return bodies_.size() >= count; });
  }
  bool WaitForNotices(size_t count) {
    return Wait([&] { return notices_.size() >= count; });
  }
  std::vector<std::string> bodies() const {
    const std::lock_guard lock(mutex_);
    return bodies_;
  }
  std::vector<std::string> notices() const {
    const std::lock_guard lock(mutex_);
    return notices_;
  }

 private:
  bool Wait(const std::function<bool()>& condition) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, std::chrono::seconds(60), condition);
  }

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<int64_t> seqs_;
  std::vector<std::string> bodies_;
  std::vector<std::string> notices_;
};

// Comes back quickly.
const std::string kQuickConfig = std::string(kTestConfig) + "stream:\n  retry_ms: 200\n";

// A follower on a thread of its own.
class Following {
 public:
  Following(const std::string& url, cli::FollowRequest request)
      : client_(SettingsFor(url)), follower_(client_, std::move(request), sink) {
    ended_ = std::async(std::launch::async, [this] { return follower_.Run(); });
  }
  ~Following() { follower_.Stop(); }

  // What Run() returns; it must end by itself.
  cli::CliResult<cli::FollowEnd> End() {
    if (ended_.wait_for(std::chrono::seconds(60)) != std::future_status::ready) {
      ADD_FAILURE() << "the follower does not end";
      follower_.Stop();
    }
    return ended_.get();
  }
  void Stop() { follower_.Stop(); }

  CollectingSink sink;

 private:
  static cli::Settings SettingsFor(const std::string& url) {
    return {.url = url, .token = std::string(kAdminToken)};
  }

  cli::DaemonClient client_;
  cli::EventFollower follower_;
  std::future<cli::CliResult<cli::FollowEnd>> ended_;
};

class EventFollowerTest : public DaemonTest {
 protected:
  std::string Url() const { return "http://127.0.0.1:" + std::to_string(daemon_->port()); }

  static cli::FollowRequest UntilOver(const std::string& job_id) {
    cli::FollowRequest request;
    request.job_id = job_id;
    request.until_terminal = true;
    return request;
  }

  void Complete(const std::string& job_id) { Append(job_id, R"({"type":"job_completed"})"); }

  // Appends through a proxy of that kind, to the end of the job; returns what was said.
  std::vector<std::string> FollowThrough(StreamSpoiler::Mode mode) {
    Start(kQuickConfig);
    const StreamSpoiler spoiler(daemon_->port(), mode);
    AppendLogs("job", 3);
    cli::FollowRequest request = UntilOver("job");
    request.silence_seconds = 2;
    Following following(spoiler.Url(), request);
    EXPECT_TRUE(following.sink.WaitForNotices(1));
    AppendLogs("job", 5);
    EXPECT_TRUE(following.sink.WaitForEvents(8));
    Complete("job");
    const auto ended = following.End();
    EXPECT_TRUE(ended && *ended == cli::FollowEnd::kOver);
    EXPECT_EQ(following.sink.bodies(), Lines("job"));
    return following.sink.notices();
  }
};

TEST_F(EventFollowerTest, TellsAJobFromItsFirstEventToItsLast) {
  Start(kQuickConfig);
  AppendLogs("job", 3);
  AppendLogs("other", 2);
  Following following(Url(), UntilOver("job"));
  ASSERT_TRUE(following.sink.WaitForEvents(3));
  AppendLogs("job", 2);
  Complete("job");
  const auto ended = following.End();
  ASSERT_TRUE(ended) << ended.error().message;
  EXPECT_EQ(*ended, cli::FollowEnd::kOver);
  EXPECT_EQ(following.sink.bodies(), Lines("job"));
  EXPECT_THAT(following.sink.notices(), IsEmpty());
}

TEST_F(EventFollowerTest, AJobThatIsOverEndsAtOnceAlsoWhereNothingMatches) {
  Start(kQuickConfig);
  AppendLogs("job", 3);
  Complete("job");
  cli::FollowRequest request = UntilOver("job");
  request.filters = {{"type", "stage_failed"}};
  Following following(Url(), request);
  const auto ended = following.End();
  ASSERT_TRUE(ended) << ended.error().message;
  EXPECT_EQ(*ended, cli::FollowEnd::kOver);
  EXPECT_THAT(following.sink.bodies(), IsEmpty());
}

TEST_F(EventFollowerTest, WaitsForAJobThatIsYetToComeAndSaysSo) {
  Start(kQuickConfig);
  Following following(Url(), UntilOver("job"));
  ASSERT_TRUE(following.sink.WaitForNotices(1));
  AppendLogs("job", 2);
  Complete("job");
  EXPECT_TRUE(following.End());
  EXPECT_EQ(following.sink.bodies(), Lines("job"));
  EXPECT_THAT(following.sink.notices(), ElementsAre(HasSubstr("job 'job' does not exist yet")));
}

TEST_F(EventFollowerTest, ADaemonThatIsKilledAgainAndAgainLosesAndDoublesNothing) {
  Start(kQuickConfig);
  const uint16_t port = daemon_->port();
  AppendLogs("job", 5);
  Following following(Url(), UntilOver("job"));
  size_t count = 5;
  for (int round = 0; round < 4; ++round) {
    ASSERT_TRUE(following.sink.WaitForEvents(count));
    AppendLogs("job", 40);
    daemon_->Kill9();
    Start(kQuickConfig, port);
    if (HasFatalFailure()) return;
    AppendLogs("job", 3);
    count += 43;
  }
  Complete("job");
  const auto ended = following.End();
  EXPECT_TRUE(ended) << ended.error().message;
  EXPECT_EQ(following.sink.bodies(), Lines("job"));
}

TEST_F(EventFollowerTest, ADaemonThatIsAwayIsSaidOnceAndItsReturnToo) {
  Start(kQuickConfig);
  const uint16_t port = daemon_->port();
  AppendLogs("job", 1);
  Following following(Url(), UntilOver("job"));
  ASSERT_TRUE(following.sink.WaitForEvents(1));
  daemon_->Kill9();
  ASSERT_TRUE(following.sink.WaitForNotices(1));
  Start(kQuickConfig, port);
  Complete("job");
  EXPECT_TRUE(following.End());
  EXPECT_THAT(following.sink.notices(),
              ElementsAre(HasSubstr("retrying until it is back"), HasSubstr("is back")));
  EXPECT_EQ(following.sink.bodies(), Lines("job"));
}

// Between the answer that the caller had and the follower's first request.
TEST_F(EventFollowerTest, ADaemonThatHasGoneSinceItAnsweredIsWaitedFor) {
  Start(kQuickConfig);
  AppendLogs("job", 3);
  const uint16_t port = daemon_->port();
  const std::string url = Url();
  daemon_->Kill9();
  cli::FollowRequest request = UntilOver("job");
  request.daemon_was_there = true;
  Following following(url, request);
  ASSERT_TRUE(following.sink.WaitForNotices(1)) << "that it is away";
  Start(kQuickConfig, port);
  Complete("job");
  const auto ended = following.End();
  EXPECT_TRUE(ended && *ended == cli::FollowEnd::kOver);
  EXPECT_EQ(following.sink.bodies(), Lines("job"));
}

TEST_F(EventFollowerTest, ConnectionsThatAreCutAnywhereLoseAndDoubleNothing) {
  Start(kQuickConfig);
  const uint64_t seed = TestSeed();
  RecordProperty("seed", std::to_string(seed));
  SCOPED_TRACE("seed " + std::to_string(seed));
  const StreamSpoiler spoiler(daemon_->port(), StreamSpoiler::Mode::kCut, seed);
  AppendLogs("job", 1);
  Following following(spoiler.Url(), UntilOver("job"));
  ASSERT_TRUE(following.sink.WaitForEvents(1));
  AppendLogs("job", 30);
  Complete("job");
  const auto ended = following.End();
  EXPECT_TRUE(ended) << ended.error().message;
  EXPECT_EQ(following.sink.bodies(), Lines("job"));
  EXPECT_THAT(spoiler.streams(), Ge(3));
}

TEST_F(EventFollowerTest, PollsWhereAProxyBuffers) {
  EXPECT_THAT(FollowThrough(StreamSpoiler::Mode::kBuffer),
              ElementsAre(AllOf(HasSubstr("is a proxy buffering?"), HasSubstr("polling instead"))));
}

TEST_F(EventFollowerTest, PollsWhereStreamsBearAnotherContentType) {
  EXPECT_THAT(FollowThrough(StreamSpoiler::Mode::kContentType),
              ElementsAre(HasSubstr("as 'text/html'")));
}

TEST_F(EventFollowerTest, PollsWhereStreamsAreForbiddenByAnother) {
  EXPECT_THAT(FollowThrough(StreamSpoiler::Mode::kForbid),
              ElementsAre(HasSubstr("answered with 403")));
}

TEST_F(EventFollowerTest, PollsWhereStreamsAreAlwaysCut) {
  const auto notices = FollowThrough(StreamSpoiler::Mode::kCutAtOnce);
  ASSERT_FALSE(notices.empty());
  EXPECT_THAT(notices.back(), HasSubstr("closed before the stream begins"));
}

TEST_F(EventFollowerTest, ACursorBeyondTheJournalIsAGapThatIsSaid) {
  Start(kQuickConfig);
  AppendLogs("job", 2);
  cli::FollowRequest request;
  request.after = 1'000;
  Following following(Url(), request);
  ASSERT_TRUE(following.sink.WaitForNotices(1));
  AppendLogs("job", 1);
  ASSERT_TRUE(following.sink.WaitForEvents(1));
  following.Stop();
  const auto ended = following.End();
  EXPECT_TRUE(ended && *ended == cli::FollowEnd::kStopped);
  EXPECT_THAT(following.sink.notices(), ElementsAre(HasSubstr("gap")));
  EXPECT_THAT(following.sink.bodies(), ElementsAre(Lines("job").back()));
}

TEST(ReconnectDelayTest, DoublesFromWhatTheDaemonAskedForWithALittleChance) {
  cli::ReconnectDelay delay;
  delay.SetRetryMs(1'000);
  EXPECT_EQ(delay.NextMs(0), 1'000);
  EXPECT_EQ(delay.NextMs(0), 2'000);
  EXPECT_THAT(delay.NextMs(123'456'789), AllOf(Ge(4'000), Le(6'000)));
  for (int i = 0; i < 20; ++i) delay.NextMs(0);
  EXPECT_EQ(delay.NextMs(0), 30'000);
  delay.Reset();
  EXPECT_EQ(delay.NextMs(0), 1'000);
  delay.SetRetryMs(60'000);
  EXPECT_EQ(delay.NextMs(0), 60'000);
}

}  // namespace
}  // namespace stagelog
