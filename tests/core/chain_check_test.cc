#include "core/chain_check.h"

#include <gmock/gmock.h>

#include "base/sha256.h"
#include "tests/support/journal_lines.h"

namespace stagelog {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

ChainCheck Check(const std::vector<std::string>& lines, bool last_is_whole = true) {
  ChainCheck check;
  uint64_t offset = 0;
  for (size_t i = 0; i < lines.size(); ++i) {
    check.Take(lines[i], offset, last_is_whole || i + 1 < lines.size());
    offset += lines[i].size() + 1;
  }
  check.Finish(offset);
  return check;
}

// As "code@line".
std::vector<std::string> Codes(const ChainCheck& check) {
  std::vector<std::string> codes;
  for (const ChainFinding& finding : check.findings()) {
    codes.push_back(finding.code + "@" + std::to_string(finding.line));
  }
  return codes;
}

// As "1-16".
std::vector<std::string> Runs(const ChainCheck& check) {
  std::vector<std::string> runs;
  for (const ChainRun& run : check.runs()) {
    runs.push_back(std::to_string(run.first_job_seq) + "-" + std::to_string(run.last_job_seq));
  }
  return runs;
}

class ChainCheckTest : public ::testing::Test {
 protected:
  std::string& Line(size_t number) { return lines_[number - 1]; }

  void Replace(size_t number, const std::string& from, const std::string& to) {
    const size_t at = Line(number).find(from);
    ASSERT_NE(at, std::string::npos) << Line(number);
    Line(number).replace(at, from.size(), to);
  }

  static std::string Sealed(std::string line, const std::string& previous_hash) {
    line = line.substr(0, line.rfind(",\"hash\":\"")) + "}";
    const std::string hash = Sha256Hex(previous_hash, line);
    return line.substr(0, line.size() - 1) + ",\"hash\":\"" + hash + "\"}";
  }

