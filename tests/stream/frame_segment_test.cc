#include "stream/frame_segment.h"

#include <gtest/gtest.h>

#include <array>
#include <string>

namespace stagelog {
namespace {

std::string Frame(int64_t seq) {
  return "id: " + std::to_string(seq) + "\ndata: {\"seq\":" + std::to_string(seq) + "}\n\n";
}

FrameSegmentPointer Segment(int64_t first, int64_t last) {
  FrameSegmentBuilder builder;
  for (int64_t seq = first; seq <= last; ++seq) {
    builder.Add(seq, "{\"seq\":" + std::to_string(seq) + "}", false);
  }
  return builder.Build();
}

std::string TextOf(const FrameSegment& segment, uint32_t begin, uint32_t end, size_t max_parts) {
  std::array<std::string_view, 16> parts;
  const size_t count = segment.FramesWithin(begin, end, std::span(parts).first(max_parts));
  std::string text;
  for (size_t i = 0; i < count; ++i) text += parts[i];
  return text;
}

uint32_t EndOf(const FrameSegment& segment) { return segment.entries().back().end; }

TEST(FrameSegment, ABodyIsWhatWasAdded) {
  const FrameSegmentPointer segment = Segment(9, 11);
  EXPECT_EQ("{\"seq\":9}", segment->Body(segment->entries()[0]));
  EXPECT_EQ("{\"seq\":11}", segment->Body(segment->entries()[2]));
  const FrameSegment& named = segment->In({FrameForm::Kind::kNamed});
  EXPECT_EQ("{\"seq\":10}", named.Body(named.entries()[1]));
  EXPECT_EQ(&named, &segment->In({FrameForm::Kind::kNamed}));
  EXPECT_EQ(segment.get(), &segment->In({}));
}

TEST(FrameSegment, CloudEventsAreFilteredAsTheEventsThatTheyWere) {
  FrameSegmentBuilder builder;
  builder.Add(7, R"({"seq":7,"job_id":"j","job_seq":1,"event_id":"e","ts":"t","type":"log"})",
              false);
  const FrameSegmentPointer segment = builder.Build();
  const FrameForm form{FrameForm::Kind::kCloudEvents, std::make_shared<const std::string>("J")};
  const FrameSegment& events = segment->In(form);
  EXPECT_THAT(std::string(events.Body(events.entries()[0])),
              testing::StartsWith(R"({"specversion":"1.0","id":"e","source":"/J/jobs/j",)"));
  EventFilter logs;
  logs.types = {"log"};
  EXPECT_TRUE(logs.Matches(events.Subject(0)));
}

TEST(FrameSegment, FramesAreWithoutWhatMakesChunksOfThem) {
  const FrameSegmentPointer segment = Segment(9, 11);
  EXPECT_EQ(Frame(9) + Frame(10) + Frame(11), TextOf(*segment, 0, EndOf(*segment), 16));
  EXPECT_EQ(Frame(9) + Frame(10), TextOf(*segment, 0, EndOf(*segment), 2));
  EXPECT_EQ(Frame(10), TextOf(*segment, segment->entries()[1].begin, segment->entries()[1].end, 9));
}

// Wherever a socket stops, what is left follows what was sent.
TEST(FrameSegment, GoesOnInTheMiddleOfAFrame) {
  const FrameSegmentPointer segment = Segment(9, 11);
  const std::string whole = Frame(9) + Frame(10) + Frame(11);
  const uint32_t end = EndOf(*segment);
  for (size_t first = 0; first <= whole.size(); ++first) {
    size_t count = first;
    const uint32_t at = segment->AdvanceInFrames(0, end, count);
    EXPECT_EQ(size_t{0}, count);
    if (at < end) {
      ASSERT_EQ(whole.substr(first), TextOf(*segment, at, end, 16)) << first;
    } else {
      ASSERT_EQ(whole.size(), first);
    }
    size_t more = whole.size() - first + 5;
    EXPECT_EQ(end, segment->AdvanceInFrames(at, end, more));
    EXPECT_EQ(size_t{5}, more) << "what is beyond the end is not taken off";
  }
}

}  // namespace
}  // namespace stagelog
