// stagelog import, export, completion and man.
#include <filesystem>
#include <fstream>
#include <map>

#include "core/event_codec.h"
#include "tests/cli/command_fixture.h"
#include "tests/support/journal_lines.h"

namespace stagelog {
namespace {

using ::testing::HasSubstr;
using ::testing::SizeIs;
using ::testing::StartsWith;

class ImportTest : public CommandTest {
 protected:
  void SetUp() override { StartDaemon(); }

  std::string WriteFile(const std::string& name, const std::string& text) {
    std::ofstream(cli_.Path(name), std::ios::binary) << text;
    return cli_.Path(name);
  }
};

TEST_F(ImportTest, AJournalOnce) {
  const JournalLines journal = JournalLines::Random(5, 2'300, "old");
  journal.WriteTo(cli_.Path("runs"));
  JournalLines::Random(6, 10, "other").WriteTo(cli_.Path("runs"));
  EXPECT_EQ(Run({"import", cli_.Path("runs")}).out, "2310 events accepted, 0 already stored\n");
  const std::vector<std::string> lines = Lines("old");
  ASSERT_THAT(lines, SizeIs(2'300));
  for (size_t i = 0; i < lines.size(); ++i) {
    const auto stored = DecodeStoredEvent(lines[i]);
    const auto original = DecodeStoredEvent(journal.lines()[i]);
    ASSERT_TRUE(SameContent(stored->draft, original->draft)) << i;
    ASSERT_EQ(stored->draft.event_id, original->draft.event_id);
    ASSERT_EQ(stored->draft.occurred_at_micros, original->draft.occurred_at_micros);
  }
  EXPECT_EQ(Run({"import", cli_.Path("runs/old")}).out, "0 events accepted, 2300 already stored\n");
}

TEST_F(ImportTest, ATornLastLineIsLeftOut) {
  std::string text = JournalLines::Random(5, 10, "old").Text();
  text.resize(text.size() - 20);
  const CliResultText result = Run({"import", WriteFile("torn", text)});
  EXPECT_EQ(result.out, "9 events accepted, 0 already stored\n");
  EXPECT_THAT(result.err, HasSubstr("torn: the last line is truncated after"));
}

TEST_F(ImportTest, ALineThatIsNoneIsNamed) {
  const std::string text = JournalLines::Random(5, 3, "old").Text() + "nonsense\n";
  ExpectFailure({"import", WriteFile("file", text)}, 7, "file: line 4 (byte ");
  EXPECT_THAT(Lines("old"), SizeIs(3)) << "what came before it was right";
  ExpectFailure({"import", WriteFile("bad", "{\"a\":1}\n"), "--type-field", "a"}, 2,
                "no job id; give --job or --job-field");
  ExpectFailure({"import", cli_.Path("nowhere")}, 7, "no such file");
  ExpectFailure({"import", WriteFile("empty", "")}, 7, "contains no events");
}

TEST_F(ImportTest, ALineThatIsTooLongIsNamedAndEndsNothingInSilence) {
  const std::string too_long = "{\"msg\":\"" + std::string(5'000'000, 'x') + "\"}\n";
  const std::string path = WriteFile("log", "{\"msg\":\"a\"}\n" + too_long + "{\"msg\":\"b\"}\n");
  ExpectFailure({"import", path, "--job", "j", "--message-field", "msg"}, 1,
                "log:2: the line is longer than 4 MiB");
  EXPECT_THAT(Lines("j"), SizeIs(1));
  std::vector<std::string> lines = JournalLines::Random(5, 9, "old").lines();
  lines[4] = std::string(5'000'000, 'x');
  ExpectFailure({"import", WriteFile("journal", JoinLines(lines))}, 7, "journal: line 5 (byte ");
  EXPECT_THAT(Lines("old"), SizeIs(4));
}

TEST_F(ImportTest, AnEditedJournalGetsNoNewSealUnasked) {
  std::vector<std::string> lines = JournalLines::Random(5, 9, "old").lines();
  lines.erase(lines.begin() + 4);
  const std::string path = WriteFile("edited", JoinLines(lines));
  ExpectFailure({"import", path}, 7, "misplaced");
  EXPECT_EQ(Run({"import", path, "--unverified"}).out, "4 events accepted, 4 already stored\n");
}

TEST_F(ImportTest, LinesOfOthers) {
  const std::string path = WriteFile(
      "app.log",
      R"({"time":1767323045123,"level":"WARN","event":"Epoch End!","msg":"done","loss":0.10,"n":{"a":[1]}})"
      "\n"
      R"({"time":"2026-01-02T03:04:05.5Z","level":"NOTICE","event":"log","msg":"hello"})"
      "\n");
  const std::vector<std::string> command = {"import",        path,    "--job",           "app",
                                            "--type-field",  "event", "--time-field",    "time",
                                            "--level-field", "level", "--message-field", "msg"};
  EXPECT_EQ(Run(command).out, "2 events accepted, 0 already stored\n");
  const Json first = Json::parse(Lines("app")[0]);
  EXPECT_EQ(first["type"], "x-epoch-end-");
  EXPECT_EQ(first["level"], "warning");
  EXPECT_EQ(first["occurred_at"], "2026-01-02T03:04:05.123000Z");
  EXPECT_THAT(Lines("app")[0],
              HasSubstr(R"("payload":{"event":"Epoch End!","loss":0.10,"n":{"a":[1]}})"))
      << "what was changed is kept as it was";
  EXPECT_EQ(Json::parse(Lines("app")[1])["level"], "info");
  EXPECT_EQ(Run(command).out, "0 events accepted, 2 already stored\n") << "it may be run again";
}

// --- export ---

TEST_F(ImportTest, AsATable) {
  Append("a", R"({"type":"log","message":"one, \"two\"\nthree","payload":{"n":1.50}})");
  Append("a", R"({"type":"job_completed"})");
  const std::string table = Run({"export", "a", "--format", "csv"}).out;
  EXPECT_THAT(table, StartsWith("seq,job_id,job_seq,ts,"));
  EXPECT_THAT(table, HasSubstr(",log,,,,,info,\"one, \"\"two\"\"\nthree\",admin,"));
  EXPECT_THAT(table, HasSubstr("\"{\"\"n\"\":1.50}\"\r\n"));
  EXPECT_EQ(Run({"export", runs_dir() + "/a", "--format", "csv"}).out, table);
  ExpectFailure({"export", "nobody", "--format", "csv"}, 6, "unknown_job");
  ExpectFailure({"export", "a", "--format", "xml"}, 2, "--format");
}

// What the format asks of a thread: slices nest or follow each other.
void ExpectSlicesNest(const Json& trace) {
  std::map<int, std::vector<int64_t>> open_ends;
  for (const Json& event : trace["traceEvents"]) {
    if (event["ph"] != "X") continue;
    std::vector<int64_t>& ends = open_ends[event["tid"].get<int>()];
    const int64_t start = event["ts"].get<int64_t>();
    const int64_t end = start + event["dur"].get<int64_t>();
    while (!ends.empty() && ends.back() <= start) ends.pop_back();
    EXPECT_TRUE(ends.empty() || end <= ends.back()) << event;
    ends.push_back(end);
  }
}

TEST_F(ImportTest, AsATrace) {
  for (const char* event :
       {R"({"type":"job_created","payload":{"pipeline":"film"}})",
        R"({"type":"stage_started","stage":"a"})", R"({"type":"stage_started","stage":"b"})",
        R"({"type":"stage_started","stage":"a/inner"})",
        R"({"type":"stage_completed","stage":"a/inner"})",
        R"({"type":"stage_completed","stage":"a"})",
        R"({"type":"gate_pause","gate":"review","payload":{"prompt":"Good?"}})",
        R"({"type":"gate_approved","gate":"review"})", R"({"type":"stage_completed","stage":"b"})",
        R"({"type":"job_completed"})"}) {
    Append("a", event);
  }
  const Json trace = Json::parse(Run({"export", "a", "--format", "chrome-trace"}).out);
  ExpectSlicesNest(trace);
  std::map<std::string, int> lanes;
  for (const Json& event : trace["traceEvents"]) {
    if (event["ph"] == "X") lanes[event["name"]] = event["tid"];
  }
  EXPECT_THAT(lanes, SizeIs(4));
  EXPECT_EQ(lanes["a"], lanes["a/inner"]);
  EXPECT_NE(lanes["a"], lanes["b"]) << "they overlap";
  EXPECT_NE(lanes["waiting: review"], lanes["b"]);
}

TEST_F(ImportTest, ATraceOfAnythingIsValid) {
  for (uint64_t seed = 0; seed < 20; ++seed) {
    JournalLines::Random(seed, 300, "any").WriteTo(cli_.Path("runs"));
    ExpectSlicesNest(
        Json::parse(Run({"export", cli_.Path("runs/any"), "--format", "chrome-trace"}).out));
  }
}

// --- completion, man ---

TEST_F(ImportTest, TheScriptsAndTheManualKnowEveryCommand) {
  const std::string bash = WriteFile("bash", Run({"completion", "bash"}).out);
  EXPECT_EQ(std::system(("bash -n " + bash).c_str()), 0);
  const std::string script = "source " + bash + "; COMP_WORDS=(stagelog gate w) COMP_CWORD=2; " +
                             "_stagelog; [[ ${COMPREPLY[*]} == wait ]]";
  EXPECT_EQ(std::system(("bash -c '" + script + "'").c_str()), 0);
  for (const char* shell : {"zsh", "fish"}) {
    EXPECT_THAT(Run({"completion", shell}).out, HasSubstr("verify"));
  }
  EXPECT_THAT(Run({"man"}).out, HasSubstr("stagelog gate wait [job] [gate]"));
  ExpectFailure({"completion", "tcsh"}, 2, "tcsh");
}

}  // namespace
}  // namespace stagelog
