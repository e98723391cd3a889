// Opens a journal: whatever state the last process left it in, the result is a table and files that
// agree (guarantee 8 in src/GUARANTEES.md), or a failure.
#ifndef STAGELOG_LOG_RECOVERY_H_
#define STAGELOG_LOG_RECOVERY_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/file_system.h"
#include "core/journal_status.h"
#include "log/job_file_reconciler.h"
#include "log/journal_identity.h"
#include "log/table/event_table.h"

namespace stagelog {

// What recovery found and did, for the log and /readyz.
struct RecoveryReport {
  bool rebuilt = false;        // the database was missing or damaged and was made from the files
  int64_t jobs_compared = 0;   // jobs whose file was read completely
  int64_t events_listed = 0;   // that the tables of jobs did not have yet, as after a crash
  int64_t lines_taken = 0;     // from files into the database
  int64_t lines_appended = 0;  // from the database to files
  int64_t tails_cut = 0;       // incomplete last lines (of a crash) that were cut off
  int64_t lines_lost = 0;      // were only in a file, and cannot be read any more
  std::vector<ObstructedFile> lost_tails;       // were only in the database, which is gone
  std::vector<std::string> set_aside;           // new names of files that recovery renamed
  std::vector<std::string> unreadable_folders;  // of jobs that the database does not know
  std::vector<std::string> folder_problems;     // of deleted jobs whose folder is left
  std::string restored_from;                    // if this was a backup: journal_id of its original
  bool states_rebuilt = false;               // every job's state was computed anew from its events
  bool fold_version_changed = false;         // why: another version's rules made the rows
  std::vector<std::string> states_differed;  // jobs whose rows were missing, outdated or wrong

  void AddRepair(JobRepair repair);
};

struct OpenedJournal {
  std::unique_ptr<EventTable> table;
  JournalIdentity identity;  // highest_seq is the same in the file and the table
  int64_t next_seq = 1;
  int64_t last_ts_micros = 0;
  RecoveryReport report;
  // Jobs whose file cannot be compared now: the events are in the table. Also in the identity.
  std::vector<ObstructedFile> obstructed_files;
};

std::string DatabasePath(const std::string& runs_dir);

// Fails where a part of the database at that path (the file itself, its log, its index) is no
// regular file or cannot be opened, and names it; parts that do not exist are passed over. For
// where SQLite has failed, which names none of them. `for_writing`: also where it cannot be
// written.
Status CheckDatabaseFiles(FileSystem& files, const std::string& database, bool for_writing);

// The caller holds the RunLock. `database_is_corrupt`: rebuild the database from the files.
// `rebuild_states`: compute every job's state anew. `was_just_written`: this process wrote all data
// in the folder, and no sync of that data has failed.
Result<OpenedJournal> OpenJournal(FileSystem& files, Clock& clock, const std::string& runs_dir,
                                  bool database_is_corrupt = false, bool rebuild_states = false,
                                  bool was_just_written = false);

}  // namespace stagelog

#endif  // STAGELOG_LOG_RECOVERY_H_
