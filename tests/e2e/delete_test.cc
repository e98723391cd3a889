// DELETE /api/v1/jobs/{job}: for good, and sensibly told to everybody who reads.
#include <gmock/gmock.h>

#include <filesystem>

#include "tests/support/daemon_fixture.h"

namespace stagelog {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

class DeleteTest : public DaemonTest {
 protected:
  void SetUp() override {
    Start();
    AppendLogs("gone", 3);
    AppendLogs("kept", 2);
    AppendLogs("gone", 1);
  }

  HttpResponse Delete(const std::string& job_id, std::string_view token = kAdminToken) {
    return As(token).Request("DELETE", "/api/v1/jobs/" + job_id, {});
  }

  std::vector<int64_t> Seqs(const std::string& target) {
    std::vector<int64_t> seqs;
    const Json answer = GetJson(target);
    for (const Json& event : answer.at("events")) seqs.push_back(SeqOf(event));
    return seqs;
  }

  void ExpectGone() {
    for (const char* target : {"", "/events", "/events?after=0&wait=1", "/events/stream",
                               "/events/stream?until=terminal", "/stages/s", "/gates/g"}) {
      ExpectProblem(admin().Get(std::string("/api/v1/jobs/gone") + target), 410, "job_deleted");
    }
    const char* event = R"({"type":"log","message":"late","event_id":"1"})";
    ExpectProblem(admin().Post("/api/v1/jobs/gone/events", event), 410, "job_deleted");
    ExpectProblem(admin().Post("/api/v1/jobs/gone/cancel", ""), 410, "job_deleted");
    ExpectProblem(admin().Post("/api/v1/jobs", R"({"job_id":"gone"})"), 410, "job_deleted");
    const HttpResponse batch =
        admin().Post("/api/v1/events", R"([{"job_id":"kept","type":"log","message":"a"},
                              {"job_id":"gone","type":"log","message":"b"}])");
    ExpectProblem(batch, 410, "job_deleted");
    EXPECT_EQ(Json::parse(batch.body).at("index"), 1);
    ExpectProblem(Delete("gone"), 410, "job_deleted");
    EXPECT_THAT(Seqs("/api/v1/events?since=all"), ElementsAre(4, 5));
    EXPECT_EQ(HeadSeq(), 7);
    EXPECT_FALSE(std::filesystem::exists(runs_dir() + "/gone"));
  }
};

TEST_F(DeleteTest, TakesTheRoleOfAnAdmin) {
  for (const std::string_view token : {kReaderToken, kWriterToken, kApproverToken}) {
    ExpectProblem(Delete("gone", token), 403, "forbidden");
  }
  ExpectProblem(Delete("never"), 404, "unknown_job");
  ExpectProblem(admin().Request("DELETE", "/api/v1/jobs/gone?force=1", {}), 400,
                "unknown_parameter");
  EXPECT_THAT(Seqs("/api/v1/jobs/gone/events?after=0"), ElementsAre(1, 2, 3, 6));
}

TEST_F(DeleteTest, AnswersGoneFromThenOnAndAfterARestart) {
  const HttpResponse answer = Delete("gone");
  ASSERT_EQ(answer.status, 200) << answer.body;
  const Json report = Json::parse(answer.body);
  EXPECT_EQ(report.at("events"), 4);
  EXPECT_EQ(report.at("first_seq"), 1);
  EXPECT_EQ(report.at("last_seq"), 6);
  EXPECT_EQ(report.at("seq"), 7) << "its own";
  const Json page = GetJson("/api/v1/events?after=6");
  EXPECT_TRUE(page.at("events").empty());
  EXPECT_EQ(page.at("next_after"), 7) << "a hole";
  ExpectGone();
  Stop();
  Start();
  ExpectGone();
  daemon_->Kill9();
  ASSERT_TRUE(daemon_->WaitForExit(std::chrono::seconds(20)));
  for (const char* part : {"", "-wal", "-shm"}) {
    std::filesystem::remove(runs_dir() + "/stagelog.db" + part);
  }
  Start();
  ExpectGone();
}

