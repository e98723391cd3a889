// Where the parts of the daemon meet. The folders beside core/ never include one another: they know
// these interfaces, and app/ joins them.
#ifndef STAGELOG_CORE_PORTS_H_
#define STAGELOG_CORE_PORTS_H_

#include <array>
#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "base/unique_fd.h"
#include "core/event.h"
#include "core/job_machine.h"
#include "core/job_state.h"
#include "core/labels.h"
#include "core/liveness.h"
#include "core/query.h"
#include "core/refusal.h"

namespace stagelog {

// --- Taking events in ---

// Where one draft of an append ended up.
struct AppendedEvent {
  int64_t seq = 0;
  int64_t job_seq = 0;
  int64_t ts_micros = 0;
  std::string event_id;
  bool duplicate = false;  // was in the journal already; the numbers are the original's
  std::string job_id;
  JobStatus job_status =
      JobStatus::kCreated;              // after the whole append: a worker learns of a cancel by it
  std::vector<std::string> violations;  // that it was stored with (IsViolation())
};

using AppendOutcome = tl::expected<std::vector<AppendedEvent>, Refusal>;

// Called once, after the commit or the refusal: by whoever writes (the journal's own thread, or one
// within Lead()), or within Append() when the append is refused at once. Must not block.
using AppendDone = std::function<void(AppendOutcome)>;

// Looks at the state of a job as the append finds it; null for a job that is not there.
using JobLookup = std::function<const JobState*(const std::string& job_id)>;

// Judges an append on the writer thread, before anything of it is applied. A refusal is the answer.
using Precondition = std::function<std::optional<Refusal>(const JobLookup&)>;

// Takes drafts into the journal: all of them in the order given, or none. Safe from any thread.
class EventAppender {
 public:
  virtual ~EventAppender() = default;

  // `precondition` may be empty. `drafts` is not empty and holds no heartbeat.
  virtual void Append(std::vector<EventDraft> drafts, Precondition precondition,
                      AppendDone done) = 0;

  // As Append(), by a caller that may have more of them at once and then calls Kick().
  virtual void Enqueue(std::vector<EventDraft> drafts, Precondition precondition, AppendDone done) {
    Append(std::move(drafts), std::move(precondition), std::move(done));
  }

  // Has the writer take what was enqueued. True when it is so little, and nobody else is writing,
  // that a caller who may wait does better to write it itself by Lead(): one thread's turn is
  // cheaper than waking another and being woken by it (leveldb's leaders and followers).
  virtual bool Kick(bool /*may_lead*/) { return false; }

  // Writes on the calling thread what waits. Blocks for the time of a commit.
  virtual void Lead() {}
};

// What is told of a job that was deleted.
struct DeletedJobReport {
  std::string job_id;
  int64_t event_count = 0;
  int64_t first_seq = 0;
  int64_t last_seq = 0;
  int64_t deleted_at_micros = 0;
};

using DeleteDone = std::function<void(tl::expected<DeletedJobReport, Refusal>)>;

// Takes jobs out of the journal for good. Safe from any thread.
class JobDeleter {
 public:
  virtual ~JobDeleter() = default;

  // `actor` asks for it. `done` as AppendDone, once nothing of the job is left but its tombstone.
  virtual void DeleteJob(std::string job_id, std::string actor, DeleteDone done) = 0;
};

// What a look at the age of all jobs has done, or would do.
struct RetentionReport {
  enum class Action {
    kDropEvents,  // its oldest, from SQLite
    kCompress,    // its file
    kDelete,
  };
  struct Job {
    std::string job_id;
    Action action = Action::kDropEvents;
    int64_t event_count = 0;
  };
  bool dry_run = false;
  int64_t events_dropped = 0;  // from SQLite; they are served from the files
  int64_t jobs_compressed = 0;
  int64_t jobs_deleted = 0;
  std::vector<Job> jobs;  // the first thousand; a job may be named twice
};

using RetentionDone = std::function<void(tl::expected<RetentionReport, Refusal>)>;

// Lets old things go now instead of when their time comes. Safe from any thread.
class RetentionRunner {
 public:
  virtual ~RetentionRunner() = default;

