// The memory of a FaultFileSystem: what was done to real files and folders since each was last
// synced, so that a power cut can take it back.
#ifndef STAGELOG_TESTS_SUPPORT_FAULT_DISK_H_
#define STAGELOG_TESTS_SUPPORT_FAULT_DISK_H_

#include <cstdint>
#include <ctime>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "base/result.h"
#include "tests/support/temporary_directory.h"

namespace stagelog {

// How to take one write or truncation back: put `before` at `offset` and cut to `old_size`.
struct UndoWrite {
  uint64_t offset = 0;
  std::string before;
  uint64_t old_size = 0;
  uint64_t new_length = 0;  // bytes that the write put at `offset`; 0 for a truncation
  bool is_forgotten =
      false;  // by the kernel, after a failed sync: no later one brings it to the disk
};

// One file as the disk knows it. It keeps its identity when it is renamed or removed.
struct DiskFile {
  std::string path;      // what it is called
  std::string location;  // where its bytes are; not `path` once it is removed
  std::vector<UndoWrite> unsynced;
  timespec synced_mtime = {};
  bool is_sqlite = false;
};

using DiskFilePointer = std::shared_ptr<DiskFile>;

// Every function but Lock, PathOf, PowerOff, PowerOn and Kill wants the caller to hold Lock().
// Paths have been through NormalPath.
class FaultDisk {
 public:
  std::unique_lock<std::mutex> Lock() { return std::unique_lock(mutex_); }

  std::string PathOf(const DiskFilePointer& file) const;

  // Counts the power cuts. What was opened in an earlier epoch is dead.
  uint64_t Epoch() const { return epoch_; }
  bool IsUsable(uint64_t epoch) const { return powered_ && epoch == epoch_; }
  bool IsPowered() const { return powered_; }

  // The file at `path`, which was just opened; `is_new` when opening made it.
  DiskFilePointer Opened(const std::string& path, bool is_new);

  // Call before the write or truncation.
  void WillWrite(const DiskFilePointer& file, UndoWrite undo);

  // For a file whose descriptors hold no locks (SQLite's do): looks up the bytes itself.
  void WillAppend(const DiskFilePointer& file, uint64_t length);
  void WillTruncate(const DiskFilePointer& file, uint64_t size);

  // What is forgotten stays unsynced where nothing was written over it since.
  void Synced(const DiskFilePointer& file);
  void LoseUnsynced(const DiskFilePointer& file);
  void ForgetUnsynced(const DiskFilePointer& file);
  // All of it was written anew and synced.
  void Rewritten(const std::string& path) { FileAt(path)->unsynced.clear(); }

  // These do the work as well as remembering it.
  Status Truncate(const std::string& path, uint64_t size);
  Status Rename(const std::string& from, const std::string& to);
  Status Remove(const std::string& path);
  Status RemoveDirectory(const std::string& path);
  Status MakeDirectory(const std::string& path);
  void SyncDirectory(const std::string& path);

  // Takes back what was not synced: all of it, or with a seed a random tail of it (of the names'
  // changes, and of each file's writes, the first of which may be torn in the middle).
  void PowerOff(std::optional<uint64_t> seed);
  void PowerOn();

  // What a kill -9 of the process does: what was opened is dead, and nothing is taken back, until a
  // power cut does that. PowerOn() comes next, too.
  void Kill();

 private:
  // A change to a folder that a power cut takes back until the folder is synced.
  struct NameChange {
    enum class Kind { kCreate, kMakeDirectory, kRename, kRemove, kRemoveDirectory };
    Kind kind;
    std::string path;        // for kRename: the new name
    std::string from;        // for kRename
    DiskFilePointer buried;  // the file that was removed or replaced
  };

  DiskFilePointer FileAt(const std::string& path);
  // Keeps the bytes at `path` under another name, for the day of a power cut.
  DiskFilePointer Bury(const std::string& path);
  void Unbury(const DiskFilePointer& file);
  void MoveFiles(const std::string& from, const std::string& to);
  // What was changed in a folder goes with it.
  void MoveChanges(const std::string& from, const std::string& to);
  void Forget(const NameChange& change);
  void Undo(const NameChange& change);
  void RollBack(DiskFile& file, std::mt19937_64* random);

  mutable std::mutex mutex_;
  bool powered_ = true;
  uint64_t epoch_ = 1;
  std::map<std::string, DiskFilePointer> files_;  // by path; those touched since the last cut
  std::vector<NameChange> name_changes_;          // oldest first
  TemporaryDirectory graveyard_;
  uint64_t burials_ = 0;
};

// Absolute, without "." or ".." or doubled or trailing slashes.
std::string NormalPath(const std::string& path);

}  // namespace stagelog

#endif  // STAGELOG_TESTS_SUPPORT_FAULT_DISK_H_
