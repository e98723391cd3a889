// The small parts of the journal, each on its own.
#include <gmock/gmock.h>

#include <fstream>

#include "log/console_mirror.h"
#include "log/file/line_reader.h"
#include "log/journal_identity.h"
#include "tests/support/temporary_directory.h"

namespace stagelog {
namespace {

std::vector<std::string> ReadLines(const std::string& text, bool& last_is_terminated) {
  TemporaryDirectory directory;
  const std::string path = directory.Path("file");
  std::ofstream(path, std::ios::binary) << text;
  LineReader reader(std::move(*RealFileSystem().OpenRead(path)));
  std::vector<std::string> lines;
  uint64_t offset = 0;
  while (true) {
    const auto line = reader.Next();
    EXPECT_TRUE(line);
    if (!line || !line->has_value()) return lines;
    EXPECT_EQ((*line)->offset, offset);
    EXPECT_LE((*line)->offset + (*line)->text.size(), (*line)->end);
    offset = (*line)->end;
    lines.emplace_back((*line)->text);
    last_is_terminated = (*line)->terminated;
  }
}

TEST(LineReader, LinesWithAndWithoutAnEnd) {
  bool terminated = false;
  EXPECT_THAT(ReadLines("", terminated), testing::IsEmpty());
  EXPECT_THAT(ReadLines("a\nbc\n", terminated), testing::ElementsAre("a", "bc"));
  EXPECT_TRUE(terminated);
  EXPECT_THAT(ReadLines("a\n\nbc", terminated), testing::ElementsAre("a", "", "bc"));
  EXPECT_FALSE(terminated);
  const std::string too_long(LineReader::kMaxLineBytes + 1'000'000, 'x');
  for (const char* end : {"\n", ""}) {
    const auto lines = ReadLines("a\n" + too_long + "\n" + too_long + "\nb" + end, terminated);
    ASSERT_EQ(lines.size(), 4U) << "what follows it is read";
    EXPECT_EQ(lines[1].size(), LineReader::kMaxLineBytes);
    EXPECT_EQ(lines[3], "b");
    EXPECT_EQ(terminated, *end != '\0');
    EXPECT_EQ(ReadLines("a\n" + too_long + end, terminated).size(), 2U);
    EXPECT_EQ(terminated, *end != '\0');
  }
}

TEST(LineReader, LinesAcrossTheEdgesOfItsChunks) {
  std::string text;
  std::vector<std::string> expected;
  for (size_t size : {1u, 262'142u, 262'143u, 262'144u, 262'145u, 700'000u, 5u}) {
    expected.push_back(std::string(size, static_cast<char>('a' + expected.size())));
    text += expected.back() + "\n";
  }
  bool terminated = false;
  EXPECT_EQ(ReadLines(text, terminated), expected);
  EXPECT_TRUE(terminated);
}

TEST(ConsoleMirror, LineOfDesign) {
  EXPECT_EQ(ConsoleLine(R"({"seq":1042,"job_id":"render-42","job_seq":17,"event_id":"x",)"
                        R"("ts":"2026-11-21T07:41:02.123456Z","type":"stage_completed",)"
                        R"("stage":"encode","message":"encoded 9000 frames"})"),
            "[events] 2026-11-21T07:41:02.123456Z render-42#17 stage_completed encode "
            "\"encoded 9000 frames\"");
}

TEST(ConsoleMirror, AMessageCannotSteerTheTerminal) {
  EXPECT_EQ(
      ConsoleLine(R"({"job_id":"a","job_seq":1,"ts":"t","type":"log","message":"\u001b[2J\n"})"),
      "[events] t a#1 log \"\\u001b[2J\\n\"");
}

TEST(ConsoleMirror, WhatJsonLeavesAsItIsIsEscapedToo) {
  EXPECT_EQ(ConsoleLine(R"({"job_id":"a","job_seq":1,"ts":"t","type":"gate_approved","gate":"g",)"
                        R"("violations":["gate_decided","end_without_start","\u001b"]})"),
            "[events] t a#1 gate_approved g !gate_decided");
  EXPECT_EQ(ConsoleLine(R"({"job_id":"a","job_seq":1,"ts":"t","type":"gate_approved","gate":"g",)"
                        R"("approval":{"count":1,"required":2}})"),
            "[events] t a#1 gate_approved g (1 of 2)");
  EXPECT_EQ(ConsoleLine("{\"job_id\":\"a\",\"job_seq\":1,\"ts\":\"t\",\"type\":\"log\","
                        "\"message\":\"\xc2\x9b"
                        "2J \xe2\x80\xae \xc3\xa9 \xe2\x80\xa6 \x7f \xd8\x9c\"}"),
            "[events] t a#1 log \"\\u009b2J \\u202e \xc3\xa9 \xe2\x80\xa6 \\u007f \\u061c\"");
}

TEST(JournalIdentity, RoundTripAndDamage) {
  TemporaryDirectory directory;
  FileSystem& files = RealFileSystem();
  EXPECT_EQ(ReadJournalIdentity(files, directory.path())->journal_id, "");
  ASSERT_TRUE(WriteJournalIdentity(files, directory.path(), {"id-1", 42}));
  const auto identity = ReadJournalIdentity(files, directory.path());
  ASSERT_TRUE(identity);
  EXPECT_EQ(identity->journal_id, "id-1");
  EXPECT_EQ(identity->highest_seq, 42);
  for (const char* damaged : {"", "{", "[]", "{\"journal_id\":1,\"highest_seq\":2}"}) {
    std::ofstream(directory.Path("journal.json"), std::ios::trunc) << damaged;
    EXPECT_FALSE(ReadJournalIdentity(files, directory.path())) << damaged;
  }
}

}  // namespace
}  // namespace stagelog
