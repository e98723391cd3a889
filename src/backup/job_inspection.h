// Checks one job's events.jsonl, compressed or not, by itself and against the database.
#ifndef STAGELOG_BACKUP_JOB_INSPECTION_H_
#define STAGELOG_BACKUP_JOB_INSPECTION_H_

#include <SQLiteCpp/SQLiteCpp.h>

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/file_system.h"
#include "core/chain_check.h"
#include "core/job_state.h"
#include "log/file/line_reader.h"
#include "log/table/event_table.h"

namespace stagelog {

// Called with each finding and its place, a path inside the runs folder.
using FindingCallback = std::function<void(const std::string& where, const std::string& what)>;

// For one job. Holds the seqs of its events, besides a line. Changes nothing. Throws
// SQLite::Exception.
class JobInspection {
 public:
  // `database` may be null, `scratch` is a table without jobs of its own, `tail` is the database's.
  // All of them outlive this object.
  JobInspection(FileSystem& files, const std::string& runs_dir, SQLite::Database* database,
                EventTable& scratch, const LogTail& tail, std::string job_id,
                const FindingCallback& tell);

  // Returns how many lines the file has.
  int64_t Run();

 private:
  void ReadFileLines();
  void CompareLine(const Event& event, const FileLine& line);
  std::string DifferenceOf(const Event& event, const FileLine& line);
  void LookForMissingEvents();
  void CompareState();
  void Report(const std::string& what) { on_finding_(name_, what); }

  FileSystem& files_;
  const std::string& runs_dir_;
  SQLite::Database* const database_;
  EventTable& scratch_;
  const LogTail& tail_;
  const std::string job_id_;
  const FindingCallback& on_finding_;
  std::string name_;  // of the file inside the runs folder
  ChainCheck check_;
  std::optional<SQLite::Statement> find_row_;
  int64_t first_seq_ = 0;           // 0: the database does not know the job
  int64_t listed_through_ = 0;      // the event up to which its rows are; 0: it has none yet
  std::optional<JobState> listed_;  // the state after that, where there are later events
  bool file_exists_ = false;        // the file
  bool is_whole_ = true;            // each event of the database has its line
  std::vector<int64_t> seqs_;
  JobState folded_;
};

}  // namespace stagelog

#endif  // STAGELOG_BACKUP_JOB_INSPECTION_H_
