// Whether a journal at rest is sound, told without changing a byte of it.
#ifndef STAGELOG_BACKUP_INTEGRITY_CHECK_H_
#define STAGELOG_BACKUP_INTEGRITY_CHECK_H_

#include <cstdint>
#include <string>

#include "backup/job_inspection.h"
#include "base/file_system.h"

namespace stagelog {

struct IntegritySummary {
  int64_t findings = 0;
  int64_t jobs = 0;
  int64_t events = 0;  // lines of all files
};

// Looks at the database itself, at each job's file and its rows, at what was deleted and at the
// counters, and tells of everything that is not as a journal that was closed leaves it; also of
// what a crash has left and the next start makes good. Fails where it cannot look: no journal, one
// that a daemon has open, one of another version.
Result<IntegritySummary> CheckIntegrity(FileSystem& files, const std::string& runs_dir,
                                        const TellFinding& tell);

}  // namespace stagelog

#endif  // STAGELOG_BACKUP_INTEGRITY_CHECK_H_
