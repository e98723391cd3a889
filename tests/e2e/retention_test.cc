// Over HTTP nobody can tell whether an event is in SQLite or in its file alone.
#include <gmock/gmock.h>

#include <filesystem>

#include "app/daemon.h"
#include "base/logging.h"
#include "base/sha256.h"
#include "tests/support/advanced_clock.h"
#include "tests/support/daemon_fixture.h"
#include "tests/support/time_units.h"

namespace stagelog {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

class RetentionOverHttpTest : public ::testing::Test {
 protected:
  void SetUp() override {
    SetLogLevel(LogLevel::kOff);
    config_.server.port = 0;
    config_.storage.runs_dir = directory_.Path("runs");
    config_.storage.max_events_per_job = 5;
    config_.storage.compress_after_days = 2;
    config_.tokens.push_back({.name = "watcher",
                              .sha256_hex = Sha256Hex(std::string(kReaderToken)),
                              .roles = {Role::kReader}});
    Start();
    for (int i = 0; i < 30; ++i) {
      const std::string id = std::to_string(i);
      for (const char* job : {"a", "b"}) {
        ids_.push_back(R"({"type":"log","message":"m)" + id + R"(","event_id":"id-)" + id +
                       R"(","payload":{"job":")" + job + "\"}}");
        Post(job, ids_.back(), 201);
      }
    }
    Post("a", R"({"type":"job_completed"})", 201);
    Post("b", R"({"type":"job_failed","message":"why"})", 201);
    Post("running", R"({"type":"job_started"})", 201);
  }
  void TearDown() override {
    daemon_.reset();
    EXPECT_THAT(FindDisagreements(config_.storage.runs_dir), IsEmpty());
  }

  void Start() {
    daemon_.reset();
    auto daemon = Daemon::Start(config_, RealFileSystem(), clock_);
    ASSERT_TRUE(daemon) << daemon.error().message;
    daemon_ = std::move(*daemon);
    const std::string& url = daemon_->url();
    port_ = static_cast<uint16_t>(std::stoi(url.substr(url.rfind(':') + 1)));
  }

  HttpClient client(std::string_view token = kAdminToken) const {
    return HttpClient(port_, std::string(token));
  }

  std::string Post(const std::string& job, const std::string& event, int status) {
    const HttpResponse answer = client().Post("/api/v1/jobs/" + job + "/events", event);
    EXPECT_EQ(answer.status, status) << answer.body;
    return answer.body;
  }

  Json Retain(const std::string& parameters) {
    const HttpResponse answer = client().Post("/api/v1/admin/retention" + parameters, "");
    EXPECT_EQ(answer.status, 200) << answer.body;
    return Json::parse(answer.body);
  }

  std::string Get(const std::string& target) {
    const HttpResponse answer = client().Get(target);
    EXPECT_EQ(answer.status, 200) << target << ": " << answer.body;
    return answer.body;
  }

  // What a stream sends up to the journal's last event.
  std::string Streamed(const std::string& target, int64_t last_seq, const HttpHeaders& more = {}) {
    auto stream = SseClient::Open(port_, target, kAdminToken, more);
    EXPECT_TRUE(stream) << stream.error().message;
    std::string text;
    for (int64_t seq = 0; stream && seq < last_seq;) {
      const auto frame = stream->NextEvent();
      EXPECT_TRUE(frame) << frame.error().message;
      if (!frame) break;
      seq = std::stoll("0" + frame->last_event_id);
      text += frame->event + " " + frame->last_event_id + " " + frame->data + "\n";
    }
    return text;
  }

