// Prepares one commit: checks and sequences its requests one after the other.
#ifndef STAGELOG_LOG_BATCH_STAGER_H_
#define STAGELOG_LOG_BATCH_STAGER_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "core/event.h"
#include "core/event_appender.h"
#include "core/event_codec.h"
#include "core/job_machine.h"
#include "core/job_state.h"
#include "core/refusal.h"
#include "log/table/event_table.h"
#include "log/table/job_cache.h"

namespace stagelog {

// Assigns places in the journal: `seq` and `ts`, both strictly increasing (guarantee 3 in
// src/GUARANTEES.md). Writer thread only.
struct Sequencer {
  int64_t next_seq = 1;
  int64_t last_ts_micros = 0;

  // Takes the next place for `draft`. `now_micros` is the wall-clock time.
  Event Take(EventDraft draft, int64_t now_micros);
};

// The changes that a commit in preparation makes to a job.
struct ChangedJob {
  JobState* state = nullptr;  // owned by the cache
  StateChanges changes;
  int64_t before_job_seq = 0;
  std::vector<int64_t> seqs;
  std::string lines;  // to append to the job's events.jsonl
};

// An event with its line, ready to be written.
struct StagedEvent {
  Event event;
  SealedLine line;
  int64_t first_seq = 0;  // first_seq of the job
  bool job_over = false;
};

// Used for one commit, on the writer thread. Nothing is visible to other threads before the commit.
// On a failed commit the journal discards this and clears the cache. Throws SQLite::Exception.
class BatchStager {
 public:
  // Makes the file of the job ready for appends; `job` is null if there are no events yet.
  using PrepareFile = std::function<void(const std::string& job_id, const JobState* job)>;

  BatchStager(EventTable& table, JobCache& cache, Sequencer& sequencer, Clock& clock,
              PrepareFile prepare_file)
      : table_(table),
        cache_(cache),
        sequencer_(sequencer),
        clock_(clock),
        prepare_file_(std::move(prepare_file)) {}

  // Reserves space for this many further events.
  void Reserve(size_t events) { events_.reserve(events_.size() + events); }

  // True if Stage() would not read the table.
  bool CanStageAhead(const std::vector<EventDraft>& drafts,
                     const std::optional<Precondition>& precondition) const;

  // Stages all drafts of one request, or none: a refusal does not affect the rest of the commit.
  // `depends_on_commit` is set if the outcome holds only once this commit has succeeded.
  AppendOutcome Stage(std::vector<EventDraft> drafts,
                      const std::optional<Precondition>& precondition, bool& depends_on_commit);

  std::vector<StagedEvent>& events() { return events_; }
  std::unordered_map<std::string, ChangedJob>& changed_jobs() { return changed_jobs_; }

 private:
  // The original of a draft whose event_id is known. An index of -1: it is not in that list.
  struct Duplicate {
    int64_t staged_index = -1;   // among events_
    int64_t request_index = -1;  // among the drafts of the same request
    AppendedEvent committed;     // the original, if both indexes are -1
  };
  using Duplicates = std::vector<std::unique_ptr<Duplicate>>;  // null: there is no original

  tl::expected<Duplicates, Refusal> FindDuplicates(const std::vector<EventDraft>& drafts);
  tl::expected<std::unique_ptr<Duplicate>, Refusal> FindOriginal(
      const std::vector<EventDraft>& drafts, size_t index,
      const std::unordered_map<std::string, size_t>& earlier, bool is_new);
  tl::expected<std::unique_ptr<Duplicate>, Refusal> FindCommitted(const EventDraft& draft,
                                                                  size_t index, size_t count);
  std::optional<Refusal> RefuseForeignRepeat(const std::optional<Precondition>& precondition,
                                             const Duplicates& duplicates) const;
  std::optional<Refusal> RefuseDeleted(const std::vector<EventDraft>& drafts);
  std::optional<Refusal> CheckStrictJobs(const std::vector<EventDraft>& drafts,
                                         const Duplicates& duplicates);
  std::optional<Refusal> CheckStrictJobs(const EventDraft& draft);
  std::optional<Refusal> CheckSizes(const std::vector<EventDraft>& drafts,
                                    const Duplicates& duplicates);
  void PrepareFiles(const std::vector<EventDraft>& drafts, const Duplicates& duplicates);
  void IndexStaged();
  bool AllJobsLenient(const std::vector<EventDraft>& drafts);
  ChangedJob& Change(const std::string& job_id);
  size_t Apply(EventDraft draft);

  EventTable& table_;
  JobCache& cache_;
  Sequencer& sequencer_;
  Clock& clock_;
  const PrepareFile prepare_file_;
  std::vector<StagedEvent> events_;
  std::unordered_map<std::string, ChangedJob> changed_jobs_;
  std::pair<const std::string, ChangedJob>* last_changed_ = nullptr;  // in changed_jobs_
  // (job, event id) to its index in events_, of the first `indexed_` of them.
  std::unordered_map<std::string, size_t> staged_by_id_;
  size_t indexed_ = 0;
};

}  // namespace stagelog

#endif  // STAGELOG_LOG_BATCH_STAGER_H_
