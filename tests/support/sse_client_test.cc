// The parser that the end-to-end tests trust, against the examples and rules of the WHATWG HTML
// standard, section 9.2.6.
#include "tests/support/sse_client.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace stagelog {
namespace {

using ::testing::SizeIs;

std::deque<SseFrame> Parse(SseParser& parser, std::string_view bytes) {
  std::deque<SseFrame> frames;
  parser.Feed(bytes, frames);
  return frames;
}

std::deque<SseFrame> Parse(std::string_view bytes) {
  SseParser parser;
  return Parse(parser, bytes);
}

TEST(SseParserTest, JoinsTheLinesOfAFrame) {
  const auto frames = Parse("data: YHOO\ndata: +2\ndata: 10\n\n");
  ASSERT_THAT(frames, SizeIs(1));
  EXPECT_EQ(frames[0].data, "YHOO\n+2\n10");
  EXPECT_EQ(frames[0].event, "message");
}

TEST(SseParserTest, KeepsTheLastIdUntilAnotherComes) {
  const auto frames = Parse(
      ": test stream\n\ndata: first event\nid: 1\n\ndata:second event\nid\n\ndata:  third "
      "event\n\n");
  ASSERT_THAT(frames, SizeIs(3));
  EXPECT_EQ(frames[0].last_event_id, "1");
  EXPECT_TRUE(frames[0].has_id);
  EXPECT_EQ(frames[1].last_event_id, "");
  EXPECT_EQ(frames[2].data, " third event");
  EXPECT_FALSE(frames[2].has_id);
}

TEST(SseParserTest, DispatchesAnEmptyLineOfDataButNoFrameWithoutData) {
  const auto frames = Parse("data\n\ndata\ndata\n\nevent: x\n\ndata:");
  ASSERT_THAT(frames, SizeIs(2));
  EXPECT_EQ(frames[0].data, "");
  EXPECT_EQ(frames[1].data, "\n");
}

TEST(SseParserTest, TakesAnyLineEndInAnyPortions) {
  const std::string_view bytes =
      "\xEF\xBB\xBF"
      "event: a\r\ndata: 1\r\rdata: 2\n\r\ndata: 3\r\n\r\n";
  for (size_t split = 0; split <= bytes.size(); ++split) {
    SseParser parser;
    auto frames = Parse(parser, bytes.substr(0, split));
    for (SseFrame& frame : Parse(parser, bytes.substr(split))) frames.push_back(std::move(frame));
    ASSERT_THAT(frames, SizeIs(3)) << split;
    EXPECT_EQ(frames[0].event, "a");
    EXPECT_EQ(frames[2].data, "3");
    EXPECT_TRUE(parser.AtFrameEnd());
  }
}

TEST(SseParserTest, AnIdAloneMovesTheCursor) {
  SseParser parser;
  EXPECT_THAT(Parse(parser, "id: 7\n\n"), SizeIs(0));
  EXPECT_EQ(parser.last_event_id(), "7");
}

TEST(SseParserTest, PassesOverWhatIsNotUnderstood) {
  SseParser parser;
  const auto frames = Parse(parser, std::string("id: a\0b\nretry: 1x\nfoo: bar\ndata: d\n\n", 36));
  ASSERT_THAT(frames, SizeIs(1));
  EXPECT_EQ(frames[0].last_event_id, "");
  EXPECT_FALSE(parser.retry_ms());
  Parse(parser, "retry: 250\n");
  EXPECT_EQ(parser.retry_ms(), 250);
  EXPECT_TRUE(!parser.AtFrameEnd());
}

}  // namespace
}  // namespace stagelog
