// The machine's disk with a test's hand on it: any operation can fail, tear or wait, and a power
// cut can take back what was not synced.
#ifndef STAGELOG_TESTS_SUPPORT_FAULT_FILE_SYSTEM_H_
#define STAGELOG_TESTS_SUPPORT_FAULT_FILE_SYSTEM_H_

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/file_system.h"
#include "tests/support/fault_disk.h"
#include "tests/support/fault_plan.h"
#include "tests/support/fault_sqlite_vfs.h"

namespace stagelog {

// Works on real paths, which the test keeps in a TemporaryDirectory. Only what goes through this
// object (or SqliteVfs) is tracked; what a test writes by other means counts as synced. Syncs do
// not reach the real disk: they are only remembered, which makes tests quick.
//
//   FaultFileSystem files;
//   files.Inject({.operation = Operation::kSync, .nth = 3, .error_number = ENOSPC});
//   ...
//   files.Crash();  // what was opened before is dead; open everything anew
//
// To fail each step in turn, run once clean, take OperationCount(), and for each i up to it run
// again with Inject({.nth = i}).
//
// Safe from any thread. Must outlive the handles and connections made with it.
class FaultFileSystem : public FileSystem {
 public:
  FaultFileSystem() = default;

  void Inject(Fault fault) { plan_.Inject(std::move(fault)); }
  void BlockNth(std::optional<Operation> operation, size_t nth = 1,
                std::string path_contains = {}) {
    plan_.Block(operation, nth, std::move(path_contains));
  }
  void WaitUntilBlocked() { plan_.WaitUntilBlocked(); }
  void Release() { plan_.Release(); }
  void Heal() { plan_.Heal(); }

  size_t OperationCount(std::optional<Operation> operation = std::nullopt,
                        const std::string& path_contains = {}) const {
    return plan_.Count(operation, path_contains);
  }
  void ResetCounts() { plan_.ResetCounts(); }

  // What FreeBytes() says from now on; none: what the disk says.
  void SetFreeBytes(std::optional<uint64_t> bytes) { free_bytes_ = bytes; }

  // Cuts the power and takes back what was not synced: all of it, or with a seed a random tail (the
  // first write taken back may stay in part: a torn write). Handles and connections made before
  // fail from now on, whatever they are asked, and change nothing; what is blocked goes on, to
  // fail. Injected faults stay. Until PowerOn everything else fails too, so that an object that is
  // being thrown away can do no harm by path.
  void PowerOff(std::optional<uint64_t> seed = std::nullopt);
  void PowerOn() { disk_.PowerOn(); }

  // In place of PowerOff: the process is killed and the machine goes on. All that was written
  // stays, and what of it was not synced a later power cut still takes back.
  void Kill() {
    disk_.Kill();
    plan_.Release();
  }

  // Both: as after a reboot.
  void Crash(std::optional<uint64_t> seed = std::nullopt) {
    PowerOff(seed);
    PowerOn();
  }

  void FollowNoLinksBelow(const std::string& folder) override;
  Result<std::unique_ptr<AppendFile>> OpenAppend(const std::string& path) override;
  Result<std::unique_ptr<ReadFile>> OpenRead(const std::string& path) override;
  Status WriteFile(const std::string& path, std::string_view bytes) override;
  Status Rewrite(const std::string& path, uint64_t offset) override;
  Status Truncate(const std::string& path, uint64_t size) override;
  Status Rename(const std::string& from, const std::string& to) override;
  Status Remove(const std::string& path) override;
  Status RemoveDirectory(const std::string& path) override;
  Status CreateDirectory(const std::string& path) override;
  Status SyncDirectory(const std::string& path) override;
  Result<std::vector<std::string>> List(const std::string& path) override;
  Result<std::optional<FileInfo>> Stat(const std::string& path) override;

  Result<uint64_t> FreeBytes(const std::string& path) override;

  // Registered by this object; of the present epoch: ask again after a crash.
  std::string SqliteVfs() const override;

 private:
  class FaultAppendFile;
  class FaultReadFile;

  Result<std::unique_ptr<FaultAppendFile>> Open(const std::string& path, bool truncate);

  mutable FaultPlan plan_;
  mutable FaultDisk disk_;
  std::optional<uint64_t> free_bytes_;
  mutable std::vector<std::unique_ptr<FaultSqliteVfs>> sqlite_;  // one an epoch; under disk_.Lock()
};

}  // namespace stagelog

#endif  // STAGELOG_TESTS_SUPPORT_FAULT_FILE_SYSTEM_H_
