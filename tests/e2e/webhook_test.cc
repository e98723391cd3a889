// Webhooks against real receivers: what arrives, and how they are managed.
#include <sys/stat.h>

#include <chrono>
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
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;
using ::testing::StartsWith;

TEST_F(WebhookE2eTest, EventsArriveSignedAsTheyAreStored) {
  Start(Config());
  WebhookTarget target;
  AppendLogs("before", 1);
  const Json made = Make("hook", target.Url(), R"(,"job":"job")");
  const std::string secret = made["secret"];
  AppendLogs("job", 20);
  AppendLogs("other", 1);
  const auto got = target.WaitFor(20);
  ASSERT_EQ(SeqsOf(got), Numbers(2, 21));
  const std::vector<std::string> lines = Lines("job");
  std::set<std::string> ids;
  for (size_t i = 0; i < got.size(); ++i) {
    EXPECT_EQ(got[i].body, lines[i]);
    EXPECT_EQ(got[i].headers.at("content-type"), "application/json");
    EXPECT_TRUE(IsSignedBy(got[i], secret));
    ids.insert(got[i].headers.at("webhook-id"));
  }
  EXPECT_THAT(ids, SizeIs(20));
  EXPECT_TRUE(Becomes([&] { return Show("hook")["sent_through"] == 22; }));
  EXPECT_FALSE(Show("hook").contains("secret"));
  const HttpResponse list = admin().Get(kWebhooks);
  EXPECT_THAT(list.body, Not(HasSubstr("whsec_")));
}

TEST_F(WebhookE2eTest, GoneEndsItAndARedirectIsNotFollowed) {
  Start(Config());
  WebhookTarget target;
  target.SetAnswer([](const httplib::Request& request, httplib::Response& response) {
    if (request.path == "/gone") response.status = 410;
    if (request.path == "/moved") {
      response.status = 307;
      response.set_header("Location", "/elsewhere");
    }
  });
  Make("gone", target.Url("/gone"));
  Make("moved", target.Url("/moved"));
  AppendLogs("job", 2);
  EXPECT_TRUE(Becomes([&] { return Show("gone")["state"] == "paused"; }));
  EXPECT_THAT(Show("gone")["paused_because"], HasSubstr("410"));
  EXPECT_TRUE(Becomes([&] { return Show("moved")["state"] == "unreachable"; }));
  EXPECT_THAT(Show("moved")["problem"], HasSubstr("redirect"));
  for (const auto& got : target.WaitForAttempts(4)) EXPECT_NE(got.path, "/elsewhere");
}

TEST_F(WebhookE2eTest, AddressesThatAreNotPublicAreRefused) {
  Start();
  WebhookTarget target;
  for (const char* host : {"127.0.0.1", "[::1]", "169.254.169.254", "[::ffff:10.0.0.1]", "0x7f.1",
                           "localhost", "10.0.0.1"}) {
    const Json refused = Make(
        "hook", "http://" + std::string(host) + ":" + std::to_string(target.port()) + "/", "", 422);
    EXPECT_EQ(refused["field"], "url") << host;
  }
  // One that stands in the file since it was allowed is judged when it is dialled.
  Stop();
  Start(Config());
  Make("hook", target.Url());
  Stop();
  Start();
  const Json test = Do("hook", "test");
  EXPECT_EQ(test["delivered"], false);
  EXPECT_THAT(test["problem"], HasSubstr("not public"));
  AppendLogs("job", 1);
  EXPECT_TRUE(Becomes([&] { return !Deliveries("hook").empty(); }));
  EXPECT_THAT(Deliveries("hook")[0]["problem"], HasSubstr("allow_private"));
  EXPECT_THAT(target.WaitForAttempts(1, std::chrono::seconds(0)), IsEmpty());
}

