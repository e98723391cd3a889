// Journals as they come through pipes, and as editors and transfers in text mode leave them.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>
#include <thread>

#include "tests/cli/command_fixture.h"

namespace stagelog {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

class JournalPipeTest : public CommandTest {
 protected:
  void SetUp() override {
    StartDaemon();
    Append("film", R"({"type":"job_created"})");
    Append("film", R"({"type":"stage_started","stage":"encode"})");
    Append("film", R"({"type":"log","message":"half way"})");
    Append("film", R"({"type":"job_completed"})");
    path_ = runs_dir() + "/film/events.jsonl";
    std::ifstream file(path_, std::ios::binary);
    text_.assign(std::istreambuf_iterator<char>(file), {});
  }

  // The command with a FIFO as its argument, through which `text` comes.
  CliResultText OverFifo(std::vector<std::string> arguments, const std::string& text) {
    const std::string path = cli_.Path("fifo");
    ::unlink(path.c_str());
    EXPECT_EQ(::mkfifo(path.c_str(), 0600), 0);
    arguments.insert(arguments.begin() + 1, path);
    const std::unique_ptr<CliProcess> command = cli_.Start(arguments);
    std::thread writer([&] { std::ofstream(path, std::ios::binary) << text; });
    CliResultText result = command->Wait();
    // Where nobody has opened it, its writer waits for that.
    const int end = ::open(path.c_str(), O_RDONLY | O_NONBLOCK);
    writer.join();
    ::close(end);
    return result;
  }

  std::string Write(const std::string& text) {
    std::ofstream(cli_.Path("copy.jsonl"), std::ios::binary | std::ios::trunc) << text;
    return cli_.Path("copy.jsonl");
  }

  std::string WithCrlf() const {
    std::string text;
    for (const char c : text_) text += c == '\n' ? "\r\n" : std::string(1, c);
    return text;
  }
  std::string WithByteOrderMark() const { return "\xef\xbb\xbf" + text_; }

  std::string path_;
  std::string text_;
};

TEST_F(JournalPipeTest, EveryOfflineCommandReadsAPipe) {
  for (const std::vector<std::string>& arguments : std::vector<std::vector<std::string>>{
           {"state"}, {"replay", "--speed", "max"}, {"export", "--format", "csv"}}) {
    std::vector<std::string> of_file = arguments;
    of_file.insert(of_file.begin() + 1, path_);
    const std::string expected = Run(of_file).out;
    const CliResultText over_fifo = OverFifo(arguments, text_);
    EXPECT_EQ(over_fifo.exit_code, 0) << arguments.front() << over_fifo.err;
    EXPECT_EQ(over_fifo.out, expected) << arguments.front();
    of_file[1] = "-";
    EXPECT_EQ(Run(of_file, text_).out, expected) << arguments.front();
  }
  EXPECT_THAT(OverFifo({"verify"}, text_).out, AllOf(StartsWith("intact"), HasSubstr("4 events")));
  EXPECT_THAT(Run({"verify", "-"}, text_).out, StartsWith("intact  standard input: 4 events"));
}

TEST_F(JournalPipeTest, WhatIsWrongInAPipeIsSaidAsOfAFile) {
  std::string changed = text_;
  changed.replace(changed.find("half way"), 8, "all done");
  EXPECT_THAT(Run({"verify", "-"}, changed, 1).out,
              AllOf(HasSubstr("WRONG   standard input"), HasSubstr("changed: event 3")));
  EXPECT_THAT(Run({"state", "-"}, changed, 7).err, HasSubstr("standard input: line 3"));
  EXPECT_THAT(Run({"state", "-"}, "no journal\n", 7).err,
              HasSubstr("standard input: not a stagelog journal"));
  EXPECT_THAT(Run({"state", "-"}, "", 7).err, HasSubstr("standard input: contains no events"));
  EXPECT_EQ(OverFifo({"verify"}, changed).exit_code, 1);
}

TEST_F(JournalPipeTest, LineEndsAndByteOrderMarksAreNamed) {
  const std::string crlf = Write(WithCrlf());
  EXPECT_THAT(Run({"verify", crlf}, "", 1).out,
              AllOf(HasSubstr("crlf: the file has CRLF line ends; the content is otherwise intact"),
                    Not(HasSubstr("changed")), HasSubstr("trustworthy: events 1 to 4")));
  for (const std::vector<std::string>& arguments : std::vector<std::vector<std::string>>{
           {"state", crlf}, {"replay", crlf}, {"export", crlf, "--format", "csv"}}) {
    EXPECT_THAT(Run(arguments, "", 7).err, HasSubstr("the file has CRLF line ends"));
  }
  EXPECT_EQ(Run({"state", crlf, "--unverified"}).out, Run({"state", path_}).out);

  const std::string marked = Write(WithByteOrderMark());
  EXPECT_THAT(Run({"verify", marked}, "", 1).out,
              AllOf(HasSubstr("the file begins with a byte order mark; the content is otherwise "
                              "intact"),
                    Not(HasSubstr("changed"))));
  EXPECT_THAT(Run({"state", marked}, "", 7).err,
              HasSubstr("the file begins with a byte order mark"));
  EXPECT_EQ(Run({"state", marked, "--unverified"}).out, Run({"state", path_}).out);
}

TEST_F(JournalPipeTest, AnImportNamesThemToo) {
  EXPECT_THAT(Run({"import", Write(WithCrlf())}, "", 7).err,
              HasSubstr("the file has CRLF line ends"));
  EXPECT_THAT(Run({"import", Write(WithByteOrderMark())}, "", 7).err,
              HasSubstr("the file begins with a byte order mark"));
}

}  // namespace
}  // namespace stagelog
