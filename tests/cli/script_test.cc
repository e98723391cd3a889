// A shell script of several commands under `stagelog run`, with a gate in the middle, while the
// daemon dies and comes back.
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <set>

#include "tests/cli/command_fixture.h"

namespace stagelog {
namespace {

constexpr const char* kScript = R"sh(
set -e
echo "release $STAGELOG_JOB"
"$STAGELOG" run --stage build -- sh -c 'for i in $(seq 40); do echo "build $i"; echo "::progress $i/40 files"; done'
touch "$FLAGS/built"
while ! test -e "$FLAGS/daemon-is-gone"; do sleep 0.05; done
"$STAGELOG" run --stage test -- sh -c 'for i in $(seq 40); do echo "test $i"; done; echo oops >&2'
"$STAGELOG" emit "$STAGELOG_JOB" gate_pause --gate ship --payload '{"prompt":"Ship?"}'
touch "$FLAGS/at-gate"
"$STAGELOG" gate wait "$STAGELOG_JOB" ship
"$STAGELOG" run --stage deploy -- sh -c 'for i in $(seq 40); do echo "deploy $i"; done'
)sh";

class ScriptTest : public CommandTest {
 protected:
  void Await(const std::string& flag) {
    const auto give_up_at = std::chrono::steady_clock::now() + std::chrono::seconds(120);
    while (!std::filesystem::exists(cli_.Path(flag))) {
      ASSERT_LT(std::chrono::steady_clock::now(), give_up_at) << flag;
      ::usleep(10'000);
    }
  }

  void AwaitPendingGate() {
    const auto give_up_at = std::chrono::steady_clock::now() + std::chrono::seconds(120);
    while (admin().Get("/api/v1/jobs/release/gates/ship").status != 200) {
      ASSERT_LT(std::chrono::steady_clock::now(), give_up_at);
      ::usleep(10'000);
    }
  }

  // The messages of the job's `log` events of a stage, in order.
  static std::vector<std::string> Logs(const std::vector<Json>& events, const std::string& stage) {
    std::vector<std::string> messages;
    for (const Json& event : events) {
      const bool is_ours = event["type"] == "log" && event.value("stage", "") == stage;
      if (is_ours) messages.push_back(event["message"]);
    }
    return messages;
  }

  // Where the first event of that type and stage or gate is; the test fails without one.
  static size_t Find(const std::vector<Json>& events, const std::string& type,
                     const std::string& name) {
    for (size_t i = 0; i < events.size(); ++i) {
      const bool is_named = name.empty() || events[i].value("stage", "") == name ||
                            events[i].value("gate", "") == name;
      if (events[i]["type"] == type && is_named) return i;
    }
    ADD_FAILURE() << "no " << type << " " << name;
    return 0;
  }
};

TEST_F(ScriptTest, TheJournalIsCompleteAndInOrderThoughTheDaemonDies) {
  StartDaemon();
  const uint16_t port = daemon_->port();
  cli_.SetEnvironment("STAGELOG", CliPath());
  cli_.SetEnvironment("FLAGS", cli_.Path(""));
  std::ofstream(cli_.Path("release.sh")) << kScript;
  auto run = cli_.Start({"run", "--job", "release", "--", "sh", cli_.Path("release.sh")});
  Await("built");
  daemon_->Kill9();
  std::ofstream(cli_.Path("daemon-is-gone"));
  Await("at-gate");
  StartDaemon(port);
  AwaitPendingGate();
  daemon_->Kill9();
  StartDaemon(port);
  Run({"gate", "approve", "release", "ship", "--comment", "go"});
  const CliResultText result = run->Wait(std::chrono::seconds(120));
  ASSERT_EQ(result.exit_code, 0) << result.err;
  Run({"spool", "flush"});

  std::vector<Json> events;
  std::set<std::string> ids;
  for (const std::string& line : Lines("release")) {
    events.push_back(Json::parse(line));
    EXPECT_TRUE(ids.insert(events.back()["event_id"]).second) << line;
    EXPECT_FALSE(events.back().contains("violations")) << line;
  }
  const std::vector<size_t> places = {
      Find(events, "job_created", ""),         Find(events, "job_started", ""),
      Find(events, "stage_started", "build"),  Find(events, "stage_completed", "build"),
      Find(events, "stage_started", "test"),   Find(events, "stage_completed", "test"),
      Find(events, "gate_pause", "ship"),      Find(events, "gate_approved", "ship"),
      Find(events, "stage_started", "deploy"), Find(events, "stage_completed", "deploy"),
      Find(events, "job_completed", "")};
  EXPECT_TRUE(std::is_sorted(places.begin(), places.end())) << ::testing::PrintToString(places);
  EXPECT_EQ(places.back(), events.size() - 1);
  for (const std::string stage : {"build", "deploy"}) {
    std::vector<std::string> expected;
    for (int i = 1; i <= 40; ++i) expected.push_back(stage + " " + std::to_string(i));
    EXPECT_EQ(Logs(events, stage), expected);
  }
  EXPECT_EQ(Logs(events, "test").size(), 41u);
  EXPECT_TRUE(std::filesystem::is_empty(cli_.home() + "/.local/state/stagelog/spool"));
  Run({"verify", runs_dir(), "--database"});
  EXPECT_EQ(GetJson("/api/v1/jobs/release")["status"], "completed");
}

// A shell goes on with its script unless the signal has ended what it waits for.
TEST_F(ScriptTest, ASignalThatEndsAStageEndsTheScript) {
  StartDaemon();
  cli_.SetEnvironment("STAGELOG", CliPath());
  auto run = cli_.Start(
      {"run", "--job", "j", "--stage", "s", "--", "sh", "-c", "echo begun; exec sleep 100"});
  const auto give_up_at = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  while (run->out() != "begun\n" && std::chrono::steady_clock::now() < give_up_at) ::usleep(10'000);
  ::kill(run->pid(), SIGINT);
  int status = 0;
  ASSERT_EQ(::waitpid(run->pid(), &status, 0), run->pid());
  EXPECT_TRUE(WIFSIGNALED(status)) << "a shell that gets a mere exit code 130 goes on";
  EXPECT_EQ(WTERMSIG(status), SIGINT);
}

// The daemon is never there: the script ends well, and everything is in the journal later.
TEST_F(ScriptTest, WithoutADaemonTheEventsWait) {
  cli_.SetEnvironment("STAGELOG", CliPath());
  cli_.SetEnvironment("STAGELOG_URL", "http://127.0.0.1:1");
  const std::string script = "echo one; \"$STAGELOG\" emit j x-mark --message two && echo three";
  const CliResultText result = Run({"run", "--job", "j", "--", "sh", "-c", script});
  EXPECT_EQ(result.out, "one\nthree\n");
  StartDaemon();
  Run({"spool", "flush"});
  std::vector<std::string> types;
  for (const std::string& line : Lines("j")) {
    const Json event = Json::parse(line);
    const bool is_said_to_people =
        event.value(Json::json_pointer("/payload/stream"), "") == "stderr";
    if (!is_said_to_people) types.push_back(event["type"]);
  }
  EXPECT_EQ(types, (std::vector<std::string>{"job_created", "job_started", "log", "x-mark", "log",
                                             "job_completed"}));
}

}  // namespace
}  // namespace stagelog
