// One simulated life of a journal: from a seed, a random course of appends, deletions, readings,
// jumps of the clock, faults of the disk, power cuts and losses, and then the reckoning.
#ifndef STAGELOG_TESTS_SIMULATION_SCHEDULE_H_
#define STAGELOG_TESTS_SIMULATION_SCHEDULE_H_

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "archive/archiver.h"
#include "log/event_logger.h"
#include "tests/simulation/simulation_model.h"
#include "tests/support/fault_file_system.h"
#include "tests/support/manual_clock.h"
#include "tests/support/random_events.h"
#include "tests/support/temporary_directory.h"

namespace stagelog {

// How often what was done, for the summary.
struct ScheduleCounts {
  int64_t schedules = 0;
  int64_t steps = 0;
  int64_t acknowledged = 0;  // requests
  int64_t refused = 0;
  int64_t unknown = 0;
  int64_t faults = 0;  // armed
  int64_t power_cuts = 0;
  int64_t kills = 0;
  int64_t losses = 0;     // of the database or journal.json
  int64_t deletions = 0;  // acknowledged
  int64_t compressions = 0;
  int64_t expansions = 0;  // files made plain again, for an event or by recovery
  int64_t events = 0;      // found in the end

  void Add(const ScheduleCounts& other);
};

// Runs on one thread, without the writer's own. Same seed, same course.
class Schedule : private CommitListener {
 public:
  explicit Schedule(uint64_t seed);
  ~Schedule() override;

  // Once.
  void Run();

  // What was wrong; empty when every promise was kept.
  const std::vector<std::string>& complaints() const { return model_.complaints(); }

  // What happened, a line a step.
  const std::vector<std::string>& trace() const { return trace_; }
  const ScheduleCounts& counts() const { return counts_; }

 private:
  // --- The journal's life ---
  bool TryOpen();
  void OpenSomehow();
  void Close();
  void CloseAndReopen();
  void PowerFails();
  void LoseSomething();
  void LoseWatermark();
  void Crash();

  // --- Steps ---
  void Step();
  void OrdinaryStep();
  void Send(std::vector<EventDraft> drafts);
  void SendNew();
  void SendAgain();
  void SendConflict();
  void RetryWhatFailed();
  void Turn();
  void LeadTurn();
  void DeleteJob();
  void RunRetention();
  void EndJobsAndLetTimePass();
  void CountFiles();
  void ReadPage();
  void MoveClock();
  void ArmFault();
  void Heal();

  EventDraft NewDraft();
  std::optional<Precondition> MaybePrecondition();
  void Settle(const SentRequest& request, const AppendOutcome& outcome);

  // --- The reckoning ---
  void Reckon();
  std::vector<PageEvent> ReadEverything();
  void CheckStates(const std::vector<PageEvent>& events);
  void CheckFurtherAppend();

  void OnCommit(const CommittedBatchPointer& batch) override;
  void OnJobDeleted(const std::string& job_id, int64_t seq) override;

  uint64_t Below(uint64_t bound) { return random_.Below(bound); }
  bool Happens(unsigned percent) { return random_.Happens(percent); }
  template <typename T>
  const T& Pick(const std::vector<T>& list) {
    return list[Below(list.size())];
  }
  // The folder's name differs from run to run and is left out.
  void Note(std::string text);

  RandomEvents random_;
  SimulationModel model_;
  TemporaryDirectory directory_;
  const std::string runs_ = directory_.Path("runs");
  FaultFileSystem files_;
  ManualClock clock_;
  EventLoggerOptions options_;
  RetentionOptions retention_;
  std::unique_ptr<MetricsRegistry> metrics_;
  std::unique_ptr<Archiver> archiver_;
  std::unique_ptr<EventLogger> logger_;
  std::string journal_id_;
  bool is_cut_off_ = false;
  bool is_faulty_ = false;  // a fault is armed or was since the last opening

  std::vector<ModelSubscriber> subscribers_;
  std::vector<std::vector<EventDraft>> sent_;    // requests whose drafts all have an event_id
  std::vector<std::vector<EventDraft>> failed_;  // of these, to be sent again
  std::map<std::string, bool> is_compressed_;    // the file of each job, as seen last
  size_t words_ = 0;
  size_t requests_ = 0;
  ScheduleCounts counts_;
  std::vector<std::string> trace_;
};

}  // namespace stagelog

#endif  // STAGELOG_TESTS_SIMULATION_SCHEDULE_H_
