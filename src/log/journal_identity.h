// runs/journal.json: the data that must survive the loss of the database.
#ifndef STAGELOG_LOG_JOURNAL_IDENTITY_H_
#define STAGELOG_LOG_JOURNAL_IDENTITY_H_

#include <cstdint>
#include <string>

#include "base/file_system.h"

namespace stagelog {

struct JournalIdentity {
  std::string journal_id;   // empty when there is no file
  int64_t highest_seq = 0;  // no greater seq was ever given
  bool is_backup = false;   // a copy that was not opened yet; the journal itself may have gone on
};

// An empty identity when the file is not there; a failure when it is and cannot be understood.
Result<JournalIdentity> ReadJournalIdentity(FileSystem& files, const std::string& runs_dir);

Status WriteJournalIdentity(FileSystem& files, const std::string& runs_dir,
                            const JournalIdentity& identity);

}  // namespace stagelog

#endif  // STAGELOG_LOG_JOURNAL_IDENTITY_H_
