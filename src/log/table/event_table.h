// The tables of stagelog.db, as used by the single writer.
#ifndef STAGELOG_LOG_TABLE_EVENT_TABLE_H_
#define STAGELOG_LOG_TABLE_EVENT_TABLE_H_

#include <SQLiteCpp/SQLiteCpp.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "base/file_system.h"
#include "core/job_machine.h"
#include "core/job_state.h"
#include "log/file/tombstones.h"
#include "log/table/file_events.h"
#include "log/table/job_events.h"

namespace stagelog {

// The file attributes of a job's events.jsonl when it was last known to agree with the table. While
// these and the job's last event are unchanged, the file need not be read again.
struct FileStamp {
  FileInfo info;
  int64_t job_seq = 0;
};

// A row of the table `jobs`: the most frequently needed values, available without folding.
struct JobRow {
  std::string job_id;
  int64_t first_seq = 0;
  JobStatus status = JobStatus::kCreated;
  int64_t job_seq = 0;  // of the last event
  int64_t last_seq = 0;
  std::string last_hash;
  std::optional<FileStamp> file;

  bool IsTerminal() const { return stagelog::IsTerminal(status); }
};

// Where an event with a given id is.
struct FoundEvent {
  int64_t seq = 0;
  std::string body;
};

// The last seq up to `head_seq` whose `ts` is not later than `micros`; 0: none. `at_or_before`
// selects seq and ts of the last event up to a seq. `ts` grows with `seq` over the whole journal
// (guarantee 3 in src/GUARANTEES.md), so the primary key serves as its index.
int64_t LastSeqThrough(SQLite::Statement& at_or_before, int64_t head_seq, int64_t micros);

// True for a row of `jobs` whose job is completed, failed or canceled.
inline constexpr const char* kIsTerminalSql = "status IN ('completed', 'failed', 'canceled')";
// The last seq of the log: of an event, or of the deletion of a job; 0 for none.
inline constexpr const char* kSelectHeadSeq =
    "SELECT max(coalesce((SELECT max(seq) FROM events), 0), "
    "coalesce((SELECT max(seq) FROM deleted_jobs), 0))";

// How long ago a job ended, if it did.
struct JobAge {
  std::string job_id;
  int64_t first_seq = 0;
  int64_t job_seq = 0;             // of the last event
  int64_t quiet_since_micros = 0;  // the last event or the end, whichever was later
  bool is_over = false;
};

// An event whose line is in the file alone.
struct FileEvent {
  int64_t seq = 0;
  int64_t job_seq = 0;
  FilePlace place;
};

// An event that is being moved there.
struct TrimmedEvent {
  int64_t seq = 0;
  int64_t job_seq = 0;
  int64_t ts_micros = 0;
  std::string event_id;
  std::string body;
  FilePlace place;
};

// `user_version` of a database that this program has brought up to date.
int SchemaVersion();

// One read-write connection. One thread at a time. All functions throw SQLite::Exception; the outer
// functions of the journal turn it into a value.
class EventTable {
 public:
  // Opens or (if it may) creates the database and brings its schema up to date. Commits are durable
  // when `durable` (synchronous=FULL); without, they are as safe as the next checkpoint. `files`
  // has the events.jsonl beside the database.
  EventTable(const std::string& path, const std::string& vfs, bool durable = true,
             FileSystem& files = RealFileSystem(), bool may_create = true);

  // For a table beside the journal in use: whether LoadState() and VisitJobEvents() look for events
  // that the tables do not list yet. At first they do not.
  void ReadTail(Tail tail) { tail_ = tail; }

  void Begin();
  void Commit();
  void Rollback() noexcept;

  int64_t HeadSeq();       // kSelectHeadSeq
  int64_t LastTsMicros();  // of the event at the head

  std::string JournalId();  // empty when none was set
  void SetJournalId(const std::string& id);
  // Bounds that outlive the events, 0 if never set. No seq above `highest` was assigned; none up to
  // `floor` may be assigned (again), even if there is no such event.
  int64_t HighestSeq() { return Number("highest_seq"); }
  int64_t FloorSeq() { return Number("floor_seq"); }
  void SetHighestSeq(int64_t seq) { SetNumber("highest_seq", seq); }
  void SetFloorSeq(int64_t seq) { SetNumber("floor_seq", seq); }

  // `first_seq` is the job's, `body` the encoded line. The tables do not list it yet.
  void InsertEvent(int64_t seq, int64_t first_seq, int64_t job_seq, int64_t ts_micros,
                   const std::string& event_id, const std::string& body);
  bool HasSeq(int64_t seq);
  // True if an event with that seq and `ts` would be in order among the stored ones.
  bool WouldBeInOrder(int64_t seq, int64_t ts_micros);
  // `unused_ts`: no event has that `ts`, which is known; it saves the search for an id that the
  // journal has made from it.
  std::optional<FoundEvent> FindEventById(int64_t first_seq, const std::string& event_id,
                                          std::optional<int64_t> unused_ts = std::nullopt);

