// The polling endpoint: cursors, times, limits, filters and long polls.
#include <gmock/gmock.h>

#include "tests/support/daemon_fixture.h"

namespace stagelog {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

class PollTest : public DaemonTest {
 protected:
  void SetUp() override { Start(); }

  static std::vector<int64_t> Seqs(const Json& answer) {
    std::vector<int64_t> seqs;
    for (const Json& event : answer.at("events")) seqs.push_back(SeqOf(event));
    return seqs;
  }

  std::vector<int64_t> Polled(const std::string& parameters) {
    return Seqs(GetJson("/api/v1/events?" + parameters));
  }
};

TEST_F(PollTest, WithACursorTheOldestFirst) {
  AppendLogs("job", 10);
  const Json answer = GetJson("/api/v1/jobs/job/events?after=3&limit=4");
  EXPECT_THAT(Seqs(answer), ElementsAre(4, 5, 6, 7));
  EXPECT_EQ(answer.at("next_after"), 7);
  EXPECT_EQ(answer.at("has_more"), true);
  EXPECT_EQ(answer.at("head_seq"), 10);
}

TEST_F(PollTest, WithoutACursorTheNewestInOrder) {
  AppendLogs("job", 10);
  const Json answer = GetJson("/api/v1/jobs/job/events?limit=3");
  EXPECT_THAT(Seqs(answer), ElementsAre(8, 9, 10));
  EXPECT_EQ(answer.at("next_after"), 10);
  EXPECT_EQ(answer.at("has_more"), false);
}

TEST_F(PollTest, AHundredWhereNoLimitIsGiven) {
  AppendLogs("job", 150);
  EXPECT_EQ(Polled("after=0").size(), 100U);
  EXPECT_EQ(Polled("").front(), 51);
  EXPECT_EQ(Polled("after=0&limit=10000").size(), 150U);
}

TEST_F(PollTest, WalkedPageByPageNothingIsMissedOrRepeated) {
  for (int i = 0; i < 20; ++i) {
    AppendLogs("a", 5);
    AppendLogs("b", 3);
  }
  std::vector<int64_t> seen;
  int64_t after = 0;
  for (bool more = true; more;) {
    const Json answer = GetJson("/api/v1/jobs/b/events?limit=7&after=" + std::to_string(after));
    for (const Json& event : answer.at("events")) seen.push_back(event.at("job_seq"));
    after = answer.at("next_after");
    more = answer.at("has_more");
  }
  ASSERT_EQ(seen.size(), 60U);
  for (size_t i = 0; i < seen.size(); ++i) EXPECT_EQ(seen[i], static_cast<int64_t>(i) + 1);
  EXPECT_EQ(after, 160);
}

TEST_F(PollTest, NextAfterMovesOnWhereNothingMatches) {
  AppendLogs("job", 5);
  const Json answer = GetJson("/api/v1/events?after=1&type=job_failed");
  EXPECT_THAT(Seqs(answer), IsEmpty());
  EXPECT_EQ(answer.at("next_after"), 5);
  EXPECT_EQ(answer.at("has_more"), false);
}

TEST_F(PollTest, ACursorBeyondTheHeadIsGone) {
  AppendLogs("job", 2);
  EXPECT_THAT(Polled("after=2"), IsEmpty());
  ExpectProblem(admin().Get("/api/v1/events?after=3"), 410, "cursor_beyond_head");
}

TEST_F(PollTest, SinceTheTimeOfTheLastSeenIsStrictlyLater) {
  AppendLogs("job", 6);
  const Json events = GetJson("/api/v1/events?after=0").at("events");
  const std::string ts = events.at(3).at("ts");
  EXPECT_THAT(Polled("since=" + ts), ElementsAre(5, 6));
  // The same moment with an offset; its '+' arrives as a blank and is taken back.
  const std::string same_moment = ts.substr(0, ts.size() - 1) + "+00:00";
  EXPECT_THAT(Polled("since=" + same_moment), ElementsAre(5, 6));
  EXPECT_THAT(Polled("since=" + same_moment.substr(0, 26) + "%2B00:00"), ElementsAre(5, 6));
}

TEST_F(PollTest, SinceInItsOtherSpellings) {
  AppendLogs("job", 3);
  for (const char* since : {"all", "10m", "2h", "90s", "1000000000", "1000000000000",
                            "2001-09-09T01:46:40Z", "2001-09-09T03:46:40.000%2B02:00"}) {
    EXPECT_THAT(Polled(std::string("since=") + since), ElementsAre(1, 2, 3)) << since;
  }
  for (const char* since : {"9999999999", "9999999999000", "2286-11-20T17:46:39Z"}) {
    EXPECT_THAT(Polled(std::string("since=") + since), IsEmpty()) << since;
  }
}

TEST_F(PollTest, Filters) {
  Append("a", R"({"type":"job_created"})");
  Append("a", R"({"type":"stage_started","stage":"encode"})");
  Append("b", R"({"type":"stage_failed","stage":"upload","message":"Disk is FULL"})");
  Append("b", R"({"type":"log","message":"m","level":"debug","payload":{"note":"nearly full"}})");
  EXPECT_THAT(Polled("type=stage_started,stage_failed"), ElementsAre(2, 3));
  EXPECT_THAT(Polled("stage=upload"), ElementsAre(3));
  EXPECT_THAT(Polled("level=error,debug"), ElementsAre(3, 4));
  EXPECT_THAT(Polled("job=a"), ElementsAre(1, 2));
  EXPECT_THAT(Polled("job=a,b&level=info"), ElementsAre(1, 2));
  EXPECT_THAT(Polled("q=full"), ElementsAre(3, 4));
  EXPECT_THAT(Polled("q=is+full&after=0"), ElementsAre(3));
  EXPECT_THAT(Polled("after=2&type=stage_started,stage_failed&limit=1"), ElementsAre(3));
  EXPECT_THAT(Seqs(GetJson("/api/v1/jobs/b/events?level=debug")), ElementsAre(4));
}

TEST_F(PollTest, AValueMayHoldEqualsSigns) {
  Append("job", R"({"type":"log","message":"retries=3"})");
  Append("job", R"({"type":"log","message":"3 of them"})");
  EXPECT_THAT(Polled("after=0&q=retries=3"), ElementsAre(1));
  EXPECT_THAT(Polled("after=0&q=retries%3D3"), ElementsAre(1));
  ExpectProblem(admin().Get("/api/v1/events?after=x=1"), 400, "invalid_parameter");
}

TEST_F(PollTest, AnUnknownJobIsNotFound) {
  ExpectProblem(admin().Get("/api/v1/jobs/nobody/events"), 404, "unknown_job");
  ExpectProblem(admin().Get("/api/v1/jobs/nobody"), 404, "unknown_job");
}

TEST_F(PollTest, ALongPollAnswersWhenSomethingComes) {
  AppendLogs("job", 1);
  auto connection = HttpConnection::Connect(daemon_->port());
  ASSERT_TRUE(connection);
  ASSERT_TRUE(connection->Send(
      RequestText("GET", "/api/v1/jobs/job/events?after=1&wait=60", BearerHeader(kAdminToken))));
  AppendLogs("elsewhere", 1);
  Append("job", R"({"type":"log","message":"at last"})");
  const auto response = connection->ReadResponse();
  ASSERT_TRUE(response) << response.error().message;
  EXPECT_THAT(Seqs(Json::parse(response->body)), ElementsAre(3));
}

TEST_F(PollTest, ALongPollWithSomethingThereDoesNotWait) {
  AppendLogs("job", 2);
  EXPECT_THAT(Polled("after=1&wait=60"), ElementsAre(2));
}

TEST_F(PollTest, ALongPollThatWaitedInVainIsEmpty) {
  AppendLogs("job", 2);
  const Json answer = GetJson("/api/v1/events?after=2&wait=1");
  EXPECT_THAT(Seqs(answer), IsEmpty());
  EXPECT_EQ(answer.at("next_after"), 2);
}

TEST_F(PollTest, ManyLongPollsAreAnsweredByOneEvent) {
  AppendLogs("job", 1);
  std::vector<HttpConnection> connections;
  for (int i = 0; i < 50; ++i) {
    auto connection = HttpConnection::Connect(daemon_->port());
    ASSERT_TRUE(connection);
    ASSERT_TRUE(connection->Send(
        RequestText("GET", "/api/v1/events?after=1&wait=60", BearerHeader(kReaderToken))));
    connections.push_back(std::move(*connection));
  }
  AppendLogs("job", 1);
  for (HttpConnection& connection : connections) {
    const auto response = connection.ReadResponse();
    ASSERT_TRUE(response) << response.error().message;
    EXPECT_THAT(Seqs(Json::parse(response->body)), ElementsAre(2));
  }
}

}  // namespace
}  // namespace stagelog