  // A dry run changes nothing. `done` as AppendDone, when all jobs were looked at.
  virtual void RunRetention(bool dry_run, RetentionDone done) = 0;
};

// A finished copy of the whole journal.
struct BackupReport {
  std::string path;        // of its folder
  int64_t bytes = 0;       // of all files in it
  std::string journal_id;  // of the journal it is a copy of
  int64_t head_seq = 0;    // it holds the events up to this one
  int64_t job_count = 0;
  int64_t duration_micros = 0;
};

using BackupDone = std::function<void(tl::expected<BackupReport, Refusal>)>;

// Copies the journal while it is written to. Safe from any thread.
class BackupMaker {
 public:
  virtual ~BackupMaker() = default;

  // Into a new folder `name`; empty: one that tells the time. One at a time. `done` is called once,
  // from a thread that may not be kept, perhaps before this returns.
  virtual void Backup(std::string name, BackupDone done) = 0;
};

// --- Hearing of commits ---

// One committed event as its readers need it.
struct CommittedEvent {
  int64_t seq = 0;
  EventType kind = EventType::kLog;
  std::string job_id;
  std::string body;       // the line of events.jsonl without its newline
  bool job_over = false;  // the job's state after this event is completed, failed or canceled
};

// The events of one transaction, in order, never empty.
struct CommittedBatch {
  std::vector<CommittedEvent> events;
};

using CommittedBatchPointer = std::shared_ptr<const CommittedBatch>;

// Called by whoever writes after each commit, in order and never by two at once: keep the pointer,
// wake your own thread, return.
class CommitListener {
 public:
  virtual ~CommitListener() = default;
  virtual void OnCommit(const CommittedBatchPointer& batch) = 0;

  // The same of a job that was deleted: none of its events can be read any more.
  virtual void OnJobDeleted(const std::string& /*job_id*/) {}
};

// --- Reading the log ---

// One page of the log.
struct ReadRequest {
  std::optional<std::string> job_id;  // none: the events of all jobs
  int64_t after = 0;                  // events with a greater seq
  EventFilter filter;
  size_t max_events = 100;
  size_t max_bytes = size_t{1} << 20;  // of bodies; at least one event is returned all the same
  bool newest = false;                 // the last `max_events` that match, instead of the first
  int64_t max_micros = 250'000;        // a filtered search stops after this time
  // A filtered search stops soon after this became true: nobody wants its page. May be null.
  std::shared_ptr<const std::atomic<bool>> canceled;
};

struct PageEvent {
  int64_t seq = 0;
  std::string body;
};

// All of one page is read in one snapshot of the database.
struct Page {
  std::vector<PageEvent> events;  // oldest first
  // Everything that matches and is not later than this is in this page or was before `after`. When
  // the page is not full this is the head of the snapshot.
  int64_t scanned_through = 0;
  bool has_more = false;   // something may match after scanned_through, in this snapshot
  int64_t head_seq = 0;    // of the whole journal; 0 when it is empty
  bool job_known = false;  // with a job_id only
  bool job_over = false;
};

// Reads committed events. Blocks on the disk; safe from any thread.
class EventSource {
 public:
  virtual ~EventSource() = default;

  virtual Result<Page> Read(const ReadRequest& request) = 0;

  // The greatest seq whose `ts` is not later than `micros`; 0 when there is none.
  virtual Result<int64_t> SeqAtTime(int64_t micros) = 0;
};

// --- Reading what the events add up to ---

// Which jobs are listed; empty conditions admit all.
struct JobListRequest {
  int64_t before_first_seq = INT64_MAX;  // jobs whose first event is earlier
  size_t limit = 100;
  std::vector<std::string> statuses;
  std::vector<std::string> pipelines;
  std::vector<LabelCondition> labels;  // all of them hold
  int64_t updated_after_micros = 0;    // the last event is later than this
  std::string text;         // found in the job's id, pipeline or reason; case ignored (ASCII)
  int64_t live_micros = 0;  // for EncodeJobSummary()
};

struct JobListing {
  int64_t first_seq = 0;
  std::string job_id;
  std::string summary;  // JSON, see EncodeJobSummary
  bool is_over = false;
};

struct LabelCount {
  std::string value;
  std::string status;
  int64_t jobs = 0;
};

// Which iterations of gates are listed, in the order of their opening; empty conditions admit all.
struct GateListRequest {
  std::vector<std::string> statuses;
  int64_t after_opened_seq = 0;
  size_t limit = 100;
};

struct GateListing {
  std::string job_id;
  std::string gate;
  int64_t opened_seq = 0;         // names the iteration
  int64_t expires_at_micros = 0;  // 0: never
  std::string on_timeout;
  std::string document;  // JSON, see EncodeGateIteration
};

// How many jobs and gates there are, for the metrics.
struct JobCensus {
  std::vector<std::pair<std::string, int64_t>> jobs;  // by status; those of which there are any
  int64_t pending_gates = 0;
  int64_t oldest_pending_micros = 0;  // when it was opened, wall clock; 0: none is pending
};

// Jobs, stages and gates as the committed events make them. Blocks on the disk; safe from any
// thread.
class JobSource {
 public:
  virtual ~JobSource() = default;

