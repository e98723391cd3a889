#include "log/event_logger.h"

#include <gmock/gmock.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <fstream>
#include <thread>

#include "core/event_codec.h"
#include "tests/support/journal_fixture.h"

namespace stagelog {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pair;

TEST_F(JournalTest, OneEncodingEverywhere) {
  Open();
  ASSERT_TRUE(Append(TypedDraft("render-42", "job_created")));
  ASSERT_TRUE(Log("render-42", "text with \"quotes\" and \n a newline"));
  const std::vector<std::string> bodies = Bodies("render-42");
  ASSERT_EQ(bodies.size(), 2u);
  EXPECT_EQ(bodies, FileLines("render-42"));
  ASSERT_EQ(listener_.batches.size(), 2u);
  EXPECT_EQ(listener_.batches[0]->events[0].body, bodies[0]);
  EXPECT_EQ(listener_.batches[1]->events[0].body, bodies[1]);
  ExpectAgreement();
}

TEST_F(JournalTest, NumbersGrowAndSurviveRestarts) {
  Open();
  EXPECT_EQ(Log("a", "1")->front().seq, 1);
  EXPECT_EQ(Log("b", "1")->front().seq, 2);
  const AppendedEvent third = Log("a", "2")->front();
  EXPECT_EQ(third.seq, 3);
  EXPECT_EQ(third.job_seq, 2);
  Close();
  clock_.SetWallMicros(clock_.WallMicros() - 3'600'000'000);  // set back by an hour
  Open();
  const AppendedEvent fourth = Log("a", "3")->front();
  EXPECT_EQ(fourth.seq, 4);
  EXPECT_EQ(fourth.job_seq, 3);
  EXPECT_EQ(fourth.ts_micros, third.ts_micros + 1);
  ExpectAgreement();
}

TEST_F(JournalTest, TiesInTimeAreMovedOnByAMicrosecond) {
  Open();
  std::vector<EventDraft> drafts;
  for (int i = 0; i < 5; ++i) drafts.push_back(LogDraft("a", std::to_string(i)));
  const AppendOutcome outcome = Append(std::move(drafts));
  ASSERT_TRUE(outcome);
  for (size_t i = 1; i < outcome->size(); ++i) {
    EXPECT_EQ((*outcome)[i].ts_micros, (*outcome)[i - 1].ts_micros + 1);
  }
}

TEST_F(JournalTest, SameIdSameContentIsADuplicateForLife) {
  Open();
  const AppendedEvent original = Log("a", "hello", "id-1")->front();
  EXPECT_FALSE(original.duplicate);
  Close();
  Open();
  EventDraft again = LogDraft("a", "hello", "id-1");
  again.actor = "somebody else";
  again.occurred_at_micros = 1;
  const AppendedEvent repeated = Append(std::move(again))->front();
  EXPECT_TRUE(repeated.duplicate);
  EXPECT_EQ(repeated.seq, original.seq);
  EXPECT_EQ(repeated.ts_micros, original.ts_micros);
  EXPECT_EQ(Bodies("a").size(), 1u);
  EXPECT_FALSE(Log("b", "hello", "id-1")->front().duplicate) << "ids are a job's own";
}

TEST_F(JournalTest, AnIdMadeByTheJournalCanBeSentAgain) {
  Open();
  const AppendedEvent original = Log("a", "hello")->front();
  EXPECT_TRUE(Log("a", "hello", original.event_id)->front().duplicate);
}

// They are in no index: their own time leads to them.
TEST_F(JournalTest, IdsMadeByTheJournalAreKnownAmongMany) {
  Open();
  std::vector<AppendedEvent> originals;
  for (int i = 0; i < 60; ++i) {
    clock_.AdvanceMicros(i % 7 * 400);
    const std::string job = i % 3 == 0 ? "a" : "b";
    originals.push_back(
        Log(job, std::to_string(i), i % 5 == 0 ? "own-" + std::to_string(i) : "")->front());
  }
  for (int round = 0; round < 2; ++round) {
    for (size_t i = 0; i < originals.size(); ++i) {
      const AppendedEvent& original = originals[i];
      const AppendOutcome again = Log(original.job_id, std::to_string(i), original.event_id);
      ASSERT_TRUE(again);
      EXPECT_TRUE(again->front().duplicate) << i;
      EXPECT_EQ(again->front().seq, original.seq);
      EXPECT_EQ(Log(original.job_id, "other", original.event_id).error().code, "event_id_conflict");
    }
    Close();
    Open();
  }
  const AppendOutcome elsewhere = Log("c", "0", originals[1].event_id);
  EXPECT_FALSE(elsewhere->front().duplicate) << "ids are a job's own";
  EXPECT_TRUE(Log("c", "0", originals[1].event_id)->front().duplicate);
  ExpectAgreement();
}

TEST_F(JournalTest, SameIdOtherContentIsAConflictAndChangesNothing) {
  Open();
  ASSERT_TRUE(Log("a", "hello", "id-1"));
  std::vector<EventDraft> drafts;
  drafts.push_back(LogDraft("a", "new", "id-2"));
  drafts.push_back(LogDraft("a", "other", "id-1"));
  const AppendOutcome outcome = Append(std::move(drafts));
  ASSERT_FALSE(outcome);
  EXPECT_EQ(outcome.error().code, "event_id_conflict");
  EXPECT_EQ(outcome.error().line, 2);
  EXPECT_EQ(Bodies("a").size(), 1u);
  EXPECT_EQ(Log("a", "next")->front().seq, 2) << "a refused request uses up no seq";
}

TEST_F(JournalTest, DuplicatesInsideOneRequestAndOneGroup) {
  Open();
  std::vector<EventDraft> drafts;
  drafts.push_back(LogDraft("a", "x", "id"));
  drafts.push_back(LogDraft("a", "x", "id"));
  const AppendOutcome outcome = Append(std::move(drafts));
  ASSERT_TRUE(outcome);
  EXPECT_FALSE((*outcome)[0].duplicate);
  EXPECT_TRUE((*outcome)[1].duplicate);
  EXPECT_EQ((*outcome)[1].seq, (*outcome)[0].seq);

  std::vector<AppendOutcome> answers;
  for (int i = 0; i < 3; ++i) {
    std::vector<EventDraft> one;
    one.push_back(LogDraft("b", i == 2 ? "other" : "y", "id"));
    logger_->Append(std::move(one), std::nullopt,
                    [&](AppendOutcome answer) { answers.push_back(answer); });
  }
  logger_->RunOnce(false);  // one group
  ASSERT_EQ(answers.size(), 3u);
  EXPECT_FALSE(answers[0]->front().duplicate);
  EXPECT_TRUE(answers[1]->front().duplicate);
  EXPECT_EQ(answers[2].error().code, "event_id_conflict");
  EXPECT_EQ(Bodies("b").size(), 1u);
}

TEST_F(JournalTest, AGroupIsOneTransaction) {
  Open();
  int answered = 0;
  for (int i = 0; i < 10; ++i) {
    std::vector<EventDraft> one;
    one.push_back(LogDraft("job-" + std::to_string(i % 3), "m"));
    logger_->Append(std::move(one), std::nullopt, [&](const AppendOutcome&) { ++answered; });
  }
  logger_->RunOnce(false);
  EXPECT_EQ(answered, 10);
  ASSERT_EQ(listener_.batches.size(), 1u);
  EXPECT_EQ(listener_.batches[0]->events.size(), 10u);
  ExpectAgreement();
}

TEST_F(JournalTest, WhoMayWaitLeadsASmallGroup) {
  Open();
  int answered = 0;
  const auto enqueue = [&](int count) {
    for (int i = 0; i < count; ++i) {
      logger_->Enqueue({LogDraft("a", "m")}, std::nullopt,
                       [&](const AppendOutcome&) { ++answered; });
    }
  };
  EXPECT_FALSE(logger_->NotifyWriter(true)) << "nothing waits";
  enqueue(2);
  EXPECT_FALSE(logger_->NotifyWriter(false));
  ASSERT_TRUE(logger_->NotifyWriter(true));
  logger_->CommitInline();
  EXPECT_EQ(answered, 2);
  EXPECT_EQ(listener_.batches.size(), 1u);
  enqueue(100);
  EXPECT_FALSE(logger_->NotifyWriter(true)) << "that much is the writer's";
  logger_->RunOnce(false);
  EXPECT_EQ(answered, 102);
  ExpectAgreement();
}

TEST_F(JournalTest, LeadersAndTheWriterTakeTurns) {
  Open();
  logger_->Start();
  constexpr int kThreads = 4;
  constexpr int kEach = 100;
  std::atomic<int> answered = 0;
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < kEach; ++i) {
        logger_->Enqueue({LogDraft("job-" + std::to_string(t), std::to_string(i))}, std::nullopt,
                         [&](const AppendOutcome& outcome) { answered += outcome ? 1 : 0; });
        if (logger_->NotifyWriter(t % 2 == 0)) logger_->CommitInline();
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  logger_->Stop();
  EXPECT_EQ(answered, kThreads * kEach);
  const std::vector<int64_t> seqs = listener_.Seqs();
  ASSERT_EQ(seqs.size(), static_cast<size_t>(kThreads * kEach));
  EXPECT_TRUE(std::is_sorted(seqs.begin(), seqs.end()));
  for (int t = 0; t < kThreads; ++t) {
    EXPECT_EQ(FileLines("job-" + std::to_string(t)).size(), static_cast<size_t>(kEach));
  }
}

TEST_F(JournalTest, APreconditionRefusesItsRequestOnly) {
  Open();
  ASSERT_TRUE(Append(TypedDraft("a", "job_created")));
  std::vector<AppendOutcome> answers;
  const auto answer = [&](AppendOutcome outcome) { answers.push_back(std::move(outcome)); };
  const JobMustBeNew is_new{"a"};
  logger_->Append({LogDraft("a", "1")}, std::nullopt, answer);
  logger_->Append({LogDraft("a", "refused")}, is_new, answer);
  logger_->Append({LogDraft("a", "2")}, std::nullopt, answer);
  logger_->RunOnce(false);
  ASSERT_EQ(answers.size(), 3u);
  EXPECT_TRUE(answers[0]);
  EXPECT_EQ(answers[1].error().code, "job_exists");
  EXPECT_TRUE(answers[2]);
  EXPECT_EQ(Bodies("a").size(), 3u);
  ExpectAgreement();
}

TEST_F(JournalTest, APreconditionSeesWhatTheSameGroupDidBefore) {
  Open();
  std::vector<AppendOutcome> answers;
  const auto answer = [&](AppendOutcome outcome) { answers.push_back(std::move(outcome)); };
  const JobMustBeNew is_new{"a"};
  logger_->Append({TypedDraft("a", "job_created")}, is_new, answer);
  logger_->Append({TypedDraft("a", "job_created")}, is_new, answer);
  logger_->RunOnce(false);
  ASSERT_EQ(answers.size(), 2u);
  EXPECT_TRUE(answers[0]);
  EXPECT_FALSE(answers[1]);
}

TEST_F(JournalTest, IllegalEventsAreKeptAndFlagged) {
  Open();
  ASSERT_TRUE(Append(TypedDraft("a", "job_created")));
  ASSERT_TRUE(Append(TypedDraft("a", "job_completed")));
  ASSERT_TRUE(Append(TypedDraft("a", "job_completed")));
  EXPECT_THAT(Bodies("a")[2], HasSubstr("\"violations\":[\"job_over\"]"));
  const auto job = logger_->reader().FindJob("a");
  ASSERT_TRUE(job && *job);
  EXPECT_EQ((*job)->status, JobStatus::kCompleted);
  EXPECT_EQ((*job)->violation_count, 1);
}

TEST_F(JournalTest, ABatchTellsWhetherTheJobIsOver) {
  Open();
  ASSERT_TRUE(Append({TypedDraft("a", "job_created"), TypedDraft("a", "job_failed"),
                      TypedDraft("a", "job_resumed")}));
  ASSERT_EQ(listener_.batches.size(), 1u);
  const auto& events = listener_.batches[0]->events;
  EXPECT_FALSE(events[0].job_over);
  EXPECT_TRUE(events[1].job_over);
  EXPECT_FALSE(events[2].job_over);
}

TEST_F(JournalTest, AfterStopAppendsAreRefused) {
  Open();
  ASSERT_TRUE(Log("a", "1"));
  logger_->Stop();
  const AppendOutcome outcome = Append(LogDraft("a", "2"));
  ASSERT_FALSE(outcome);
  EXPECT_EQ(outcome.error().code, "shutting_down");
  EXPECT_THAT(outcome.error().members, ElementsAre(Pair("outcome", "\"not_applied\"")));
}

TEST_F(JournalTest, AFullQueueRefusesAtOnce) {
  options_.queue_bytes = 2'000;
  Open();
  int accepted = 0;
  int overloaded = 0;
  for (int i = 0; i < 20; ++i) {
    logger_->Append(
        {LogDraft("a", std::string(500, 'x'))}, std::nullopt, [&](AppendOutcome outcome) {
          if (outcome) ++accepted;
          if (outcome) return;
          EXPECT_EQ(outcome.error().code, "overloaded");
          EXPECT_THAT(outcome.error().members, ElementsAre(Pair("outcome", "\"not_applied\"")));
          ++overloaded;
        });
  }
  EXPECT_GT(overloaded, 0);
  logger_->RunOnce(false);
  EXPECT_EQ(accepted + overloaded, 20);
  EXPECT_EQ(Bodies("a").size(), static_cast<size_t>(accepted));
}

TEST_F(JournalTest, ManyThreadsOneOrder) {
  Open();
  logger_->Start();
  constexpr int kThreads = 8;
  constexpr int kEvents = 100;
  std::atomic<int> acknowledged = 0;
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < kEvents; ++i) {
        logger_->Append({LogDraft("job-" + std::to_string(t % 3), std::to_string(i))}, std::nullopt,
                        [&](const AppendOutcome& outcome) { acknowledged += outcome ? 1 : 0; });
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  logger_->Stop();
  EXPECT_EQ(acknowledged, kThreads * kEvents);
  const std::vector<int64_t> seqs = listener_.Seqs();
  ASSERT_EQ(seqs.size(), static_cast<size_t>(kThreads * kEvents));
  for (size_t i = 0; i < seqs.size(); ++i) EXPECT_EQ(seqs[i], static_cast<int64_t>(i) + 1);
  ExpectAgreement();
}

TEST_F(JournalTest, FewOpenFilesServeManyJobs) {
  options_.open_files = 2;
  Open();
  for (int round = 0; round < 3; ++round) {
    for (int job = 0; job < 10; ++job) ASSERT_TRUE(Log("job-" + std::to_string(job), "m"));
  }
  ExpectAgreement();
}

TEST_F(JournalTest, ASecondDaemonIsRefusedByNameAndPid) {
  Open();
  MetricsRegistry metrics;
  const auto second = EventLogger::Open(options_, files_, clock_, metrics);
  ASSERT_FALSE(second);
  EXPECT_THAT(second.error().message, HasSubstr("stagelogd (pid " + std::to_string(::getpid())));
  EXPECT_THAT(second.error().message, HasSubstr(runs_));
}

TEST_F(JournalTest, ASymbolicLinkInTheWayOfAJobIsNotFollowed) {
  Open();
  const std::string outside = directory_.Path("outside");
  ASSERT_EQ(::mkdir(outside.c_str(), 0755), 0);
  ASSERT_EQ(::symlink(outside.c_str(), (runs_ + "/evil").c_str()), 0);
  ASSERT_TRUE(Log("evil", "m"));
  EXPECT_TRUE(logger_->GetStatus().writable) << "the link was set aside";
  EXPECT_FALSE(std::ifstream(outside + "/events.jsonl").good());
  ExpectAgreement();
}

}  // namespace
}  // namespace stagelog
