// stagelog verify: every mutation of a journal is found, at its line; a clean one is left in peace.
#include <SQLiteCpp/SQLiteCpp.h>
#include <gmock/gmock.h>

#include <filesystem>
#include <fstream>
#include <random>

#include "cli/offline/journal_verifier.h"
#include "tests/cli/cli_runner.h"
#include "tests/support/daemon_fixture.h"
#include "tests/support/journal_lines.h"

namespace stagelog {
namespace {

using ::testing::AnyOf;
using ::testing::Eq;
using ::testing::HasSubstr;
using ::testing::Not;

// A journal's text with one thing wrong.
struct Mutation {
  std::string what;
  std::string text;
  int64_t line = 0;  // where it is wrong
};

class Mutator {
 public:
  Mutator(uint64_t seed, std::vector<std::string> lines)
      : random_(seed), lines_(std::move(lines)) {}

  Mutation Next() {
    switch (Below(5)) {
      case 0:
        return FlipByte();
      case 1:
        return Drop();
      case 2:
        return Double();
      case 3:
        return Swap();
      default:
        return Truncate();
    }
  }

 private:
  size_t Below(size_t bound) { return random_() % bound; }

  Mutation FlipByte() {
    std::string text = JoinLines(lines_);
    const size_t at = Below(text.size());
    const auto line =
        std::count(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(at), '\n');
    text[at] = static_cast<char>(text[at] ^ (1 << Below(8)));
    return {"byte " + std::to_string(at) + " flipped", text, line + 1};
  }

  Mutation Drop() {
    const size_t i = Below(lines_.size());
    lines_.erase(lines_.begin() + static_cast<std::ptrdiff_t>(i));
    return {"dropped", JoinLines(lines_), Number(i)};
  }

  Mutation Double() {
    const size_t i = Below(lines_.size());
    lines_.insert(lines_.begin() + static_cast<std::ptrdiff_t>(i), lines_[i]);
    return {"doubled", JoinLines(lines_), Number(i + 1)};
  }

  Mutation Swap() {
    const size_t i = Below(lines_.size() - 1);
    const size_t j = i + 1 + Below(lines_.size() - i - 1);
    std::swap(lines_[i], lines_[j]);
    return {"swapped with line " + std::to_string(j + 1), JoinLines(lines_), Number(i)};
  }

  // A part of a line is gone, its newline too where it is the last one's.
  Mutation Truncate() {
    const size_t i = Below(lines_.size());
    const bool is_tail = i + 1 == lines_.size();
    lines_[i].resize(Below(lines_[i].size()));
    std::string text = JoinLines(lines_);
    if (is_tail && Below(2) == 0) text.pop_back();
    return {"truncated", text, Number(i)};
  }

  static int64_t Number(size_t index) { return static_cast<int64_t>(index) + 1; }

  std::mt19937_64 random_;
  std::vector<std::string> lines_;
};

class VerifyJournalTest : public ::testing::Test {
 protected:
  cli::CliResult<ChainCheck> Verify(const std::string& text) {
    std::ofstream(directory_.Path("job/events.jsonl"), std::ios::binary | std::ios::trunc) << text;
    return cli::VerifyJournal({directory_.Path("job/events.jsonl"), directory_.Path("job"), "job"},
                              nullptr, [](uint64_t) {});
  }

