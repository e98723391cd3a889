#include "stream/sse_frame.h"

#include <gtest/gtest.h>

namespace stagelog {
namespace {

TEST(SseFrame, EventIsAChunkAndUnnamedUnlessItsTypeIsGiven) {
  std::string out = "x";
  const EventChunk chunk = AppendEventChunk(out, 1001, "", "{\"seq\":1001}");
  EXPECT_EQ("x1d\r\nid: 1001\ndata: {\"seq\":1001}\n\n\r\n", out);
  EXPECT_EQ("id: 1001\ndata: {\"seq\":1001}\n\n\r\n", out.substr(chunk.frame_begin));
  EXPECT_EQ("{\"seq\":1001}\n\n\r\n", out.substr(chunk.body_begin));
  out.clear();
  AppendEventChunk(out, 7, "stage_started", "{}");
  EXPECT_EQ("25\r\nid: 7\nevent: stage_started\ndata: {}\n\n\r\n", out);
}

TEST(SseFrame, NoEventsChunkIsLongerThanItsOverhead) {
  std::string out;
  const std::string type(40, 't');
  const std::string body(size_t{512} << 10, 'b');
  AppendEventChunk(out, INT64_MAX, type, body);
  EXPECT_LE(out.size(), kEventFrameOverhead + type.size() + body.size());
}

TEST(SseFrame, FramesBecomeOneChunk) {
  std::string out;
  AppendChunk(out, "retry: 1\n\n");
  EXPECT_EQ("a\r\nretry: 1\n\n\r\n", out);
}

TEST(SseFrame, ConnectedCarriesRetryAndItsCursorAsId) {
  std::string out;
  AppendConnectedFrame(out, {.retry_ms = 2000,
                             .cursor = 1000,
                             .journal_id = "j",
                             .job_id = "render-42",
                             .head_seq = 1042,
                             .heartbeat_interval_ms = 5000});
  EXPECT_EQ(
      "retry: 2000\nid: 1000\nevent: connected\ndata: "
      "{\"journal_id\":\"j\",\"job_id\":\"render-42\","
      "\"head_seq\":1042,\"resumed_after\":1000,\"heartbeat_seconds\":5}\n\n",
      out);
}

TEST(SseFrame, ConnectedOfAllJobsNamesNoJob) {
  std::string out;
  AppendConnectedFrame(out, {.journal_id = "j", .heartbeat_interval_ms = 500});
  EXPECT_EQ(
      "retry: 0\nid: 0\nevent: connected\ndata: {\"journal_id\":\"j\",\"head_seq\":0,"
      "\"resumed_after\":0,\"heartbeat_seconds\":0.5}\n\n",
      out);
}

TEST(SseFrame, HeartbeatHasNoId) {
  std::string out;
  AppendHeartbeatFrame(out, "2026-11-21T07:41:02.123456Z", 1042, 1001);
  EXPECT_EQ(
      "event: heartbeat\ndata: {\"ts\":\"2026-11-21T07:41:02.123456Z\",\"head_seq\":1042,"
      "\"sent_through\":1001}\n\n",
      out);
}

TEST(SseFrame, GapEndAndRetry) {
  std::string out;
  AppendGapFrame(out, {.requested = "\"x\"", .oldest = 1, .head = 9, .reason = "unreadable"});
  EXPECT_EQ(
      "event: gap\ndata: {\"requested\":\"x\",\"oldest\":1,\"head\":9,\"reason\":\"unreadable\","
      "\"resumed_after\":0}\n\n",
      out);
  out.clear();
  AppendEndFrame(out, "a", 12);
  EXPECT_EQ("event: end\ndata: {\"job_id\":\"a\",\"as_of_seq\":12,\"reason\":\"terminal\"}\n\n",
            out);
  out.clear();
  AppendRetry(out, 3456);
  EXPECT_EQ("retry: 3456\n\n", out);
}

TEST(SseFrame, NoBytesOfAClientBreakOutOfTheFrame) {
  EXPECT_EQ("\"a\\n\\nid: 9\\r\\\"\"", JsonTextOfAnyBytes("a\n\nid: 9\r\""));
  EXPECT_EQ("\"??\"", JsonTextOfAnyBytes("\xff\xc3"));
}

}  // namespace
}  // namespace stagelog
