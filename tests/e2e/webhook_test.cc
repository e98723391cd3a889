// Webhooks against real receivers: what arrives, in which order, and what happens when it does not.
#include "core/webhook.h"

#include <SQLiteCpp/SQLiteCpp.h>
#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <filesystem>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "base/base64.h"
#include "base/signing.h"
#include "tests/support/daemon_fixture.h"
#include "tests/support/webhook_target.h"

namespace stagelog::webhook_e2e_test {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;
using ::testing::StartsWith;

constexpr const char* kWebhooks = "/api/v1/webhooks";

class WebhookE2eTest : public DaemonTest {
 protected:
  static std::string Config(const std::string& more = "") {
    return std::string(kTestConfig) + "webhooks:\n  allow_private: true\n" + more;
  }

  Json Make(const std::string& id, const std::string& url, const std::string& members = "",
            int status = 201) {
    const HttpResponse answer =
        admin().Post(kWebhooks, R"({"id":")" + id + R"(","url":")" + url + "\"" + members + "}");
    EXPECT_EQ(answer.status, status) << answer.body;
    return Json::parse(answer.body);
  }

  Json Do(const std::string& id, const std::string& what, const std::string& body = "",
          int status = 200) {
    const HttpResponse answer = admin().Post(std::string(kWebhooks) + "/" + id + "/" + what, body);
    EXPECT_EQ(answer.status, status) << answer.body;
    return Json::parse(answer.body);
  }

  HttpResponse Delete(const std::string& id) {
    return admin().Request("DELETE", std::string(kWebhooks) + "/" + id, {});
  }

  Json Show(const std::string& id) { return GetJson(std::string(kWebhooks) + "/" + id); }

  // The newest first.
  Json Deliveries(const std::string& id, const std::string& query = "") {
    return GetJson(std::string(kWebhooks) + "/" + id + "/deliveries" + query)["deliveries"];
  }

  // Asks until the condition holds; each question is answered by what is true then.
  template <typename Condition>
  bool Becomes(const Condition& condition) {
    const Deadline deadline(std::chrono::seconds(20));
    while (!deadline.Passed()) {
      if (condition()) return true;
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
    return false;
  }
};

std::vector<int64_t> SeqsOf(const std::vector<WebhookTarget::Got>& got) {
  std::vector<int64_t> seqs;
  for (const WebhookTarget::Got& each : got) seqs.push_back(SeqOf(Json::parse(each.body)));
  return seqs;
}

std::vector<int64_t> Numbers(int64_t first, int64_t last) {
  std::vector<int64_t> numbers;
  for (int64_t number = first; number <= last; ++number) numbers.push_back(number);
  return numbers;
}

// As a receiver checks it, for v1.
bool IsSignedBy(const WebhookTarget::Got& got, const std::string& secret) {
  const std::optional<std::string> key = KeyOfSecret(WebhookSigning::kHmac, secret);
  const std::string content =
      got.headers.at("webhook-id") + "." + got.headers.at("webhook-timestamp") + "." + got.body;
  const std::string signature = "v1," + Base64(HmacSha256(*key, content));
  return got.headers.at("webhook-signature").find(signature) != std::string::npos;
}

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
  // One that takes connections and never answers.
  const UniqueFd hanging(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(address);
  ASSERT_EQ(::bind(hanging.get(), reinterpret_cast<sockaddr*>(&address), size), 0);
  ASSERT_EQ(::listen(hanging.get(), 100), 0);
  ASSERT_EQ(::getsockname(hanging.get(), reinterpret_cast<sockaddr*>(&address), &size), 0);
  for (int i = 0; i < 5; ++i) {
    Make("hanging-" + std::to_string(i),
         "http://127.0.0.1:" + std::to_string(ntohs(address.sin_port)) + "/");
  }
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
  Make("yes", target.Url("/yes"), R"(,"handshake":true,"format":"cloudevents")");
  AppendLogs("job", 1);
  const auto got = target.WaitFor(3);
  ASSERT_THAT(got, SizeIs(3));
  EXPECT_EQ(got[0].headers.at("webhook-request-origin"), "journal.example.org");
  EXPECT_EQ(got[2].path, "/yes");
  EXPECT_THAT(got[2].body, StartsWith("{\"specversion\""));
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

// A listener that takes connections and never answers.
class HangingTarget {
 public:
  HangingTarget() : listener_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof(address);
    EXPECT_EQ(::bind(listener_.get(), reinterpret_cast<sockaddr*>(&address), size), 0);
    EXPECT_EQ(::listen(listener_.get(), 1'000), 0);
    EXPECT_EQ(::getsockname(listener_.get(), reinterpret_cast<sockaddr*>(&address), &size), 0);
    url_ = "http://127.0.0.1:" + std::to_string(ntohs(address.sin_port)) + "/";
  }
  const std::string& url() const { return url_; }

  // Waits for one that has come.
  UniqueFd Accept() { return UniqueFd(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC)); }

 private:
  UniqueFd listener_;
  std::string url_;
};

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