  TemporaryDirectory directory_;
};

TEST_F(VerifyJournalTest, OneThousandMutationsAreFoundAtTheirLinesAndCleanJournalsAreIntact) {
  constexpr uint64_t kChangesSeed = 20'261'121;
  for (uint64_t seed = kChangesSeed; seed < kChangesSeed + 1'000; ++seed) {
    const JournalLines journal = JournalLines::Random(seed, static_cast<int>(3 + seed % 40));
    journal.WriteTo(directory_.path());
    if (seed % 10 == 0) {
      const auto clean = Verify(journal.Text());
      ASSERT_TRUE(clean);
      ASSERT_EQ(clean->finding_count(), 0) << "seed " << seed;
    }
    const Mutation mutation = Mutator(seed, journal.lines()).Next();
    const auto check = Verify(mutation.text);
    ASSERT_TRUE(check) << check.error().message;
    SCOPED_TRACE("seed " + std::to_string(seed) + ", line " + std::to_string(mutation.line) +
                 " of " + std::to_string(journal.lines().size()) + " " + mutation.what + "\n" +
                 mutation.text);
    ASSERT_GT(check->finding_count(), 0);
    ASSERT_EQ(check->findings().front().line, mutation.line);
    // What is called trustworthy is what was there.
    const std::vector<std::string> mutated = SplitLines(mutation.text);
    for (const ChainRun& run : check->runs()) {
      for (int64_t i = 0; i <= run.last_line - run.first_line; ++i) {
        const size_t there = static_cast<size_t>(run.first_line - 1 + i);
        const size_t original = static_cast<size_t>(run.first_job_seq - 1 + i);
        if (there >= mutated.size()) continue;
        ASSERT_EQ(mutated[there], journal.lines()[original]) << there;
      }
    }
  }
}

class VerifyCommandTest : public DaemonTest {
 protected:
  CliResultText Verify(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), "verify");
    return cli_.Run(std::move(arguments));
  }

  std::string FileOf(const std::string& job) const { return EventsFileOf(runs_dir(), job); }

  void Rewrite(const std::string& path, const std::string& text) {
    std::ofstream(path, std::ios::binary | std::ios::trunc) << text;
  }

  CliRunner cli_;
};

TEST_F(VerifyCommandTest, WhatADaemonWritesIsIntactWhileItWrites) {
  Start();
  for (int i = 0; i < 5; ++i) {
    AppendLogs("a", 200);
    AppendLogs("b", 3);
    for (const std::vector<std::string>& arguments : std::vector<std::vector<std::string>>{
             {runs_dir()}, {runs_dir(), "--database"}, {runs_dir() + "/a/"}, {FileOf("b")}}) {
      const CliResultText result = Verify(arguments);
      EXPECT_EQ(result.exit_code, 0) << result.out << result.err;
      EXPECT_THAT(result.out, HasSubstr("intact"));
    }
  }
}

TEST_F(VerifyCommandTest, SaysWhatIsWrongAndWhereAndWhatCanBeTrusted) {
  Start();
  AppendLogs("a", 10);
  Stop();
  daemon_.reset();
  std::string text = ReadAll(FileOf("a"));
  const size_t at = text.find("\"message\":\"4\"");
  text.replace(at, 13, "\"message\":\"5\"");
  Rewrite(FileOf("a"), text);
  const CliResultText result = Verify({runs_dir()});
  EXPECT_EQ(result.exit_code, 1);
  const size_t line_start = text.rfind('\n', at) + 1;
  EXPECT_THAT(result.out, HasSubstr("line 4 (byte " + std::to_string(line_start) + "): changed"));
  EXPECT_THAT(result.out, HasSubstr("trustworthy: events 1 to 3; unbroken in themselves: 5 to 10"));
  const Json json = Json::parse(Verify({runs_dir(), "--json"}).out);
  EXPECT_EQ(json["intact"], false);
  EXPECT_EQ(json["findings"][0]["line"], 4);
  EXPECT_EQ(json["findings"][0]["code"], "changed");
}

TEST_F(VerifyCommandTest, TheDatabaseTellsWhatTheFileAloneCannot) {
  Start();
  AppendLogs("a", 10);
  AppendLogs("b", 10);
  AppendLogs("c", 1);
  Stop();
  daemon_.reset();
  std::vector<std::string> lines = SplitLines(ReadAll(FileOf("a")));
  lines.pop_back();
  Rewrite(FileOf("a"), JoinLines(lines));
  JournalLines::Random(3, 10, "b").WriteTo(runs_dir());
  std::filesystem::remove_all(runs_dir() + "/c");
  std::filesystem::remove(runs_dir() + "/a/state.json");
  EXPECT_EQ(Verify({runs_dir()}).exit_code, 0) << "both are whole in themselves";
  const CliResultText result = Verify({runs_dir(), "--database"});
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(result.out, HasSubstr("line 10 (byte "));
  EXPECT_THAT(result.out, HasSubstr("missing_tail: the database has event 10, but the file ends "
                                    "with event 9"));
  EXPECT_THAT(result.out, HasSubstr("differs_from_database"));
  EXPECT_THAT(result.out, HasSubstr("missing_file"));
  EXPECT_THAT(result.out, HasSubstr("3 wrong"));
}