  // Every way to read.
  std::vector<std::string> Answers() {
    std::vector<std::string> answers;
    for (const char* target :
         {"/api/v1/events?since=all&limit=1000", "/api/v1/events?limit=50",
          "/api/v1/events?after=7&limit=10", "/api/v1/events?since=all&q=m7",
          "/api/v1/events?since=all&job=b&limit=7", "/api/v1/jobs/a/events?since=all&limit=1000",
          "/api/v1/jobs/a/events?after=11&limit=3", "/api/v1/jobs/a/events?limit=20",
          "/api/v1/jobs/a/events?since=all&type=job_completed", "/api/v1/jobs/a?at_seq=9",
          "/api/v1/jobs/b?at_seq=30", "/api/v1/jobs/a"}) {
      answers.push_back(Get(target));
    }
    const Json all = Json::parse(answers.front());
    for (const size_t index : {size_t{0}, size_t{20}, size_t{41}}) {
      const std::string ts = all.at("events").at(index).at("ts");
      answers.push_back(Get("/api/v1/events?limit=1000&since=" + ts));
      answers.push_back(Get("/api/v1/jobs/a?at=" + ts));
    }
    const std::string stream = "/events/stream";
    answers.push_back(Streamed("/api/v1/events/stream?after=0", 63));
    answers.push_back(Streamed("/api/v1/events/stream?since=all&named=1", 63));
    answers.push_back(Streamed("/api/v1/jobs/a/events/stream", 61));
    answers.push_back(Streamed("/api/v1/jobs/b/events/stream", 62, {{"Last-Event-ID", "14"}}));
    return answers;
  }

  TemporaryDirectory directory_;
  AdvancedClock clock_;
  Config config_;
  std::unique_ptr<Daemon> daemon_;
  uint16_t port_ = 0;
  std::vector<std::string> ids_;
};

TEST_F(RetentionOverHttpTest, EveryAnswerIsTheSameByteForByte) {
  const std::vector<std::string> before = Answers();
  const std::string known = Post("a", ids_[4], 200);
  clock_.AdvanceWall(2 * kMicrosPerHour);
  const Json dry = Retain("?dry_run=true");
  EXPECT_EQ(dry.at("dry_run"), true);
  EXPECT_EQ(dry.at("events_dropped"), 52);
  EXPECT_EQ(dry.at("jobs").at(0),
            Json::parse(R"({"job_id":"a","action":"drop_events","events":26})"));
  EXPECT_EQ(Retain("").at("events_dropped"), 52);
  EXPECT_EQ(Retain("").at("events_dropped"), 0);
  for (const char* when : {"before a restart", "after a restart"}) {
    SCOPED_TRACE(when);
    EXPECT_EQ(Answers(), before);
    EXPECT_EQ(Post("a", ids_[4], 200), known);
    const HttpResponse conflict =
        client().Post("/api/v1/jobs/a/events", R"({"type":"log","message":"x","event_id":"id-2"})");
    ExpectProblem(conflict, 409, "event_id_conflict");
    Start();
  }
  EXPECT_THAT(Get("/metrics"), HasSubstr("stagelog_retention_dropped_events_total"));
}

TEST_F(RetentionOverHttpTest, EveryAnswerIsTheSameFromCompressedFiles) {
  const std::vector<std::string> before = Answers();
  const std::string known = Post("a", ids_[4], 200);
  const std::string text = ReadAll(EventsFileOf(config_.storage.runs_dir, "a"));
  clock_.AdvanceWall(49 * kMicrosPerHour);
  const Json dry = Retain("?dry_run=true");
  EXPECT_EQ(dry.at("jobs_compressed"), 2);
  EXPECT_EQ(dry.at("jobs").at(1), Json::parse(R"({"job_id":"a","action":"compress","events":31})"));
  EXPECT_EQ(Retain("").at("jobs_compressed"), 2);
  EXPECT_EQ(Retain("").at("jobs_compressed"), 0);
  const std::string path = EventsFileOf(config_.storage.runs_dir, "a");
  for (const char* when : {"before a restart", "after a restart"}) {
    SCOPED_TRACE(when);
    EXPECT_FALSE(std::filesystem::exists(path));
    EXPECT_EQ(ExpandZstd(ReadAll(path + ".zst")), text);
    EXPECT_EQ(Answers(), before);
    EXPECT_EQ(Post("a", ids_[4], 200), known);
    Start();
  }
  Retain("");
  EXPECT_THAT(Get("/metrics"), HasSubstr("stagelog_retention_compressed_jobs_total"));
  // A late event makes the file plain again.
  Post("a", R"({"type":"log","message":"late"})", 201);
  EXPECT_TRUE(ReadAll(path).starts_with(text));
  EXPECT_FALSE(std::filesystem::exists(path + ".zst"));
}

// A run of years ago that comes to the journal now is as old as its last event here.
TEST_F(RetentionOverHttpTest, WhatIsTakenLateIsNotOld) {
  config_.storage.events_retention_days = 7;
  config_.storage.runs_retention_days = 30;
  Start();
  const auto happened = [](const std::string& type, const std::string& time) {
    return R"({"type":")" + type + R"(","occurred_at":"2019-05-04T)" + time + "Z\"}";
  };
  Post("old", happened("job_started", "10:00:00"), 201);
  for (int i = 10; i < 20; ++i) {
    Post("old", happened("x-line", "11:00:" + std::to_string(i)), 201);
  }
  Post("old", happened("job_completed", "13:00:00"), 201);
  const Json job = Json::parse(Get("/api/v1/jobs/old"));
  EXPECT_EQ(job["started_at"], "2019-05-04T10:00:00.000000Z");
  EXPECT_EQ(job["ended_at"], "2019-05-04T13:00:00.000000Z");
  const Json last = Json::parse(Get("/api/v1/jobs/old/events?limit=1"))["events"][0];
  EXPECT_EQ(job["updated_at"], last["ts"]);
  EXPECT_THAT(Get("/api/v1/jobs?since=1h"), HasSubstr(R"("job_id":"old")"));
  // The journal's own moments are all of now.
  ExpectProblem(client().Get("/api/v1/jobs/old?at=2019-05-04T12:00:00Z"), 404, "no_such_moment");
  EXPECT_EQ(Json::parse(Get("/api/v1/jobs/old/events?since=1h"))["events"].size(), 12u);

