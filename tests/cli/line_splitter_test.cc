// Lines of a stream, in whatever portions it comes.
#include "cli/run/line_splitter.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "base/base64.h"
#include "base/utf8.h"

namespace stagelog::cli {
namespace {

using ::testing::ElementsAre;

struct Part {
  std::string bytes;
  int part;
  bool continues;
  bool operator==(const Part&) const = default;
};

// All parts of a text that comes in portions of `portion` bytes.
std::vector<Part> Split(const std::string& text, size_t portion) {
  std::vector<Part> parts;
  const auto take = [&](const LinePart& part) {
    parts.push_back({std::string(part.bytes), part.part, part.continues});
  };
  LineSplitter splitter;
  for (size_t at = 0; at < text.size(); at += portion) {
    splitter.Feed(std::string_view(text).substr(at, portion), take);
  }
  splitter.End(take);
  return parts;
}

TEST(LineSplitterTest, BlankLinesAndALastLineWithoutANewlineAreLines) {
  for (const size_t portion : {1, 2, 3, 100}) {
    EXPECT_THAT(Split("a\n\nbc\r\nd", portion),
                ElementsAre(Part{"a", 1, false}, Part{"", 1, false}, Part{"bc", 1, false},
                            Part{"d", 1, false}));
  }
  EXPECT_THAT(Split("\n", 1), ElementsAre(Part{"", 1, false}));
  EXPECT_THAT(Split("", 1), ElementsAre());
}

TEST(LineSplitterTest, ALongLineComesInPartsThatMakeItUp) {
  const std::string longest(kMaxLinePartBytes, 'x');
  EXPECT_THAT(Split(longest + "\n", 7'000), ElementsAre(Part{longest, 1, false}));
  EXPECT_THAT(Split(longest + longest + "y\nz", 7'000),
              ElementsAre(Part{longest, 1, true}, Part{longest, 2, true}, Part{"y", 3, false},
                          Part{"z", 1, false}));
  EXPECT_THAT(Split(longest + "y", 1'000'000),
              ElementsAre(Part{longest, 1, true}, Part{"y", 2, false}));
}

TEST(LineSplitterTest, OfFramesTheLatestThatShowsSomethingIsTheLine) {
  for (const size_t portion : {1, 2, 3, 100}) {
    EXPECT_THAT(Split("10%\r20%\r30%\nx\n", portion),
                ElementsAre(Part{"30%", 1, false}, Part{"x", 1, false}));
    EXPECT_THAT(Split("\r10%\r20%\r", portion), ElementsAre(Part{"20%", 1, false}));
    EXPECT_THAT(Split("done\r    \r\033[K\n", portion), ElementsAre(Part{"done", 1, false}));
    EXPECT_THAT(Split("\r\n  \n", portion), ElementsAre(Part{"", 1, false}, Part{"  ", 1, false}));
    EXPECT_THAT(Split("a\r\r\n", portion), ElementsAre(Part{"a", 1, false}));
  }
}

TEST(LineSplitterTest, AMillionFramesTakeNoMemoryAndAreCounted) {
  LineSplitter splitter;
  std::vector<int64_t> frames;
  const auto take = [&](const LinePart& part) {
    frames.push_back(part.frames);
    EXPECT_LT(part.bytes.size(), 100U);
  };
  for (int i = 0; i < 1'000'000; ++i) splitter.Feed("\rframe " + std::to_string(i), take);
  EXPECT_THAT(frames, ElementsAre());
  splitter.Feed("\n", take);
  EXPECT_THAT(frames, ElementsAre(999'999));
}

TEST(LineSplitterTest, AnUnfinishedLineIsHandedOutWithoutHalfACharacter) {
  LineSplitter splitter;
  std::vector<Part> parts;
  const auto take = [&](const LinePart& part) {
    parts.push_back({std::string(part.bytes), part.part, part.continues});
  };
  EXPECT_FALSE(splitter.HasUnfinished());
  splitter.Feed("caf\xc3", take);
  EXPECT_TRUE(splitter.HasUnfinished());
  splitter.HandOutUnfinished(take);
  EXPECT_FALSE(splitter.HasUnfinished());
  splitter.HandOutUnfinished(take);
  splitter.Feed("\xa9\n", take);
  EXPECT_THAT(parts, ElementsAre(Part{"caf", 1, true}, Part{"\u00e9", 2, false}));
}

TEST(LineSplitterTest, IsCutBetweenCharacters) {
  for (const std::string character : {"\u00e4", "\u20ac", "\U0001f600"}) {
    for (size_t shift = 0; shift < 4; ++shift) {
      std::string line(shift, 'x');
      while (line.size() < 3 * kMaxLinePartBytes) line += character;
      std::string whole;
      for (const Part& part : Split(line, 50'000)) {
        EXPECT_TRUE(IsUtf8(part.bytes)) << shift;
        EXPECT_LE(part.bytes.size(), kMaxLinePartBytes);
        whole += part.bytes;
      }
      EXPECT_EQ(whole, line);
    }
  }
}

TEST(LineSplitterTest, NoByteIsLostWhateverComes) {
  for (uint64_t seed = 1; seed <= 50; ++seed) {
    std::mt19937_64 random(seed);
    std::string text;
    while (text.size() < 200'000) {
      const char byte = static_cast<char>(random());
      text += std::string(random() % 3 == 0 ? random() % 90'000 : random() % 80,
                          byte == '\r' ? 'r' : byte);  // which would make frames
      text += '\n';
    }
    std::string whole;
    for (const Part& part : Split(text, 1 + random() % 70'000)) {
      whole += part.bytes;
      if (!part.continues) whole += '\n';
    }
    // A run of newlines is its own lines; the last one has its newline.
    EXPECT_EQ(whole, text) << "seed " << seed;
  }
}

TEST(SoundTextTest, WhatIsNoTextIsReplacedByteByByte) {
  EXPECT_EQ(SanitizeUtf8("a\xff"
                         "b\xc3\xa4\x80"),
            "a\ufffd"
            "b\u00e4\ufffd");
  EXPECT_EQ(SanitizeUtf8("\xed\xa0\x80"), "\ufffd\ufffd\ufffd") << "a surrogate";
  EXPECT_EQ(SanitizeUtf8("\xc0\xaf"), "\ufffd\ufffd") << "overlong";
  EXPECT_EQ(SanitizeUtf8("\xf4\x90\x80\x80"), "\ufffd\ufffd\ufffd\ufffd") << "beyond U+10FFFF";
  EXPECT_EQ(SanitizeUtf8("\xe2\x82"), "\ufffd\ufffd") << "cut off";
  EXPECT_TRUE(IsUtf8(std::string_view("\0\x1b[1m\U0001f600", 9)));
}

TEST(SoundTextTest, Base64IsThatOfTheRfc) {
  EXPECT_EQ(Base64(""), "");
  EXPECT_EQ(Base64("f"), "Zg==");
  EXPECT_EQ(Base64("fo"), "Zm8=");
  EXPECT_EQ(Base64("foo"), "Zm9v");
  EXPECT_EQ(Base64("foobar"), "Zm9vYmFy");
  EXPECT_EQ(Base64("\xff\xfe\xfd"), "//79");
}

}  // namespace
}  // namespace stagelog::cli
