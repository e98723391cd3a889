// Webhooks whose receivers, file or daemon fail: nothing is lost, and nobody else waits.
#include <SQLiteCpp/SQLiteCpp.h>

#include <filesystem>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "tests/e2e/webhook_fixture.h"

namespace stagelog::webhook_e2e_test {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;

TEST_F(WebhookE2eTest, WhatWasPostedWhileItWasAwayArrivesInOrderOnce) {
  Start(Config());
  WebhookTarget target;
  const int port = target.port();
  Make("hook", target.Url());
  AppendLogs("a", 3);
  EXPECT_EQ(SeqsOf(target.WaitFor(3)), Numbers(1, 3));
  target.Stop();
  for (int round = 0; round < 3; ++round) {
    AppendLogs("a", 5);
    AppendLogs("b", 5);
  }
  EXPECT_TRUE(Becomes([&] { return Show("hook")["state"] == "unreachable"; }));
  EXPECT_THAT(GetJson("/readyz")["status"], "ready");
  daemon_->Kill9();
  daemon_->WaitForExit(std::chrono::seconds(10));
  Start(Config());
  AppendLogs("a", 2);
  target.Start(port);
  ASSERT_EQ(target.port(), port);
  std::map<std::string, std::vector<int64_t>> by_job;
  std::set<std::string> ids;
  for (const WebhookTarget::Got& got : target.WaitFor(35)) {
    if (!ids.insert(got.headers.at("webhook-id")).second) continue;
    const Json event = Json::parse(got.body);
    by_job[event["job_id"]].push_back(event["job_seq"]);
  }
  EXPECT_EQ(by_job["a"], Numbers(1, 20));
  EXPECT_EQ(by_job["b"], Numbers(1, 15));
}

TEST_F(WebhookE2eTest, AReceiverOfEachKindThatWasAway) {
  Start(Config());
  WebhookTarget target;
  const int port = target.port();
  for (const char* format :
       {"cloudevents", "cloudevents-binary", "cdevents", "openlineage", "otlp"}) {
    Make(format, target.Url(std::string("/") + format),
         R"(,"format":")" + std::string(format) + "\"");
  }
  Make("chat", target.Url("/chat"), R"j(,"template":"{\"text\":\"{{type}}\"}")j");
  target.Stop();
  for (const char* job : {"one", "two"}) {
    Append(job, R"({"type":"job_started"})");
    Append(job, R"({"type":"stage_started","stage":"encode"})");
    Append(job, R"({"type":"stage_completed","stage":"encode"})");
  }
  EXPECT_TRUE(Becomes([&] { return Show("otlp")["sent_through"] == Show("otlp")["head_seq"]; }));
  daemon_->Kill9();
  daemon_->WaitForExit(std::chrono::seconds(10));
  Start(Config());
  for (const char* job : {"one", "two"}) Append(job, R"({"type":"job_completed"})");
  target.Start(port);
  std::map<std::string, std::vector<WebhookTarget::Got>> by_path;
  EXPECT_TRUE(Becomes([&] {
    by_path.clear();
    std::set<std::string> ids;
    size_t count = 0;
    for (const WebhookTarget::Got& got : target.WaitFor(0)) {
      if (!ids.insert(got.headers.at("webhook-id")).second) continue;
      by_path[got.path].push_back(got);
      ++count;
    }
    return count == 4 * 8 + 8 + 2;
  }));
  for (const char* path :
       {"/cloudevents", "/cloudevents-binary", "/cdevents", "/chat", "/openlineage"}) {
    EXPECT_THAT(by_path[path], SizeIs(8)) << path;
  }
  EXPECT_THAT(by_path["/otlp"], SizeIs(2));
  std::map<std::string, std::vector<std::string>> types;
  for (const auto& got : by_path["/cloudevents"]) {
    const Json event = Json::parse(got.body);
    types[event["partitionkey"]].push_back(event["type"]);
  }
  EXPECT_THAT(types["one"],
              ElementsAre("dev.stagelog.job.started.v1", "dev.stagelog.stage.started.v1",
                          "dev.stagelog.stage.completed.v1", "dev.stagelog.job.completed.v1"));
  EXPECT_EQ(types["two"], types["one"]);
}

TEST_F(WebhookE2eTest, KilledInBetweenNothingIsMissing) {
  WebhookTarget target;
  Start(Config());
  Make("hook", target.Url());
  int appended = 0;
  for (int round = 0; round < 4; ++round) {
    AppendLogs("a", 25);
    AppendLogs("b", 25);
    appended += 50;
    daemon_->Kill9();
    daemon_->WaitForExit(std::chrono::seconds(10));
    Start(Config());
  }
  std::set<std::string> ids;
  std::map<std::string, std::vector<int64_t>> by_job;
  EXPECT_TRUE(Becomes([&] {
    ids.clear();
    by_job.clear();
    for (const WebhookTarget::Got& got : target.WaitFor(0)) {
      if (!ids.insert(got.headers.at("webhook-id")).second) continue;
      const Json event = Json::parse(got.body);
      by_job[event["job_id"]].push_back(event["job_seq"]);
    }
    return static_cast<int>(ids.size()) >= appended;
  }));
  EXPECT_EQ(by_job["a"], Numbers(1, 100));
  EXPECT_EQ(by_job["b"], Numbers(1, 100));
}

TEST_F(WebhookE2eTest, WhatIsToBeSentAgainOutlivesACrash) {
  Start(Config());
  WebhookTarget target;
  Make("hook", target.Url());
  AppendLogs("job", 20);
  ASSERT_THAT(target.WaitFor(20), SizeIs(20));
  target.SetAnswer(
      [](const httplib::Request&, httplib::Response& response) { response.status = 503; });
  const std::string path = std::string(kWebhooks) + "/hook/send-again";
  ASSERT_EQ(admin().Post(path, R"({"since":"all"})").status, 202);
  daemon_->Kill9();
  target.SetAnswer(nullptr);
  Start(Config());
  const auto got = target.WaitFor(40);
  ASSERT_THAT(got, SizeIs(40));
  EXPECT_EQ(SeqsOf({got.begin() + 20, got.end()}), Numbers(1, 20));
}

TEST_F(WebhookE2eTest, WhatIsNotTakenHoldsUpItsOwnJob) {
  Start(Config());
  WebhookTarget target;
  target.SetAnswer([](const httplib::Request& request, httplib::Response& response) {
    if (request.body.find("poison") != std::string::npos) response.status = 422;
  });
  Make("hook", target.Url());
  Append("bad", R"({"type":"log","message":"poison"})");
  Append("bad", R"({"type":"log","message":"waits"})");
  AppendLogs("good", 3);
  EXPECT_EQ(SeqsOf(target.WaitFor(3)), Numbers(3, 5));
  EXPECT_TRUE(Becomes([&] { return !Deliveries("hook", "?status=retrying").empty(); }));
  const Json delivery = Deliveries("hook", "?status=retrying")[0];
  EXPECT_EQ(delivery["http_status"], 422);
  EXPECT_EQ(delivery["seq"], 1);
  EXPECT_EQ(delivery["job_id"], "bad");
  EXPECT_FALSE(delivery.contains("answer"));  // the address is not public
  target.SetAnswer(nullptr);
  const auto got = target.WaitFor(5);
  EXPECT_EQ(SeqsOf({got.begin() + 3, got.end()}), Numbers(1, 2));
}

TEST_F(WebhookE2eTest, ReceiversThatMisbehaveHoldUpNobody) {
  Start(Config("  timeout_seconds: 2\n"));
  WebhookTarget good;
  WebhookTarget cut;
  cut.SetAnswer([](const httplib::Request&, httplib::Response& response) {
    // Less than it has announced, then the end.
    response.set_content_provider(1'000'000, "text/plain",
                                  [](size_t offset, size_t, httplib::DataSink& sink) {
                                    if (offset == 0) sink.write("x", 1);
                                    return offset == 0;
                                  });
  });
  HangingTarget hanging;
  for (int i = 0; i < 5; ++i) Make("hanging-" + std::to_string(i), hanging.url());
  Make("cut", cut.Url());
  Make("good", good.Url());
  AppendLogs("job", 100);
  EXPECT_EQ(SeqsOf(good.WaitFor(100)), Numbers(1, 100));
  EXPECT_TRUE(Becomes([&] {
    for (const char* id : {"hanging-0", "cut"}) {
      if (Deliveries(id, "?status=retrying").empty()) return false;
    }
    return true;
  }));
  EXPECT_THAT(Deliveries("hanging-0")[0]["problem"], HasSubstr("timed out"));
}

TEST_F(WebhookE2eTest, MoreReceiversThatHangThanThereIsRoomFor) {
  Start(Config("  timeout_seconds: 60\n"));
  HangingTarget hanging;
  WebhookTarget good;
  Make("good", good.Url());
  AppendLogs("job", 1);
  EXPECT_THAT(good.WaitFor(1), SizeIs(1));
  for (int i = 0; i < 250; ++i) Make("hanging-" + std::to_string(i), hanging.url());
  for (int i = 0; i < 5; ++i) AppendLogs("job-" + std::to_string(i), 20);
  EXPECT_THAT(good.WaitFor(101), SizeIs(101));
}

TEST_F(WebhookE2eTest, AChangeStoresThePlaceInTheLogWithIt) {
  Start(Config());
  HangingTarget hanging;
  WebhookTarget target;
  Make("hook", hanging.url());
  AppendLogs("job", 1);
  const UniqueFd attempt = hanging.Accept();  // the first event is under way
  EXPECT_TRUE(Becomes([&] { return Show("hook")["sent_through"] == 0; }));
  AppendLogs("job", 1);
  Do("hook", "rotate");
  daemon_->Kill9();
  daemon_->WaitForExit(std::chrono::seconds(10));
  {
    SQLite::Database database(runs_dir() + "/stagelog.webhooks.db", SQLite::OPEN_READWRITE);
    database.exec("UPDATE webhook SET definition = replace(definition, '" + hanging.url() + "', '" +
                  target.Url() + "')");
  }
  Start(Config());
  AppendLogs("job", 1);
  EXPECT_EQ(SeqsOf(target.WaitFor(3)), Numbers(1, 3));
}

TEST_F(WebhookE2eTest, ItsFileIsLockedByAnother) {
  Start(Config());
  WebhookTarget target;
  const std::string secret = Make("hook", target.Url())["secret"];
  Make("gone", target.Url("/gone"));
  target.SetAnswer([](const httplib::Request& request, httplib::Response& response) {
    if (request.path == "/gone") response.status = 410;
  });
  {
    SQLite::Database other(runs_dir() + "/stagelog.webhooks.db", SQLite::OPEN_READWRITE);
    SQLite::Transaction transaction(other, SQLite::TransactionBehavior::IMMEDIATE);
    ExpectProblem(admin().Post(std::string(kWebhooks) + "/hook/rotate", ""), 503,
                  "webhooks_unavailable");
    AppendLogs("job", 3);
    const auto got = target.WaitFor(3);
    ASSERT_THAT(got, SizeIs(3));
    EXPECT_TRUE(IsSignedBy(got[2], secret));  // the change was not made
    EXPECT_TRUE(Becomes([&] {
      return GetJson("/readyz").dump().find("stagelog.webhooks.db") != std::string::npos;
    }));
    EXPECT_EQ(GetJson("/readyz")["status"], "ready");
  }
  EXPECT_TRUE(Becomes([&] { return Show("gone")["state"] == "paused"; }));
  EXPECT_TRUE(Becomes(
      [&] { return GetJson("/readyz").dump().find("stagelog.webhooks.db") == std::string::npos; }));
  Stop();
  Start(Config());
  EXPECT_EQ(Show("gone")["state"], "paused");
}

TEST_F(WebhookE2eTest, WhatWasDeletedMeanwhileIsNotSent) {
  Start(Config());
  WebhookTarget target;
  const int port = target.port();
  Make("hook", target.Url());
  target.Stop();
  AppendLogs("gone", 3);
  AppendLogs("kept", 3);
  EXPECT_TRUE(Becomes([&] { return Show("hook")["state"] == "unreachable"; }));
  ASSERT_EQ(admin().Request("DELETE", "/api/v1/jobs/gone", {}).status, 200);
  target.Start(port);
  std::vector<int64_t> kept;
  EXPECT_TRUE(Becomes([&] {
    kept.clear();
    for (const WebhookTarget::Got& got : target.WaitFor(3)) {
      const Json event = Json::parse(got.body);
      if (event["job_id"] == "kept") kept.push_back(event["job_seq"]);
    }
    return kept.size() == 3;
  }));
  EXPECT_EQ(kept, Numbers(1, 3));
  EXPECT_TRUE(Becomes([&] { return Show("hook")["sent_through"] == Show("hook")["head_seq"]; }));
  EXPECT_THAT(daemon_->StderrText(), HasSubstr("the job was deleted"));
}

TEST_F(WebhookE2eTest, WhatIsInTheWayOfItsFileIsSaid) {
  std::filesystem::create_directories(runs_dir() + "/stagelog.webhooks.db");
  Start(Config() + "storage:\n  backup_dir: " + directory_.Path("backups") + "\n");
  AppendLogs("job", 1);
  EXPECT_TRUE(Becomes(
      [&] { return GetJson("/readyz").dump().find("stagelog.webhooks.db") != std::string::npos; }));
  const HttpResponse refused = admin().Post(kWebhooks, R"({"url":"http://example.org"})");
  ExpectProblem(refused, 503, "webhooks_unavailable");
  const HttpResponse backup = admin().Post("/api/v1/admin/backup", "");
  EXPECT_EQ(backup.status, 500);
  EXPECT_THAT(backup.body, HasSubstr("back up without webhooks"));
}

}  // namespace
}  // namespace stagelog::webhook_e2e_test
