// runs/journal.json: the data that must survive the loss of the database.
#ifndef STAGELOG_LOG_JOURNAL_IDENTITY_H_
#define STAGELOG_LOG_JOURNAL_IDENTITY_H_

#include <cstdint>
#include <string>
#include <vector>

#include "base/file_system.h"

namespace stagelog {

// A job whose events.jsonl could not be written: if the database is lost, so are its events from
// `first_missing_job_seq` on.
struct OwedFile {
  std::string job_id;
  int64_t first_missing_job_seq = 1;

  bool operator==(const OwedFile&) const = default;
};

// By how much `highest_seq` is ahead of the seqs in use, so that few commits have to raise it.
inline constexpr int64_t kSeqReserve = 65'536;

struct JournalIdentity {
  std::string journal_id;   // empty when there is no file
  int64_t highest_seq = 0;  // no greater seq was ever given
  bool is_backup = false;   // a copy that was not opened yet; the journal itself may have gone on
  std::vector<OwedFile> owed_files = {};  // in the order of job_id
};

// An empty identity when the file is not there; a failure when it is and cannot be understood.
Result<JournalIdentity> ReadJournalIdentity(FileSystem& files, const std::string& runs_dir);

Status WriteJournalIdentity(FileSystem& files, const std::string& runs_dir,
                            const JournalIdentity& identity);

}  // namespace stagelog

#endif  // STAGELOG_LOG_JOURNAL_IDENTITY_H_
