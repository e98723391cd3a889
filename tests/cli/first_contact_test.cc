// What somebody meets who types `stagelog` for the first time: the overview, flags wherever they
// are put, commands for what a job needs, and waiting for what is not there yet.
#include <filesystem>

#include "tests/cli/run_fixture.h"
#include "tests/support/deadline.h"

namespace stagelog {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::MatchesRegex;
using ::testing::Not;
using ::testing::StartsWith;

class FirstContactTest : public RunTest {
 protected:
  // Runs shell code within `stagelog run --job JOB`; $STAGELOG is the program.
  CliResultText RunInside(const std::string& job, const std::string& code, int exit_code = 0) {
    cli_.SetEnvironment("STAGELOG", CliPath());
    return Run({"run", "--job", job, "--", "sh", "-c", code}, "", exit_code);
  }

  void AwaitError(const CliProcess& command, const std::string& text) {
    const Deadline deadline(std::chrono::seconds(30));
    while (command.err().find(text) == std::string::npos) {
      ASSERT_FALSE(deadline.Passed()) << command.err();
      ::usleep(10'000);
    }
  }
};

TEST_F(FirstContactTest, TheOverview) {
  const std::string overview = Run({}).out;
  EXPECT_THAT(overview, AllOf(HasSubstr("Watch:\n"), HasSubstr("  show "), HasSubstr("  cancel "),
                              HasSubstr("Exit codes:")));
  EXPECT_EQ(Run({"help"}).out, overview);
  EXPECT_EQ(Run({"--help"}).out, overview);
  EXPECT_EQ(Run({"--url", "http://127.0.0.1:1"}).out, overview);
  EXPECT_EQ(Run({"help", "gate", "wait"}).out, Run({"gate", "wait", "--help"}).out);
  EXPECT_EQ(Run({"help", "show"}).out, Run({"show", "--help"}).out);
  EXPECT_THAT(Run({"help", "show"}).out, HasSubstr("Usage: stagelog show "));
  EXPECT_EQ(Run({"gate"}).out, Run({"help", "gate"}).out) << "a group without its command";
  EXPECT_EQ(Run({"spool"}).out, Run({"help", "spool"}).out);
  EXPECT_THAT(Run({"gate"}).out, HasSubstr("  approve "));
  ExpectFailure({"help", "shw"}, 2, "unknown command 'shw'; did you mean 'show'?");
  ExpectFailure({"help", "gate", "weit"}, 2, "'wait'");
  ExpectFailure({"help", "show", "me"}, 2, "'stagelog show' has no commands below it");
  ExpectFailure({"shw"}, 2, "unknown command 'shw'; did you mean 'show'?");
}

TEST_F(FirstContactTest, SharedFlagsStandBeforeTheCommandToo) {
  StartDaemon();
  Append("job", R"({"type":"job_started"})");
  const std::string url = "http://127.0.0.1:" + std::to_string(port_);
  const std::string token(kAdminToken);
  cli_.SetEnvironment("STAGELOG_URL", "http://127.0.0.1:1");
  cli_.SetEnvironment("STAGELOG_TOKEN", "wrong");
  const auto listed = [](const CliResultText& result) {
    return Json::parse(result.out, nullptr, false).value("job_id", result.err);
  };
  EXPECT_EQ(listed(Run({"--url", url, "--token", token, "--json", "jobs"})), "job");
  EXPECT_EQ(listed(Run({"--url=" + url, "jobs", "--token", token, "--json"})), "job");
  EXPECT_EQ(Run({"gate", "--url", url, "--token", token, "list"}).out, "no gate is pending\n");
  EXPECT_EQ(listed(Run(
                {"--url", "http://127.0.0.1:2", "jobs", "--url", url, "--token", token, "--json"})),
            "job")
      << "the nearer one counts";
  ExpectFailure({"--url", url, "shw"}, 2, "unknown command 'shw'");
  ExpectFailure({"--status", "running", "jobs"}, 2, "comes after the command");
  ExpectFailure({"--color", "loud", "jobs"}, 2, "--color");
}

TEST_F(FirstContactTest, CancelAndResume) {
  StartDaemon();
  Append("job", R"({"type":"job_started"})");
  EXPECT_THAT(Run({"cancel", "job", "--message", "wrong cut"}).out,
              MatchesRegex("job is canceled \\(seq 2\\)\n"));
  EXPECT_EQ(Json::parse(Lines("job").back())["message"], "wrong cut");
  EXPECT_EQ(Json::parse(Run({"resume", "job", "--json"}).out)["job_status"], "running");
  ExpectFailure({"cancel", "nobody"}, 6, "unknown_job");
  ExpectFailure({"cancel"}, 2, "which job? stagelog cancel JOB");
  ExpectFailure({"cancel", "../job"}, 2, "'../job'");
}

TEST_F(FirstContactTest, AGateIsOpened) {
  StartDaemon();
  Run({"gate", "open", "release", "deploy", "--prompt", "Ship it?", "--option", "eu", "--option",
       "us", "--timeout", "1h30m", "--on-timeout", "reject", "--approver", "alice", "--approver",
       "bob"});
  const Json gate = GetJson("/api/v1/jobs/release/gates/deploy");
  EXPECT_EQ(gate["status"], "pending");
  EXPECT_EQ(gate["prompt"], "Ship it?");
  EXPECT_EQ(gate["options"], Json({"eu", "us"}));
  EXPECT_EQ(gate["approvers"], Json({"alice", "bob"}));
  EXPECT_EQ(gate["timeout_seconds"], 5'400);
  EXPECT_EQ(gate["on_timeout"], "reject");
  EXPECT_THAT(Run({"gate", "show", "release", "deploy"}).out,
              AllOf(HasSubstr(" UTC, "), Not(HasSubstr("Z,"))));
  EXPECT_EQ(Json::parse(Run({"gate", "list", "release", "--json"}).out)["job_id"], "release");
  EXPECT_THAT(Run({"gate", "list", "release", "--status", "rejected"}).out, HasSubstr("no gate"));
  ExpectFailure({"gate", "list", "release", "--status", "pendign"}, 2, "'pending'");
  ExpectFailure({"gate", "open", "j", "g", "--timeout", "0"}, 2, "--timeout: '0'");
  ExpectFailure({"gate", "open", "j", "g", "--timeout", "soon"}, 2, "invalid duration 'soon'");
  ExpectFailure({"gate", "open", "j", "g", "--on-timeout", "reject"}, 2, "--timeout");
  ExpectFailure({"gate", "open", "j", "g", "--timeout", "5", "--on-timeout", "maybe"}, 2, "maybe");
  ExpectFailure({"gate", "open", "g"}, 2, "which job? stagelog gate open JOB GATE");
  ExpectFailure({"gate", "open"}, 2, "which gate?");
  ExpectFailure({"gate", "open", "j", "a/b"}, 2, "'a/b' is not a gate name");
}

TEST_F(FirstContactTest, AGateIsOpenedAndWaitedFor) {
  StartDaemon();
  auto open = cli_.Start({"gate", "open", "release", "deploy", "--wait"});
  AwaitError(*open, "is pending");
  Run({"gate", "reject", "release", "deploy", "--comment", "no"});
  const CliResultText result = open->Wait();
  EXPECT_EQ(result.exit_code, 3) << result.err;
  EXPECT_THAT(result.out, HasSubstr("rejected by admin: no\n"));
}

TEST_F(FirstContactTest, WithinARunTheJobMayBeLeftOut) {
  StartDaemon();
  const CliResultText result = RunInside("own", R"sh(
    set -e
    "$STAGELOG" emit log --message 'half way'
    echo '{"type":"x-one"}' | "$STAGELOG" emit
    echo '{"type":"x-two","job_id":"other"}' | "$STAGELOG" emit
    echo '{"type":"x-three"}' | "$STAGELOG" emit third
    "$STAGELOG" gate open ship
    "$STAGELOG" gate approve ship >/dev/null
    "$STAGELOG" gate wait ship
    "$STAGELOG" show --json | cut -c 1-15
  )sh");
  EXPECT_THAT(result.out, HasSubstr("approved by admin"));
  EXPECT_THAT(result.out, HasSubstr(R"({"job_id":"own")"));
  std::string types;
  for (const Json& event : Events("own")) {
    if (event["type"] != "log") types += event["type"].get<std::string>() + " ";
  }
  EXPECT_THAT(types, HasSubstr(" x-one gate_pause gate_approved "));
  EXPECT_THAT(LogsOf("own"), ::testing::Contains("half way"));
  EXPECT_EQ(Events("other").at(0)["type"], "x-two");
  EXPECT_EQ(Events("third").at(0)["type"], "x-three");
}

TEST_F(FirstContactTest, AMisspelledTypeIsNotTakenForAJob) {
  StartDaemon();
  cli_.SetEnvironment("STAGELOG_JOB", "own");
  ExpectFailure({"emit", "stage_strated"}, 2, "'stage_started'");
  ExpectFailure({"emit", "lgo", "--message", "m"}, 2, "name the type");
  cli_.SetEnvironment("STAGELOG_JOB", "no/job");
  ExpectFailure({"show"}, 2, "STAGELOG_JOB: 'no/job' is not a job name");
  ExpectFailure({"emit", "log", "--message", "m"}, 2, "STAGELOG_JOB");
  cli_.SetEnvironment("STAGELOG_JOB", "");
  ExpectFailure({"emit", "stage_started", "--stage", "s"}, 2, "name the job");
  ExpectFailure({"gate", "wait", "g"}, 2, "which job?");
  ExpectFailure({"show"}, 2, "which job?");
}

TEST_F(FirstContactTest, AGateIsWaitedForBeforeItIsThere) {
  StartDaemon();
  auto wait = cli_.Start({"gate", "wait", "release", "deploy"});
  AwaitError(*wait, "gate deploy of release does not exist yet; waiting for it");
  Append("release", R"({"type":"job_started"})");
  Append("release", R"({"type":"gate_pause","gate":"deploy"})");
  AwaitError(*wait, "is pending");
  Run({"gate", "approve", "release", "deploy"});
  EXPECT_EQ(wait->Wait().exit_code, 0);
  ExpectFailure({"gate", "wait", "release", "other", "--timeout", "1s"}, 4, "not decided in 1 s");
}

TEST_F(FirstContactTest, AGateWithoutAPromptAsksNothing) {
  StartDaemon();
  Append("release", R"({"type":"gate_pause","gate":"deploy"})");
  const CliResultText result = Run({"gate", "wait", "release", "deploy", "--timeout", "1"}, "", 4);
  EXPECT_THAT(result.err, HasSubstr("gate deploy of release is pending\n"));
}

TEST_F(FirstContactTest, ACommandThatTheJobCannotTakeSaysWhy) {
  StartDaemon();
  Append("over", R"({"type":"job_completed"})");
  ExpectFailure({"cancel", "over"}, 6, "job 'over' is completed and cannot be canceled any more");
  Append("gone", R"({"type":"job_canceled","message":"wrong branch"})");
  ExpectFailure({"cancel", "gone"}, 6,
                "job 'gone' is canceled (wrong branch) and cannot be canceled any more");
  Append("busy", R"({"type":"job_started"})");
  ExpectFailure({"resume", "busy"}, 6,
                "job 'busy' is running; only a paused or ended job can be resumed");
  Append("asks", R"({"type":"gate_pause","gate":"g"})");
  ExpectFailure({"resume", "asks"}, 6, "decide the gate before resuming the job");
}

TEST_F(FirstContactTest, AGateOfAJobThatIsOverIsNotWaitedFor) {
  StartDaemon();
  auto wait = cli_.Start({"gate", "wait", "release", "deploy"});
  AwaitError(*wait, "does not exist yet");
  Append("release", R"({"type":"job_started"})");
  Append("release", R"({"type":"job_failed"})");
  const CliResultText result = wait->Wait();
  EXPECT_EQ(result.exit_code, 4);
  EXPECT_THAT(result.err, HasSubstr("job release is failed and has no gate deploy"));
}

TEST_F(FirstContactTest, AJobIsWatchedBeforeItIsThere) {
  StartDaemon();
  auto watch = cli_.Start({"show", "later", "--watch"});
  AwaitError(*watch, "job 'later' does not exist yet; waiting for its first event");
  Append("later", R"({"type":"stage_started","stage":"encode"})");
  WaitForOutput(*watch, "later  running");
  Append("later", R"({"type":"job_completed"})");
  const CliResultText result = watch->Wait();
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_THAT(result.out, HasSubstr("later  completed"));
}

// --- Times ---

class PastedTimeTest : public FirstContactTest {
 protected:
  // The time in a text, behind `word`: "2026-11-28 21:54:00 UTC".
  static std::string TimeBehind(const std::string& text, const std::string& word, size_t size) {
    const size_t at = text.find(word);
    EXPECT_NE(at, std::string::npos) << text;
    return at == std::string::npos ? "" : text.substr(at + word.size(), size);
  }
};

TEST_F(PastedTimeTest, WhatIsShownGoesIntoEveryOption) {
  StartDaemon();
  Append("job", R"({"type":"stage_started","stage":"encode"})");
  const std::string folder = runs_dir() + "/job";
  for (const char* zone : {"UTC", "CET-1CEST,M3.5.0,M10.5.0/3", "<+0545>-5:45"}) {
    cli_.SetEnvironment("TZ", zone);
    const std::string picture = Run({"show", "job"}).out;
    const std::string time = TimeBehind(picture, "created ", 19);
    const std::string with_zone =
        picture.substr(picture.find(time), picture.find(", for") - picture.find(time));
    EXPECT_THAT(with_zone, MatchesRegex(".* (UTC|\\+01:00|\\+05:45)"));
    for (const std::string& text :
         {time, with_zone, time.substr(11), time.substr(11, 5), time.substr(0, 10)}) {
      SCOPED_TRACE(text);
      Run({"show", "job", "--at", text});
      Run({"state", folder, "--at", text});
      EXPECT_THAT(Run({"replay", folder, "--speed", "max", "--to", text}).out, HasSubstr("encode"));
      EXPECT_THAT(Run({"jobs", "--since", text, "--json"}).out, HasSubstr("\"job\""));
      EXPECT_THAT(Run({"tail", "job", "--since", text, "--limit", "1"}).out, HasSubstr("encode"));
      EXPECT_THAT(Run({"replay", folder, "--speed", "max", "--from", text}).out,
                  HasSubstr("encode"));
    }
    const std::string line = Run({"replay", folder, "--speed", "max"}).out;
    EXPECT_THAT(Run({"show", "job", "--at", line.substr(0, 23)}).out, HasSubstr("as it was"));
  }
}

TEST_F(PastedTimeTest, WhenSomethingOccurred) {
  StartDaemon();
  cli_.SetEnvironment("TZ", "CET-1CEST,M3.5.0,M10.5.0/3");
  const auto occurred = [&](const std::string& time) {
    Run({"emit", "job", "log", "--message", "m", "--occurred-at", time});
    return Json::parse(Lines("job").back())["occurred_at"].get<std::string>();
  };
  EXPECT_EQ(occurred("2026-01-02 03:04:05.678"), "2026-01-02T02:04:05.678000Z");
  EXPECT_EQ(occurred("2026-01-02T03:04:05Z"), "2026-01-02T03:04:05.000000Z");
  EXPECT_EQ(occurred("1795246862"), "2026-11-21T07:41:02.000000Z");
  ExpectFailure({"emit", "job", "log", "--message", "m", "--occurred-at", "soon"}, 6,
                "occurred_at");
  ExpectFailure({"emit", "job", "log", "--message", "m", "--retry", "soon"}, 2, "--retry");
}

TEST_F(PastedTimeTest, DurationsHaveUnits) {
  StartDaemon();
  Append("job", R"({"type":"job_started"})");
  for (const char* ago : {"1h30m", "1w", "90s"}) {
    EXPECT_THAT(Run({"jobs", "--since", ago, "--json"}).out, HasSubstr("\"job\""));
    ExpectFailure({"show", "job", "--at", ago}, 6, "no_such_moment");
    EXPECT_EQ(admin().Get("/api/v1/jobs/job/events?since=" + std::string(ago)).status, 200);
  }
  EXPECT_THAT(Run({"replay", runs_dir() + "/job", "--max-wait", "1m30s"}).out, Not(IsEmpty()));
  for (const char* wrong : {"1h30", "30m1h", "yesterday"}) {
    ExpectFailure({"jobs", "--since", wrong}, 2,
                  "--since: invalid time '" + std::string(wrong) + "'");
    ExpectFailure({"tail", "--since", wrong}, 2, "--since: invalid time");
  }
}

}  // namespace
}  // namespace stagelog
