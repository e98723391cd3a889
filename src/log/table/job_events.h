// Finds the events of one job.
//
// The log (the table `events`) is ordered by seq alone. The table `job_events` lists it by job. It
// follows the log, as do the rows of jobs, stages and gates: the newest events, the tail of the
// log, may not be in it yet. `tables_through` in the table `journal` says up to where it is
// complete; the row of a job says up to which event (`last_seq`) it and the job's part of
// `job_events` are, which may be further.
#ifndef STAGELOG_LOG_TABLE_JOB_EVENTS_H_
#define STAGELOG_LOG_TABLE_JOB_EVENTS_H_

#include <SQLiteCpp/SQLiteCpp.h>

#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

namespace stagelog {

// Whether the tail is looked through for events of the job. That takes time in proportion to its
// length. kSkip: the caller knows that the job has none there.
enum class Tail { kSkip, kRead };

// SQL for the seq up to which the tables are complete.
inline constexpr const char* kSelectTablesThrough =
    "SELECT coalesce((SELECT CAST(value AS INTEGER) FROM journal WHERE key = 'tables_through'), 0)";

// Which events of the job SelectJobEvents() gives.
enum class JobRange {
  kSeqs,        // ?2 < seq and seq <= ?3
  kAfterJobSeq  // ?2 < job_seq
};

// SQL as of StoredEvents::Select(), for the job whose first seq is ?1.
std::string SelectJobEvents(JobRange range, bool with_files, Tail tail, bool newest_first);

// What the row of a job says.
struct JobPlace {
  int64_t first_seq = 0;  // 0: there is no such job
  int64_t job_seq = 0;    // of the last event in the tables; 0: there is none, as for the next
  int64_t last_seq = 0;
  bool is_over = false;  // by that event
};

// Throws SQLite::Exception.
JobPlace FindJobPlace(SQLite::Database& database, const std::string& job_id, Tail tail);

// The tail as a whole, for those who look at many jobs.
struct LogTail {
  std::unordered_map<int64_t, std::vector<int64_t>> seqs;  // by the job's first seq, ascending
  std::unordered_map<std::string, int64_t> new_jobs;       // those without a row: their first seq
};

// Throws SQLite::Exception.
LogTail ReadLogTail(SQLite::Database& database);

// The jobs that begin in the tail: they have no row yet. Throw SQLite::Exception.
//
// The first seq of the one with that name; 0: there is none.
int64_t FindNewJob(SQLite::Database& database, const std::string& job_id);
std::vector<std::string> NewJobIds(SQLite::Database& database);

}  // namespace stagelog

#endif  // STAGELOG_LOG_TABLE_JOB_EVENTS_H_