TEST_F(WebhookE2eTest, EachFormatIsWhatItSays) {
  Start(Config("  public_url: https://journal.example.org\n"));
  WebhookTarget target;
  for (const char* format : {"cloudevents", "cloudevents-binary", "cloudevents-batch", "cdevents",
                             "openlineage", "otlp"}) {
    Make(format, target.Url(std::string("/") + format),
         R"(,"format":")" + std::string(format) + "\"");
  }
  Make(
      "chat", target.Url("/chat"),
      R"j(,"type":"gate_pause","template":"{\"text\":\"{{payload.prompt}} {{public_url}}/{{gate}}\"}")j");
  Append("job", R"({"type":"job_started"})");
  Append("job", R"({"type":"stage_started","stage":"encode"})");
  Append("job", R"({"type":"gate_pause","gate":"ship","payload":{"prompt":"Ship \"it\"?"}})");
  Append("job", R"({"type":"gate_approved","gate":"ship"})");
  Append("job", R"({"type":"stage_completed","stage":"encode"})");
  Append("job", R"({"type":"job_completed"})");
  std::map<std::string, std::vector<WebhookTarget::Got>> by_path;
  for (const auto& got : target.WaitFor(6 * 4 + 4 + 1 + 1)) by_path[got.path].push_back(got);
  EXPECT_THAT(by_path["/cloudevents"], SizeIs(6));
  EXPECT_EQ(Json::parse(by_path["/cloudevents"][0].body)["type"], "dev.stagelog.job.started.v1");
  EXPECT_EQ(by_path["/cloudevents"][0].headers["content-type"], "application/cloudevents+json");
  ASSERT_THAT(by_path["/cloudevents-binary"], SizeIs(6));
  EXPECT_EQ(by_path["/cloudevents-binary"][1].headers["ce-type"], "dev.stagelog.stage.started.v1");
  EXPECT_EQ(by_path["/cloudevents-binary"][2].body, R"({"prompt":"Ship \"it\"?"})");
  EXPECT_THAT(Json::parse(by_path["/cloudevents-batch"][0].body), SizeIs(1));
  EXPECT_EQ(Json::parse(by_path["/cdevents"][0].body)["type"],
            "dev.cdevents.pipelinerun.started.0.3.0");
  std::vector<std::string> runs;
  for (const auto& got : by_path["/openlineage"])
    runs.push_back(Json::parse(got.body)["eventType"]);
  EXPECT_THAT(runs, ElementsAre("START", "START", "COMPLETE", "COMPLETE"));
  ASSERT_THAT(by_path["/otlp"], SizeIs(1));
  EXPECT_THAT(Json::parse(by_path["/otlp"][0].body)["resourceSpans"][0]["scopeSpans"][0]["spans"],
              SizeIs(3));
  ASSERT_THAT(by_path["/chat"], SizeIs(1));
  EXPECT_EQ(Json::parse(by_path["/chat"][0].body)["text"],
            "Ship \"it\"? https://journal.example.org/ship");
}

TEST_F(WebhookE2eTest, RotatePauseDeleteAndSendAgain) {
  Start(Config());
  WebhookTarget target;
  const std::string old_secret = Make("hook", target.Url())["secret"];
  const std::string new_secret = Do("hook", "rotate")["secret"];
  EXPECT_NE(old_secret, new_secret);
  AppendLogs("job", 3);
  auto got = target.WaitFor(3);
  ASSERT_THAT(got, SizeIs(3));
  EXPECT_TRUE(IsSignedBy(got[0], old_secret));
  EXPECT_TRUE(IsSignedBy(got[0], new_secret));
  EXPECT_TRUE(Becomes([&] { return Deliveries("hook").size() == 3; }));

  EXPECT_EQ(Do("hook", "pause")["state"], "paused");
  AppendLogs("job", 2);
  EXPECT_EQ(Do("hook", "test")["delivered"], true);  // also of one that is paused
  EXPECT_EQ(Json::parse(target.WaitFor(4)[3].body)["type"], "x-stagelog-test");
  EXPECT_EQ(Do("hook", "resume")["state"], "active");
  got = target.WaitFor(6);
  EXPECT_EQ(SeqsOf({got.begin() + 4, got.end()}), Numbers(4, 5));

  const std::string id = got[1].headers.at("webhook-id");
  Do("hook", "send-again", R"({"id":")" + id + "\"}", 202);
  got = target.WaitFor(7);
  EXPECT_EQ(got[6].headers.at("webhook-id"), id);
  Do("hook", "send-again", R"({"since":"all"})", 202);
  got = target.WaitFor(12);
  EXPECT_EQ(SeqsOf({got.begin() + 7, got.end()}), Numbers(1, 5));
  Do("hook", "send-again", R"({"id":"msg_unknown"})", 404);
  Do("hook", "send-again", "{}", 422);
  Do("hook", "send-again", R"({"since":"1h","id":"x"})", 422);

  EXPECT_EQ(Delete("hook").status, 200);
  ExpectProblem(admin().Get(std::string(kWebhooks) + "/hook"), 404, "unknown_webhook");
  AppendLogs("job", 1);
  Make("hook", target.Url(), R"(,"since":"all")");
  got = target.WaitFor(18);
  EXPECT_EQ(SeqsOf({got.begin() + 12, got.end()}), Numbers(1, 6));
  EXPECT_NE(got[12].headers.at("webhook-signature").size(), 0);
  Make("hook", target.Url(), "", 409);
}