  // No UUID that is an event_id of the job's is greater. A greater text where that is not known.
  std::string NewestUuid(const JobState& job);

  std::optional<JobRow> FindJob(const std::string& job_id);
  std::vector<std::string> AllJobIds();

  // --- What follows the log (job_events.h) ---

  // Lists events of the job, which are in the log. `seqs` ascend.
  void ListEvents(int64_t first_seq, const std::vector<int64_t>& seqs);
  // Up to which seq the tables are complete: 0 where that cannot be read.
  int64_t TablesThrough();
  void SetTablesThrough(int64_t seq) { SetNumber("tables_through", seq); }
  // Brings the tables up to the head of the log, in several transactions. Begins anew where they
  // claim more than the log has. Returns how many events they lacked.
  int64_t CatchUpTables();
  // Lists all events anew, as if none was listed.
  void RelistEvents();
  // False if the first or the last event of a job is not listed. Some look-ups a job.
  bool ListsLookComplete();

  // The job's state, folded from its last snapshot; no value for an unknown job.
  std::optional<JobState> LoadState(const std::string& job_id);

  // Writes the row of the job, those of the stages and gates that `changes` names, and a snapshot
  // when one is due: WriteSnapshotWhenDue().
  void WriteState(const JobState& state, const StateChanges& changes, int64_t before_job_seq);

  // Writes a snapshot if a thousand events were passed since `before_job_seq`; for a job of more
  // than a thousand stages and gates, as many events as it has of them.
  void WriteSnapshotWhenDue(const JobState& state, int64_t before_job_seq);

  // Folds every job from its first event and rewrites all rows. Returns the ids of the jobs whose
  // rows differed.
  std::vector<std::string> RebuildStates();
  // Drops the rows of jobs whose id differs from their first event's, then rebuilds the jobs whose
  // row is missing or behind their last event, and returns their ids. Costs a few look-ups a job,
  // regardless of the number of events.
  std::vector<std::string> RebuildLaggingStates();
  // What DumpStateRows() says of a job in that state. Writes nothing for good.
  std::string DumpRowsOf(const JobState& state);
  // False if the rows were written by another fold version.
  bool StatesMatchFoldVersion() { return Number("state_version") == kFoldVersion; }
  void WriteFileStamp(int64_t first_seq, const FileStamp& note);

  // Calls `visit(seq, body)` for the job's events with a greater job_seq, in order, wherever their
  // lines are, until it returns false.
  using Visit = std::function<bool(int64_t seq, std::string_view body)>;
  void VisitJobEvents(int64_t first_seq, int64_t after_job_seq, const Visit& visit);

  // Calls `visit` for all events after `after_seq` in order.
  void VisitEvents(int64_t after_seq, const Visit& visit);

  // Jobs that were deleted (job_remover.h; the functions are in tombstone_table.cc).
  bool IsDeleted(const std::string& job_id);
  void InsertTombstone(const Tombstone& tombstone);
  void CompleteTombstone(const std::string& job_id);  // it is no longer pending
  void SetTombstoneSeq(const std::string& job_id, int64_t seq);
  std::vector<Tombstone> AllTombstones();  // in the order of their deletion
  std::vector<Tombstone> PendingTombstones();
  // Everything but the events.
  void DeleteJobRows(int64_t first_seq);
  // At most `limit` of the job's events; false when none is left.
  bool DeleteEvents(int64_t first_seq, int limit);

  // Events that are in the file alone (the functions are in file_event_table.cc).
  // The job_seq of the job's last one; 0 where there is none.
  int64_t FileJobSeq(int64_t first_seq);
  int64_t LastInFile(int64_t first_seq) { return stored_.LastInFile(first_seq); }  // its seq
  bool HasFileEvents() const { return !jobs_in_files_.empty(); }
  // Where the line after the last one begins.
  uint64_t EndOfFileEvents(int64_t first_seq);
  std::vector<FileEvent> FileEvents(int64_t first_seq, int64_t after_seq, size_t limit);
  void MovePlace(int64_t seq, int64_t offset);
  // The job's oldest events in `events`, with a job_seq up to `through_job_seq`; without places.
  std::vector<TrimmedEvent> OldestEvents(int64_t first_seq, int64_t through_job_seq, int limit);
  // Writes a snapshot after the events up to `through_job_seq`, so that they are needed only for
  // queries of the past.
  void SnapshotBeyond(const std::string& job_id, int64_t first_seq, int64_t through_job_seq);
  // From `events` to `file_events`.
  void MoveToFile(int64_t first_seq, const TrimmedEvent& event);
  // For retention. Jobs in the order of their first events.
  std::vector<JobAge> JobsAfter(int64_t first_seq, size_t limit);
  // The last event with an earlier `ts`; 0 for none.
  int64_t LastSeqBefore(int64_t ts_micros);
  // The job's last event in `events` with a seq up to this; 0 for none.
  int64_t JobSeqAt(int64_t first_seq, int64_t seq);
  // Makes the next opening compare the job's file, even if it looks unchanged.
  void ForgetFileStamp(int64_t first_seq);

