// What the sender makes of answers that a stagelog daemon in good health does not give.
#include <gmock/gmock.h>
#include <httplib.h>

#include <condition_variable>
#include <filesystem>
#include <mutex>
#include <thread>

#include "client/send_verdict.h"
#include "tests/cli/run_fixture.h"

namespace stagelog {
namespace {

using cli::Answer;
using cli::ClassifyAnswer;
using cli::SendVerdict;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;

using Kind = SendVerdict::Kind;

SendVerdict Judge(int status, const std::string& body, size_t batch_size = 10) {
  cli::Settings settings;
  settings.url = "http://127.0.0.1:1";
  const cli::DaemonClient client(settings);
  return ClassifyAnswer(client, Answer{status, "application/json", body}, batch_size);
}

TEST(SendVerdictTest, OnlyADaemonThatSpeaksOfTheEventRefusesIt) {
  EXPECT_EQ(Judge(201, R"({"accepted":1,"durable":"disk","job_status":"running"})").job_status,
            "running");
  EXPECT_EQ(Judge(200, R"({"accepted":0,"durable":"disk"})").kind, Kind::kTaken);
  EXPECT_EQ(Judge(200, "<html>a portal</html>").kind, Kind::kUnavailable);
  const std::string problem = R"({"code":"invalid_field","detail":"d","line":3})";
  for (const int status : {400, 409, 413, 415, 422, 431}) {
    EXPECT_EQ(Judge(status, problem).kind, Kind::kRefused) << status;
    EXPECT_EQ(Judge(status, problem).culprit, 2U);
    EXPECT_EQ(Judge(status, "<html>").kind, Kind::kUnavailable) << status;
  }
  for (const int status : {401, 403, 404, 405, 407, 421, 302}) {
    EXPECT_EQ(Judge(status, problem).kind, Kind::kUnavailable) << status;
  }
  for (const int status : {500, 502, 503, 504, 408, 429}) {
    EXPECT_EQ(Judge(status, problem).kind, Kind::kLater) << status;
    EXPECT_EQ(Judge(status, "").kind, Kind::kLater) << status;
  }
}

TEST(SendVerdictTest, TheCulpritIsNamedOrUnknown) {
  EXPECT_EQ(Judge(422, R"({"code":"c"})", 10).culprit, std::nullopt);
  EXPECT_EQ(Judge(422, R"({"code":"c"})", 1).culprit, 0U);
  EXPECT_EQ(Judge(422, R"({"code":"c","line":11})", 10).culprit, std::nullopt);
  EXPECT_EQ(Judge(422, R"({"code":"c","line":0})", 10).culprit, std::nullopt);
  EXPECT_EQ(Judge(422, R"({"code":"c","line":"x"})", 10).culprit, std::nullopt);
}

// Answers as the test says, and remembers what it took.
class FakeDaemon {
 public:
  using Handler = std::function<void(const std::string& body, httplib::Response& answer)>;

  explicit FakeDaemon(Handler handler) {
    server_.Post(".*", [this, handler](const httplib::Request& request, httplib::Response& answer) {
      const std::lock_guard lock(mutex_);
      answer.set_content(R"({"accepted":1,"durable":"disk","job_status":"running"})",
                         "application/json");
      handler(request.body, answer);
      if (answer.status >= 400) return;
      for (const std::string& line : SplitLines(request.body + "\n")) {
        if (!line.empty()) taken_.push_back(line);
      }
      changed_.notify_all();
    });
    port_ = server_.bind_to_any_port("127.0.0.1");
    thread_ = std::thread([this] { server_.listen_after_bind(); });
  }
  ~FakeDaemon() {
    server_.stop();
    thread_.join();
  }

  int port() const { return port_; }

  // What it took: type, or message where there is one.
  std::vector<std::string> Taken() {
    const std::lock_guard lock(mutex_);
    std::vector<std::string> taken;
    for (const std::string& line : taken_) {
      const Json event = Json::parse(line);
      if (event.value("type", "") == "heartbeat") continue;  // they come when they come
      taken.push_back(event.value("message", event.value("type", "")));
    }
    return taken;
  }

  bool WaitFor(const std::string& part) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, std::chrono::seconds(30), [&] {
      return std::any_of(taken_.begin(), taken_.end(), [&](const std::string& line) {
        return line.find(part) != std::string::npos;
      });
    });
  }

 private:
  httplib::Server server_;
  int port_ = 0;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::string> taken_;
  std::thread thread_;
};

class SendTest : public RunTest {
 protected:
  std::unique_ptr<CliProcess> StartScript(const FakeDaemon& daemon, const std::string& script) {
    cli_.SetEnvironment("STAGELOG_URL", "http://127.0.0.1:" + std::to_string(daemon.port()));
    return cli_.Start({"run", "--job", "j", "--", "sh", "-c", script});
  }
};

TEST_F(SendTest, HeartbeatsAreSentWhileTheCommandIsQuiet) {
  FakeDaemon daemon([](const std::string&, httplib::Response&) {});
  ScriptGate gate(cli_.Path("gate"));
  const auto run = StartScript(daemon, gate.Shell());
  EXPECT_TRUE(daemon.WaitFor(R"("type":"heartbeat")"));
  gate.Open();
  EXPECT_EQ(run->Wait().exit_code, 0);
  EXPECT_THAT(daemon.Taken(), ElementsAre("job_created", "job_started", "job_completed"));
}

TEST_F(SendTest, ADaemonThatIsOverloadedForAMomentGetsAllInOrder) {
  int asked = 0;
  FakeDaemon daemon([&](const std::string&, httplib::Response& answer) {
    if (asked++ < 2) answer.status = 503;
  });
  const auto run = StartScript(daemon, "echo a; echo b");
  EXPECT_EQ(run->Wait().err, "");
  EXPECT_THAT(daemon.Taken(), ElementsAre("job_created", "job_started", "a", "b", "job_completed"));
  EXPECT_FALSE(HasSpool("j"));
}

TEST_F(SendTest, ABatchRefusedWithoutALineIsTakenApart) {
  FakeDaemon daemon([](const std::string& body, httplib::Response& answer) {
    if (body.find(R"("message":"poison")") == std::string::npos) return;
    answer.status = 413;
    answer.set_content(R"({"code":"event_too_large","detail":"d"})", "application/problem+json");
  });
  const CliResultText result =
      StartScript(daemon, "for i in 1 2 3 4 5 poison 6 7; do echo $i; done")->Wait();
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_THAT(result.err, HasSubstr("413 event_too_large"));
  EXPECT_THAT(daemon.Taken(), ElementsAre("job_created", "job_started", "1", "2", "3", "4", "5",
                                          "6", "7", "job_completed"));
  EXPECT_THAT(SplitLines(ReadAll(SpoolOf("j") + "/refused.ndjson")), SizeIs(1));
}

TEST_F(SendTest, SomethingElseAtTheAddressKeepsTheEvents) {
  FakeDaemon daemon([](const std::string&, httplib::Response& answer) {
    answer.status = 404;
    answer.set_content("<html>nothing here</html>", "text/html");
  });
  const CliResultText result = StartScript(daemon, "echo a; exit 4")->Wait();
  EXPECT_EQ(result.exit_code, 4);
  EXPECT_THAT(result.err, AllOf(HasSubstr("keeping events until they can be sent"),
                                HasSubstr("not like a stagelog daemon"),
                                HasSubstr("4 events of job j are waiting")));
}

}  // namespace
}  // namespace stagelog
