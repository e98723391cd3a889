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
#include "log/event_table.h"
#include "log/journal_identity.h"

namespace stagelog {

// What recovery found and did, for the log and /readyz.
struct RecoveryReport {
  bool rebuilt = false;        // the database was missing or damaged and was made from the files
  int64_t jobs_compared = 0;   // files that were read whole
  int64_t lines_taken = 0;     // from files into the database
  int64_t lines_appended = 0;  // from the database to files
  int64_t tails_cut = 0;       // lines torn by a crash
  int64_t lines_lost = 0;      // that were in files alone and are no more
  std::vector<std::string> set_aside;  // new names of files that were renamed away
  std::string restored_from;           // the journal_id of which this was a backup
  bool states_rebuilt = false;         // every job was folded anew
  bool fold_version_changed = false;   // ... for the rows were made by another version's rules
  std::vector<std::string> states_differed;  // jobs whose rows were missing, lagged or were wrong
};

struct OpenedJournal {
  std::unique_ptr<EventTable> table;
  JournalIdentity identity;  // highest_seq as in the file and the table
  int64_t next_seq = 1;
  int64_t last_ts_micros = 0;
  RecoveryReport report;
};

std::string DatabasePath(const std::string& runs_dir);

// The caller holds the RunLock. `database_is_corrupt` forces a rebuild from the files,
// `rebuild_states` a new fold of every job. `was_just_written`: this process has written all that
// is in the folder, and no sync of it has failed.
Result<OpenedJournal> OpenJournal(FileSystem& files, Clock& clock, const std::string& runs_dir,
                                  bool database_is_corrupt = false, bool rebuild_states = false,
                                  bool was_just_written = false);

}  // namespace stagelog

#endif  // STAGELOG_LOG_RECOVERY_H_