  // A job's state after its last event that is not later than `through_seq`; no value for an
  // unknown job and before its first event.
  virtual Result<std::optional<JobState>> FindJob(const std::string& job_id,
                                                  int64_t through_seq = INT64_MAX) = 0;

  // At most `limit` jobs that match, the youngest job first.
  virtual Result<std::vector<JobListing>> ListJobs(const JobListRequest& request) = 0;

  // How many jobs have each value of the label `key`, by status: at most `max_values` values, those
  // of the most jobs, in the order of value and status.
  virtual Result<std::vector<LabelCount>> CountByLabel(const std::string& /*key*/,
                                                       size_t /*max_values*/) {
    return std::vector<LabelCount>();
  }

  virtual Result<std::vector<GateListing>> ListGates(const GateListRequest& request) = 0;

  // Folds into `state` what was committed of its job since `state.as_of_seq`; a state of which only
  // the job_id is set is folded from the last snapshot. `changes` may be null; after a snapshot it
  // names everything.
  virtual Status AdvanceJob(JobState& state, StateChanges* changes) = 0;

  // Jobs whose last event is later than `seq`.
  virtual Result<std::vector<std::string>> JobsChangedAfter(int64_t seq) = 0;

  // Takes time in proportion to the number of jobs, not of events: about 5 ms for 100,000.
  virtual Result<JobCensus> CountJobs() { return JobCensus(); }
};

// What the journal says about itself. Safe from any thread, never blocks.
struct JournalStatus {
  std::string journal_id;
  int64_t head_seq = 0;  // last announced
  // Nobody has seen a later one. Beyond `head_seq` while a commit is under way: what reads the
  // database shows its events before they are announced.
  int64_t visible_seq = 0;
  bool writable = true;
  std::string problem;                 // why not writable
  std::vector<std::string> set_aside;  // files that recovery renamed, newest last
};

class JournalStatusSource {
 public:
  virtual ~JournalStatusSource() = default;
  virtual JournalStatus GetStatus() const = 0;

  // True for a job that was deleted for good.
  virtual bool IsDeleted(const std::string& /*job_id*/) const { return false; }
};

// --- Signs of life ---

// Safe from any thread, never blocks.
class LivenessMonitor {
 public:
  virtual ~LivenessMonitor() = default;

  // `interval_micros`: of the worker's heartbeats, as it declares it; 0: it declares none.
  virtual void OnHeartbeat(const std::string& job_id, int64_t interval_micros) = 0;
  virtual Liveness GetLiveness(const std::string& job_id) const = 0;

  // How many workers are in each state, in the order of the enumeration.
  virtual std::array<int64_t, kLivenessCount> CountWorkers() const { return {}; }
};

// --- Giving a socket away ---

// A subscriber to be: what it wants and from where.
struct StreamRequest {
  std::optional<std::string> job_id;  // none: all jobs
  EventFilter filter;
  StreamStart start;
  bool named = false;           // adds `event: <type>` to journal events
  bool until_terminal = false;  // closes when the job is over and all that matches was sent
  std::string token_name;       // the stream is closed when this token is taken away
  // HTTP/1.1: the body comes in chunks (RFC 9112, section 7.1), and only an `end` frame is followed
  // by the last one. Else the body ends with the connection.
  bool chunked = false;
};

// Takes over an accepted connection. Safe from any thread.
class StreamSink {
 public:
  virtual ~StreamSink() = default;

  // `socket` is connected and non-blocking; nothing was sent on it yet for this request. `head` is
  // the HTTP head that goes out first.
  virtual void Adopt(UniqueFd socket, StreamRequest request, std::string head) = 0;

  // Closes the streams whose token is no longer one of `token_names`.
  virtual void KeepOnlyTokens(std::vector<std::string> token_names) = 0;

  virtual size_t SubscriberCount() const = 0;
};

}  // namespace stagelog

#endif  // STAGELOG_CORE_PORTS_H_
