// stagelog state: the offline fold is what the daemon answers, at every event.
#include <gmock/gmock.h>

#include <filesystem>
#include <fstream>

#include "base/timestamp.h"
#include "cli/offline/job_moment.h"
#include "cli/offline/pretty_json.h"
#include "core/event_codec.h"
#include "core/job_state_json.h"
#include "tests/cli/random_job_test.h"
#include "tests/support/sanitizer.h"

namespace stagelog {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

constexpr uint64_t kSeed = 20'261'121;
constexpr int64_t kFarFuture = 4'102'444'800'000'000;  // 2100

// `pretty` without the white space between its tokens.
std::string Compacted(const std::string& pretty) {
  return nlohmann::ordered_json::parse(pretty).dump();
}

class StateTest : public RandomJobTest {
 protected:
  // What the library makes of the file: the document, or the message of a refusal.
  std::string StateAt(const std::string& at_seq, const std::string& at) {
    const auto moment = cli::ParseJobMoment(at_seq, at, kFarFuture);
    if (!moment) return moment.error().message;
    const auto events = Events();
    const auto state = cli::FoldUpTo(*events, *moment);
    return state ? EncodeJobState(*state) + "\n" : state.error().message;
  }

  CliResultText State(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), "state");
    return cli_.Run(std::move(arguments));
  }

  std::string Write(const std::string& name, const std::string& text) {
    std::ofstream(cli_.Path(name), std::ios::binary | std::ios::trunc) << text;
    return cli_.Path(name);
  }
};

TEST_F(StateTest, EqualsTheDaemonsAnswerAtEverySeqAndTime) {
  Start();
  PostRandomJob(kSeed, kSanitized ? 60 : 300);
  const int64_t head_seq = HeadSeq();
  for (int64_t seq = 1; seq <= head_seq; ++seq) {
    const HttpResponse answer = admin().Get(JobPath() + "?at_seq=" + std::to_string(seq));
    const std::string offline = StateAt(std::to_string(seq), "");
    if (answer.status == 200) {
      ASSERT_EQ(offline, answer.body) << "seq " << seq;
    } else {
      ExpectProblem(answer, 404, "no_such_moment");
      ASSERT_EQ(offline, Json::parse(answer.body)["detail"]) << "seq " << seq;
    }
  }
  for (const std::string& line : Lines(kJob)) {
    const int64_t ts = *ParseTimestamp(ViewEvent(line).ts);
    for (const int64_t micros : {ts - 1, ts}) {
      const HttpResponse answer = admin().Get(JobPath() + "?at=" + FormatTimestamp(micros));
      const std::string offline = StateAt("", FormatTimestamp(micros));
      ASSERT_EQ(offline, answer.status == 200
                             ? answer.body
                             : Json::parse(answer.body)["detail"].get<std::string>());
    }
  }
}

TEST_F(StateTest, TheBinaryPrintsTheSameBytesOrThemPretty) {
  Start();
  PostRandomJob(kSeed + 1, 60);
  const int64_t head_seq = HeadSeq();
  for (const int64_t seq : {int64_t{4}, head_seq / 2, head_seq}) {
    const std::string text = std::to_string(seq);
    const std::string answer = admin().Get(JobPath() + "?at_seq=" + text).body;
    const CliResultText compact = State({JobFile(), "--at-seq", text, "--json"});
    EXPECT_EQ(compact.out, answer) << compact.err;
    const CliResultText pretty = State({runs_dir() + "/" + kJob, "--at-seq", text});
    EXPECT_THAT(pretty.out, HasSubstr("{\n  \"job_id\": \"job\",\n"));
    EXPECT_EQ(Compacted(pretty.out), Compacted(answer));
  }
  // The plain answer also says what is now, which no file knows: liveness, durations that go on.
  const CliResultText whole = State({JobFile(), "--json"});
  const Json document = Json::parse(whole.out);
  EXPECT_EQ(document["last_hash"], GetJson(JobPath())["last_hash"]);
  Stop();
  EXPECT_EQ(whole.out, ReadAll(runs_dir() + "/" + kJob + "/state.json"));
}

TEST_F(StateTest, MomentsThatAreNoneAreRefused) {
  const std::string path = Write("events.jsonl", JournalLines::Random(1, 5).Text());
  const auto expect = [&](const std::vector<std::string>& flags, const std::string& says) {
    std::vector<std::string> arguments = {path};
    arguments.insert(arguments.end(), flags.begin(), flags.end());
    const CliResultText result = State(arguments);
    EXPECT_EQ(result.exit_code, 2) << says;
    EXPECT_THAT(result.out, IsEmpty());
    EXPECT_THAT(result.err, HasSubstr(says));
  };
  expect({"--at-seq", "9"}, "job 'job' did not exist yet; its first event has seq 10");
  expect({"--at-seq", "51"}, "51 is after the job's last event, which has seq 50");
  expect({"--at-seq", "-1"}, "'-1' is not a seq");
  expect({"--at-seq", "all"}, "'all' is not a seq");
  expect({"--at", "2020-01-01T00:00:00Z"}, "job 'job' did not exist yet");
  expect({"--at", "2999-01-01T00:00:00Z"}, "is in the future");
  expect({"--at", "now"}, "invalid time 'now'");
  expect({"--at", "42"}, "invalid time '42'");
  expect({"--at", "10m", "--at-seq", "1"}, "excludes");
  EXPECT_EQ(State({path, "--at-seq", "50"}).exit_code, 0);
  EXPECT_EQ(State({}).exit_code, 2);
}

