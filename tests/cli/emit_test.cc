// stagelog emit.
#include <fstream>

#include "core/event_codec.h"
#include "tests/cli/command_fixture.h"
#include "tests/support/webhook_target.h"

namespace stagelog {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class EmitTest : public CommandTest {
 protected:
  void SetUp() override { StartDaemon(); }

  Json Event(const std::string& job, size_t index) { return Json::parse(Lines(job).at(index)); }
};

TEST_F(EmitTest, OneEventFromFlags) {
  const CliResultText result =
      Run({"emit", "render", "stage_progress", "--stage", "encode/pass-1", "--message",
           "ünïcode \"x\"", "--payload", R"({"current": 4.50, "total": 10})", "--attempt", "2",
           "--occurred-at", "2026-01-02T03:04:05Z", "--event-id", "e-1"});
  EXPECT_EQ(result.out, "render#1 seq 1, job created\n");
  const Json event = Event("render", 0);
  EXPECT_EQ(event["stage"], "encode/pass-1");
  EXPECT_EQ(event["message"], "ünïcode \"x\"");
  EXPECT_EQ(event["attempt"], 2);
  EXPECT_EQ(event["occurred_at"], "2026-01-02T03:04:05.000000Z");
  EXPECT_THAT(Lines("render")[0], HasSubstr(R"("payload":{"current":4.50,"total":10})"))
      << "as it was spelled";
  EXPECT_EQ(Run({"emit", "render", "stage_progress", "--stage", "encode/pass-1", "--message",
                 "ünïcode \"x\"", "--payload", R"({"current": 4.50, "total": 10})", "--attempt",
                 "2", "--event-id", "e-1"})
                .out,
            "render#1 seq 1 (already stored), job created\n");
}

TEST_F(EmitTest, ThePayloadFromAFile) {
  std::ofstream(cli_.Path("gate.json")) << "{\n  \"prompt\": \"Ship?\"\n}\n";
  const Json answer = Json::parse(Run({"emit", "r", "gate_pause", "--gate", "go", "--payload",
                                       "@" + cli_.Path("gate.json"), "--json"})
                                      .out);
  EXPECT_EQ(answer["job_status"], "paused");
  EXPECT_EQ(Event("r", 0)["payload"]["prompt"], "Ship?");
}

TEST_F(EmitTest, AHeartbeatIsNoEvent) {
  EXPECT_EQ(Run({"emit", "r", "heartbeat"}).out, "");
  EXPECT_THAT(Lines("r"), IsEmpty());
}

TEST_F(EmitTest, HalfOfACharacterIsReplacedAndReported) {
  const std::string input = R"({"type":"log","message":"cut \ud83d"}
{"type":"log","message":"whole \ud83d\ude00, \\ud83d"}
{"type":"log","message":"k","payload":{"a":["\ude00\ud83d"]}})";
  const CliResultText result = Run({"emit", "r"}, input);
  EXPECT_EQ(result.out, "3 events accepted, 0 already stored\n");
  EXPECT_THAT(result.err, HasSubstr("2 lines have half of a character"));
  EXPECT_EQ(Event("r", 0)["message"], "cut \uFFFD");
  EXPECT_EQ(Event("r", 1)["message"], "whole \U0001F600, \\ud83d");
  EXPECT_EQ(Event("r", 2)["payload"]["a"][0], "\uFFFD\uFFFD");
}

