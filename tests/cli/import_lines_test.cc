// stagelog import with lines of other programs.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zstd.h>

#include <filesystem>
#include <fstream>
#include <thread>

#include "tests/cli/import_fixture.h"
#include "tests/support/journal_lines.h"

namespace stagelog {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

class ImportLinesTest : public ForeignLinesTest {};

TEST_F(ImportLinesTest, TheSystemsJournal) {
  const CliResultText result =
      Import(R"({"__REALTIME_TIMESTAMP":"1764363600123456","PRIORITY":"3","MESSAGE":"read failed"})"
             "\n"
             R"({"__REALTIME_TIMESTAMP":"1764363601000001","PRIORITY":"6","MESSAGE":"retrying"})"
             "\n",
             {"--time-field", "__REALTIME_TIMESTAMP", "--level-field", "PRIORITY",
              "--message-field", "MESSAGE"});
  EXPECT_EQ(result.out, "2 events accepted, 0 already stored\n");
  EXPECT_THAT(result.err, HasSubstr("scale 'syslog'")) << "what was guessed is said";
  EXPECT_EQ(Event("j", 0)["level"], "error");
  EXPECT_EQ(Event("j", 0)["occurred_at"], "2025-11-28T21:00:00.123456Z");
  EXPECT_EQ(Event("j", 1)["level"], "info");
}

TEST_F(ImportLinesTest, ALineThatIsWrongEndsItBehindWhatCameBefore) {
  std::string text;
  for (int i = 1; i <= 1'001; ++i) {
    const std::string level = i == 501 ? "bogus" : "info";
    text += "{\"l\":\"" + level + "\",\"m\":\"" + std::to_string(i) + "\"}\n";
  }
  const std::vector<std::string> flags = {"--level-field", "l", "--message-field", "m"};
  const CliResultText failed = Import(text, flags, 1);
  EXPECT_THAT(failed.err, HasSubstr("file:501: unknown level 'bogus'"));
  EXPECT_THAT(Lines("j"), SizeIs(500));
  std::vector<std::string> skipping = flags;
  skipping.push_back("--skip-invalid");
  const CliResultText skipped = Import(text, skipping);
  EXPECT_EQ(skipped.out, "501 events accepted, 500 already stored\n");
  EXPECT_THAT(skipped.err, HasSubstr("file:501: unknown level 'bogus' (kept as info)"));
  EXPECT_THAT(skipped.err, HasSubstr("1 line has an unknown level and became info"));
  EXPECT_THAT(Lines("j"), SizeIs(1'001));
  EXPECT_EQ(Event("j", 500)["level"], "info");
  EXPECT_EQ(Event("j", 500)["payload"]["l"], "bogus");
  EXPECT_EQ(Event("j", 1'000)["message"], "1001");
}

TEST_F(ImportLinesTest, WhatTheDaemonRefusesIsSkippedOrNamedToo) {
  const std::string text =
      "{\"id\":\"a\",\"m\":\"one\"}\n{\"id\":\"b\",\"m\":\"two\"}\n{\"id\":\"a\",\"m\":\"other\"}\n"
      "{\"id\":\"c\",\"m\":\"three\"}\n";
  const std::vector<std::string> flags = {"--id-field", "id", "--message-field", "m"};
  EXPECT_THAT(Import(text, flags, 6).err, HasSubstr("line 3: "));
  EXPECT_THAT(Lines("j"), SizeIs(2)) << "the lines before it";
  std::vector<std::string> skipping = flags;
  skipping.push_back("--skip-invalid");
  EXPECT_EQ(Import(text, skipping).out, "1 events accepted, 2 already stored, 1 line skipped\n");
}

TEST_F(ImportLinesTest, AHugeLineCostsItself) {
  const std::string text = "{\"m\":\"a\"}\n{\"m\":\"" + std::string(300'000, 'x') +
                           "\"}\n{\"m\":\"b\"}\n" + std::string(5'000'000, 'y') +
                           "\n{\"m\":\"c\"}\n";
  const CliResultText result = Import(text, {"--message-field", "m", "--skip-invalid"});
  EXPECT_EQ(result.out, "3 events accepted, 0 already stored, 2 lines skipped\n");
  EXPECT_THAT(result.err, HasSubstr("file:2: an event may have at most 262144 bytes"));
  EXPECT_THAT(result.err, HasSubstr("file:4: the line is longer than 4 MiB"));
}

TEST_F(ImportLinesTest, WhereNoLineCanBeTakenItFails) {
  EXPECT_THAT(
      Import("{\"t\":\"x1\"}\n{\"t\":\"x2\"}\n", {"--time-field", "t", "--skip-invalid"}, 1).err,
      HasSubstr("no line could be imported"));
}

TEST_F(ImportLinesTest, AMappingThatMatchesNothingIsAnErrorBeforeAnythingIsSent) {
  const std::string text =
      "{\"level\":\"info\",\"msg\":\"a\"}\n{\"level\":\"warn\",\"msg\":\"b\"}\n";
  for (const char* dry : {"", "--dry-run"}) {
    std::vector<std::string> flags = {"--level-field", "levle", "--message-field", "msg"};
    if (*dry != '\0') flags.emplace_back(dry);
    const CliResultText result = Import(text, flags, 1);
    EXPECT_THAT(result.err, HasSubstr("--level-field levle matched none of 2 lines"));
    EXPECT_THAT(result.err, HasSubstr("'level'")) << "what was meant";
    EXPECT_THAT(Lines("j"), IsEmpty());
  }
  Run({"import", "-", "--job", "j", "--time-field", "info.ts"}, text, 1);
  EXPECT_THAT(Lines("j"), IsEmpty()) << "a short pipe is looked at before it is sent";
  EXPECT_THAT(Import(text, {"--type-field", "level", "--type-map", "done=job_completed"}, 1).err,
              HasSubstr("--type-map matched none"));
  EXPECT_THAT(Import(text, {"--preset", "journald"}, 1).err, HasSubstr("--preset journald"));
  EXPECT_THAT(Import(text, {"--type-map", "done=job_completed"}, 2).err, HasSubstr("--type-field"));
  EXPECT_THAT(Import(text, {"--level-scale", "pino"}, 2).err, HasSubstr("--level-field"));
  EXPECT_THAT(Lines("j"), IsEmpty());
}

TEST_F(ImportLinesTest, AFailureThatMatchesNothingIsAnError) {
  const std::string text = R"({"e":"done","name":"a","trace":{"status":"OK"}})"
                           "\n"
                           R"({"e":"note","trace":{"status":"LATE"}})"
                           "\n";
  const std::vector<std::string> flags = {"--type-field", "e",          "--stage-field",
                                          "name",         "--type-map", "done=stage_completed"};
  const auto with = [&](std::vector<std::string> more) {
    more.insert(more.begin(), flags.begin(), flags.end());
    return more;
  };
  for (const char* dry : {"", "--dry-run"}) {
    std::vector<std::string> more = {"--failed-if", "trace.statuss=FAILED"};
    if (*dry != '\0') more.emplace_back(dry);
    const CliResultText result = Import(text, with(more), 1);
    EXPECT_THAT(result.err, HasSubstr("--failed-if trace.statuss=FAILED matched none of 2 lines"));
    EXPECT_THAT(result.err, HasSubstr("'trace.status'")) << "what was meant";
    EXPECT_THAT(result.err, HasSubstr("nothing was sent"));
    EXPECT_THAT(Lines("j"), IsEmpty());
  }
  EXPECT_THAT(Import(text, with({"--failed-if", "trace.status=FAILED", "--dry-run"})).err,
              HasSubstr("--failed-if trace.status=FAILED: no line has this value"));
  EXPECT_THAT(Import(text, with({"--failed-if", "trace.status=LATE", "--dry-run"})).err,
              HasSubstr("trace.status=LATE: no completed stage or job has this value"));
  const CliResultText good = Import(text, with({"--failed-if", "trace.status=ok"}));
  EXPECT_THAT(good.err, Not(HasSubstr("--failed-if")));
  EXPECT_EQ(Event("j", 0)["type"], "stage_failed");
}

// What `go test -json` prints of a package that does not compile, and of one with a test.
TEST_F(ImportLinesTest, AStageIsMissedOnlyWhereATypeNeedsOne) {
  const std::vector<std::string> flags = {
      "--type-field",    "Action", "--stage-field", "Test",
      "--message-field", "Output", "--type-map",    "run=stage_started,fail=stage_failed"};
  const auto with = [&](std::vector<std::string> more) {
    more.insert(more.begin(), flags.begin(), flags.end());
    return more;
  };
  const std::string output = "{\"Action\":\"output\",\"Output\":\"x\",\"Package\":\"p\"}\n";
  const std::string verdict = "{\"Action\":\"fail\",\"Package\":\"p\"}\n";
  const std::string test = "{\"Action\":\"run\",\"Test\":\"t\",\"Package\":\"p\"}\n";
  const CliResultText failed = Import(output + verdict, flags, 1);
  EXPECT_THAT(failed.err, HasSubstr("--stage-field Test matched none of 2 lines; 1 of them, such "
                                    "as those of the type 'fail', needs it"));
  EXPECT_THAT(failed.err, HasSubstr("a second --stage-field names another place to look"));
  const CliResultText skipped = Import(output + verdict, with({"--skip-invalid"}));
  EXPECT_THAT(skipped.out, HasSubstr("1 events accepted, 0 already stored, 1 line skipped"));
  EXPECT_THAT(ImportInto("k", output + test + verdict, flags, 1).err,
              HasSubstr("file:3: type 'stage_failed' requires 'stage', and the line has no field "
                        "'Test'; a second --stage-field names another place to look"));
  EXPECT_THAT(ImportInto("l", output + verdict, with({"--stage-field", "Package"})).out,
              HasSubstr("2 events accepted"));
  const std::vector<std::string> plain = {"--type-field", "Action", "--stage-field", "Test"};
  EXPECT_THAT(ImportInto("m", output, plain).err,
              HasSubstr("warning: --stage-field Test matched none of 1 line"))
      << "no line needs a stage";
  EXPECT_THAT(ImportInto("n", output, {"--stage-field", "Tset"}, 1).err,
              HasSubstr("--stage-field Tset matched none of 1 line"));
}

TEST_F(ImportLinesTest, NothingIsCalledMissingWhereReadingStopped) {
  const std::string text =
      "{\"event\":\"started\"}\n{\"event\":\"started\",\"name\":\"a\"}\n"
      "{\"event\":\"ok\",\"name\":\"a\"}\n";
  const CliResultText result = Import(text,
                                      {"--type-field", "event", "--stage-field", "name",
                                       "--type-map", "started=stage_started,ok=stage_completed"},
                                      1);
  EXPECT_THAT(result.err, HasSubstr("file:1: type 'stage_started' requires 'stage'"));
  EXPECT_THAT(result.err, Not(HasSubstr("not found in any line")));
}

TEST_F(ImportLinesTest, LevelsByTable) {
  const std::string text = "{\"p\":\"MYERROR\",\"m\":\"a\"}\n{\"p\":\"system\",\"m\":\"b\"}\n";
  const CliResultText result =
      Import(text, {"--level-field", "p", "--message-field", "m", "--level-map", "MYERROR=error",
                    "--level-map", "system=info,never=debug"});
  EXPECT_THAT(LevelsOf("j"), ::testing::ElementsAre("error", "info"));
  EXPECT_THAT(result.err, HasSubstr("levels of --level-map not found in any line: never"));
  EXPECT_THAT(Import(text, {"--level-map", "a=info"}, 2).err,
              HasSubstr("--level-map has no effect without --level-field"));
}

TEST_F(ImportLinesTest, HalfOfACharacterIsReplacedAndReported) {
  const std::string text =
      "{\"level\":\"info\",\"time\":1600000000000,\"msg\":\"before\"}\n"
      "{\"level\":\"error\",\"time\":1700000000000,\"msg\":\"cut \\ud83d\",\"a\":\"\\udc00\"}\n"
      "{\n \"level\": \"error\", \"time\": 1700000001000, \"msg\": \"\\ud83d\\ud83d\\ude00\"}\n"
      "[\n{\"msg\":\"\\ud83d\"}]\n";
  const std::vector<std::string> flags = {"--preset", "json"};
  const CliResultText result = Import(text, flags);
  EXPECT_THAT(result.err, HasSubstr("3 lines have half of a character"));
  EXPECT_THAT(Lines("j"), SizeIs(4));
  EXPECT_EQ(Event("j", 1)["level"], "error");
  EXPECT_EQ(Event("j", 1)["occurred_at"], "2023-11-14T22:13:20.000000Z");
  EXPECT_EQ(Event("j", 1)["message"], "cut \uFFFD");
  EXPECT_EQ(Event("j", 1)["payload"]["a"], "\uFFFD");
  EXPECT_EQ(Event("j", 2)["message"], "\uFFFD\U0001F600");
  EXPECT_EQ(Import(text, flags).out, "0 events accepted, 4 already stored\n");
}

TEST_F(ImportLinesTest, ATypeThatIsMisspeltIsWrongUse) {
  EXPECT_THAT(Import("a\n", {"--type", "gate_paused"}, 2).err,
              HasSubstr("--type: unknown type 'gate_paused'; did you mean 'gate_pause'?"));
  Import("a\n", {"--type", "heartbeat"}, 2);
  Import("a\n", {"--type", "x-Not Legal"}, 2);
  EXPECT_THAT(Import("{\"e\":\"a\"}\n",
                     {"--type-field", "e", "--type-map", "a=job_started,a=job_failed"}, 2)
                  .err,
              HasSubstr("'a' is mapped twice: to job_started and to job_failed"));
}

TEST_F(ImportLinesTest, AJobThatIsGivenBeatsThePresets) {
  const std::string path = Write("weblog", R"({"runName":"run","event":"started"})"
                                           "\n");
  Run({"import", path, "--job", "mine", "--preset", "nextflow"});
  EXPECT_THAT(Lines("run"), IsEmpty());
  EXPECT_EQ(Event("mine", 0)["type"], "job_started");
  Run({"import", path, "--preset", "nextflow"});
  EXPECT_THAT(Lines("run"), SizeIs(1));
}

TEST_F(ImportLinesTest, AnArrayAndObjectsOverSeveralLines) {
  const std::string pretty = "{\n  \"m\": \"one\",\n  \"n\": [1, 2]\n}\n{\n  \"m\": \"two\"\n}\n";
  EXPECT_EQ(Import(pretty, {"--message-field", "m"}).out, "2 events accepted, 0 already stored\n");
  EXPECT_EQ(Event("j", 0)["message"], "one");
  EXPECT_EQ(Event("j", 0)["payload"].dump(), R"({"n":[1,2]})");
  const std::string compact = "{\"m\":\"one\",\"n\":[1,2]}\n{\"m\":\"two\"}\n";
  EXPECT_EQ(Import(compact, {"--message-field", "m"}).out, "0 events accepted, 2 already stored\n")
      << "the same lines as jq -c prints them";
  const std::string array = "[\n  {\"m\": \"one\", \"n\": [1,2]},\n  {\"m\": \"two\"},\n  ";
  EXPECT_EQ(Import(array + "{\"m\": \"three\"}\n]\n", {"--message-field", "m"}).out,
            "1 events accepted, 2 already stored\n");
  const CliResultText wrong =
      Import(array + "{\"m\": \"three\"},\n  oops\n]\n", {"--message-field", "m"}, 7);
  EXPECT_THAT(wrong.err, HasSubstr("line 5: invalid JSON in the JSON array that begins in line 1"));
  const CliResultText begun = Import(pretty + "{\n  \"m\":", {"--message-field", "m"});
  EXPECT_THAT(begun.err, HasSubstr("file:8: the last line is unfinished"));
  EXPECT_THAT(Lines("j"), SizeIs(3));
}

TEST_F(ImportLinesTest, AMappingThatMatchesFewIsAWarning) {
  std::string text = "{\"level\":\"info\",\"m\":\"0\"}\n";
  for (int i = 1; i < 10; ++i) text += "{\"m\":\"" + std::to_string(i) + "\"}\n";
  const CliResultText result = Import(text, {"--level-field", "level", "--message-field", "m"});
  EXPECT_THAT(result.err, HasSubstr("--level-field level matched only 1 of 10 lines"));
  EXPECT_THAT(result.err, Not(HasSubstr("--message-field")));
}

TEST_F(ImportLinesTest, ADryRunMakesTheSameChecks) {
  const std::pair<std::string, std::vector<std::string>> inputs[] = {
      {"{\"l\":\"bogus\"}\n", {"--level-field", "l"}},
      {"{\"t\":\"noon\"}\n", {"--time-field", "t"}},
      {"{\"m\":\"" + std::string(300'000, 'x') + "\"}\n", {"--message-field", "m"}},
      {"{\"t\":\"stage_started\"}\n", {"--type-field", "t"}},
      {"{\"m\":\"fine\"}\n", {"--message-field", "m"}}};
  for (const auto& [text, flags] : inputs) {
    std::vector<std::string> arguments = {"import", Write("file", text), "--job", "j"};
    arguments.insert(arguments.end(), flags.begin(), flags.end());
    const CliResultText real = cli_.Run(arguments);
    arguments.emplace_back("--dry-run");
    const CliResultText dry = cli_.Run(arguments);
    EXPECT_EQ(dry.exit_code, real.exit_code) << flags[0];
    if (real.exit_code == 0) {
      EXPECT_THAT(dry.err, HasSubstr("a dry run cannot check"));
    } else {
      EXPECT_EQ(dry.err, real.err);
    }
  }
  EXPECT_THAT(Lines("j"), SizeIs(1));
}

TEST_F(ImportLinesTest, ADryRunKnowsIdsThatContradictAndSaysWhatItCannotKnow) {
  const std::string text =
      "{\"id\":\"a\",\"m\":\"one\"}\n{\"id\":\"a\",\"m\":\"one\"}\n"
      "{\"id\":\"a\",\"m\":\"other\"}\n";
  std::vector<std::string> flags = {"--id-field", "id", "--message-field", "m", "--dry-run"};
  const CliResultText refused = Import(text, flags, 6);
  EXPECT_THAT(refused.err, HasSubstr("line 3: event_id 'a'"));
  flags.emplace_back("--skip-invalid");
  const CliResultText skipped = Import(text, flags);
  EXPECT_EQ(skipped.out, "2 events could be sent, 1 line skipped\n");
  EXPECT_THAT(skipped.err, HasSubstr("a dry run cannot check what only the daemon knows"));
  EXPECT_THAT(Lines("j"), IsEmpty());
}

TEST_F(ImportLinesTest, ASkippedLineIsInNoCount) {
  const CliResultText result = Import(
      "text\n{\"id\":\"a\",\"m\":\"1\"}\n{\"id\":\"a\",\"m\":\"2\",\"t\":"
      "\"2026-03-01 09:00:00\"}\n",
      {"--id-field", "id", "--message-field", "m", "--time-field", "t", "--skip-invalid"});
  EXPECT_EQ(result.out, "2 events accepted, 0 already stored, 1 line skipped\n");
  EXPECT_THAT(result.err, HasSubstr("1 line is not a JSON object"));
  EXPECT_THAT(result.err, Not(HasSubstr("no zone"))) << "that line was skipped";
}

// --- Times of lines that have none ---

TEST_F(ImportLinesTest, LinesBeforeTheFirstTimeHaveIt) {
  const std::string text = "boot\n{\"m\":\"a\"}\n{\"t\":1764363600}\nafter\n";
  Import(text, {"--time-field", "t"});
  Run({"import", "-", "--job", "k", "--time-field", "t"}, text);
  for (const char* job : {"j", "k"}) {
    ASSERT_THAT(Lines(job), SizeIs(4));
    for (size_t i = 0; i < 4; ++i) {
      EXPECT_EQ(Event(job, i)["occurred_at"], "2025-11-28T21:00:00.000000Z") << job << i;
    }
  }
  EXPECT_THAT(Run({"jobs"}).out, Not(HasSubstr("TOOK"))) << "neither has started";
  EXPECT_THAT(Run({"show", "j"}).out, HasSubstr("not started"));
}

TEST_F(ImportLinesTest, AFileWithoutTimesHasThatOfItsLastChange) {
  const std::string path = Write("plain.log", "one\ntwo\n");
  const timespec times[2] = {{1'764'363'600, 0}, {1'764'363'600, 0}};
  ASSERT_EQ(::utimensat(AT_FDCWD, path.c_str(), times, 0), 0);
  EXPECT_THAT(Run({"import", path, "--job", "j"}).err, HasSubstr("its modification time (2025-11"));
  EXPECT_EQ(Event("j", 1)["occurred_at"], "2025-11-28T21:00:00.000000Z");
  Write("plain.log", "one\ntwo\nthree\n");
  EXPECT_EQ(Run({"import", path, "--job", "j"}).out, "1 events accepted, 2 already stored\n")
      << "a time that was assumed makes no other event";
  EXPECT_THAT(Run({"import", path, "--job", "j"}).err, Not(HasSubstr("modification time")))
      << "nothing was sent";
  Run({"import", Write("timed.log", "2026-11-20T09:15:00Z one\ntwo\n"), "--job", "k"});
  EXPECT_EQ(Event("k", 1)["occurred_at"], "2026-11-20T09:15:00.000000Z");
}

TEST_F(ImportLinesTest, LinesThatWereMappedOtherwiseStayAsTheyAre) {
  std::string text;
  for (int i = 1; i <= 1'200; ++i) text += "{\"m\":\"" + std::to_string(i) + "\"}\n";
  EXPECT_EQ(Import(text, {"--type", "x-a"}).out, "1200 events accepted, 0 already stored\n");
  EXPECT_EQ(Import(text, {"--type", "x-a"}).out, "0 events accepted, 1200 already stored\n");
  const CliResultText other = Import(text, {"--message-field", "m"}, 1);
  EXPECT_EQ(other.out,
            "0 events accepted, 0 already stored, 1200 already stored with another mapping\n");
  EXPECT_THAT(other.err, HasSubstr("import into another job (--job) or delete the job first"));
  const CliResultText grown = Import(text + "{\"m\":\"new\"}\n", {"--message-field", "m"});
  EXPECT_EQ(grown.out,
            "1 events accepted, 0 already stored, 1200 already stored with another mapping\n");
  ASSERT_THAT(Lines("j"), SizeIs(1'201));
  EXPECT_EQ(Event("j", 1'200)["message"], "new");
}

TEST_F(ImportLinesTest, LinesThatAreNoJsonAreKept) {
  const std::string nuls(8, '\0');
  const CliResultText result =
      Import("\xef\xbb\xbf{\"m\":\"before\"}\r\n" + nuls +
                 "\r\nwarning: plain text\r\n{\"m\":\"after\\n\"}\r\n{\"m\":\"x\",\"m\":\"y\"}\r\n",
             {"--message-field", "m"});
  EXPECT_EQ(result.out, "5 events accepted, 0 already stored\n");
  EXPECT_THAT(result.err, HasSubstr("2 lines are not a JSON object and became logs"));
  EXPECT_EQ(Event("j", 0)["message"], "before");
  EXPECT_EQ(Event("j", 1)["payload"]["nul_bytes"], 8);
  EXPECT_EQ(Event("j", 2)["message"], "warning: plain text");
  EXPECT_EQ(Event("j", 3)["message"], "after");
  EXPECT_EQ(Event("j", 4)["payload"]["raw"], R"({"m":"x","m":"y"})");
}

TEST_F(ImportLinesTest, PlainTextNeedsOnlyAJob) {
  EXPECT_EQ(Import("one\ntwo\n", {}).out, "2 events accepted, 0 already stored\n");
  EXPECT_EQ(Event("j", 1)["message"], "two");
}

// --- Where lines come from ---

TEST_F(ImportLinesTest, ARotationSendsNothingTwice) {
  const auto import = [&](const std::string& name) {
    return Run({"import", cli_.Path(name), "--job", "j"}).out;
  };
  Write("app.log", "start\nsame\nsame\n");
  EXPECT_EQ(import("app.log"), "3 events accepted, 0 already stored\n");
  Write("app.log", "start\nsame\nsame\nmore\n");
  std::filesystem::rename(cli_.Path("app.log"), cli_.Path("app.log.1"));
  Write("app.log", "start\nsame\nanother\n");
  EXPECT_EQ(import("app.log.1"), "1 events accepted, 3 already stored\n");
  EXPECT_EQ(import("app.log"), "3 events accepted, 0 already stored\n") << "it only begins alike";
  EXPECT_EQ(std::system(("gzip -k " + cli_.Path("app.log.1")).c_str()), 0);
  EXPECT_EQ(import("app.log.1.gz"), "0 events accepted, 4 already stored\n");
  EXPECT_EQ(import("app.log"), "0 events accepted, 3 already stored\n");
}

TEST_F(ImportLinesTest, TwoFilesInOneImportThatBeginAlike) {
  Write("a.log", "start\none\n");
  Write("b.log", "start\ntwo\n");
  Write("c.log", "start\none\n");
  EXPECT_EQ(
      Run({"import", cli_.Path("a.log"), cli_.Path("b.log"), cli_.Path("c.log"), "--job", "j"}).out,
      "4 events accepted, 2 already stored\n")
      << "the third is a copy of the first";
}

TEST_F(ImportLinesTest, StandardInputAndPipes) {
  EXPECT_EQ(Run({"import", "-", "--job", "a"}, "one\ntwo\n").out,
            "2 events accepted, 0 already stored\n");
  EXPECT_EQ(Run({"import", "/dev/stdin", "--job", "b"}, "one\n").out,
            "1 events accepted, 0 already stored\n");
  const std::string fifo = cli_.Path("fifo");
  ASSERT_EQ(::mkfifo(fifo.c_str(), 0600), 0);
  auto command = cli_.Start({"import", fifo, "--job", "c"});
  const int fd = ::open(fifo.c_str(), O_WRONLY);
  ASSERT_EQ(::write(fd, "one\ntwo\n", 8), 8);
  ::close(fd);
  EXPECT_EQ(command->Wait().out, "2 events accepted, 0 already stored\n");
  EXPECT_THAT(Lines("c"), SizeIs(2));
}

TEST_F(ImportLinesTest, TwoPipesThatBeginAlike) {
  const auto import = [&](const std::string& text) {
    return Run({"import", "-", "--job", "j"}, text).out;
  };
  EXPECT_EQ(import("start\nsame\none\n"), "3 events accepted, 0 already stored\n");
  EXPECT_EQ(import("start\nsame\none\nmore\n"), "1 events accepted, 3 already stored\n")
      << "it grew";
  EXPECT_EQ(import("start\nsame\ntwo\n"), "3 events accepted, 0 already stored\n")
      << "it was truncated and begun again";
  EXPECT_EQ(import("start\nsame\ntwo\nmore\n"), "1 events accepted, 3 already stored\n");
  Write("file", "start\nsame\none\nmore\n");
  EXPECT_EQ(Run({"import", cli_.Path("file"), "--job", "j"}).out,
            "0 events accepted, 4 already stored\n")
      << "the same as a file";
}

TEST_F(ImportLinesTest, APipeThatDiffersLateIsSaid) {
  std::string text;
  for (int i = 0; i < 1'500; ++i) text += std::to_string(i) + "\n";
  Run({"import", "-", "--job", "j"}, text + "one\n");
  const CliResultText other = Run({"import", "-", "--job", "j"}, text + "two\n");
  EXPECT_EQ(other.out, "1 events accepted, 1500 already stored\n");
  EXPECT_THAT(other.err, HasSubstr("standard input: 1500 already stored: the input begins like one "
                                   "imported before and differs later"));
  const CliResultText same = Run({"import", "-", "--job", "j"}, text + "one\n");
  EXPECT_THAT(same.err, Not(HasSubstr("begins like")));
}

TEST_F(ImportLinesTest, AForeignZstdFile) {
  const std::string text = "{\"m\":\"one\"}\n{\"m\":\"two\"}\n";
  std::string packed(ZSTD_compressBound(text.size()), '\0');
  packed.resize(ZSTD_compress(packed.data(), packed.size(), text.data(), text.size(), 3));
  const std::string path = Write("app.log.zst", packed);
  EXPECT_EQ(Run({"import", path, "--job", "j", "--message-field", "m"}).out,
            "2 events accepted, 0 already stored\n");
  Write("app.log.zst", packed.substr(0, packed.size() - 3));
  ExpectFailure({"import", path, "--job", "k"}, 7, "truncated");
}

TEST_F(ImportLinesTest, AJournalThroughAPipeAndPacked) {
  const std::string text = JournalLines::Random(5, 300, "old").Text();
  const std::string path = Write("old.jsonl", text);
  EXPECT_EQ(Run({"import", "-"}, text).out, "300 events accepted, 0 already stored\n");
  EXPECT_EQ(std::system(("gzip " + path).c_str()), 0);
  EXPECT_EQ(Run({"import", path + ".gz"}).out, "0 events accepted, 300 already stored\n");
  std::string edited = text;
  edited.replace(edited.find("\"ts\":\"20"), 8, "\"ts\":\"21");
  ExpectFailure({"import", "-"}, 7, "standard input", edited);
}

TEST_F(ImportLinesTest, ASourceWithoutLinesEnds) {
  ExpectFailure({"import", "/dev/zero", "--job", "j", "--retry", "1m"}, 7,
                "/dev/zero: line 1 does not end within 64 MiB");
  ExpectFailure({"import", "/dev/zero"}, 7, "does not end within 64 MiB");
  for (const char* command : {"verify", "state", "replay"}) {
    ExpectFailure({command, "/dev/zero"}, 7, "not a journal");
  }
  EXPECT_THAT(Lines("j"), IsEmpty());
}

TEST_F(ImportLinesTest, RetryTakesADuration) {
  const std::string path = Write("one", "one\n");
  Run({"import", path, "--job", "j", "--retry", "1m30s"});
  ExpectFailure({"import", path, "--job", "j", "--retry", "soon"}, 2, "--retry");
  ExpectFailure({"import", path, "--job", "j", "--retry", "25h"}, 2, "--retry");
}

TEST_F(ImportLinesTest, WithoutAJobTheFlagsAreWrong) {
  ExpectFailure({"import", Write("one", "one\n"), "--type", "log"}, 2, "--job-field");
}

// --- Jobs ---

TEST_F(ImportLinesTest, ARunOfAnotherProgramIsAWholeJob) {
  const std::string text =
      R"({"e":"build_started","at":"2026-03-01T10:00:00+0100"})"
      "\n"
      R"({"e":"process_started","name":"ALIGN (1) a","at":"2026-03-01T10:00:01+0100"})"
      "\n"
      R"({"e":"process_completed","name":"ALIGN (1) a",)"
      R"("at":"2026-03-01T10:00:04.5+0100"})"
      "\n"
      R"({"e":"build_finished","at":"2026-03-01T10:00:05+0100"})"
      "\n";
  const std::vector<std::string> flags = {
      "--create",
      "--type-field",
      "e",
      "--stage-field",
      "name",
      "--time-field",
      "at",
      "--type-map",
      "build_started=job_started,build_finished=job_completed",
      "--type-map",
      "process_started=stage_started,process_completed=stage_completed"};
  EXPECT_EQ(Import(text, flags).out, "4 events accepted, 0 already stored, jobs created: 1\n");
  ASSERT_THAT(Lines("j"), SizeIs(5));
  EXPECT_EQ(Event("j", 0)["type"], "job_created");
  EXPECT_EQ(Event("j", 0)["occurred_at"], "2026-03-01T09:00:00.000000Z");
  for (const std::string& line : Lines("j")) EXPECT_THAT(line, Not(HasSubstr("violations")));
  const Json state = Json::parse(Run({"show", "j", "--json"}).out);
  EXPECT_EQ(state["status"], "completed");
  EXPECT_EQ(Import(text, flags).out, "0 events accepted, 4 already stored\n");
  EXPECT_THAT(Lines("j"), SizeIs(5));
}

TEST_F(ImportLinesTest, WhatFailedIsNotCompleted) {
  const std::string text =
      R"({"runName":"j","utcTime":"2026-01-01T00:00:00Z","event":"started"})"
      "\n"
      R"({"runName":"j","utcTime":"2026-01-01T00:00:01Z","event":"process_started","trace":{"name":"A"}})"
      "\n"
      R"({"runName":"j","utcTime":"2026-01-01T00:00:02Z","event":"process_completed","trace":{"name":"A","status":"FAILED"}})"
      "\n"
      R"({"runName":"j","utcTime":"2026-01-01T00:00:03Z","event":"completed","metadata":{"workflow":{"success":false}}})"
      "\n";
  Import(text, {"--preset", "nextflow"});
  EXPECT_EQ(Event("j", 2)["type"], "stage_failed");
  EXPECT_EQ(Event("j", 3)["type"], "job_failed");
  Run({"import",
       Write("build", R"({"e":"done","result":"Broken"})"
                      "\n"),
       "--job", "k", "--type-field", "e", "--type-map", "done=job_completed", "--failed-if",
       "result=broken"});
  EXPECT_EQ(Event("k", 0)["type"], "job_failed");
  Run({"import", Write("other", "{}\n"), "--job", "k", "--failed-if", "x=y"}, "", 2);
}

// --- What is flagged ---

TEST_F(ImportLinesTest, WhatIsFlaggedIsCountedAndNamedByItsLine) {
  const std::string text = R"({"e":"job_created"})"
                           "\n\n"
                           R"({"e":"stage_started","name":"a"})"
                           "\n"
                           R"({"e":"job_completed"})"
                           "\n"
                           R"({"e":"job_failed"})"
                           "\n";
  const std::vector<std::string> flags = {"--type-field", "e", "--stage-field", "name"};
  const CliResultText result = Import(text, flags);
  EXPECT_EQ(result.out, "4 events accepted, 0 already stored, 1 flagged as invalid\n");
  EXPECT_THAT(result.err,
              HasSubstr("stagelog: line 5: j#4 is flagged: job_over (the job is completed, failed "
                        "or canceled); it is stored but has no effect\n"));
  EXPECT_EQ(Event("j", 3)["violations"], Json({"job_over"}));
  EXPECT_EQ(GetJson("/api/v1/jobs/j")["status"], "completed");
  std::vector<std::string> as_json = flags;
  as_json.emplace_back("--json");
  EXPECT_EQ(Json::parse(ImportInto("k", text, as_json).out)["flagged"], 1);
}

TEST_F(ImportLinesTest, OfManyFlaggedEventsAllAreCountedAndTheFirstAreNamed) {
  std::string text;
  for (int i = 0; i < 1'301; ++i) text += "{\"e\":\"job_completed\"}\n";
  const CliResultText result = Import(text, {"--type-field", "e"});
  EXPECT_EQ(result.out, "1301 events accepted, 0 already stored, 1300 flagged as invalid\n");
  EXPECT_THAT(result.err, HasSubstr("line 2: j#2 is flagged: job_over"));
  EXPECT_THAT(result.err, HasSubstr("line 21: j#21 is flagged: job_over"));
  EXPECT_THAT(result.err, Not(HasSubstr("line 22: ")));
}

TEST_F(ImportLinesTest, AGateKeepsWhatItDoesNotKnow) {
  Import(R"({"kind":"approval","name":"Deploy to prod?","who":"ann"})"
         "\n",
         {"--type-field", "kind", "--gate-field", "name", "--type-map", "approval=gate_pause"});
  EXPECT_EQ(Event("j", 0)["type"], "gate_pause");
  EXPECT_EQ(Event("j", 0)["payload"]["x-line"]["who"], "ann");
}

TEST_F(ImportLinesTest, AnObjectThatIsStillBeingWrittenIsLeftForTheNextImport) {
  const std::string begun = R"({"m":"1"})"
                            "\n"
                            R"({"m":"2"})"
                            "\n"
                            R"({"m":"3"})"
                            "\n";
  const CliResultText first = Import(begun + R"({"m":"par)", {"--message-field", "m"});
  EXPECT_THAT(first.err, HasSubstr("file:4: the last line is unfinished"));
  EXPECT_THAT(Lines("j"), SizeIs(3));
  Import(begun + R"({"m":"partial"})"
                 "\n",
         {"--message-field", "m"});
  ASSERT_THAT(Lines("j"), SizeIs(4));
  EXPECT_EQ(Event("j", 3)["message"], "partial");
}

}  // namespace
}  // namespace stagelog
