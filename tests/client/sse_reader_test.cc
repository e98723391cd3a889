// The parser of event streams, whatever the pieces in which they come.
#include "client/sse_reader.h"

#include <gmock/gmock.h>

#include <vector>

namespace stagelog {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

// Frames as text: "id|event|data", with "-" for no id.
class Frames {
 public:
  cli::SseReader::OnFrame Taker() {
    return [this](const cli::SseFrame& frame) {
      texts.push_back(frame.id.value_or("-") + "|" + frame.event + "|" + frame.data);
      return true;
    };
  }

  std::vector<std::string> texts;
};

std::vector<std::string> Read(std::initializer_list<std::string_view> pieces) {
  Frames frames;
  cli::SseReader reader;
  for (const std::string_view piece : pieces) {
    EXPECT_TRUE(reader.Feed(piece, frames.Taker()));
  }
  return frames.texts;
}

constexpr std::string_view kStream =
    "\xef\xbb\xbfretry: 1500\n\n: a comment\r\nid: 7\r\nevent: connected\r\ndata: {}\r\n\r\n"
    "id:8\rdata:one\rdata: two\r\rdata\n\nevent: lost\n\nid: 9\ndata:  three\nunknown: x\n\n";

TEST(SseReaderTest, ReadsWhatTheStandardSays) {
  EXPECT_THAT(Read({kStream}), ElementsAre("7|connected|{}", "8||one\ntwo", "-||", "9|| three"));
}

TEST(SseReaderTest, IsTheSameWhereverTheStreamIsSplit) {
  const auto whole = Read({kStream});
  for (size_t at = 0; at <= kStream.size(); ++at) {
    EXPECT_EQ(Read({kStream.substr(0, at), kStream.substr(at)}), whole) << "split at " << at;
  }
  Frames bytewise;
  cli::SseReader reader;
  for (const char& byte : kStream) reader.Feed({&byte, 1}, bytewise.Taker());
  EXPECT_EQ(bytewise.texts, whole);
  EXPECT_EQ(reader.retry_ms(), 1500);
}

TEST(SseReaderTest, AFrameThatIsNotWholeIsNone) {
  EXPECT_THAT(Read({"id: 1\ndata: half"}), IsEmpty());
  EXPECT_THAT(Read({"id: 1\ndata: half\n"}), IsEmpty());
}

TEST(SseReaderTest, IgnoresAnIdWithANulAndARetryThatIsNoNumber) {
  Frames frames;
  cli::SseReader reader;
  const std::string_view stream("id: 1\0x\nretry: soon\nretry: -1\ndata: d\n\n", 39);
  reader.Feed(stream, frames.Taker());
  EXPECT_THAT(frames.texts, ElementsAre("-||d"));
  EXPECT_EQ(reader.retry_ms(), std::nullopt);
}

TEST(SseReaderTest, StopsWhereItIsToldTo) {
  int count = 0;
  cli::SseReader reader;
  const auto only_one = [&](const cli::SseFrame&) { return ++count < 1; };
  EXPECT_FALSE(reader.Feed("data: 1\n\ndata: 2\n\n", only_one));
  EXPECT_FALSE(reader.Feed("data: 3\n\n", only_one));
  EXPECT_EQ(count, 1);
}

TEST(SseReaderTest, AFrameWithoutAnEndIsGivenUp) {
  cli::SseReader reader;
  const std::string piece(size_t{1} << 20, 'x');
  bool goes_on = true;
  for (int i = 0; i < 20 && goes_on; ++i) {
    goes_on = reader.Feed(piece, [](const cli::SseFrame&) { return true; });
  }
  EXPECT_FALSE(goes_on);
}

}  // namespace
}  // namespace stagelog