TEST_F(EmitTest, ManyFromStandardInput) {
  std::string input;
  for (int i = 0; i < 2'500; ++i) {
    input += R"({"type":"log","message":")" + std::to_string(i) + "\"}\n";
  }
  input +=
      "\n  \n"
      R"({"type":"log","message":"without a newline","event_id":"mine"})";
  EXPECT_EQ(Run({"emit", "r"}, input).out, "2501 events accepted, 0 already stored\n");
  ASSERT_THAT(Lines("r"), SizeIs(2'501));
  for (int i = 0; i < 2'500; i += 100) {
    EXPECT_EQ(Event("r", static_cast<size_t>(i))["message"], std::to_string(i));
  }
  EXPECT_EQ(Event("r", 2'500)["event_id"], "mine");
}

TEST_F(EmitTest, ManyOfManyJobs) {
  const std::string input = R"({"job_id":"a","type":"job_created"})"
                            "\n"
                            R"({"job_id":"b","type":"job_created"})"
                            "\n";
  const Json summary = Json::parse(Run({"emit", "--json"}, input).out);
  EXPECT_EQ(summary["accepted"], 2);
  EXPECT_EQ(summary["last_seq"], 2);
  EXPECT_THAT(Lines("b"), SizeIs(1));
}

TEST_F(EmitTest, AnArrayAndObjectsOverSeveralLines) {
  const std::string input =
      "[{\"type\":\"log\",\"message\":\"a\"},\n {\"type\":\"log\",\n  \"message\":\"b\"}]\n"
      "{\n  \"type\": \"log\",\n  \"message\": \"c\"\n}\n";
  EXPECT_EQ(Run({"emit", "r"}, input).out, "3 events accepted, 0 already stored\n");
  EXPECT_EQ(Event("r", 2)["message"], "c");
  ExpectFailure({"emit", "r"}, 1, "line 2: ", "{\"type\":\"log\",\"message\":\"d\"}\n{\n \"a\":");
  EXPECT_EQ(Event("r", 3)["message"], "d");
}

TEST_F(EmitTest, ALineThatIsWrongIsNamedAndWhatCameBeforeIsSent) {
  ExpectFailure({"emit", "r"}, 1, "line 3: not valid JSON",
                "{\"type\":\"job_created\"}\n{\"type\":\"job_started\"}\n{\"type\":\n");
  EXPECT_THAT(Lines("r"), SizeIs(2));
  ExpectFailure({"emit", "r"}, 6, "line 2: unknown type 'job_begun'",
                "{\"type\":\"log\",\"message\":\"m\"}\n{\"type\":\"job_begun\"}\n");
  EXPECT_THAT(Lines("r"), SizeIs(3)) << "what came before it";
  ExpectFailure({"emit", "r"}, 1, "line 2: the line is longer than 4 MiB",
                "{\"type\":\"log\",\"message\":\"m\"}\n" + std::string(4'200'000, 'x') + "\n");
  EXPECT_THAT(Lines("r"), SizeIs(4)) << "a huge line costs itself";
  for (const char* line :
       {R"({"type":"log","message":"a","message":"b"})", "[1]", "7", "null", "nonsense",
        R"({"type":"gate_approved","gate":"g","payload":{"choice":"a","choice":"b"}})"}) {
    ExpectFailure({"emit", "r"}, 1,
                  "line 2: ", "{\"type\":\"log\",\"message\":\"m\"}\n" + std::string(line) + "\n");
  }
  EXPECT_THAT(Lines("r"), SizeIs(10)) << "what came before each";
}

TEST_F(EmitTest, ReadsLinesAsEveryDoorDoes) {
  const std::string input =
      "\xef\xbb\xbf{\"type\":\"log\",\"message\":\"one\",\"level\":\"WARN\",\"ts\":0}\r\n"
      "\r\n{\"type\":\"log\",\"message\":\"two\",\"ts\":-1.5}\r\n"
      "{\"type\":\"log\",\"message\":\"three\",\"ts\":\"1764363600123456\"}";
  EXPECT_EQ(Run({"emit", "r"}, input).out, "3 events accepted, 0 already stored\n");
  EXPECT_EQ(Event("r", 0)["message"], "one");
  EXPECT_EQ(Event("r", 0)["level"], "warning");
  EXPECT_EQ(Event("r", 0)["occurred_at"], "1970-01-01T00:00:00.000000Z");
  EXPECT_EQ(Event("r", 1)["occurred_at"], "1969-12-31T23:59:58.500000Z");
  EXPECT_EQ(Event("r", 2)["occurred_at"], "2025-11-28T21:00:00.123456Z");
}

TEST_F(EmitTest, EveryDoorPassesOverAByteOrderMark) {
  const std::string mark = "\xef\xbb\xbf";
  const std::string line = R"({"type":"log","message":"m"})";
  EXPECT_EQ(admin().Post("/api/v1/jobs", mark + R"({"job_id":"b"})").status, 201);
  EXPECT_EQ(admin().Post("/api/v1/jobs/b/events", mark + line + "\r\n").status, 201);
  EXPECT_EQ(
      admin()
          .Post("/api/v1/jobs/b/events", mark + line + "\r\n" + mark + line, "application/x-ndjson")
          .status,
      201)
      << "two files that were joined";
  EXPECT_EQ(admin().Post("/api/v1/jobs/b/cancel", mark + R"({"message":"enough"})").status, 201);
  EXPECT_EQ(Run({"emit", "b"}, mark + line + "\n" + mark + line).out,
            "2 events accepted, 0 already stored\n");
}

TEST_F(EmitTest, APayloadFileMayBeginWithAByteOrderMark) {
  std::ofstream(cli_.Path("payload.json")) << "\xef\xbb\xbf{\"n\":1}\r\n";
  Run({"emit", "r", "log", "--message", "m", "--level", "Error", "--payload",
       "@" + cli_.Path("payload.json")});
  EXPECT_EQ(Event("r", 0)["payload"]["n"], 1);
  EXPECT_EQ(Event("r", 0)["level"], "error");
}

TEST_F(EmitTest, WhatIsFlaggedIsSaidAndFailsWithStrict) {
  Run({"emit", "r", "job_completed"});
  const CliResultText said = Run({"emit", "r", "job_completed"});
  EXPECT_EQ(said.out, "r#2 seq 2, job completed\n");
  EXPECT_EQ(said.err,
            "stagelog: r#2 is flagged: job_over (the job is completed, failed or canceled); it is "
            "stored but has no effect\n");
  EXPECT_THAT(Run({"emit", "r", "job_failed", "--strict", "--json"}, "", 8).out,
              HasSubstr(R"("violations":["job_over"])"));
  EXPECT_EQ(Run({"emit", "s", "job_created", "--strict"}).err, "");
  EXPECT_THAT(Run({"emit", "s", "stage_progress", "--stage", "a", "--payload",
                   R"({"current":14,"total":5})", "--strict"},
                  "", 8)
                  .err,
              HasSubstr("s#2 is flagged: invalid_progress"));
  Run({"emit", "s", "stage_started", "--stage", "a"});
  EXPECT_EQ(
      Run({"emit", "s", "stage_progress", "--stage", "a", "--payload", R"({"totl":5})"}).err,
      "stagelog: s#4 is flagged: suspect_key ('totl' in the payload is not read; did you mean "
      "'total'?); it is stored and takes effect\n");
}

TEST_F(EmitTest, WhatIsFlaggedInABatchIsNamedByItsLine) {
  const std::string input =
      "{\"type\":\"job_created\"}\n\n{\"type\":\"job_created\"}\n{\"type\":\"heartbeat\"}\n"
      "{\"type\":\"job_resumed\"}\n";
  const CliResultText result = Run({"emit", "r", "--strict"}, input, 8);
  EXPECT_EQ(result.out, "3 events accepted, 0 already stored, 2 flagged as invalid\n");
  EXPECT_THAT(result.err, HasSubstr("line 3: r#2 is flagged: already_created"));
  EXPECT_THAT(result.err, HasSubstr("line 5: r#3 is flagged: not_paused"));
  EXPECT_THAT(Lines("r"), SizeIs(3)) << "invalid events are stored";
  EXPECT_EQ(Json::parse(Run({"emit", "r", "--json"}, input).out)["flagged"], 3);
}

TEST_F(EmitTest, AGateTakesNoKeyThatItDoesNotKnow) {
  ExpectFailure({"emit", "r", "gate_pause", "--gate", "g", "--payload", R"({"approver":"ann"})"}, 6,
                "did you mean 'approvers'?");
  ExpectFailure({"emit", "r"}, 6, "line 2: unknown key 'timeout_secs'",
                "{\"type\":\"log\",\"message\":\"m\"}\n"
                R"({"type":"gate_pause","gate":"g","payload":{"timeout_secs":5}})");
  EXPECT_THAT(Lines("r"), SizeIs(1)) << "what stood before the line";
}

TEST_F(EmitTest, WhatMakesNoSense) {
  ExpectFailure({"emit", "r", "--stage", "s"}, 2, "name the type");
  ExpectFailure({"emit", "r", "log", "--payload", "{x}"}, 2, "--payload: not valid JSON");
  ExpectFailure({"emit", "r", "log", "--payload", "@/nowhere"}, 7, "--payload: ");
  ExpectFailure({"emit", "r", "log"}, 6, "message");
  ExpectFailure({"emit", "../x", "job_created"}, 2, "'../x' is not a valid name");
  ExpectFailure({"emti"}, 2, "unknown command 'emti'; did you mean 'emit'?");
  ExpectFailure({"gate", "weit"}, 2, "unknown command 'weit'; did you mean 'wait'?");
  ExpectFailure({"verify", "--databaes"}, 2,
                "unknown flag '--databaes'; did you mean '--database'?");
  ExpectFailure({"--limit", "1", "jobs"}, 2,
                "flag '--limit' comes after the command: stagelog COMMAND --limit");
  ExpectFailure({"emit", "r", "stage_start", "--stage", "s"}, 6, "stage_started");
  ExpectFailure({"emit", "r", "log", "--massage", "m"}, 2, "--massage");
  ExpectFailure({"emit", "r", "log", "--attempt", "x"}, 2, "--attempt");
}

TEST_F(EmitTest, NobodyThereOrNobodyKnown) {
  cli_.SetEnvironment("STAGELOG_TOKEN", "wrong");
  ExpectFailure({"emit", "r", "job_created"}, 6, "check STAGELOG_TOKEN");
  cli_.SetEnvironment("STAGELOG_TOKEN", std::string(kReaderToken));
  ExpectFailure({"emit", "r", "job_created"}, 6, "403");
  ExpectFailure({"emit", "r", "job_created", "--url", "http://127.0.0.1:1"}, 5,
                "no daemon at http://127.0.0.1:1");
}

TEST_F(EmitTest, AnotherServers200TakesNoEvent) {
  WebhookTarget other;
  for (const char* body : {"{\"status\":\"ok\"}", "<h1>Please sign in</h1>", ""}) {
    other.SetAnswer([body](const httplib::Request&, httplib::Response& response) {
      response.set_content(body, "text/html");
    });
    for (const std::vector<std::string>& command :
         std::vector<std::vector<std::string>>{{"emit", "r", "job_created"},
                                               {"gate", "approve", "r", "g"},
                                               {"cancel", "r"},
                                               {"delete", "r", "--yes"},
                                               {"backup"}}) {
      std::vector<std::string> words = command;
      words.insert(words.end(), {"--url", other.Url("")});
      ExpectFailure(words, 5, "not like a stagelog daemon");
    }
  }
}

TEST_F(EmitTest, ARetryOutlivesARestart) {
  const uint16_t port = daemon_->port();
  Stop();
  auto command = cli_.Start({"emit", "r", "job_created", "--retry", "60"});
  StartDaemon(port);
  const CliResultText result = command->Wait();
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_THAT(Lines("r"), SizeIs(1));
}

}  // namespace
}  // namespace stagelog
