// The tables of stagelog.db as their one writer sees them.
#ifndef STAGELOG_JOURNAL_EVENT_TABLE_H_
#define STAGELOG_JOURNAL_EVENT_TABLE_H_

#include <SQLiteCpp/SQLiteCpp.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/file_system.h"
#include "core/job_state.h"

namespace stagelog {

// What a job's events.jsonl looked like when it was last known to agree with the table. While the
// file and the job's last event are still the same, nobody has to read it again.
struct FileNote {
  FileInfo info;
  int64_t job_seq = 0;
};

// A row of the table `jobs`.
struct JobRow {
  JobState state;
  std::optional<FileNote> file;
};

// Where an event with a given id is.
struct FoundEvent {
  int64_t seq = 0;
  std::string body;
};

// One connection that reads and writes. One thread at a time. Everything throws SQLite::Exception;
// the journal's outer functions turn that into values.
class EventTable {
 public:
  // Opens or creates the database and brings its schema up to date. Commits are durable when
  // `durable` (synchronous=FULL); without, they are as safe as the next checkpoint.
  EventTable(const std::string& path, const std::string& vfs, bool durable = true);

  void Begin();
  void Commit();
  void Rollback() noexcept;

  int64_t HeadSeq();       // 0 when there is no event
  int64_t LastTsMicros();  // of the event at the head

  std::string JournalId();  // empty when none was set
  void SetJournalId(const std::string& id);
  // Bounds that outlive the events, 0 when never noted. No seq above `highest` was given; none up
  // to `floor` may be given (again), though there may be no such event.
  int64_t HighestSeq() { return Number("highest_seq"); }
  int64_t FloorSeq() { return Number("floor_seq"); }
  void SetHighestSeq(int64_t seq) { SetNumber("highest_seq", seq); }
  void SetFloorSeq(int64_t seq) { SetNumber("floor_seq", seq); }

  // `first_seq` is the job's, `body` the encoded line.
  void InsertEvent(int64_t seq, int64_t first_seq, int64_t job_seq, int64_t ts_micros,
                   const std::string& event_id, const std::string& body);
  bool HasSeq(int64_t seq);
  std::optional<FoundEvent> FindEventById(int64_t first_seq, const std::string& event_id);

  std::optional<JobRow> FindJob(const std::string& job_id);
  std::vector<std::string> AllJobIds();
  void WriteJob(const JobState& state);
  void WriteFileNote(int64_t first_seq, const FileNote& note);

  // Calls `visit(seq, body)` for the job's events with a greater job_seq, in order, until it
  // returns false.
  using Visit = std::function<bool(int64_t seq, std::string_view body)>;
  void VisitJobEvents(int64_t first_seq, int64_t after_job_seq, const Visit& visit);

  // Calls `visit` for all events after `after_seq` in order.
  void VisitEvents(int64_t after_seq, const Visit& visit);

  // Moves the whole write-ahead log into the database file.
  void Checkpoint();

 private:
  SQLite::Statement& Prepared(std::unique_ptr<SQLite::Statement>& slot, const char* sql);
  void Migrate();
  int64_t Number(const std::string& key);
  void SetNumber(const std::string& key, int64_t value);

  SQLite::Database database_;
  std::unique_ptr<SQLite::Statement> insert_event_;
  std::unique_ptr<SQLite::Statement> has_seq_;
  std::unique_ptr<SQLite::Statement> find_by_id_;
  std::unique_ptr<SQLite::Statement> find_job_;
  std::unique_ptr<SQLite::Statement> write_job_;
  std::unique_ptr<SQLite::Statement> write_note_;
  std::unique_ptr<SQLite::Statement> begin_;
  std::unique_ptr<SQLite::Statement> commit_;
};

// The state in a row of `SELECT <kJobColumns> FROM jobs`.
inline constexpr const char* kJobColumns =
    "first_seq, job_id, status, job_seq, last_seq, created_at, updated_at, violations, last_hash";
JobState JobStateOfRow(SQLite::Statement& row);

// True when the database itself is damaged, not merely out of reach.
bool IsCorruption(const SQLite::Exception& problem);

}  // namespace stagelog

#endif  // STAGELOG_JOURNAL_EVENT_TABLE_H_