// The daemon has noted that it could not write the file: nothing is wrong with what is there.
TEST_F(VerifyCommandTest, AFileThatTheDaemonStillHasToCompleteIsBehind) {
  Start();
  AppendLogs("a", 10);
  Stop();
  daemon_.reset();
  std::vector<std::string> lines = SplitLines(ReadAll(FileOf("a")));
  lines.resize(7);
  Rewrite(FileOf("a"), JoinLines(lines));
  std::filesystem::remove(runs_dir() + "/a/state.json");
  const std::string identity = runs_dir() + "/journal.json";
  Json note = Json::parse(ReadAll(identity));
  const auto verify = [&](int64_t first_missing, const std::string& job) {
    note["obstructed"] = {{{"job_id", job}, {"first_missing_job_seq", first_missing}}};
    Rewrite(identity, note.dump());
    return Verify({runs_dir(), "--database"});
  };
  const CliResultText behind = verify(8, "a");
  EXPECT_EQ(behind.exit_code, 0) << behind.out;
  EXPECT_THAT(behind.out, HasSubstr("behind"));
  EXPECT_THAT(behind.out, HasSubstr("7 events; the file cannot be written now; the daemon still "
                                    "has to append events 8 to 10"));
  const Json json = Json::parse(Verify({runs_dir(), "--database", "--json"}).out);
  EXPECT_EQ(json["behind"], true);
  EXPECT_EQ(json["findings"][0]["code"], "behind");
  EXPECT_EQ(verify(9, "a").exit_code, 1) << "event 8 was there when the file was noted";
  EXPECT_EQ(verify(8, "b").exit_code, 1);
  lines[3][20] ^= 1;
  Rewrite(FileOf("a"), JoinLines(lines));
  EXPECT_EQ(verify(8, "a").exit_code, 1) << "a changed line is no delay";
}

TEST_F(VerifyCommandTest, ACopyMayStandInAnyFolderAFolderNamesItsJob) {
  const JournalLines journal = JournalLines::Random(4, 10, "job");
  journal.WriteTo(cli_.Path("runs"));
  std::filesystem::rename(cli_.Path("runs/job"), cli_.Path("runs/old"));
  EXPECT_EQ(Verify({cli_.Path("runs/old/events.jsonl")}).exit_code, 0);
  const CliResultText renamed = Verify({cli_.Path("runs/old"), "--json"});
  EXPECT_EQ(renamed.exit_code, 1);
  const auto check = nlohmann::json::parse(renamed.out);
  EXPECT_EQ(check["findings_total"], 1) << "once, not for every line";
  EXPECT_EQ(check["findings"][0]["code"], "foreign_job");
  EXPECT_THAT(check["findings"][0]["detail"].get<std::string>(),
              HasSubstr("the folder is named old, but its events are of job job"));
  EXPECT_EQ(check["unbroken"][0]["last_job_seq"], 10) << "the events are whole in themselves";
}

TEST_F(VerifyCommandTest, ALineOfAnotherJobIsOneOfItsOwnFile) {
  const std::vector<std::string> own = JournalLines::Random(4, 10, "job").lines();
  std::vector<std::string> lines = own;
  lines[0] = JournalLines::Random(5, 10, "other").lines()[0];
  JournalLines::Random(4, 10, "job").WriteTo(cli_.Path("runs"));
  std::ofstream(cli_.Path("runs/job/events.jsonl"), std::ios::binary) << JoinLines(lines);
  const CliResultText result = Verify({cli_.Path("runs/job")});
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(result.out, HasSubstr("event belongs to job other, not to job"));
  EXPECT_THAT(result.out, Not(HasSubstr("the folder is named")));
}

