#include "follow/gate_timer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "base/logging.h"
#include "core/payload.h"
#include "follow/follower_runner.h"
#include "tests/follow/follow_fixture.h"
#include "tests/support/deadline.h"
#include "tests/support/manual_clock.h"
#include "tests/support/time_units.h"

namespace stagelog {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

constexpr int64_t kTenYears = int64_t{10} * 365 * 86'400 * kSecond;
constexpr const char* kMinute = R"({"timeout_seconds":60})";

class GateTimerTest : public testing::Test {
 protected:
  GateTimerTest() { SetLogLevel(LogLevel::kOff); }

  // As at the start of the daemon.
  void Open() {
    auto gates = std::make_unique<GateTimer>(log_, log_, clock_);
    gates_ = gates.get();
    timer_ = std::make_unique<FollowerRunner>(std::move(gates), log_, clock_);
    log_.SetListener(timer_.get());
  }

  // Turns the timer until it would sleep.
  void Settle() {
    for (int i = 0; i < 100; ++i) EXPECT_TRUE(timer_->RunOnce(/*may_wait=*/false));
  }

  void Wait(int64_t seconds) {
    clock_.AdvanceMicros(seconds * kSecond);
    Settle();
  }

  GateStatus StatusOf(const std::string& job_id, const std::string& gate) {
    return log_.StateOf(job_id).FindGate(gate)->status;
  }

