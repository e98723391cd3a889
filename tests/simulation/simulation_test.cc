// Thousands of short random lives of a journal on a disk that fails, each held against every
// guarantee of src/GUARANTEES.md that a journal can break. Every schedule has a seed of its own; a
// failure prints it, and
//
//   STAGELOG_SIMULATION_SEED=<seed> simulation_test
//
// runs that one again. STAGELOG_SIMULATION_SCHEDULES=<n> runs so many, from that seed on or from a
// fresh one.
#include <gtest/gtest.h>
#include <sqlite3.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <charconv>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <iostream>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "base/logging.h"
#include "tests/simulation/schedule.h"
#include "tests/support/requirement.h"

namespace stagelog {
namespace {

constexpr uint64_t kLeastSchedules = 1'000;
constexpr std::chrono::seconds kDuration(10);

std::optional<uint64_t> NumberOf(const char* name) {
  const char* text = std::getenv(name);
  if (text == nullptr) return std::nullopt;
  uint64_t number = 0;
  const auto [end, error] = std::from_chars(text, text + std::strlen(text), number);
  EXPECT_TRUE(error == std::errc() && *end == '\0') << name << "=" << text << " is no number";
  return number;
}

std::string Report(uint64_t seed, const Schedule& schedule) {
  std::string text = "seed " + std::to_string(seed) +
                     "; again with STAGELOG_SIMULATION_SEED=" + std::to_string(seed) + "\n";
  for (const std::string& line : schedule.trace()) text += line + "\n";
  for (const std::string& complaint : schedule.complaints()) text += "BROKEN: " + complaint + "\n";
  return text;
}

class SimulationTest : public ::testing::Test {
 protected:
  SimulationTest() { SetLogLevel(LogLevel::kOff); }

  // Any thread.
  void RunOne(uint64_t seed) {
    Schedule schedule(seed);
    schedule.Run();
    const std::lock_guard lock(mutex_);
    counts_.Add(schedule.counts());
    if (schedule.complaints().empty()) return;
    ADD_FAILURE() << Report(seed, schedule);
    is_broken_ = true;
  }

  // On as many threads as it pays; schedules have nothing to do with one another.
  void RunWhile(uint64_t first_seed, const std::function<bool(uint64_t)>& goes_on) {
    std::atomic<uint64_t> next{0};
    const auto work = [&] {
      for (uint64_t done = next++; !is_broken_ && goes_on(done); done = next++) {
        RunOne(first_seed + done);
      }
    };
    std::vector<std::thread> threads;
    for (unsigned i = std::clamp(std::thread::hardware_concurrency(), 1U, 4U); i > 0; --i) {
      threads.emplace_back(work);
    }
    for (std::thread& thread : threads) thread.join();
  }

  void Summarize() const {
    std::cout << counts_.schedules << " schedules, " << counts_.steps << " steps, "
              << counts_.acknowledged << " requests acknowledged, " << counts_.refused
              << " refused, " << counts_.unknown << " unknown, " << counts_.faults << " faults, "
              << counts_.power_cuts << " power cuts, " << counts_.kills << " kills, "
              << counts_.losses << " losses, " << counts_.deletions << " deletions, "
              << counts_.compressions << " files compressed, " << counts_.expansions
              << " made plain again, " << counts_.events << " events in the end" << std::endl;
  }

  std::mutex mutex_;
  ScheduleCounts counts_;
  std::atomic<bool> is_broken_{false};
};

TEST_F(SimulationTest, EveryPromiseIsKept) {
  const auto given = NumberOf("STAGELOG_SIMULATION_SEED");
  const auto wanted = NumberOf("STAGELOG_SIMULATION_SCHEDULES");
  const uint64_t first = given ? *given : TestSeed();
  std::cout << "seeds from " << first << " on" << std::endl;
  const auto end = std::chrono::steady_clock::now() + kDuration;
  RunWhile(first, [&](uint64_t done) {
    if (wanted) return done < *wanted;
    if (given) return done < 1;
    return done < kLeastSchedules || std::chrono::steady_clock::now() < end;
  });
  Summarize();
}

TEST_F(SimulationTest, TheSameSeedIsTheSameSchedule) {
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    Schedule first(seed);
    first.Run();
    Schedule second(seed);
    second.Run();
    const auto [a, b] = std::mismatch(first.trace().begin(), first.trace().end(),
                                      second.trace().begin(), second.trace().end());
    if (a == first.trace().end() && b == second.trace().end()) continue;
    ADD_FAILURE() << "seed " << seed << " goes two ways:\n"
                  << (a == first.trace().end() ? "(end)" : *a) << "\n"
                  << (b == second.trace().end() ? "(end)" : *b);
  }
}

}  // namespace
}  // namespace stagelog

// In memory where there is room for it: the disk that fails is simulated, the real one only slow.
int main(int argc, char** argv) {
  if (::access("/dev/shm", W_OK) == 0) ::setenv("TMPDIR", "/dev/shm", 0);
  // SQLite counts its memory under one lock for all threads.
  ::sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
  ::testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}