TEST_F(VerifyCommandTest, AFileThatOthersHavePackedIsRead) {
  const JournalLines journal = JournalLines::Random(4, 3'000, "job");
  for (const int lines : {20, 3'000}) {
    const std::string text = JoinLines({journal.lines().begin(), journal.lines().begin() + lines});
    for (const char* command : {"zstd -q", "gzip"}) {
      const std::string folder = cli_.Path("packed/job");
      std::filesystem::remove_all(folder);
      std::filesystem::create_directories(folder);
      const std::string path = folder + "/events.jsonl";
      std::ofstream(path, std::ios::binary) << text;
      ASSERT_EQ(std::system((std::string(command) + " " + path).c_str()), 0);
      const std::string packed = path + (command[0] == 'z' ? ".zst" : ".gz");
      std::filesystem::remove(path);
      const CliResultText verified = Verify({packed});
      EXPECT_EQ(verified.exit_code, 0) << verified.out;
      EXPECT_THAT(verified.out, HasSubstr(std::to_string(lines) + " events"));
      EXPECT_EQ(cli_.Run({"state", packed}).exit_code, 0);
      EXPECT_EQ(cli_.Run({"replay", packed, "--max-wait", "0"}).exit_code, 0);
      std::filesystem::resize_file(packed, std::filesystem::file_size(packed) - 9);
      EXPECT_EQ(Verify({packed}).exit_code, 1) << "cut off";
      EXPECT_EQ(cli_.Run({"state", packed}).exit_code, 7);
    }
  }
}

TEST_F(VerifyCommandTest, AFileThatCannotBeOpenedIsAFindingAmongOthers) {
  Start();
  for (const char* job : {"a", "b", "z"}) AppendLogs(job, 3);
  Stop();
  daemon_.reset();
  std::filesystem::remove(FileOf("a"));
  std::filesystem::create_symlink(FileOf("z"), FileOf("a") + ".zst");
  std::filesystem::remove(FileOf("b"));
  std::filesystem::create_symlink("/dev/null", FileOf("b"));
  std::string text = ReadAll(FileOf("z"));
  Rewrite(FileOf("z"), text.substr(text.find('\n') + 1));
  const CliResultText result = Verify({runs_dir(), "--database"});
  EXPECT_EQ(result.exit_code, 1) << result.err;
  EXPECT_THAT(result.out,
              HasSubstr("/a/events.jsonl.zst\n        line 0 (byte 0): unreadable_file"));
  EXPECT_THAT(result.out, HasSubstr("/b/events.jsonl\n        line 0 (byte 0): unreadable_file"));
  EXPECT_THAT(result.out, HasSubstr("/z/events.jsonl\n"));
}

// A link to itself: nobody can say what is there, be he root.
TEST_F(VerifyCommandTest, WhatCannotBeLookedAtIsNotPassedOver) {
  Start();
  for (const char* job : {"a", "b"}) AppendLogs(job, 3);
  Stop();
  daemon_.reset();
  std::filesystem::remove(FileOf("a"));
  std::filesystem::create_symlink("events.jsonl", FileOf("a"));
  const CliResultText all = Verify({runs_dir()});
  EXPECT_EQ(all.exit_code, 1) << all.out;
  EXPECT_THAT(all.out, HasSubstr("/a/events.jsonl\n        line 0 (byte 0): unreadable_file"));
  EXPECT_THAT(all.out, HasSubstr("intact"));
  EXPECT_EQ(Verify({runs_dir() + "/a"}).exit_code, 7);
  const std::string database = runs_dir() + "/stagelog.db";
  std::filesystem::remove(database);
  std::filesystem::create_symlink("stagelog.db", database);
  const CliResultText result = Verify({runs_dir(), "--database"});
  EXPECT_EQ(result.exit_code, 7);
  EXPECT_THAT(result.err, HasSubstr("stagelog.db: Too many levels of symbolic links"));
}

TEST_F(VerifyCommandTest, APartOfTheDatabaseThatCannotBeOpened) {
  Start();
  AppendLogs("a", 3);
  Stop();
  daemon_.reset();
  const std::string log = runs_dir() + "/stagelog.db-wal";
  std::filesystem::create_directory(log);
  const CliResultText result = Verify({runs_dir(), "--database"});
  EXPECT_EQ(result.exit_code, 7);
  EXPECT_THAT(result.err, HasSubstr("stagelog.db-wal: Is a directory"));
}

TEST_F(VerifyCommandTest, AFileThatIsNoJournal) {
  const auto expect = [&](const std::string& path, int code, const std::string& says) {
    const CliResultText result = Verify({path});
    EXPECT_EQ(result.exit_code, code) << path;
    EXPECT_THAT(result.out + result.err, HasSubstr(says)) << path;
    EXPECT_THAT(result.err, Not(HasSubstr("exception"))) << path;
  };
  expect(cli_.Path("nowhere"), 7, "no such file or folder");
  std::filesystem::create_directories(cli_.Path("empty-folder"));
  expect(cli_.Path("empty-folder"), 7, "no events.jsonl in it");
  Rewrite(cli_.Path("empty"), "");
  expect(cli_.Path("empty"), 1, "contains no events");
  Rewrite(cli_.Path("binary"), std::string(100'000, '\0') + std::string(100'000, '\n'));
  expect(cli_.Path("binary"), 1, "not_a_journal");
  Rewrite(cli_.Path("prose"), "Dear diary,\n\n\033[31mtoday\n");
  expect(cli_.Path("prose"), 1, "line 1 (byte 0): not_an_event");
  expect("/dev/null", 7, "a device or socket, not a journal");
  const CliResultText usage = Verify({});
  EXPECT_EQ(usage.exit_code, 2);
}

TEST_F(VerifyCommandTest, SettingsThatMakeNoSenseAreNamed) {
  const auto expect = [&](std::vector<std::string> arguments, const std::string& says) {
    const CliResultText result = Verify(std::move(arguments));
    EXPECT_EQ(result.exit_code, 2);
    EXPECT_THAT(result.err, HasSubstr(says));
  };
  expect({"/dev/null", "--color", "sometimes"}, "--color");
  expect({"/dev/null", "--url", "localhost:8008"}, "is not the URL");
  std::filesystem::create_directories(cli_.home() + "/.config/stagelog");
  const std::string path = cli_.home() + "/.config/stagelog/config.yaml";
  Rewrite(path, "url: http://127.0.0.1:1\nulr: x\n");
  expect({"/dev/null"}, "config.yaml:2: unknown key 'ulr'; did you mean 'url'?");
  Rewrite(path, "url: [\n");
  expect({"/dev/null"}, "cannot be read as YAML");
  Rewrite(path, "- a\n");
  expect({"/dev/null"}, "expected `key: value`");
  std::filesystem::remove(path);
  std::filesystem::create_directory(path);
  expect({"/dev/null"}, "config.yaml");
  std::filesystem::remove(path);
  Rewrite(path, "url: ftp://x\n");
  expect({"/dev/null"}, "config.yaml:1: 'ftp://x' is not the URL");
}

// A daemon that was killed had not listed its last events by job.
TEST_F(VerifyCommandTest, WhatTheTablesDoNotListYetIsCompared) {
  Start();
  AppendLogs("listed", 3);
  AppendLogs("unlisted", 4);
  Stop();
  daemon_.reset();
  SQLite::Database(runs_dir() + "/stagelog.db", SQLite::OPEN_READWRITE)
      .exec(
          "UPDATE journal SET value = 2 WHERE key = 'tables_through'; "
          "DELETE FROM job_events WHERE seq > 2; DELETE FROM jobs WHERE job_id = 'unlisted'; "
          "UPDATE jobs SET last_seq = 2, job_seq = 2");
  EXPECT_EQ(Verify({runs_dir(), "--database"}).exit_code, 0);
  std::filesystem::remove_all(runs_dir() + "/unlisted");
  const CliResultText missing = Verify({runs_dir(), "--database"});
  EXPECT_EQ(missing.exit_code, 1);
  EXPECT_THAT(missing.out, HasSubstr("unlisted"));
  EXPECT_THAT(missing.out, HasSubstr("missing_file"));
}

}  // namespace
}  // namespace stagelog
