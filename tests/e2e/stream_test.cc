// The streams, as an EventSource sees them.
#include <gmock/gmock.h>

#include <atomic>
#include <thread>

#include "core/event_codec.h"
#include "tests/support/daemon_fixture.h"

namespace stagelog {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class StreamTest : public DaemonTest {
 protected:
  void SetUp() override { Start(); }

  // The next frame, which must be there and of that name.
  static SseFrame Expect(SseClient& stream, const std::string& name) {
    const auto frame = stream.NextNamed(name);
    EXPECT_TRUE(frame) << name << ": " << frame.error().message;
    return frame ? *frame : SseFrame();
  }

  // The seq of the next event; what stands before it must be `connected` or heartbeats.
  static int64_t NextSeq(SseClient& stream) {
    const auto frame = stream.NextEvent();
    EXPECT_TRUE(frame) << frame.error().message;
    if (!frame) return -1;
    EXPECT_EQ(frame->event, "message") << frame->data;
    EXPECT_EQ(frame->last_event_id, std::to_string(ViewEvent(frame->data).seq));
    return ViewEvent(frame->data).seq;
  }

  int64_t FirstSeq(const std::string& target, const HttpHeaders& more = {}) {
    SseClient stream = OpenStream(target, more);
    return NextSeq(stream);
  }

