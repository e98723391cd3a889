// Lines that are known again, whatever their file is called.
#include "cli/send/line_identity.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "tests/support/temporary_directory.h"

namespace stagelog {
namespace {

using Lines = std::vector<std::string>;

class LineIdentityTest : public testing::Test {
 protected:
  // The ids of a file's lines, after the ledger has seen it.
  Lines Import(const Lines& lines, bool is_trial = false) {
    cli::ImportLedger ledger(directory_.Path("imports"));
    const auto outline = Outline(ledger, lines);
    const auto [salt, status] = ledger.SaltOf(outline, is_trial);
    EXPECT_TRUE(status);
    EXPECT_FALSE(ledger.Needs(outline));
    return Ids(salt, lines);
  }

  static Lines Ids(const std::string& salt, const Lines& lines) {
    Lines ids;
    cli::LineChain chain;
    for (const std::string& line : lines) ids.push_back(cli::LineEventId(salt, chain.Add(line)));
    return ids;
  }

  static cli::FileOutline Outline(const cli::ImportLedger& ledger, const Lines& lines) {
    cli::FileOutline outline;
    cli::LineChain chain;
    std::set<int64_t> wanted = {1, 2, 4, 8, 16, static_cast<int64_t>(lines.size())};
    for (const std::string& line : lines) {
      const std::string digest = chain.Add(line);
      if (chain.lines() == 1) {
        for (const auto& known : ledger.Known(digest)) {
          for (const auto& [at, ignored] : known.outline.digests) wanted.insert(at);
        }
      }
      if (wanted.contains(chain.lines())) outline.digests[chain.lines()] = digest;
    }
    return outline;
  }

  static Lines First(Lines lines, size_t count) {
    lines.resize(count);
    return lines;
  }

  TemporaryDirectory directory_;
};

TEST_F(LineIdentityTest, EqualLinesOfAFileAreTwo) {
  const Lines ids = Import({"a", "a", "a"});
  EXPECT_EQ(std::set<std::string>(ids.begin(), ids.end()).size(), 3U);
}

TEST_F(LineIdentityTest, AFileThatGrewIsTheSame) {
  const Lines before = Import({"start", "a", "b"});
  const Lines after = Import({"start", "a", "b", "c", "d", "e"});
  EXPECT_EQ(First(after, 3), before);
  EXPECT_EQ(Import({"start", "a", "b", "c", "d", "e", "f"}),
            (Ids("", {"start", "a", "b", "c", "d", "e", "f"})));
  EXPECT_EQ(Import({"start", "a"}), First(before, 2)) << "an older copy";
}

TEST_F(LineIdentityTest, TwoFilesThatBeginAlikeAreTwo) {
  const Lines first = Import({"start", "a", "b"});
  const Lines second = Import({"start", "c", "b"});
  for (size_t i = 0; i < 3; ++i) EXPECT_NE(first[i], second[i]) << i;
  EXPECT_EQ(Import({"start", "a", "b"}), first);
  EXPECT_EQ(Import({"start", "c", "b"}), second);
  EXPECT_EQ(First(Import({"start", "c", "b", "d"}), 3), second) << "it grew";
  const Lines third = Import({"start", "e"});
  EXPECT_NE(third[0], first[0]);
  EXPECT_NE(third[0], second[0]);
}

TEST_F(LineIdentityTest, ATrialRemembersNothing) {
  Import({"start", "a"}, true);
  EXPECT_EQ(Import({"start", "b"}), Ids("", {"start", "b"})) << "it is the first";
  EXPECT_NE(Import({"start", "c"}, true), Ids("", {"start", "c"})) << "but asks what is known";
}

TEST_F(LineIdentityTest, WhereNothingCanBeRememberedTheContentDecides) {
  cli::ImportLedger ledger("");
  EXPECT_EQ(ledger.SaltOf(Outline(ledger, {"start", "a"}), false).first, "");
  EXPECT_EQ(ledger.SaltOf(Outline(ledger, {"start", "b"}), false).first, "");
  cli::ImportLedger unwritable("/proc/nowhere");
  EXPECT_FALSE(unwritable.SaltOf(Outline(unwritable, {"start"}), false).second);
}

}  // namespace
}  // namespace stagelog
