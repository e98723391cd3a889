#include "stream/frame_ring.h"

#include <gtest/gtest.h>

#include <string>

#include "stream/sse_frame.h"

namespace stagelog {
namespace {

std::string Body(int64_t seq, const std::string& type) {
  return "{\"seq\":" + std::to_string(seq) + ",\"type\":\"" + type + "\"}";
}

FrameSegmentPointer Segment(const std::vector<std::pair<int64_t, std::string>>& events) {
  FrameSegmentBuilder builder;
  for (const auto& [seq, type] : events) builder.Add(seq, Body(seq, type), type == "over");
  return builder.Build();
}

std::string TextOf(const std::vector<FrameRun>& runs) {
  std::string text;
  for (const FrameRun& run : runs) {
    text += run.segment->bytes().substr(run.begin, run.end - run.begin) + "|";
  }
  return text;
}

std::string Chunk(const std::string& frame) {
  std::string chunk;
  AppendChunk(chunk, frame);
  return chunk;
}

std::string Frame(int64_t seq, const std::string& type) {
  return Chunk("id: " + std::to_string(seq) + "\ndata: " + Body(seq, type) + "\n\n");
}

TEST(FrameRing, GivesOneRunPerSegmentAfterTheCursor) {
  FrameRing ring(1 << 20, 10);
  ring.Append(Segment({{11, "a"}, {12, "a"}}));
  ring.Append(Segment({{15, "a"}, {16, "over"}}));
  std::vector<FrameRun> runs;
  const FrameScan scan = ring.Collect({.cursor = 11}, 64, 1 << 20, runs);
  EXPECT_EQ(Frame(12, "a") + "|" + Frame(15, "a") + Frame(16, "over") + "|", TextOf(runs));
  EXPECT_EQ(16, scan.scanned_through);
  EXPECT_TRUE(scan.moved && scan.reached_newest && scan.job_over);
}

TEST(FrameRing, KeepsTheCursorWhenThereIsNothingLater) {
  FrameRing ring(1 << 20, 10);
  ring.Append(Segment({{11, "a"}}));
  std::vector<FrameRun> runs;
  const FrameScan scan = ring.Collect({.cursor = 40}, 64, 1 << 20, runs);
  EXPECT_TRUE(runs.empty() && !scan.moved && scan.reached_newest);
  EXPECT_EQ(40, scan.scanned_through);
}

TEST(FrameRing, FilterJoinsNeighboursAndMovesOverTheRest) {
  FrameRing ring(1 << 20, 0);
  ring.Append(Segment({{1, "b"}, {2, "a"}, {3, "a"}, {4, "b"}, {5, "a"}, {6, "b"}}));
  EventFilter filter;
  filter.types = {"a"};
  std::vector<FrameRun> runs;
  FrameScan scan = ring.Collect({.filter = &filter}, 64, 1 << 20, runs);
  EXPECT_EQ(Frame(2, "a") + Frame(3, "a") + "|" + Frame(5, "a") + "|", TextOf(runs));
  EXPECT_EQ(6, scan.scanned_through);
  runs.clear();
  scan = ring.Collect({.filter = &filter}, 1, 1 << 20, runs);
  EXPECT_EQ(Frame(2, "a") + Frame(3, "a") + "|", TextOf(runs));
  EXPECT_EQ(4, scan.scanned_through);
  EXPECT_FALSE(scan.reached_newest);
}

TEST(FrameRing, NamedVariantIsEncodedOnce) {
  FrameRing ring(1 << 20, 0);
  ring.Append(Segment({{1, "a"}, {2, "b"}}));
  std::vector<FrameRun> runs;
  const FrameForm named{FrameForm::Kind::kNamed};
  ring.Collect({.cursor = 1, .form = &named}, 64, 1 << 20, runs);
  ring.Collect({.cursor = 1, .form = &named}, 64, 1 << 20, runs);
  EXPECT_EQ(Chunk("id: 2\nevent: b\ndata: " + Body(2, "b") + "\n\n") + "|", TextOf({runs[0]}));
  EXPECT_EQ(runs[0].segment, runs[1].segment);
}

TEST(FrameRing, EvictionMovesCompleteAfter) {
  FrameRing ring(600, 0);
  int64_t seq = 0;
  while (ring.complete_after() == 0) {
    ++seq;
    ring.Append(Segment({{seq, "a"}}));
  }
  EXPECT_LE(ring.MemoryBytes(), size_t{600});
  EXPECT_EQ(static_cast<size_t>(seq - ring.complete_after()), ring.SegmentCount());
  std::vector<FrameRun> runs;
  ring.Collect({.cursor = ring.complete_after()}, 64, 1 << 20, runs);
  EXPECT_EQ(ring.SegmentCount(), runs.size());
}

TEST(FrameRing, KeepsTheNewestSegmentHoweverLarge) {
  FrameRing ring(1, 0);
  ring.Append(Segment({{1, "a"}}));
  EXPECT_EQ(0, ring.complete_after());
  ring.Append(Segment({{2, "a"}}));
  EXPECT_EQ(1, ring.complete_after());
  ring.Reset(9);
  EXPECT_EQ(9, ring.complete_after());
  EXPECT_EQ(size_t{0}, ring.SegmentCount());
}

TEST(FrameRing, StopsAtTheBytesOfOneTurn) {
  FrameRing ring(1 << 20, 0);
  for (int64_t seq = 1; seq <= 5; ++seq) ring.Append(Segment({{seq, "a"}}));
  std::vector<FrameRun> runs;
  const FrameScan scan = ring.Collect({}, 64, Frame(1, "a").size() + 1, runs);
  EXPECT_EQ(size_t{2}, runs.size());
  EXPECT_FALSE(scan.reached_newest);
  EXPECT_EQ(2, scan.scanned_through);
}

}  // namespace
}  // namespace stagelog
