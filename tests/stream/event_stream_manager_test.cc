#include "stream/event_stream_manager.h"

#include <gtest/gtest.h>

#include "tests/stream/stream_fixture.h"

namespace stagelog {
namespace {

using StreamTest = StreamFixture;

TEST_F(StreamTest, JobStreamBeginsWithItsFirstEventAndGoesOnLive) {
  StoreBefore("a", 2);
  StoreBefore("b", 1);
  StreamClient& client = Connect(OneJob("a"));
  RunUntil([&] { return client.Seqs().size() == 2; });
  Commit({{"b", "log"}, {"a", "log"}, {"a", "log"}});
  RunUntil([&] { return client.Seqs().size() == 4; });
  EXPECT_EQ((std::vector<int64_t>{1, 2, 5, 6}), client.Seqs());
  EXPECT_TRUE(client.received().starts_with(kHead));
  const StreamFrame& connected = client.Frames()[0];
  EXPECT_EQ("connected", connected.event);
  EXPECT_EQ("0", connected.id);
  EXPECT_EQ("2000", connected.retry);
  EXPECT_EQ(
      "{\"journal_id\":\"journal-1\",\"job_id\":\"a\",\"head_seq\":3,\"resumed_after\":0,"
      "\"heartbeat_seconds\":5}",
      connected.data);
  EXPECT_EQ(journal.Events()[5].body, client.Frames("")[3].data);
}

TEST_F(StreamTest, StreamOfAllJobsBeginsNowWithoutReadingTheJournal) {
  StoreBefore("a", 3);
  StreamClient& client = Connect(AllJobs());
  Settle();
  Commit({{"a", "log"}, {"b", "log"}});
  RunUntil([&] { return client.Seqs().size() == 2; });
  EXPECT_EQ(Range(4, 5), client.Seqs());
  EXPECT_EQ("3", client.Frames()[0].id);
  EXPECT_EQ(0, journal.reads);
}

TEST_F(StreamTest, CatchesUpOverManyPages) {
  options.page_events = 7;
  StoreBefore("a", 100);
  StreamClient& client = Connect(After(AllJobs(), 13));
  RunUntil([&] { return client.Seqs().size() == 87; });
  Commit("a");
  RunUntil([&] { return client.Seqs().size() == 88; });
  EXPECT_EQ(Range(14, 101), client.Seqs());
  EXPECT_EQ(uint64_t{88}, CounterValue("stagelog_frames_sent_total"));
  EXPECT_EQ(uint64_t{1}, CounterValue("stagelog_catch_ups_total"));
}

TEST_F(StreamTest, EventsStoredButNotYetAnnouncedComeOnce) {
  StoreBefore("a", 1);
  StreamClient& client = Connect(OneJob("a"));
  // In the journal before the page is read, announced after.
  auto batch = std::make_shared<CommittedBatch>();
  batch->events = {journal.Store("a", "log"), journal.Store("a", "log")};
  RunUntil([&] { return client.Seqs().size() == 3; });
  Manager().OnCommit(batch);
  Commit("a");
  RunUntil([&] { return client.Seqs().size() >= 4; });
  Settle();
  EXPECT_EQ(Range(1, 4), client.Seqs());
}

TEST_F(StreamTest, StartsAtATime) {
  StoreBefore("a", 9);
  StreamRequest request = AllJobs();
  request.start.position = Position{Position::Kind::kTime, 6 * kSecond};
  StreamClient& client = Connect(request);
  RunUntil([&] { return client.Seqs().size() == 3; });
  EXPECT_EQ("6", client.Frames()[0].id);
  EXPECT_EQ(Range(7, 9), client.Seqs());
}

TEST_F(StreamTest, FilteredAndNamed) {
  StoreBefore("a", 2);
  journal.Store("a", "stage_started");
  StreamRequest request = OneJob("a");
  request.filter.types = {"stage_started"};
  request.form.kind = FrameForm::Kind::kNamed;
  StreamClient& client = Connect(request);
  RunUntil([&] { return client.Seqs().size() == 1; });
  Commit({{"a", "log"}, {"a", "stage_started"}, {"a", "stage_started"}, {"a", "log"}});
  RunUntil([&] { return client.Seqs().size() == 3; });
  EXPECT_EQ((std::vector<int64_t>{3, 5, 6}), client.Seqs());
  EXPECT_EQ(size_t{3}, client.Frames("stage_started").size());
  // The cursor has moved over what did not match.
  clock.AdvanceMicros(5 * kSecond);
  RunUntil([&] { return client.Frames("heartbeat").size() == 1; });
  EXPECT_NE(std::string::npos, client.Frames("heartbeat")[0].data.find("\"sent_through\":7}"));
}

TEST_F(StreamTest, GapIsToldAfterConnected) {
  StoreBefore("a", 4);
  StreamRequest unreadable = OneJob("a");
  unreadable.start.unreadable = "x\n";
  StreamRequest foreign = After(OneJob("a"), 2);
  foreign.start.foreign_journal = true;
  StreamClient& beyond = Connect(After(OneJob("a"), 99));
  StreamClient& garbled = Connect(unreadable);
  StreamClient& other = Connect(foreign);
  RunUntil([&] { return garbled.Seqs().size() == 4 && other.Seqs().size() == 4; });
  Commit("a");
  RunUntil([&] { return beyond.Seqs().size() == 1; });
  EXPECT_EQ("4", beyond.Frames()[0].id);
  EXPECT_EQ(
      "{\"requested\":99,\"oldest\":1,\"head\":4,\"reason\":\"beyond_head\",\"resumed_after\":4}",
      beyond.Frames()[1].data);
  EXPECT_EQ("5", beyond.Frames()[2].id);
  EXPECT_EQ(
      "{\"requested\":\"x\\n\",\"oldest\":1,\"head\":4,\"reason\":\"unreadable\","
      "\"resumed_after\":0}",
      garbled.Frames()[1].data);
  EXPECT_EQ(
      "{\"requested\":2,\"oldest\":1,\"head\":4,\"reason\":\"other_journal\",\"resumed_after\":0}",
      other.Frames()[1].data);
}

// --- until=terminal

class UntilTerminalTest : public StreamFixture {
 protected:
  static StreamRequest Request(int64_t after = 0) {
    StreamRequest request = After(OneJob("a"), after);
    request.until_terminal = true;
    return request;
  }
  static std::string End(int64_t as_of_seq) {
    return "{\"job_id\":\"a\",\"as_of_seq\":" + std::to_string(as_of_seq) +
           ",\"reason\":\"terminal\"}";
  }
};

TEST_F(UntilTerminalTest, EndsWhenTheJobWasOverBefore) {
  options.page_events = 3;
  StoreBefore("a", 10);
  journal.Store("a", "job_completed");
  StoreBefore("b", 1);
  StreamClient& client = Connect(Request());
  RunUntil([&] { return client.closed(); });
  EXPECT_EQ(Range(1, 11), client.Seqs());
  EXPECT_EQ(End(12), client.Frames().back().data);
  EXPECT_EQ("end", client.Frames().back().event);
  EXPECT_EQ(uint64_t{1}, Closed("terminal"));
}

TEST_F(UntilTerminalTest, EndsAtTheHeadOfAJobThatIsOver) {
  journal.Store("a", "job_completed");
  StreamClient& client = Connect(Request(1));
  RunUntil([&] { return client.closed(); });
  EXPECT_TRUE(client.Seqs().empty());
  EXPECT_EQ(End(1), client.Frames().back().data);
}

TEST_F(UntilTerminalTest, EndsWhenTheJobGetsOver) {
  StreamClient& client = Connect(Request());
  RunUntil([&] { return journal.reads == 1; });
  Commit("b", "job_completed");
  Commit("a", "job_started");
  Settle();
  EXPECT_TRUE(client.Frames("end").empty());
  Commit("a", "job_completed");
  RunUntil([&] { return client.closed(); });
  EXPECT_EQ(End(3), client.Frames().back().data);
  EXPECT_EQ((std::vector<int64_t>{2, 3}), client.Seqs());
}

TEST_F(UntilTerminalTest, GoesOnWhenTheJobWasResumed) {
  StoreBefore("a", 1);
  StreamClient& client = Connect(Request());
  RunUntil([&] { return client.Seqs().size() == 1; });
  // One commit, so that nothing was sent between the two.
  Commit({{"a", "job_completed"}, {"a", "job_resumed"}});
  RunUntil([&] { return client.Seqs().size() == 3; });
  Settle();
  EXPECT_FALSE(client.closed());
  Commit("a", "job_completed");
  RunUntil([&] { return client.closed(); });
  EXPECT_EQ(End(4), client.Frames().back().data);
}

// What counts is how the job is now. The ring, which knows of what was announced, may be behind.
TEST_F(UntilTerminalTest, GoesOnWhenTheJournalSaysThatItWasResumedMeanwhile) {
  StoreBefore("a", 1);
  StreamClient& client = Connect(Request());
  RunUntil([&] { return client.Seqs().size() == 1; });
  Commit("a", "job_completed");
  journal.Store("a", "job_resumed");  // committed, and not announced yet
  RunUntil([&] { return client.Seqs().size() == 3; });
  Settle();
  EXPECT_FALSE(client.closed());
  Commit("a", "job_completed");
  RunUntil([&] { return client.closed(); });
  EXPECT_EQ(Range(1, 4), client.Seqs());
  EXPECT_EQ(End(4), client.Frames().back().data);
}

TEST_F(UntilTerminalTest, AReplayPassesOverEarlierEnds) {
  options.page_events = 2;
  for (const char* type : {"job_started", "job_completed", "job_resumed", "log", "job_completed",
                           "job_resumed", "log"}) {
    journal.Store("a", type);
  }
  StreamClient& client = Connect(Request());
  RunUntil([&] { return client.Seqs().size() == 7; });
  Settle();
  EXPECT_FALSE(client.closed());
  EXPECT_TRUE(client.Frames("end").empty());
  Commit("a", "job_completed");
  RunUntil([&] { return client.closed(); });
  EXPECT_EQ(End(8), client.Frames().back().data);
}

TEST_F(UntilTerminalTest, EndsThoughTheLastEventDoesNotMatch) {
  StreamRequest request = Request();
  request.filter.types = {"log"};
  StreamClient& client = Connect(request);
  RunUntil([&] { return journal.reads == 1; });
  Commit({{"a", "log"}, {"a", "job_completed"}});
  RunUntil([&] { return client.closed(); });
  EXPECT_EQ(Range(1, 1), client.Seqs());
  EXPECT_EQ(End(2), client.Frames().back().data);
}

TEST_F(UntilTerminalTest, NoEndBeforeEventsThatThePageKnewOfButDidNotHold) {
  options.page_events = 1;
  journal.failing_reads = 1;
  StreamClient& client = Connect(Request());
  RunUntil([&] { return journal.reads == 1; });
  // Both are in the journal and neither is announced when the first page that succeeds is read: it
  // says that the job is over, and reaches what the ring is complete from, with one event only.
  journal.Store("a", "log");
  journal.Store("a", "job_completed");
  RunUntil([&] {
    clock.AdvanceMicros(kSecond / 10);
    return journal.reads > 1;
  });
  RunUntil([&] { return client.closed(); });
  EXPECT_EQ(Range(1, 2), client.Seqs());
}

// --- Heartbeats

TEST_F(StreamTest, HeartbeatWithinFiveSecondsThenEveryFive) {
  for (int i = 0; i < 40; ++i) Connect(AllJobs());
  Settle();
  size_t most_at_once = 0;
  std::vector<std::vector<int64_t>> beats(clients.size());
  for (int64_t now = 50'000; now <= 15 * kSecond; now += 50'000) {
    clock.AdvanceMicros(50'000);
    if (now % kSecond == 0) Commit("a");  // other traffic changes nothing
    Settle();
    size_t at_once = 0;
    for (size_t i = 0; i < clients.size(); ++i) {
      if (clients[i]->Frames("heartbeat").size() == beats[i].size()) continue;
      beats[i].push_back(now);
      ++at_once;
    }
    most_at_once = std::max(most_at_once, at_once);
  }
  EXPECT_EQ(size_t{1}, most_at_once);
  for (const std::vector<int64_t>& times : beats) {
    ASSERT_EQ(size_t{3}, times.size());
    EXPECT_LE(times[0], 5 * kSecond);
    EXPECT_EQ(times[0] + 5 * kSecond, times[1]);
    EXPECT_EQ(times[1] + 5 * kSecond, times[2]);
  }
}

TEST_F(StreamTest, HeartbeatSaysTimeHeadAndCursor) {
  StoreBefore("a", 2);
  StreamClient& client = Connect(OneJob("a"));
  RunUntil([&] { return client.Seqs().size() == 2; });
  Commit("b");
  clock.AdvanceMicros(5 * kSecond);
  RunUntil([&] { return client.Frames("heartbeat").size() == 1; });
  EXPECT_EQ("{\"ts\":\"2026-01-02T03:04:10.000000Z\",\"head_seq\":3,\"sent_through\":2}",
            client.Frames("heartbeat")[0].data);
}

// --- Slow, stalled, gone

TEST_F(StreamTest, SlowReaderDelaysNobodyAndGetsEverything) {
  options.all_jobs_ring_bytes = 20'000;
  StreamClient& slow = Connect(AllJobs(), 4096);
  StreamClient& fast = Connect(AllJobs());
  Settle();
  const std::string message(500, 'm');
  for (int i = 1; i <= 300; ++i) {
    Commit("a", "log", message);
    Manager().RunOnce(0);
    fast.Receive();
    ASSERT_EQ(static_cast<size_t>(i), fast.Seqs().size());
  }
  EXPECT_LT(slow.Seqs().size(), size_t{50});
  RunUntil([&] { return slow.Seqs().size() == 300; });
  Commit("a");
  RunUntil([&] { return slow.Seqs().size() == 301 && fast.Seqs().size() == 301; });
  EXPECT_EQ(Range(1, 301), slow.Seqs());
  EXPECT_GE(CounterValue("stagelog_catch_ups_total"), uint64_t{1});
  EXPECT_EQ(0, registry.GetGauge("stagelog_unsent_bytes", "").Value());
}

TEST_F(StreamTest, OneHeartbeatWaitsForASlowReader) {
  StreamClient& client = Connect(AllJobs(), 4096);
  Settle();
  const std::string message(20'000, 'm');
  for (int i = 0; i < 5; ++i) Commit("a", "log", message);
  Manager().RunOnce(0);
  for (int i = 0; i < 8; ++i) {
    clock.AdvanceMicros(5 * kSecond);
    Manager().RunOnce(0);
  }
  RunUntil([&] { return client.Seqs().size() == 5; });
  Settle();
  EXPECT_EQ(size_t{1}, client.Frames("heartbeat").size());
  EXPECT_FALSE(client.closed());
}

TEST_F(StreamTest, StalledReaderIsClosedAfterAMinute) {
  StreamClient& client = Connect(AllJobs(), 4096);
  Settle();
  const std::string message(20'000, 'm');
  for (int i = 0; i < 5; ++i) Commit("a", "log", message);
  Manager().RunOnce(0);
  for (int second = 0; second < 59; ++second) {
    clock.AdvanceMicros(kSecond);
    Manager().RunOnce(0);
  }
  EXPECT_EQ(size_t{1}, Manager().SubscriberCount());
  for (int second = 0; second < 7; ++second) {
    clock.AdvanceMicros(kSecond);
    Manager().RunOnce(0);
  }
  EXPECT_EQ(size_t{0}, Manager().SubscriberCount());
  EXPECT_EQ(uint64_t{1}, Closed("stalled"));
  client.Receive();
  EXPECT_TRUE(client.closed());
}

TEST_F(StreamTest, ReaderThatTakesALittleIsKept) {
  StreamClient& client = Connect(AllJobs(), 4096);
  Settle();
  const std::string message(100'000, 'm');
  for (int i = 0; i < 5; ++i) Commit("a", "log", message);
  for (int i = 0; i < 30; ++i) {
    for (int turn = 0; turn < 5; ++turn) Manager().RunOnce(0);
    client.Receive(8192);
    for (int turn = 0; turn < 5; ++turn) Manager().RunOnce(0);
    clock.AdvanceMicros(30 * kSecond);
  }
  EXPECT_EQ(size_t{1}, Manager().SubscriberCount());
}

TEST_F(StreamTest, WhatTheKernelHoldsForASlowReaderIsBoundedAndCounted) {
  options.send_buffer_bytes = 8'192;
  Connect(AllJobs(), 1'000'000);
  Settle();
  const std::string message(100'000, 'm');
  for (int i = 0; i < 5; ++i) Commit("a", "log", message);
  for (int i = 0; i < 20; ++i) Manager().RunOnce(0);
  clock.AdvanceMicros(6 * kSecond);
  for (int i = 0; i < 20; ++i) Manager().RunOnce(0);
  const int64_t bound = registry.GetGauge("stagelog_stream_send_buffer_bytes", "").Value();
  EXPECT_GE(bound, 8'192);
  EXPECT_LE(bound, 16'384);
  EXPECT_GT(registry.GetGauge("stagelog_stream_kernel_bytes", "").Value(), 0);
  EXPECT_LT(BytesSent(), 100'000u) << "the rest waits here, where it is shared";
  clients.clear();
  Settle();
  EXPECT_EQ(registry.GetGauge("stagelog_stream_kernel_bytes", "").Value(), 0);
}

TEST_F(StreamTest, ClientThatGoesIsCleanedUpAtOnce) {
  StreamClient& going = Connect(OneJob("a"));
  StreamClient& staying = Connect(OneJob("a"));
  Settle();
  going.HangUp();
  Manager().RunOnce(0);
  EXPECT_EQ(size_t{1}, Manager().SubscriberCount());
  EXPECT_EQ(1, registry.GetGauge("stagelog_subscribers", "").Value());
  EXPECT_EQ(uint64_t{1}, Closed("client"));
  Commit("a");
  RunUntil([&] { return staying.Seqs().size() == 1; });
}

TEST_F(StreamTest, WhatAClientSendsIsIgnored) {
  StreamClient& client = Connect(AllJobs());
  Settle();
  ASSERT_EQ(5, ::send(client.fd(), "hello", 5, MSG_NOSIGNAL));
  Settle();
  Commit("a");
  RunUntil([&] { return client.Seqs().size() == 1; });
}

TEST_F(StreamTest, ReadFailureIsRetriedAndLosesNothing) {
  journal.failing_reads = 2;
  StoreBefore("a", 3);
  StreamClient& client = Connect(OneJob("a"));
  RunUntil([&] { return journal.reads == 1; });
  Settle();
  for (int i = 0; i < 2; ++i) {
    const int reads = journal.reads;
    // The result of the failed read may still be on its way; time moves until it is asked again.
    RunUntil([&] {
      clock.AdvanceMicros(kSecond / 10);
      return journal.reads > reads;
    });
  }
  RunUntil([&] { return client.Seqs().size() == 3; });
  EXPECT_FALSE(client.closed());
}

TEST_F(StreamTest, NobodyListensWithoutSubscribers) {
  StreamClient& first = Connect(AllJobs());
  Settle();
  first.HangUp();
  Manager().RunOnce(0);
  for (int i = 0; i < 5; ++i) Commit("a");
  StreamClient& second = Connect(After(AllJobs(), 2));
  RunUntil([&] { return second.Seqs().size() == 3; });
  Commit("a");
  RunUntil([&] { return second.Seqs().size() == 4; });
  EXPECT_EQ(Range(3, 6), second.Seqs());
}

TEST_F(StreamTest, CommitsBeyondThePendingBoundAreReadFromTheJournal) {
  options.pending_bytes = 5'000;
  StreamClient& client = Connect(AllJobs());
  Settle();
  const std::string message(1'000, 'm');
  for (int i = 0; i < 33; ++i) Commit("a", "log", message);
  RunUntil([&] { return client.Seqs().size() == 33; });
  EXPECT_EQ(Range(1, 33), client.Seqs());
  EXPECT_GE(CounterValue("stagelog_catch_up_pages_total"), uint64_t{1});
}

TEST_F(StreamTest, WhatIsSkippedIsReadWithoutAFurtherCommit) {
  options.pending_bytes = 5'000;
  StreamClient& client = Connect(AllJobs());
  Settle();
  Commit("a", "log", std::string(6'000, 'm'));
  RunUntil([&] { return client.Seqs().size() == 1; });
}

TEST_F(StreamTest, AFilterThatMatchesNothingPassesTheJournal) {
  StoreBefore("a", 4);
  StreamRequest request = OneJob("a");
  request.filter.types = {"stage_started"};
  StreamClient& client = Connect(request);
  RunUntil([&] { return CounterValue("stagelog_catch_up_pages_total") > 0; });
  clock.AdvanceMicros(5 * kSecond);
  RunUntil([&] { return client.Frames("heartbeat").size() == 1; });
  EXPECT_NE(std::string::npos, client.Frames("heartbeat")[0].data.find("\"sent_through\":4}"));
}

// --- Tokens and the end

TEST_F(StreamTest, KeepOnlyTokensClosesTheOthers) {
  StreamRequest other = AllJobs();
  other.token_name = "gone";
  StreamClient& closed = Connect(other);
  StreamClient& kept = Connect(AllJobs());
  Settle();
  Manager().KeepOnlyTokens({"reader", "admin"});
  Settle();
  EXPECT_TRUE(closed.closed());
  EXPECT_EQ(uint64_t{1}, Closed("token"));
  Commit("a");
  RunUntil([&] { return kept.Seqs().size() == 1; });
}

TEST_F(StreamTest, ASessionThatEndsClosesItsStreamsAlone) {
  StreamRequest of_session = AllJobs();
  of_session.grant = 7;
  StreamClient& closed = Connect(of_session);
  of_session.grant = 8;
  StreamClient& kept = Connect(of_session);
  StreamClient& by_token = Connect(AllJobs());
  Settle();
  Manager().EndGrant(7);
  Settle();
  EXPECT_TRUE(closed.closed());
  EXPECT_EQ(uint64_t{1}, Closed("token"));
  Commit("a");
  RunUntil([&] { return kept.Seqs().size() == 1 && by_token.Seqs().size() == 1; });
}

TEST_F(StreamTest, AStreamEndsWithItsTicketAndIsNoEnd) {
  StreamRequest by_ticket = AllJobs();
  by_ticket.expires_at_micros = clock.MonotonicMicros() + 12 * kSecond;
  StreamClient& client = Connect(by_ticket);
  Settle();
  for (int i = 0; i < 2; ++i) {
    clock.AdvanceMicros(5 * kSecond);
    Settle();
  }
  EXPECT_FALSE(client.closed());
  clock.AdvanceMicros(5 * kSecond);
  RunUntil([&] { return client.closed(); });
  EXPECT_TRUE(client.Frames("end").empty());
}

TEST_F(StreamTest, StopSendsWhatWasCommittedAndAJitteredRetry) {
  StreamClient& client = Connect(AllJobs());
  StreamClient& behind = Connect(OneJob("b"));
  Settle();
  Commit("a");
  Manager().Stop();
  ReceiveAll();
  EXPECT_TRUE(client.closed() && behind.closed());
  EXPECT_EQ(Range(1, 1), client.Seqs());
  const int64_t retry = std::stoll(client.Frames().back().retry);
  EXPECT_GE(retry, 1000);
  EXPECT_LE(retry, 5000);
  EXPECT_EQ(uint64_t{2}, Closed("shutdown"));
  EXPECT_TRUE(client.Body().ends_with("\n\n"));
}

TEST_F(StreamTest, AdoptAfterStopClosesTheSocket) {
  Manager().Stop();
  StreamClient& client = Connect(AllJobs());
  client.Receive();
  EXPECT_TRUE(client.closed());
  EXPECT_EQ(size_t{0}, Manager().SubscriberCount());
}

TEST_F(StreamTest, StopEndsThoughASocketIsStuck) {
  options.shutdown_flush_ms = 20;
  manager =
      std::make_unique<EventStreamManager>(options, journal, journal, SystemClock(), registry);
  Connect(AllJobs(), 4096);
  manager->Start();
  while (registry.GetGauge("stagelog_subscribers", "").Value() == 0) std::this_thread::yield();
  for (int i = 0; i < 5; ++i) Commit("a", "log", std::string(20'000, 'm'));
  manager->Stop();
  EXPECT_EQ(size_t{0}, manager->SubscriberCount());
  EXPECT_EQ(uint64_t{1}, Closed("shutdown"));
}

}  // namespace
}  // namespace stagelog