TEST_F(DeleteTest, AHeartbeatOfADeletedJobIsGoneToo) {
  ASSERT_EQ(Delete("gone").status, 200);
  ExpectProblem(admin().Post("/api/v1/jobs/gone/events", R"({"type":"heartbeat"})"), 410,
                "job_deleted");
}

TEST_F(DeleteTest, TheStreamsOfTheJobEnd) {
  SseClient stream = OpenStream("/api/v1/jobs/gone/events/stream?after=6");
  ASSERT_TRUE(stream.NextNamed("connected"));
  ASSERT_EQ(Delete("gone").status, 200);
  const auto end = stream.NextNamed("end");
  ASSERT_TRUE(end) << end.error().message;
  EXPECT_EQ(Json::parse(end->data).at("reason"), "job_deleted");
  EXPECT_TRUE(stream.WaitForEnd());
}

TEST_F(DeleteTest, TheStreamsOfAllJobsGoOnAndSkipIt) {
  SseClient live = OpenStream("/api/v1/events/stream?after=6");
  ASSERT_TRUE(live.NextNamed("connected"));
  AppendLogs("gone", 1);
  ASSERT_EQ(SeqOf(Json::parse(live.NextEvent()->data)), 7);
  ASSERT_EQ(Delete("gone").status, 200);
  // Resumed in the midst of what was deleted, with the ring that had it.
  SseClient resumed = OpenStream("/api/v1/events/stream?after=2");
  AppendLogs("kept", 1);
  for (const int64_t seq : {4, 5, 9}) {
    const auto event = resumed.NextEvent();
    ASSERT_TRUE(event) << event.error().message;
    EXPECT_EQ(SeqOf(Json::parse(event->data)), seq) << event->event;
  }
  const auto next = live.NextEvent();
  ASSERT_TRUE(next) << next.error().message;
  EXPECT_EQ(SeqOf(Json::parse(next->data)), 9) << next->event;
}

// The deletion's own seq is a hole that nobody waits at.
TEST_F(DeleteTest, AStreamWithoutANewEventPassesIt) {
  SseClient stream = OpenStream("/api/v1/events/stream?after=6");
  ASSERT_TRUE(stream.NextNamed("connected"));
  ASSERT_EQ(Delete("gone").status, 200);
  Json beat;
  do {
    const auto frame = stream.NextNamed("heartbeat");
    ASSERT_TRUE(frame) << frame.error().message;
    beat = Json::parse(frame->data);
  } while (beat.at("head_seq") != 7);
  EXPECT_EQ(beat.at("sent_through"), 7);
}

TEST_F(DeleteTest, AParkedPollIsToldAtOnce) {
  auto poll = HttpConnection::Connect(daemon_->port());
  ASSERT_TRUE(poll);
  ASSERT_TRUE(poll->Send(
      RequestText("GET", "/api/v1/jobs/gone/events?after=6&wait=60", BearerHeader(kAdminToken))));
  // By the answers to some later requests the poll is most likely parked; if not it is refused all
  // the same.
  for (int i = 0; i < 20; ++i) HeadSeq();
  ASSERT_EQ(Delete("gone").status, 200);
  const auto answer = poll->ReadResponse();
  ASSERT_TRUE(answer) << answer.error().message;
  ExpectProblem(*answer, 410, "job_deleted");
}

TEST_F(DeleteTest, TheStateFilesOfARunningJobDoNotComeBack) {
  Append("gone", R"({"type":"stage_started","stage":"s"})");
  Append("gone", R"({"type":"gate_pause","gate":"g"})");
  ASSERT_EQ(Delete("gone").status, 200);
  Stop();  // the follower writes what it is behind with
  EXPECT_FALSE(std::filesystem::exists(runs_dir() + "/gone"));
}

}  // namespace
}  // namespace stagelog