TEST_F(WebhookE2eTest, TheConfigurationHasItsOwn) {
  WebhookTarget target;
  const std::string config =
      Config("  targets:\n    - {id: chat, url: \"" + target.Url() +
             "\", type: log, secret: whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw}\n");
  Start(config);
  AppendLogs("job", 2);
  auto got = target.WaitFor(2);
  ASSERT_THAT(got, SizeIs(2));
  EXPECT_TRUE(IsSignedBy(got[0], "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"));
  ExpectProblem(Delete("chat"), 409, "webhook_configured");
  ExpectProblem(admin().Post(std::string(kWebhooks) + "/chat/rotate", ""), 409,
                "webhook_configured");
  Stop();
  Start(config);
  AppendLogs("job", 1);
  EXPECT_EQ(SeqsOf(target.WaitFor(3)), Numbers(1, 3));
  Stop();
  Start(Config());
  EXPECT_THAT(GetJson(kWebhooks)["webhooks"], IsEmpty());
}

TEST_F(WebhookE2eTest, TheReceiverIsAskedFirst) {
  Start(Config("  public_url: https://journal.example.org\n"));
  WebhookTarget target;
  target.SetAnswer([](const httplib::Request& request, httplib::Response& response) {
    if (request.method == "OPTIONS" && request.path == "/yes") {
      response.set_header("WebHook-Allowed-Origin", "journal.example.org");
    }
  });
  Make("no", target.Url("/no"), R"(,"handshake":true,"format":"cloudevents")");
  EXPECT_TRUE(Becomes([&] { return Show("no").contains("problem"); }));
  EXPECT_THAT(Show("no")["problem"], HasSubstr("WebHook-Allowed-Origin"));
  EXPECT_EQ(Show("no")["state"], "unreachable");
  EXPECT_TRUE(Show("no").contains("waits_until"));
  EXPECT_TRUE(Becomes(
      [&] { return GetJson("/readyz").dump().find("1 of 1 webhooks") != std::string::npos; }));
  Make("yes", target.Url("/yes"), R"(,"handshake":true,"format":"cloudevents")");
  AppendLogs("job", 1);
  const auto got = target.WaitFor(3);
  ASSERT_THAT(got, SizeIs(3));
  EXPECT_EQ(got[0].headers.at("webhook-request-origin"), "journal.example.org");
  EXPECT_EQ(got[2].path, "/yes");
  EXPECT_THAT(got[2].body, StartsWith("{\"specversion\""));
}

TEST_F(WebhookE2eTest, TheRateThatTheReceiverAllowsIsKept) {
  Start(Config("  public_url: https://journal.example.org\n"));
  WebhookTarget target;
  target.SetAnswer([](const httplib::Request& request, httplib::Response& response) {
    if (request.method != "OPTIONS") return;
    response.set_header("WebHook-Allowed-Origin", "*");
    response.set_header("WebHook-Allowed-Rate", "240");
  });
  Make("calm", target.Url(), R"(,"handshake":true)");
  const auto start = std::chrono::steady_clock::now();
  for (const char* job : {"a", "b", "c", "d"}) AppendLogs(job, 1);
  EXPECT_THAT(target.WaitFor(5), SizeIs(5));
  // Four requests have three intervals of a quarter of a second between them; without the rate
  // they take some milliseconds.
  EXPECT_GE(std::chrono::steady_clock::now() - start, std::chrono::milliseconds(700));
}

TEST_F(WebhookE2eTest, RotatedTwiceTheFirstSecretStillSigns) {
  Start(Config());
  WebhookTarget target;
  std::vector<std::string> secrets = {Make("hook", target.Url())["secret"]};
  for (int i = 0; i < 5; ++i) secrets.push_back(Do("hook", "rotate")["secret"]);
  Stop();
  Start(Config());
  AppendLogs("job", 1);
  const auto got = target.WaitFor(1);
  ASSERT_THAT(got, SizeIs(1));
  EXPECT_FALSE(IsSignedBy(got[0], secrets[0]));  // four are kept beside the newest
  for (size_t i = 1; i < secrets.size(); ++i) EXPECT_TRUE(IsSignedBy(got[0], secrets[i])) << i;
}

TEST_F(WebhookE2eTest, ARepeatedRequestMakesOne) {
  Start(Config());
  const std::string body = R"({"url":"http://127.0.0.1:9/"})";
  const HttpHeaders key = {{"Idempotency-Key", "\"once\""}};
  EXPECT_EQ(admin().Post(kWebhooks, body, "application/json", key).status, 201);
  ExpectProblem(admin().Post(kWebhooks, body, "application/json", key), 409, "webhook_exists");
  EXPECT_THAT(GetJson(kWebhooks)["webhooks"], SizeIs(1));
}