  std::vector<std::string> lines_ = JournalLines::Random(7, 20).lines();
};

TEST_F(ChainCheckTest, AJournalAsItWasWritten) {
  const ChainCheck check = Check(lines_);
  EXPECT_THAT(Codes(check), IsEmpty());
  EXPECT_THAT(Runs(check), ElementsAre("1-20"));
  EXPECT_EQ(check.lines(), 20);
  EXPECT_EQ(check.last_job_seq(), 20);
  EXPECT_EQ(check.job_id(), "job");
}

TEST_F(ChainCheckTest, AByteOrderMarkAndCrlfAreNoChangeOfTheContent) {
  Line(1) = "\xef\xbb\xbf" + Line(1);
  ChainCheck check = Check(lines_);
  EXPECT_THAT(Codes(check), ElementsAre("byte_order_mark@1"));
  EXPECT_EQ(check.findings().front().detail,
            "the file begins with a byte order mark; the content is otherwise intact");
  for (int line = 3; line <= 20; ++line) Line(line) += '\r';
  check = Check(lines_);
  EXPECT_THAT(Codes(check), ElementsAre("byte_order_mark@1", "crlf@3")) << "each once";
  EXPECT_THAT(Runs(check), ElementsAre("1-20"));
  EXPECT_EQ(check.findings().back().detail,
            "the file has CRLF line ends; the content is otherwise intact");
  Replace(7, "\"type\":\"", "\"type\":\"x-");
  check = Check(lines_);
  EXPECT_THAT(Codes(check), ElementsAre("byte_order_mark@1", "crlf@3", "changed@7"));
  EXPECT_EQ(check.findings()[1].detail, "the file has CRLF line ends");
}

TEST_F(ChainCheckTest, AChangedLine) {
  Replace(7, "\"type\":\"", "\"type\":\"x-");
  const ChainCheck check = Check(lines_);
  EXPECT_EQ(Codes(check).size(), 1u);
  EXPECT_EQ(check.findings().front().line, 7);
  EXPECT_THAT(Runs(check), ElementsAre("1-6", "8-20"));
}

TEST_F(ChainCheckTest, AChangedHash) {
  const size_t digit = Line(7).size() - 10;
  Line(7)[digit] = Line(7)[digit] == 'a' ? 'b' : 'a';
  EXPECT_THAT(Codes(Check(lines_)), ElementsAre("changed@7")) << "the next line is as it was";
}

TEST_F(ChainCheckTest, ALineThatWasChangedAndSealedAgain) {
  Replace(7, "\"ts\":\"2026", "\"ts\":\"2025");
  Line(7) = Sealed(Line(7), Line(6).substr(Line(6).size() - 66, 64));
  EXPECT_THAT(Codes(Check(lines_)), ElementsAre("order@7", "changed@8"))
      << "the line behind it tells";
}

TEST_F(ChainCheckTest, TwoChangedLines) {
  Replace(7, "\"event_id\":\"id", "\"event_id\":\"ix");
  Replace(8, "\"event_id\":\"id", "\"event_id\":\"ix");
  Replace(15, "\"event_id\":\"id", "\"event_id\":\"ix");
  EXPECT_THAT(Codes(Check(lines_)), ElementsAre("changed@7", "changed@8", "changed@15"));
}

TEST_F(ChainCheckTest, ADroppedLine) {
  lines_.erase(lines_.begin() + 6);
  const ChainCheck check = Check(lines_);
  EXPECT_THAT(Codes(check), ElementsAre("misplaced@7"));
  EXPECT_EQ(check.findings().front().detail, "event 8 found where event 7 is expected");
  EXPECT_THAT(Runs(check), ElementsAre("1-6", "9-20"));
}

TEST_F(ChainCheckTest, TheFirstLineDropped) {
  lines_.erase(lines_.begin());
  EXPECT_THAT(Codes(Check(lines_)), ElementsAre("misplaced@1"));
}

TEST_F(ChainCheckTest, ManyLinesDropped) {
  lines_.erase(lines_.begin() + 6, lines_.begin() + 12);
  EXPECT_THAT(Codes(Check(lines_)), ElementsAre("misplaced@7"));
}

TEST_F(ChainCheckTest, ADoubledLine) {
  lines_.insert(lines_.begin() + 6, Line(6));
  EXPECT_THAT(Codes(Check(lines_)), ElementsAre("repeated@7"));
}

TEST_F(ChainCheckTest, ALineRepeatedElsewhere) {
  lines_.insert(lines_.begin() + 12, Line(3));
  EXPECT_THAT(Codes(Check(lines_)), ElementsAre("misplaced@13"));
}

TEST_F(ChainCheckTest, TwoLinesThatHaveChangedPlaces) {
  std::swap(Line(5), Line(14));
  EXPECT_THAT(Codes(Check(lines_)), ElementsAre("misplaced@5", "misplaced@14"));
}

TEST_F(ChainCheckTest, NeighboursThatHaveChangedPlaces) {
  std::swap(Line(5), Line(6));
  EXPECT_THAT(Codes(Check(lines_)), ElementsAre("misplaced@5"));
  std::swap(Line(5), Line(6));
  std::swap(Line(1), Line(2));
  EXPECT_THAT(Codes(Check(lines_)), ElementsAre("misplaced@1"));
}

TEST_F(ChainCheckTest, ACutLineInTheMiddle) {
  Line(9).resize(Line(9).size() / 2);
  const ChainCheck check = Check(lines_);
  EXPECT_THAT(Codes(check), ElementsAre("not_an_event@9"));
  Line(9).clear();
  EXPECT_THAT(Codes(Check(lines_)), ElementsAre("not_an_event@9"));
}

TEST_F(ChainCheckTest, ATornTail) {
  EXPECT_THAT(Codes(Check(lines_, false)), ElementsAre("torn_tail@20"));
  Line(20).resize(30);
  const ChainCheck check = Check(lines_, false);
  EXPECT_THAT(Codes(check), ElementsAre("torn_tail@20"));
  EXPECT_EQ(check.findings().front().detail, "the last line is truncated after 30 bytes");
  EXPECT_EQ(check.last_job_seq(), 19);
}

TEST_F(ChainCheckTest, ALineOfAnotherJob) {
  lines_ = JournalLines::Random(7, 3).lines();
  Line(2) = Sealed(Line(2).replace(Line(2).find("\"job\""), 5, "\"rob\""),
                   Line(1).substr(Line(1).size() - 66, 64));
  EXPECT_THAT(Codes(Check(lines_)), ElementsAre("foreign_job@2", "changed@3"));
}

TEST_F(ChainCheckTest, ALineThatAnotherProgramHasSpelled) {
  Replace(20, ",\"job_id\"", ", \"job_id\"");
  Line(20) = Sealed(Line(20), Line(19).substr(Line(19).size() - 66, 64));
  EXPECT_THAT(Codes(Check(lines_)), ElementsAre("encoding@20"));
}

TEST_F(ChainCheckTest, TheAnchorTellsOfAMissingTail) {
  const ChainAnchor anchor{20, Line(20).substr(Line(20).size() - 66, 64), "state.json"};
  for (const bool is_whole : {true, false}) {
    ChainCheck check;
    check.SetAnchor(anchor);
    for (const std::string& line : lines_) {
      if (is_whole || &line != &lines_.back()) check.Take(line, 0, true);
    }
    check.Finish(999);
    EXPECT_EQ(check.anchor_matches(), is_whole);
    const std::vector<std::string> codes = Codes(check);
    EXPECT_EQ(codes,
              is_whole ? std::vector<std::string>() : std::vector<std::string>{"missing_tail@20"});
  }
}

// The whole chain was computed anew from the changed line on: only what stands beside it tells.
TEST_F(ChainCheckTest, TheAnchorTellsOfAForgedTail) {
  const ChainAnchor anchor{20, Line(20).substr(Line(20).size() - 66, 64), "state.json"};
  Replace(18, "\"event_id\":\"id", "\"event_id\":\"ix");
  for (size_t i = 18; i <= 20; ++i) {
    Line(i) = Sealed(Line(i), Line(i - 1).substr(Line(i - 1).size() - 66, 64));
  }
  EXPECT_THAT(Codes(Check(lines_)), IsEmpty());
  ChainCheck check;
  check.SetAnchor(anchor);
  for (const std::string& line : lines_) check.Take(line, 0, true);
  EXPECT_THAT(Codes(check), ElementsAre("wrong_end@20"));
}

// Whole, and chained: only seq tells.
TEST_F(ChainCheckTest, TwoEventsOfOneSeq) {
  const auto number = [&](size_t line) {
    const std::string text = Line(line).substr(7);  // behind {"seq":
    return text.substr(0, text.find(','));
  };
  Replace(20, "{\"seq\":" + number(20) + ",", "{\"seq\":" + number(19) + ",");
  const std::string hash(Line(19).substr(Line(19).size() - 66, 64));
  Line(20) = Sealed(Line(20), hash);
  EXPECT_THAT(Codes(Check(lines_)), ElementsAre("order@20"));
}

TEST_F(ChainCheckTest, NoiseIsBounded) {
  ChainCheck check;
  for (int i = 0; i < 5'000; ++i) check.Take("nonsense", 0, true);
  EXPECT_EQ(check.finding_count(), 5'000);
  EXPECT_EQ(check.findings().size(), ChainCheck::kMaxFindings);
}

}  // namespace
}  // namespace stagelog
