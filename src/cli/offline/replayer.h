// Replays stored events, each when it is due.
#ifndef STAGELOG_CLI_OFFLINE_REPLAYER_H_
#define STAGELOG_CLI_OFFLINE_REPLAYER_H_

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "cli/offline/event_sequence.h"
#include "cli/offline/replay_range.h"
#include "cli/offline/rhythm.h"
#include "cli/offline/waiter.h"

namespace stagelog::cli {

// Where replayed events go.
class ReplaySink {
 public:
  virtual ~ReplaySink() = default;

  // Events before the range: what a subscriber who comes now could read of the past.
  virtual CliStatus TakePast(std::vector<StoredEvent> events) = 0;

  // Events that are due together, never none.
  virtual CliStatus Take(std::vector<StoredEvent> events) = 0;

  // The same of the last ones of the range.
  virtual CliStatus TakeLast(std::vector<StoredEvent> events) { return Take(std::move(events)); }
};

// One replay. Holds a batch of events at a time. One thread at a time; the references outlive it.
class Replayer {
 public:
  Replayer(EventSequence& events, ReplayRange range, Tempo tempo, Waiter& waiter, ReplaySink& sink)
      : events_(events), range_(range), rhythm_(tempo), waiter_(waiter), sink_(sink) {}

  // Hands on the past, up to the range's first event. kUsage when the range holds none. False: the
  // waiter gave up.
  CliResult<bool> Prepare();

  // Of the events. After Prepare().
  const std::string& job_id() const { return job_id_; }

  // The rest. False: the waiter gave up. After Prepare().
  CliResult<bool> Run();

 private:
  CliStatus Load();
  void Keep();
  CliStatus Flush();
  bool IsFull() const;
  CliError NothingInRange() const;

  EventSequence& events_;
  const ReplayRange range_;
  Rhythm rhythm_;
  Waiter& waiter_;
  ReplaySink& sink_;
  std::optional<StoredEvent> next_;  // read and not yet handed on
  std::vector<StoredEvent> batch_;
  size_t batch_bytes_ = 0;
  std::string job_id_;
  std::optional<int64_t> first_micros_;  // when the run's first event happened
  int64_t next_micros_ = 0;              // when next_ did, or an event before it that was later
};

}  // namespace stagelog::cli

#endif  // STAGELOG_CLI_OFFLINE_REPLAYER_H_
