// Checks the integrity of a journal that is not in use, without changing it.
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

// Checks the database itself, each job's file and rows, the tombstones and the counters, and
// reports every deviation from a cleanly closed journal, including what a crash has left and the
// next start repairs. Fails if it cannot check: no journal, one that a daemon has open, one of
// another version.
Result<IntegritySummary> CheckIntegrity(FileSystem& files, const std::string& runs_dir,
                                        const FindingCallback& tell);

}  // namespace stagelog

#endif  // STAGELOG_BACKUP_INTEGRITY_CHECK_H_
