// Two people and the timer decide the same gate at the same moment, a thousand times.
#include <gtest/gtest.h>

#include <barrier>
#include <future>
#include <map>
#include <random>
#include <thread>

#include "base/logging.h"
#include "core/draft_decoder.h"
#include "core/precondition.h"
#include "follow/follower_runner.h"
#include "follow/gate_timer.h"
#include "log/event_logger.h"
#include "tests/support/manual_clock.h"
#include "tests/support/temporary_directory.h"

namespace stagelog {
namespace {

constexpr int kRounds = 1'000;
constexpr uint64_t kSeed = 20'261'121;

EventDraft Draft(const std::string& json, const std::string& actor) {
  return *DecodeDraft(json, {"race", actor});
}

// So that now this one, now that one is first: the last to come to a barrier goes on before the
// others wake up.
void Dawdle(std::mt19937_64& random, uint64_t most_micros) {
  const auto until =
      std::chrono::steady_clock::now() + std::chrono::microseconds(random() % most_micros);
  while (std::chrono::steady_clock::now() < until) std::this_thread::yield();
}

class GateRaceTest : public ::testing::Test {
 protected:
  void SetUp() override {
    SetLogLevel(LogLevel::kOff);
    EventLoggerOptions options;
    options.runs_dir = directory_.Path("runs");
    logger_ = std::move(*EventLogger::Open(options, RealFileSystem(), clock_, metrics_));
    timer_ = std::make_unique<FollowerRunner>(
        std::make_unique<GateTimer>(*logger_, logger_->reader(), clock_), *logger_, clock_);
    logger_->AddListener(timer_.get());
    logger_->Start();
  }
  void TearDown() override {
    logger_->Stop();
    timer_->Stop();
  }

  AppendOutcome Append(const EventDraft& draft,
                       std::optional<Precondition> precondition = std::nullopt) {
    std::promise<AppendOutcome> promise;
    logger_->Append({draft}, std::move(precondition),
                    [&](const AppendOutcome& outcome) { promise.set_value(outcome); });
    return promise.get_future().get();
  }

  // What a person does who approves or rejects. Returns who won according to the answer.
  std::string Decide(const std::string& type, const std::string& actor) {
    const EventDraft decision = Draft(R"({"type":")" + type + R"(","gate":"g"})", actor);
    const AppendOutcome outcome = Append(decision, MayDecide(decision, false));
    if (outcome) return actor;
    EXPECT_EQ(outcome.error().code, "gate_decided");
    const auto& shown = outcome.error().members.at(0).second;
    for (const std::string name : {"ann", "ben", "stagelog"}) {
      if (shown.find("\"decided_by\":\"" + name + "\"") != std::string::npos) return name;
    }
    return shown;
  }

  TemporaryDirectory directory_;
  MetricsRegistry metrics_;
  ManualClock clock_;
  std::unique_ptr<EventLogger> logger_;
  std::unique_ptr<FollowerRunner> timer_;
};

TEST_F(GateRaceTest, ExactlyOneDecisionStandsAndTheOthersAreToldSo) {
  SCOPED_TRACE("seed " + std::to_string(kSeed));
  std::barrier start(3);
  std::barrier end(3);
  std::vector<std::string> told[2] = {std::vector<std::string>(kRounds),
                                      std::vector<std::string>(kRounds)};
  const auto person = [&](int index, const std::string& type, const std::string& actor) {
    std::mt19937_64 random(kSeed + 1 + static_cast<uint64_t>(index));
    for (int round = 0; round < kRounds; ++round) {
      start.arrive_and_wait();
      Dawdle(random, 60);
      told[index][static_cast<size_t>(round)] = Decide(type, actor);
      end.arrive_and_wait();
    }
  };
  std::mt19937_64 random(kSeed);
  std::thread ann(person, 0, "gate_approved", "ann");
  std::thread ben(person, 1, "gate_rejected", "ben");
  for (int round = 0; round < kRounds; ++round) {
    ASSERT_TRUE(Append(
        Draft(R"({"type":"gate_pause","gate":"g","payload":{"timeout_seconds":1}})", "pipeline")));
    timer_->RunOnce(false);  // it knows the gate, which waits for its row
    clock_.AdvanceMicros(1'100'000);
    start.arrive_and_wait();
    Dawdle(random, 250);
    timer_->RunOnce(false);
    end.arrive_and_wait();
  }
  ann.join();
  ben.join();
  // Whatever the timer still has under way is behind this.
  ASSERT_TRUE(Append(Draft(R"({"type":"job_completed"})", "pipeline")));

  const auto job = logger_->reader().FindJob("race");
  ASSERT_TRUE(job && *job);
  EXPECT_EQ((*job)->violation_count, 0) << "no decision came in twice";
  ASSERT_EQ((*job)->gates.size(), static_cast<size_t>(kRounds));
  std::map<std::string, int> wins;
  for (size_t round = 0; round < kRounds; ++round) {
    const GateState& gate = (*job)->gates[round];
    ++wins[gate.decided_by];
    EXPECT_EQ(told[0][round], gate.decided_by) << "round " << round;
    EXPECT_EQ(told[1][round], gate.decided_by) << "round " << round;
  }
  EXPECT_EQ((*job)->job_seq, 2 * kRounds + 1);
  for (const auto& [name, count] : wins) RecordProperty(name, count);
  EXPECT_EQ(wins.size(), 3) << "somebody never won: this was no race";
}

}  // namespace
}  // namespace stagelog
