// SQLite's files on a FaultFileSystem.
#ifndef STAGELOG_TESTS_SUPPORT_FAULT_SQLITE_VFS_H_
#define STAGELOG_TESTS_SUPPORT_FAULT_SQLITE_VFS_H_

#include <sqlite3.h>

#include <cstdint>
#include <string>

#include "tests/support/fault_disk.h"
#include "tests/support/fault_plan.h"

namespace stagelog {

// A shim over SQLite's default VFS, registered while it lives. It belongs to one epoch of the disk:
// after a power cut everything done through it fails and has no effect, so a connection of before
// the cut can be closed at any later time. Locks and shared memory are the default VFS's own; files
// without a name (SQLite's temporary ones) are not tracked. Nothing is mapped into memory (version
// 2 of the methods). Must outlive its connections.
class FaultSqliteVfs {
 public:
  FaultSqliteVfs(FaultPlan& plan, FaultDisk& disk, uint64_t epoch);
  ~FaultSqliteVfs();
  FaultSqliteVfs(const FaultSqliteVfs&) = delete;
  FaultSqliteVfs& operator=(const FaultSqliteVfs&) = delete;

  const std::string& name() const { return name_; }
  uint64_t epoch() const { return epoch_; }

 private:
  friend struct FaultSqliteFile;
  friend struct FaultSqliteFunctions;

  FaultPlan& plan_;
  FaultDisk& disk_;
  const uint64_t epoch_;
  sqlite3_vfs* const base_;
  const std::string name_;
  sqlite3_vfs vfs_ = {};
};

}  // namespace stagelog

#endif  // STAGELOG_TESTS_SUPPORT_FAULT_SQLITE_VFS_H_