TEST_F(WebhookE2eTest, PagesOfDeliveriesAreLinked) {
  Start(Config());
  WebhookTarget target;
  Make("hook", target.Url());
  AppendLogs("job", 3);
  target.WaitFor(3);
  // A delivery is listed once its answer is stored.
  const std::string all = std::string(kWebhooks) + "/hook/deliveries";
  const auto give_up_at = std::chrono::steady_clock::now() + std::chrono::seconds(30);
  while (GetJson(all)["deliveries"].size() < 3 && std::chrono::steady_clock::now() < give_up_at) {
    std::this_thread::yield();
  }
  std::string page = all + "?limit=2";
  const std::string link = admin().Get(page).Header("link");
  ASSERT_THAT(link, HasSubstr("rel=\"next\""));
  page = link.substr(1, link.find('>') - 1);
  EXPECT_THAT(GetJson(page)["deliveries"], SizeIs(1));
  EXPECT_EQ(admin().Get(page).Header("link"), "");
}

TEST_F(WebhookE2eTest, ABackupHasThemPausedAndNobodyElseReadsThem) {
  const std::string config =
      Config() + "storage:\n  backup_dir: " + directory_.Path("backups") + "\n";
  Start(config);
  WebhookTarget target;
  Make("hook", target.Url());
  AppendLogs("job", 1);
  EXPECT_THAT(target.WaitFor(1), SizeIs(1));
  EXPECT_TRUE(Becomes([&] { return !Deliveries("hook").empty(); }));  // it is noted
  ASSERT_EQ(admin().Post("/api/v1/admin/backup?to=copy", "").status, 201);
  for (const std::string& folder : {runs_dir(), directory_.Path("backups") + "/copy"}) {
    for (const auto& entry : std::filesystem::directory_iterator(folder)) {
      const std::string name = entry.path().filename();
      if (!name.starts_with("stagelog.webhooks.db")) continue;
      struct stat about {};
      ASSERT_EQ(::stat(entry.path().c_str(), &about), 0);
      EXPECT_EQ(about.st_mode & 0777, 0600U) << entry.path();
    }
  }
  Stop();
  std::filesystem::rename(runs_dir(), directory_.Path("lost"));
  std::filesystem::copy(directory_.Path("backups") + "/copy", runs_dir(),
                        std::filesystem::copy_options::recursive);
  Start(config);
  EXPECT_EQ(Show("hook")["state"], "paused");
  EXPECT_THAT(Show("hook")["paused_because"], HasSubstr("restored"));
  AppendLogs("job", 1);
  Do("hook", "resume");
  const auto got = target.WaitFor(2);
  ASSERT_THAT(got, SizeIs(2));
  EXPECT_EQ(Json::parse(got[1].body)["job_seq"], 2);
}

TEST_F(WebhookE2eTest, AnotherKindOfSignature) {
  WebhookTarget target;
  const auto config = [&](const std::string& signing) {
    return Config("  targets:\n    - {id: chat, url: \"" + target.Url() +
                  "\", signing: " + signing + "}\n");
  };
  Start(config("v1"));
  Do("chat", "rotate");
  Stop();
  Start(config("v1a"));
  AppendLogs("job", 1);
  const auto got = target.WaitFor(1);
  ASSERT_THAT(got, SizeIs(1));
  EXPECT_THAT(got[0].headers.at("webhook-signature"), StartsWith("v1a,"));
  EXPECT_THAT(got[0].headers.at("webhook-signature"), Not(HasSubstr(" ")));
}

TEST_F(WebhookE2eTest, WhatTheConfigurationMayNotHaveIsSaidAtOnce) {
  for (const char* targets :
       {"  targets: [{id: a, url: \"http://127.0.0.1:1/\"}]\n", "  ca_file: /nope\n"}) {
    WriteConfig(std::string(kTestConfig) + "webhooks:\n" + targets);
    auto daemon = DaemonProcess::Spawn(Options());
    ASSERT_TRUE(daemon);
    EXPECT_NE((*daemon)->WaitForExit(std::chrono::seconds(20)), std::optional<int>(0));
    EXPECT_THAT((*daemon)->StderrText(), HasSubstr("webhook"));
  }
}

TEST_F(WebhookE2eTest, OnlyAnAdminMay) {
  Start(Config());
  for (const std::string_view token : {kReaderToken, kWriterToken, kApproverToken}) {
    EXPECT_EQ(As(token).Get(kWebhooks).status, 403);
    EXPECT_EQ(As(token).Post(kWebhooks, R"({"url":"http://example.org"})").status, 403);
  }
  ExpectProblem(admin().Get(std::string(kWebhooks) + "/none"), 404, "unknown_webhook");
  ExpectProblem(admin().Get(std::string(kWebhooks) + "/a%2Fb"), 404, "unknown_route");
  ExpectProblem(admin().Post(std::string(kWebhooks) + "/none/pause", "{\"a\":1}"), 400,
                "malformed_request");
  ExpectProblem(admin().Get(std::string(kWebhooks) + "/none/deliveries?status=lost"), 400,
                "invalid_parameter");
}

}  // namespace
}  // namespace stagelog::webhook_e2e_test