  // Moves the whole write-ahead log into the database file.
  void Checkpoint();
  // The same as far as readers and the disk allow: on a full one nothing is moved. True when
  // everything was.
  bool TryCheckpoint();

 private:
  SQLite::Statement& Prepared(std::unique_ptr<SQLite::Statement>& slot, const char* sql);
  void Migrate();
  bool UpdateJobRow(const JobState& state);
  void WriteJobStatus(const JobState& state);
  void WriteJobRow(const JobState& state);
  void TouchJobRow(const JobState& state);
  void WriteStage(const JobState& state, const StageState& stage);
  void WriteGate(const JobState& state, const GateState& gate);
  void WriteSnapshot(const JobState& state);
  void RebuildState(int64_t first_seq);
  std::vector<int64_t> LaggingJobs();
  void LoadJobsInFiles();
  std::optional<FoundEvent> FindByGeneratedId(int64_t first_seq, const std::string& event_id);
  std::optional<FoundEvent> FindInFile(int64_t first_seq, const std::string& event_id);
  int64_t Number(const std::string& key);
  void SetNumber(const std::string& key, int64_t value);
  struct JobTail;
  std::vector<JobTail> TailByJob(int64_t after_seq);
  void CatchUpJob(const JobTail& tail);

  SQLite::Database database_;
  Tail tail_ = Tail::kSkip;
  FileLines lines_;
  StoredEvents stored_;
  std::unordered_set<int64_t> jobs_in_files_;  // by first_seq: those that have rows in file_events
  std::unique_ptr<SQLite::Statement> insert_event_;
  std::unique_ptr<SQLite::Statement> list_event_;
  std::unique_ptr<SQLite::Statement> has_seq_;
  std::unique_ptr<SQLite::Statement> in_order_;
  std::unique_ptr<SQLite::Statement> find_by_id_;
  std::unique_ptr<SQLite::Statement> newest_uuid_;
  std::unique_ptr<SQLite::Statement> find_by_ts_;
  std::unique_ptr<SQLite::Statement> find_in_file_;
  std::unique_ptr<SQLite::Statement> insert_place_;
  std::unique_ptr<SQLite::Statement> remove_event_;
  std::unique_ptr<SQLite::Statement> unlist_event_;
  std::unique_ptr<SQLite::Statement> find_job_;
  std::unique_ptr<SQLite::Statement> is_deleted_;
  std::unique_ptr<SQLite::Statement> update_job_;
  std::unique_ptr<SQLite::Statement> write_job_status_;
  std::unique_ptr<SQLite::Statement> touch_job_;
  std::unique_ptr<SQLite::Statement> write_stage_;
  std::unique_ptr<SQLite::Statement> write_gate_;
  std::unique_ptr<SQLite::Statement> write_snapshot_;
  std::unique_ptr<SQLite::Statement> write_stamp_;
  std::unique_ptr<SQLite::Statement> begin_;
  std::unique_ptr<SQLite::Statement> commit_;
};

// A row of `SELECT kJobColumns FROM jobs` as the state that EncodeJobSummary() needs, without
// stages and gates.
inline constexpr const char* kJobColumns =
    "first_seq, job_id, status, job_seq, last_seq, created_at, updated_at, violations, last_hash, "
    "pipeline, reason, strict, epoch, started_at, ended_at, paused_since, waited, stopped, done, "
    "latest, labels, implicit";
JobState ListedJob(SQLite::Statement& row);

// All rows that are derived from the events of one job, but for snapshots, as text to compare.
std::string DumpStateRows(SQLite::Database& database, int64_t first_seq);

// Folds into `state` the events of its job after `state.as_of_seq` up to `through_seq`, from the
// last snapshot where it is new. A job that is not there leaves it as it is. Throws
// SQLite::Exception.
void AdvanceJobState(SQLite::Database& database, FileLines& lines, JobState& state,
                     int64_t through_seq, Tail tail, StateChanges* changes = nullptr);

// The state of a job after its last event that is not later than `through_seq`, folded from the
// snapshot before it. No value for an unknown job and before its first event. Throws
// SQLite::Exception.
std::optional<JobState> LoadJobState(SQLite::Database& database, FileLines& lines,
                                     const std::string& job_id, int64_t through_seq, Tail tail);

// True when the database itself is damaged, not merely out of reach.
bool IsCorruption(const SQLite::Exception& problem);

}  // namespace stagelog

#endif  // STAGELOG_LOG_TABLE_EVENT_TABLE_H_