  const auto actions_on = [this](const std::string& job_id) {
    std::string actions;
    const Json report = Retain("?dry_run=true");
    for (const Json& one : report.at("jobs")) {
      if (one["job_id"] == job_id) actions += one["action"].get<std::string>() + " ";
    }
    return actions;
  };
  EXPECT_EQ(actions_on("old"), "");
  clock_.AdvanceWall(2 * kMicrosPerHour);
  EXPECT_EQ(actions_on("old"), "drop_events ") << "it has more than five";
  clock_.AdvanceWall(29 * 24 * kMicrosPerHour);
  EXPECT_EQ(actions_on("old"), "drop_events compress ");
  EXPECT_EQ(Retain("").at("jobs_deleted"), 0);
  EXPECT_THAT(Get("/api/v1/jobs/old"), HasSubstr(R"("status":"completed")"));
  clock_.AdvanceWall(24 * kMicrosPerHour);
  EXPECT_EQ(actions_on("old"), "delete ");
  Retain("");
  ExpectProblem(client().Get("/api/v1/jobs/old"), 410, "job_deleted");
}

TEST_F(RetentionOverHttpTest, AWorkerWhoseEventsAreLateIsAlive) {
  Post("late", R"({"type":"job_started","occurred_at":"2019-05-04T10:00:00Z"})", 201);
  EXPECT_EQ(Json::parse(Get("/api/v1/jobs/late"))["liveness"], "ok");
  clock_.Advance(61 * kSecond);
  EXPECT_EQ(Json::parse(Get("/api/v1/jobs/late"))["liveness"], "unknown");
  Post("late", R"({"type":"log","message":"m","occurred_at":"2019-05-04T10:00:01Z"})", 201);
  EXPECT_EQ(Json::parse(Get("/api/v1/jobs/late"))["liveness"], "ok");
  // Nor is its gate due since then.
  Post("late",
       R"({"type":"gate_pause","gate":"g","occurred_at":"2019-05-04T10:00:02Z",)"
       R"("payload":{"timeout_seconds":3600}})",
       201);
  const Json gate = Json::parse(Get("/api/v1/jobs/late/gates/g?wait=1"));
  EXPECT_EQ(gate["status"], "pending");
  EXPECT_GT(gate["expires_at"].get<std::string>(), "2026");
}

TEST_F(RetentionOverHttpTest, ABodyIsRefusedForItMayHaveMeantADryRun) {
  ExpectProblem(client().Post("/api/v1/admin/retention", R"({"dry_run":true})"), 400,
                "malformed_request");
}

TEST_F(RetentionOverHttpTest, TakesTheRoleOfAnAdmin) {
  ExpectProblem(client(kReaderToken).Post("/api/v1/admin/retention", ""), 403, "forbidden");
  ExpectProblem(client().Post("/api/v1/admin/retention?dry_run=perhaps", ""), 400,
                "invalid_parameter");
  ExpectProblem(client().Get("/api/v1/admin/retention"), 405, "method_not_allowed");
}

}  // namespace
}  // namespace stagelog