  ManualClock clock_;
  FakeLog log_{clock_};
  std::unique_ptr<FollowerRunner> timer_;
  GateTimer* gates_ = nullptr;  // its task
};

TEST_F(GateTimerTest, DecidesAGateWhenItsTimeIsUpAndNotBefore) {
  Open();
  log_.Commit("a", "gate_pause", "deploy", kMinute);
  Settle();
  Wait(59);
  EXPECT_EQ(StatusOf("a", "deploy"), GateStatus::kPending);
  Wait(1);
  EXPECT_EQ(StatusOf("a", "deploy"), GateStatus::kExpired);
}

TEST_F(GateTimerTest, SaysWhatWhyAndHow) {
  Open();
  log_.Commit("a", "gate_pause", "deploy", kMinute);
  Wait(60);
  ASSERT_THAT(log_.Decisions(), SizeIs(1));
  const EventDraft draft = log_.Decisions()[0].draft;
  EXPECT_EQ(draft.kind, EventType::kGateExpired);
  EXPECT_EQ(draft.type, "gate_expired");
  EXPECT_EQ(draft.gate, "deploy");
  EXPECT_EQ(draft.status, "expired");
  EXPECT_EQ(draft.level, "warning");
  EXPECT_EQ(draft.message, "gate deploy: no decision within 60 s");
  EXPECT_EQ(draft.payload, R"({"comment":"no decision within 60 s","via":"timer"})");
  EXPECT_EQ(draft.actor, "stagelog");
  EXPECT_EQ(CheckEventPayload(draft.kind, draft.payload), std::nullopt);
  EXPECT_EQ(log_.StateOf("a").FindGate("deploy")->via, "timer");
}

TEST_F(GateTimerTest, DoesWhatTheGateAsksFor) {
  Open();
  log_.Commit("a", "gate_pause", "g1", R"({"timeout_seconds":1,"on_timeout":"approve"})");
  log_.Commit("a", "gate_pause", "g2", R"({"timeout_seconds":1,"on_timeout":"reject"})");
  log_.Commit("a", "gate_pause", "g3", R"({"timeout_seconds":1,"on_timeout":"expire"})");
  Wait(2);
  EXPECT_EQ(StatusOf("a", "g1"), GateStatus::kAutoApproved);
  EXPECT_EQ(StatusOf("a", "g2"), GateStatus::kRejected);
  EXPECT_EQ(StatusOf("a", "g3"), GateStatus::kExpired);
  std::vector<std::string> statuses;
  for (const Event& event : log_.Decisions()) statuses.push_back(event.draft.status);
  EXPECT_THAT(statuses, ElementsAre("approved", "rejected", "expired"));
}

TEST_F(GateTimerTest, IsNotBoundByTheApprovers) {
  Open();
  log_.Commit("a", "gate_pause", "g", R"({"timeout_seconds":1,"approvers":["ann"]})");
  Wait(1);
  EXPECT_EQ(StatusOf("a", "g"), GateStatus::kExpired);
}

TEST_F(GateTimerTest, LeavesAGateWithoutATimeoutAlone) {
  Open();
  log_.Commit("a", "gate_pause", "g");
  Wait(1'000'000'000);
  EXPECT_EQ(StatusOf("a", "g"), GateStatus::kPending);
}

TEST_F(GateTimerTest, DecidesAtTheStartWhatExpiredBefore) {
  log_.Commit("a", "gate_pause", "g", kMinute);
  clock_.AdvanceMicros(3600 * kSecond);
  Open();
  Settle();
  EXPECT_EQ(StatusOf("a", "g"), GateStatus::kExpired);
}

TEST_F(GateTimerTest, TakesTheGatesInTheOrderOfTheirTimes) {
  Open();
  log_.Commit("a", "gate_pause", "late", R"({"timeout_seconds":90})");
  Settle();
  log_.Commit("b", "gate_pause", "soon", R"({"timeout_seconds":30})");
  Wait(30);
  EXPECT_EQ(StatusOf("b", "soon"), GateStatus::kExpired);
  EXPECT_EQ(StatusOf("a", "late"), GateStatus::kPending);
  Wait(60);
  EXPECT_EQ(StatusOf("a", "late"), GateStatus::kExpired);
}

TEST_F(GateTimerTest, SomebodyWasFaster) {
  Open();
  log_.Commit("a", "gate_pause", "g", kMinute);
  Settle();
  log_.Commit("a", "gate_approved", "g");
  Wait(60);
  EXPECT_EQ(StatusOf("a", "g"), GateStatus::kApproved);
  EXPECT_EQ(log_.appends(), 0U);
}

TEST_F(GateTimerTest, SomebodyIsFasterOnTheWayToTheWriter) {
  Open();
  log_.Commit("a", "gate_pause", "g", kMinute);
  log_.HoldAppends();
  Wait(60);
  ASSERT_EQ(log_.HeldCount(), 1U);
  log_.Commit("a", "gate_approved", "g");
  log_.CommitHeld();
  Wait(60);
  EXPECT_EQ(log_.appends(), 1U);
  EXPECT_THAT(log_.Decisions(), SizeIs(1));
  EXPECT_EQ(StatusOf("a", "g"), GateStatus::kApproved);
}

TEST_F(GateTimerTest, DoesNotDecideTheNextIterationForTheOneBefore) {
  Open();
  log_.Commit("a", "gate_pause", "g", kMinute);
  log_.HoldAppends();
  Wait(60);
  ASSERT_EQ(log_.HeldCount(), 1U);
  log_.Commit("a", "gate_approved", "g");
  log_.Commit("a", "gate_pause", "g", kMinute);
  log_.CommitHeld();
  Wait(59);
  EXPECT_EQ(StatusOf("a", "g"), GateStatus::kPending);
  EXPECT_EQ(log_.HeldCount(), 0U);
  Wait(1);
  log_.CommitHeld();
  EXPECT_EQ(StatusOf("a", "g"), GateStatus::kExpired);
  EXPECT_EQ(log_.StateOf("a").FindGate("g")->iteration, 2);
}

TEST_F(GateTimerTest, TheEndOfAJobCancelsItsGates) {
  Open();
  log_.Commit("a", "gate_pause", "g", kMinute);
  Settle();
  log_.Commit("a", "job_canceled");
  Wait(60);
  EXPECT_EQ(StatusOf("a", "g"), GateStatus::kCanceled);
  EXPECT_EQ(log_.appends(), 0U);
}

TEST_F(GateTimerTest, ACancelIsFasterOnTheWayToTheWriter) {
  Open();
  log_.Commit("a", "gate_pause", "g", kMinute);
  log_.HoldAppends();
  Wait(60);
  log_.Commit("a", "job_canceled");
  log_.CommitHeld();
  Wait(60);
  EXPECT_THAT(log_.Decisions(), IsEmpty());
}

TEST_F(GateTimerTest, DoesNotAskAgainWhileItsAppendIsUnderWay) {
  Open();
  log_.Commit("a", "gate_pause", "g", kMinute);
  log_.HoldAppends();
  Wait(60);
  log_.Commit("b", "gate_pause", "g", kMinute);
  Wait(600);
  EXPECT_EQ(log_.HeldCount(), 1U);
  log_.CommitHeld();
  Settle();
  EXPECT_EQ(log_.HeldCount(), 1U);
  log_.CommitHeld();
  Settle();
  EXPECT_EQ(StatusOf("b", "g"), GateStatus::kExpired);
  EXPECT_THAT(log_.Decisions(), SizeIs(2));
}

TEST_F(GateTimerTest, AThousandOverdueGatesAreDecidedOnceEach) {
  for (int i = 0; i < 1000; ++i) {
    log_.Commit("job-" + std::to_string(i), "gate_pause", "g", kMinute);
  }
  clock_.AdvanceMicros(3600 * kSecond);
  Open();
  Settle();
  EXPECT_EQ(log_.appends(), 1000U);
  EXPECT_THAT(log_.Decisions(), SizeIs(1000));
  for (int i = 0; i < 1000; ++i) {
    EXPECT_EQ(StatusOf("job-" + std::to_string(i), "g"), GateStatus::kExpired);
  }
}

TEST_F(GateTimerTest, ComesBackWhenTheJournalDoes) {
  for (const char* code : {"journal_unavailable", "overloaded"}) {
    Open();
    log_.RefuseAppends(code);
    log_.Commit(code, "gate_pause", "g", kMinute);
    const size_t before = log_.appends();
    Wait(60);
    EXPECT_EQ(log_.appends(), before + 1) << "no tight loop";
    Wait(1);
    EXPECT_EQ(log_.appends(), before + 2);
    log_.RefuseAppends("");
    EXPECT_EQ(StatusOf(code, "g"), GateStatus::kPending);
    Wait(1);
    EXPECT_EQ(StatusOf(code, "g"), GateStatus::kExpired);
  }
}

TEST_F(GateTimerTest, ComesBackWhenReadingDoes) {
  Open();
  log_.Commit("a", "gate_pause", "g", kMinute);
  log_.FailReads(2);
  Wait(60);
  EXPECT_EQ(log_.reads(), 1U) << "no tight loop";
  Wait(1);
  EXPECT_EQ(StatusOf("a", "g"), GateStatus::kPending);
  Wait(1);
  EXPECT_EQ(StatusOf("a", "g"), GateStatus::kExpired);
}

// What is new cannot be looked up: what is known is decided in time, and the rest afterwards.
TEST_F(GateTimerTest, KnownGatesAreDecidedWhileNewOnesCannotBeSeen) {
  Open();
  log_.Commit("a", "gate_pause", "g", kMinute);
  Settle();
  log_.LetListingsLag(true);
  log_.Commit("b", "gate_pause", "g", kMinute);
  Settle();
  EXPECT_NE(timer_->GetFollowerStatus().problem, "");
  EXPECT_GT(timer_->GetFollowerStatus().lag_events, 0);
  for (int i = 0; i < 62; ++i) Wait(1);
  EXPECT_EQ(StatusOf("a", "g"), GateStatus::kExpired);
  EXPECT_EQ(StatusOf("b", "g"), GateStatus::kPending);
  log_.LetListingsLag(false);
  Wait(1);
  Wait(1);
  EXPECT_EQ(StatusOf("b", "g"), GateStatus::kExpired) << "its time was up long ago";
  EXPECT_EQ(timer_->GetFollowerStatus().problem, "");
}

// Somebody who waits for it reads of one outage, not of one a second.
TEST_F(GateTimerTest, AnOutageLastsUntilAnAppendIsTaken) {
  Open();
  log_.Commit("a", "gate_pause", "g", kMinute);
  Settle();
  log_.RefuseAppends("journal_unavailable");
  Wait(60);
  EXPECT_EQ(timer_->GetFollowerStatus().problem, "journal_unavailable: the test says no");
  log_.RefuseAppends("");
  log_.HoldAppends();
  Wait(1);
  ASSERT_EQ(log_.HeldCount(), 1U);
  EXPECT_NE(timer_->GetFollowerStatus().problem, "") << "nobody knows yet";
  log_.CommitHeld();
  Settle();
  EXPECT_EQ(timer_->GetFollowerStatus().problem, "");
}

TEST_F(GateTimerTest, ANewGateThatCannotBeSeenWaitsForTheRetryAlsoWhileAnAppendIsUnderWay) {
  Open();
  log_.Commit("a", "gate_pause", "g", kMinute);
  Settle();
  log_.HoldAppends();
  log_.LetListingsLag(true);
  clock_.AdvanceMicros(60 * kSecond);
  log_.Commit("b", "gate_pause", "g", R"({"timeout_seconds":1})");
  Settle();
  ASSERT_EQ(log_.HeldCount(), 1U) << "the gate that is known";
  Wait(10);
  const size_t reads = log_.reads();
  Wait(10);
  EXPECT_EQ(log_.reads(), reads) << "it is the answer that is waited for";
  log_.LetListingsLag(false);
  log_.CommitHeld();
  Settle();
  log_.CommitHeld();
  Settle();
  EXPECT_EQ(StatusOf("a", "g"), GateStatus::kExpired);
  EXPECT_EQ(StatusOf("b", "g"), GateStatus::kExpired);
  EXPECT_EQ(timer_->GetFollowerStatus().problem, "");
}

TEST_F(GateTimerTest, ARefusalAmongManyDelaysOnlyItsOwnGate) {
  Open();
  log_.Commit("a", "gate_pause", "g", kMinute);
  log_.Commit("b", "gate_pause", "g", kMinute);
  log_.HoldAppends();
  Wait(61);
  ASSERT_EQ(log_.HeldCount(), 2U);
  log_.Commit("a", "gate_rejected", "g");
  log_.CommitHeld();
  EXPECT_EQ(StatusOf("a", "g"), GateStatus::kRejected);
  EXPECT_EQ(StatusOf("b", "g"), GateStatus::kExpired);
}

TEST_F(GateTimerTest, AListingThatLagsIsNoReasonToSpin) {
  Open();
  log_.FreezeListings();
  log_.Commit("a", "gate_pause", "g", kMinute);
  log_.Commit("a", "gate_approved", "g");
  log_.Commit("b", "gate_pause", "g", R"({"timeout_seconds":61})");
  Wait(60);
  EXPECT_EQ(log_.appends(), 1U);
  Wait(1);
  EXPECT_EQ(StatusOf("b", "g"), GateStatus::kExpired);
  const size_t appends = log_.appends();
  Wait(60);
  EXPECT_EQ(log_.appends(), appends);
}

TEST_F(GateTimerTest, LooksOnlyWhenThereIsAReason) {
  Open();
  log_.Commit("a", "gate_pause", "g", kMinute);
  Settle();
  const size_t reads = log_.reads();
  for (int i = 0; i < 10; ++i) {
    log_.Commit("a", "log");
    Settle();
  }
  EXPECT_EQ(log_.reads(), reads);
}

TEST_F(GateTimerTest, OnlyANewGateIsAReasonToWake) {
  Open();
  const auto wakes = [this](std::vector<EventType> kinds) {
    auto batch = std::make_shared<CommittedBatch>();
    for (const EventType kind : kinds) batch->events.push_back({1, kind, "a", "", false});
    return gates_->Note(batch);
  };
  EXPECT_FALSE(wakes({EventType::kLog, EventType::kGateApproved, EventType::kJobCompleted}));
  EXPECT_TRUE(wakes({EventType::kGatePause, EventType::kLog}));
  EXPECT_FALSE(gates_->NoteDeletion("a", 2));
}

TEST_F(GateTimerTest, StopsWithAnAppendUnderWay) {
  Open();
  log_.Commit("a", "gate_pause", "g", kMinute);
  log_.HoldAppends();
  Wait(60);
  ASSERT_EQ(log_.HeldCount(), 1U);
  log_.SetListener(nullptr);
  timer_->Stop();
  EXPECT_FALSE(timer_->RunOnce());
  timer_.reset();
  log_.CommitHeld();
  EXPECT_EQ(StatusOf("a", "g"), GateStatus::kExpired);
}

// --- Clocks that are set ---

TEST_F(GateTimerTest, AClockThatIsSetBackHoldsNothingUp) {
  Open();
  log_.Commit("a", "gate_pause", "g", kMinute);
  Settle();
  clock_.SetWallForward(-kTenYears);
  Wait(59);
  EXPECT_EQ(StatusOf("a", "g"), GateStatus::kPending);
  Wait(1);
  EXPECT_EQ(StatusOf("a", "g"), GateStatus::kExpired);
}

TEST_F(GateTimerTest, NeitherWhenItIsSetBackBeforeTheTimerLooks) {
  Open();
  log_.Commit("a", "gate_pause", "g", kMinute);
  clock_.SetWallForward(-kTenYears);
  Wait(59);
  EXPECT_EQ(StatusOf("a", "g"), GateStatus::kPending);
  Wait(1);
  EXPECT_EQ(StatusOf("a", "g"), GateStatus::kExpired);
}

TEST_F(GateTimerTest, AClockThatIsSetForwardDecidesNothingEarly) {
  Open();
  log_.Commit("a", "gate_pause", "g", kMinute);
  Settle();
  clock_.SetWallForward(kTenYears);
  Wait(59);
  EXPECT_EQ(StatusOf("a", "g"), GateStatus::kPending);
  Wait(1);
  EXPECT_EQ(StatusOf("a", "g"), GateStatus::kExpired);
}

// Their expiries by the wall clock are in another order than their times.
TEST_F(GateTimerTest, GatesFromBeforeAndAfterASettingKeepTheirOwnTimes) {
  Open();
  log_.Commit("a", "gate_pause", "g", R"({"timeout_seconds":30})");
  Wait(10);
  clock_.SetWallForward(-kTenYears);
  log_.Commit("b", "gate_pause", "g", R"({"timeout_seconds":60})");
  Wait(19);
  EXPECT_EQ(StatusOf("a", "g"), GateStatus::kPending);
  Wait(1);
  EXPECT_EQ(StatusOf("a", "g"), GateStatus::kExpired);
  clock_.SetWallForward(kTenYears);
  Wait(39);
  EXPECT_EQ(StatusOf("b", "g"), GateStatus::kPending);
  Wait(1);
  EXPECT_EQ(StatusOf("b", "g"), GateStatus::kExpired);
}

TEST_F(GateTimerTest, AGateOfBeforeTheStartGoesByTheWallClock) {
  log_.Commit("a", "gate_pause", "g", kMinute);
  log_.Commit("b", "gate_pause", "g", R"({"timeout_seconds":3600})");
  clock_.AdvanceMicros(59 * kSecond);
  Open();
  Settle();
  EXPECT_EQ(StatusOf("a", "g"), GateStatus::kPending);
  Wait(1);
  EXPECT_EQ(StatusOf("a", "g"), GateStatus::kExpired);
  clock_.SetWallForward(3600 * kSecond);  // it was behind: NTP has answered
  Settle();
  EXPECT_EQ(StatusOf("b", "g"), GateStatus::kExpired);
}

TEST_F(GateTimerTest, NorIsOneOfBeforeHeldUpByAClockThatWasSetBack) {
  log_.Commit("a", "gate_pause", "g", kMinute);
  clock_.SetWallForward(-kTenYears);
  Open();
  Settle();
  Wait(59);
  EXPECT_EQ(StatusOf("a", "g"), GateStatus::kPending) << "its whole timeout since the start";
  Wait(1);
  EXPECT_EQ(StatusOf("a", "g"), GateStatus::kExpired);
}

// As when the first look comes between a commit and its announcement.
TEST_F(GateTimerTest, AGateThatIsSeenBeforeItIsAnnouncedIsOfThisLife) {
  Open();
  log_.SetListener(nullptr);
  log_.Commit("a", "gate_pause", "g", kMinute);
  Settle();
  auto batch = std::make_shared<CommittedBatch>();
  batch->events.push_back({1, EventType::kGatePause, "a", "", false});
  timer_->OnCommit(batch);
  clock_.SetWallForward(kTenYears);
  Wait(59);
  EXPECT_EQ(StatusOf("a", "g"), GateStatus::kPending);
  Wait(1);
  EXPECT_EQ(StatusOf("a", "g"), GateStatus::kExpired);
}

TEST_F(GateTimerTest, GatesThatWereDecidedLongBeforeTheirTimeAreForgotten) {
  Open();
  constexpr const char* kYear = R"({"timeout_seconds":31536000})";
  for (int job = 0; job < 100; ++job) {
    const std::string job_id = "a" + std::to_string(job);
    for (int i = 0; i < 50; ++i) log_.Commit(job_id, "gate_pause", std::to_string(i), kYear);
    log_.Commit(job_id, "job_canceled");
  }
  Settle();
  log_.Commit("b", "gate_pause", "g", kYear);
  Settle();
  EXPECT_LE(gates_->timer_count(), 1U);
  Wait(31'536'000);
  EXPECT_EQ(StatusOf("b", "g"), GateStatus::kExpired);
}

// The thread, on the machine's own clock.
class GateTimerThreadTest : public testing::Test {
 protected:
  // Gives the other thread time until it is so; false when it never was.
  static bool Eventually(const std::function<bool()>& holds) {
    const Deadline deadline(std::chrono::seconds(20));
    while (!holds() && !deadline.Passed()) std::this_thread::yield();
    return holds();
  }

  FakeLog log_{SystemClock()};
  FollowerRunner timer_{std::make_unique<GateTimer>(log_, log_, SystemClock()), log_,
                        SystemClock()};
};

TEST_F(GateTimerThreadTest, WakesForAGateThatIsOpenedAndWhenItExpires) {
  log_.SetListener(&timer_);
  timer_.Start("gate-timer");
  log_.Commit("far", "gate_pause", "g", R"({"timeout_seconds":31536000})");
  log_.Commit("near", "gate_pause", "g", R"({"timeout_seconds":1})");
  EXPECT_TRUE(Eventually(
      [this] { return log_.StateOf("near").FindGate("g")->status == GateStatus::kExpired; }));
  EXPECT_EQ(log_.StateOf("far").FindGate("g")->status, GateStatus::kPending);
  timer_.Stop();
  timer_.Stop();
}

TEST_F(GateTimerThreadTest, AnAnswerWakesItForWhatHasComeMeanwhile) {
  log_.HoldAppends();
  log_.SetListener(&timer_);
  timer_.Start("gate-timer");
  log_.Commit("a", "gate_pause", "g", R"({"timeout_seconds":1})");
  ASSERT_TRUE(Eventually([this] { return log_.HeldCount() == 1; }));
  log_.Commit("b", "gate_pause", "g", R"({"timeout_seconds":1})");
  log_.CommitHeld();
  EXPECT_TRUE(Eventually([this] { return log_.HeldCount() == 1; }));
  timer_.Stop();
}

TEST_F(GateTimerThreadTest, StopsWhileAnAppendIsNeverAnswered) {
  log_.HoldAppends();
  log_.SetListener(&timer_);
  timer_.Start("gate-timer");
  log_.Commit("a", "gate_pause", "g", R"({"timeout_seconds":1})");
  EXPECT_TRUE(Eventually([this] { return log_.HeldCount() == 1; }));
  timer_.Stop();
}

}  // namespace
}  // namespace stagelog