TEST_F(StateTest, DamageBeforeTheMomentIsNamedAndRefused) {
  const JournalLines journal = JournalLines::Random(2, 10);
  std::vector<std::string> lines = journal.lines();
  lines[5].replace(lines[5].find("\"seq\":60"), 8, "\"seq\":61");
  const std::string path = Write("events.jsonl", JoinLines(lines));
  const CliResultText refused = State({path});
  EXPECT_EQ(refused.exit_code, 7);
  EXPECT_THAT(refused.out, IsEmpty());
  EXPECT_THAT(refused.err, HasSubstr("line 6 (byte "));
  EXPECT_THAT(refused.err, HasSubstr("stagelog verify"));
  EXPECT_EQ(State({path, "--at-seq", "50"}).exit_code, 0) << "what is before it can be trusted";
  const CliResultText regardless = State({path, "--unverified", "--json"});
  EXPECT_EQ(regardless.exit_code, 0) << regardless.err;
  EXPECT_EQ(Json::parse(regardless.out)["events"], 10);
}

TEST_F(StateTest, UnverifiedPassesOverWhatDoesNotFollow) {
  std::vector<std::string> lines = JournalLines::Random(3, 4).lines();
  const std::string foreign = JournalLines::Random(3, 9, "foreign").lines().back();
  lines = {lines[0], "no event", lines[0], lines[1], foreign, lines[3], lines[2]};
  const CliResultText result =
      State({Write("events.jsonl", JoinLines(lines)), "--unverified", "--json"});
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_THAT(result.err, HasSubstr("lines that are not the job's next event: 4"));
  EXPECT_EQ(Json::parse(result.out)["as_of_seq"], 40);
}

TEST_F(StateTest, ATornTailIsPassedOverAndAMissingOneMissed) {
  const JournalLines journal = JournalLines::Random(4, 10);
  const std::string text = journal.Text();
  const std::string torn = Write("events.jsonl", text.substr(0, text.size() - 30));
  const CliResultText result = State({torn, "--json"});
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_THAT(result.err, HasSubstr("is truncated after"));
  EXPECT_EQ(Json::parse(result.out)["events"], 9);
  const CliResultText unended = State({Write("x", text.substr(0, text.size() - 1)), "--json"});
  EXPECT_THAT(unended.err, HasSubstr("has no newline"));
  EXPECT_EQ(Json::parse(unended.out)["events"], 10);
  journal.WriteTo(cli_.Path("runs"));
  Write("runs/job/events.jsonl", text.substr(0, text.size() - 30));
  const CliResultText missing = State({cli_.Path("runs/job")});
  EXPECT_EQ(missing.exit_code, 7);
  EXPECT_THAT(missing.err, HasSubstr("missing_tail: state.json has event 10"));
}

TEST_F(StateTest, AFileThatIsNoJournal) {
  const auto expect = [&](const std::string& path, const std::string& says) {
    const CliResultText result = State({path});
    EXPECT_EQ(result.exit_code, 7) << path;
    EXPECT_THAT(result.out, IsEmpty());
    EXPECT_THAT(result.err, HasSubstr(says));
    EXPECT_THAT(result.err, Not(HasSubstr("exception")));
  };
  expect(cli_.Path("nowhere"), "no such file or folder");
  expect(cli_.home(), "no events.jsonl in it");
  expect(Write("empty", ""), "contains no events");
  expect(Write("prose", "Dear diary,\n\n\033[31mtoday\n"), "not a stagelog journal");
  expect(Write("object", "{\"a\":1}\n"), "not a stagelog journal");
  expect(Write("torn", "{\"seq\":1,"), "contains no events");
  expect(Write("zeros", std::string(9'000'000, '\0')), "contains no events");
  expect("/dev/null", "a device or socket, not a journal");
}

TEST(PrettyJsonTest, AddsNothingButWhiteSpace) {
  EXPECT_EQ(cli::PrettyJson(R"({"a":[],"b":{},"c":[1,{"d":"x,\"{}:[]\\"}],"e":-1.50e+07})"),
            "{\n  \"a\": [],\n  \"b\": {},\n  \"c\": [\n    1,\n    {\n      \"d\": "
            "\"x,\\\"{}:[]\\\\\"\n    }\n  ],\n  \"e\": -1.50e+07\n}");
  for (uint64_t seed = 1; seed <= 50; ++seed) {
    const std::string json = EncodeJobState(JournalLines::Random(seed, 30).state());
    EXPECT_EQ(Compacted(cli::PrettyJson(json)), Compacted(json));
  }
}

}  // namespace
}  // namespace stagelog