  Json GapOf(const std::string& target, const HttpHeaders& more = {}) {
    SseClient stream = OpenStream(target, more);
    return Json::parse(Expect(stream, "gap").data);
  }
};

TEST_F(StreamTest, TheHeadIsThatOfAStream) {
  const SseClient stream = OpenStream(kJobStream);
  const HttpResponse& head = stream.head();
  EXPECT_EQ(head.Header("content-type"), "text/event-stream");
  EXPECT_EQ(head.Header("cache-control"), "no-cache, no-transform");
  EXPECT_EQ(head.Header("x-accel-buffering"), "no");
  EXPECT_EQ(head.Header("transfer-encoding"), "chunked");
  EXPECT_EQ(head.Header("connection"), "close");
  EXPECT_FALSE(head.HasHeader("content-length"));
}

TEST_F(StreamTest, BeginsWithConnectedAndItsCursor) {
  AppendLogs("job", 4);
  SseClient stream = OpenStream(std::string(kJobStream) + "?after=2");
  const auto frame = stream.Next();
  ASSERT_TRUE(frame) << frame.error().message;
  EXPECT_EQ(frame->event, "connected");
  EXPECT_EQ(frame->last_event_id, "2");
  const Json connected = Json::parse(frame->data);
  EXPECT_EQ(connected.at("job_id"), "job");
  EXPECT_EQ(connected.at("head_seq"), 4);
  EXPECT_EQ(connected.at("resumed_after"), 2);
  EXPECT_EQ(connected.at("heartbeat_seconds"), 5);
  EXPECT_NE(connected.at("journal_id"), "");
  EXPECT_TRUE(stream.parser().retry_ms());
  EXPECT_EQ(stream.parser().retry_ms(), 2000);
  EXPECT_EQ(NextSeq(stream), 3);
}

// A poll shows an event as soon as it is committed; the stream that goes on from it knows it too.
TEST_F(StreamTest, GoesOnFromWhatAPollHasShown) {
  std::atomic<bool> ends = false;
  std::thread poster([&] {
    const HttpClient client = admin();
    for (int i = 0; !ends; ++i) {  // new jobs, whose folders take their time
      client.Post("/api/v1/jobs/new-" + std::to_string(i) + "/events", R"({"type":"job_created"})");
    }
  });
  int64_t cursor = 0;
  for (int i = 0; i < 150; ++i) {
    const Json page = GetJson("/api/v1/events?wait=5&limit=1000&after=" + std::to_string(cursor));
    cursor = page.at("next_after");
    SseClient stream =
        OpenStream("/api/v1/events/stream", {{"Last-Event-ID", std::to_string(cursor)}});
    const int64_t seq = NextSeq(stream);
    EXPECT_EQ(seq, cursor + 1);
    if (HasFailure()) break;
    cursor = seq;
  }
  ends = true;
  poster.join();
}

TEST_F(StreamTest, ReplayAndLiveAreOnePath) {
  AppendLogs("job", 300);
  SseClient stream = OpenStream(kJobStream);
  for (int64_t seq = 1; seq <= 300; ++seq) ASSERT_EQ(NextSeq(stream), seq);
  AppendLogs("other", 3);
  AppendLogs("job", 2);
  EXPECT_EQ(NextSeq(stream), 304);
  EXPECT_EQ(NextSeq(stream), 305);
}

TEST_F(StreamTest, TheDefaultStartOfAJobIsItsFirstEventAndOfAllJobsNow) {
  AppendLogs("job", 3);
  SseClient all = OpenStream("/api/v1/events/stream");
  EXPECT_EQ(Json::parse(Expect(all, "connected").data).at("resumed_after"), 3);
  EXPECT_EQ(FirstSeq(kJobStream), 1);
  AppendLogs("other", 1);
  EXPECT_EQ(NextSeq(all), 4);
}

TEST_F(StreamTest, AnUnknownJobIsWaitedFor) {
  AppendLogs("other", 1);
  SseClient stream = OpenStream("/api/v1/jobs/unborn/events/stream");
  Append("unborn", R"({"type":"job_created"})");
  EXPECT_EQ(NextSeq(stream), 2);
}

TEST_F(StreamTest, ResumesByEverySpelling) {
  AppendLogs("job", 5);
  const std::string ts = GetJson("/api/v1/events?after=1&limit=1").at("events").at(0).at("ts");
  for (const std::string target : {"/api/v1/events/stream", kJobStream}) {
    EXPECT_EQ(FirstSeq(target, {{"Last-Event-ID", "2"}}), 3);
    EXPECT_EQ(FirstSeq(target + "?last_event_id=2"), 3);
    EXPECT_EQ(FirstSeq(target + "?lastEventId=2"), 3);
    EXPECT_EQ(FirstSeq(target + "?evs_last_event_id=2"), 3);
    EXPECT_EQ(FirstSeq(target + "?after=2"), 3);
    EXPECT_EQ(FirstSeq(target + "?since=" + ts), 3);
    EXPECT_EQ(FirstSeq(target + "?since=all"), 1);
    EXPECT_EQ(FirstSeq(target + "?since=10m"), 1);
    EXPECT_EQ(FirstSeq(target + "?after=0"), 1);
  }
  SseClient now = OpenStream(std::string(kJobStream) + "?since=now");
  EXPECT_EQ(Json::parse(Expect(now, "connected").data).at("resumed_after"), 5);
}

TEST_F(StreamTest, TheFirstSpellingThatIsPresentWins) {
  AppendLogs("job", 6);
  const std::string target = kJobStream;
  EXPECT_EQ(FirstSeq(target + "?last_event_id=1&after=2", {{"Last-Event-ID", "4"}}), 5);
  EXPECT_EQ(FirstSeq(target + "?after=1&last_event_id=3"), 4);
  EXPECT_EQ(FirstSeq(target + "?since=all&after=2"), 3);
}

TEST_F(StreamTest, WhatCannotBeServedExactlyIsToldByAGap) {
  AppendLogs("job", 3);
  const Json beyond = GapOf(std::string(kJobStream) + "?after=99");
  EXPECT_EQ(beyond.at("head"), 3);
  EXPECT_EQ(beyond.at("resumed_after"), 3);
  EXPECT_THAT(beyond.at("requested").dump(), HasSubstr("99"));
  EXPECT_TRUE(beyond.contains("oldest"));
  EXPECT_TRUE(beyond.at("reason").is_string());
  EXPECT_THAT(GapOf("/api/v1/events/stream", {{"Last-Event-ID", "nonsense"}}).dump(),
              HasSubstr("nonsense"));
  GapOf(std::string(kJobStream) + "?after=1&journal=of-another-machine");
}

TEST_F(StreamTest, AfterAGapTheStreamGoesOn) {
  AppendLogs("job", 3);
  SseClient stream = OpenStream("/api/v1/events/stream?after=99");
  Expect(stream, "gap");
  AppendLogs("job", 1);
  EXPECT_EQ(NextSeq(stream), 4);
}

TEST_F(StreamTest, TheJournalsOwnIdIsNoGap) {
  AppendLogs("job", 3);
  SseClient stream = OpenStream(kJobStream);
  const std::string id = Json::parse(Expect(stream, "connected").data).at("journal_id");
  EXPECT_EQ(FirstSeq(std::string(kJobStream) + "?after=1&journal=" + id), 2);
}

TEST_F(StreamTest, EventsAreNamedWhereThatIsAskedFor) {
  SseClient stream = OpenStream(std::string(kJobStream) + "?named=1");
  Append("job", R"({"type":"job_created"})");
  Append("job", R"({"type":"stage_started","stage":"decode"})");
  EXPECT_EQ(Expect(stream, "job_created").last_event_id, "1");
  EXPECT_EQ(Expect(stream, "stage_started").last_event_id, "2");
}

TEST_F(StreamTest, FiltersAsAPollDoes) {
  SseClient live = OpenStream("/api/v1/events/stream?level=error,warning");
  SseClient job = OpenStream("/api/v1/events/stream?job=b&after=0");
  AppendLogs("a", 2);
  Append("b", R"({"type":"stage_failed","stage":"s","message":"the disk"})");
  Append("b", R"({"type":"log","message":"the end"})");
  EXPECT_EQ(NextSeq(live), 3);
  EXPECT_EQ(NextSeq(job), 3);
  EXPECT_EQ(NextSeq(job), 4);
  EXPECT_EQ(FirstSeq("/api/v1/events/stream?q=THE+END&after=0"), 4);
  EXPECT_EQ(FirstSeq(std::string("/api/v1/jobs/b/events/stream?type=log&after=0")), 4);
}

TEST_F(StreamTest, ABadFilterIsRefusedBeforeTheStreamBegins) {
  const auto stream = SseClient::Open(daemon_->port(), "/api/v1/events/stream?type=stage_startd");
  ASSERT_TRUE(stream) << stream.error().message;
  ExpectProblem(stream->head(), 400, "invalid_parameter");
}

TEST_F(StreamTest, EndsWhenTheJobIsOver) {
  const std::string target = std::string(kJobStream) + "?until=terminal";
  Append("job", R"({"type":"job_started"})");
  SseClient stream = OpenStream(target);
  EXPECT_EQ(NextSeq(stream), 1);
  Append("job", R"({"type":"job_failed"})");
  EXPECT_EQ(NextSeq(stream), 2);
  Expect(stream, "end");
  EXPECT_TRUE(stream.WaitForEnd());

  // An EventSource that reconnects is stopped by a 204; one that has seen less gets the rest.
  const auto again =
      SseClient::Open(daemon_->port(), target, kAdminToken, {{"Last-Event-ID", "2"}});
  ASSERT_TRUE(again) << again.error().message;
  EXPECT_EQ(again->head().status, 204);
  SseClient late = OpenStream(target, {{"Last-Event-ID", "1"}});
  EXPECT_EQ(NextSeq(late), 2);
  Expect(late, "end");
  EXPECT_TRUE(late.WaitForEnd());
}

TEST_F(StreamTest, AResumedJobIsNotOverForWhoReplaysItOrComesBack) {
  const std::string target = std::string(kJobStream) + "?until=terminal";
  Append("job", R"({"type":"job_started"})");
  Append("job", R"({"type":"job_completed"})");
  Append("job", R"({"type":"job_resumed"})");
  // From the first event, and by a client that was closed at the first end.
  SseClient replay = OpenStream(target);
  SseClient back = OpenStream(target, {{"Last-Event-ID", "2"}});
  SseClient at_head = OpenStream(target, {{"Last-Event-ID", "3"}});
  for (int64_t seq = 1; seq <= 3; ++seq) EXPECT_EQ(NextSeq(replay), seq);
  EXPECT_EQ(NextSeq(back), 3);
  Append("job", R"({"type":"job_failed"})");
  for (SseClient* stream : {&replay, &back, &at_head}) {
    EXPECT_EQ(NextSeq(*stream), 4);
    Expect(*stream, "end");
    EXPECT_TRUE(stream->WaitForEnd());
  }
  const auto again =
      SseClient::Open(daemon_->port(), target, kAdminToken, {{"Last-Event-ID", "4"}});
  ASSERT_TRUE(again) << again.error().message;
  EXPECT_EQ(again->head().status, 204);
}

TEST_F(StreamTest, AFilteredReconnectIsStoppedWhenNothingThatMatchesIsLater) {
  const std::string target = std::string(kJobStream) + "?until=terminal&type=log";
  AppendLogs("job", 2);
  Append("job", R"({"type":"job_completed"})");
  const auto again =
      SseClient::Open(daemon_->port(), target, kAdminToken, {{"Last-Event-ID", "2"}});
  ASSERT_TRUE(again) << again.error().message;
  EXPECT_EQ(again->head().status, 204);
  SseClient rest = OpenStream(target, {{"Last-Event-ID", "1"}});
  EXPECT_EQ(NextSeq(rest), 2);
  Expect(rest, "end");
  EXPECT_TRUE(rest.WaitForEnd());
}

TEST_F(StreamTest, OneThatIsOverIsReplayedAndEnded) {
  AppendLogs("job", 3);
  Append("job", R"({"type":"job_completed"})");
  SseClient stream = OpenStream(std::string(kJobStream) + "?until=terminal");
  for (int64_t seq = 1; seq <= 4; ++seq) EXPECT_EQ(NextSeq(stream), seq);
  Expect(stream, "end");
  EXPECT_TRUE(stream.WaitForEnd());
}

// The one test that waits for heartbeats.
TEST_F(StreamTest, BeatsWithoutAnIdWhateverElseIsSent) {
  AppendLogs("job", 2);
  SseClient quiet = OpenStream("/api/v1/jobs/quiet/events/stream");
  SseClient stream = OpenStream(kJobStream);
  EXPECT_EQ(NextSeq(stream), 1);
  EXPECT_EQ(NextSeq(stream), 2);
  for (SseClient* each : {&stream, &quiet}) {
    const SseFrame beat = Expect(*each, "heartbeat");
    EXPECT_FALSE(beat.has_id);
    const Json data = Json::parse(beat.data);
    EXPECT_EQ(data.at("head_seq"), 2);
    EXPECT_TRUE(data.at("ts").is_string());
    EXPECT_EQ(data.at("sent_through"), 2);
  }
}

// Guarantee 4 in src/GUARANTEES.md: the slow one loses nothing, the other does not notice.
TEST_F(StreamTest, AReaderThatDoesNotReadLosesNothingAndHoldsUpNobody) {
  constexpr int kBatches = 60;
  constexpr int kEventsOfABatch = 500;
  SseClient slow = OpenStream(kJobStream);
  SseClient other = OpenStream(kJobStream);
  std::string batch;
  for (int i = 0; i < kEventsOfABatch; ++i) {
    batch += R"({"type":"log","message":")" + std::string(300, 'x') + "\"}\n";
  }
  int64_t seen = 0;
  for (int i = 0; i < kBatches; ++i) {
    ASSERT_EQ(admin().Post("/api/v1/jobs/job/events", batch, "application/x-ndjson").status, 201);
    for (int j = 0; j < kEventsOfABatch; ++j) ASSERT_EQ(NextSeq(other), ++seen);
  }
  for (int64_t seq = 1; seq <= kBatches * kEventsOfABatch; ++seq) ASSERT_EQ(NextSeq(slow), seq);
}

TEST_F(StreamTest, WhoGoesIsForgotten) {
  {
    std::vector<SseClient> streams;
    for (int i = 0; i < 20; ++i) streams.push_back(OpenStream(kJobStream));
  }
  // Each request gives the daemon time to notice; bounded, and usually the first will do.
  for (int i = 0; i < 1000; ++i) {
    const std::string metrics = HttpClient(daemon_->port()).Get("/metrics").body;
    if (metrics.find("stagelog_subscribers 0\n") != std::string::npos) return;
  }
  FAIL() << HttpClient(daemon_->port()).Get("/metrics").body;
}

}  // namespace
}  // namespace stagelog
