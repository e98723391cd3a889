// What goes wrong on a FaultFileSystem, and when; and how often each operation was asked for.
#ifndef STAGELOG_TESTS_SUPPORT_FAULT_PLAN_H_
#define STAGELOG_TESTS_SUPPORT_FAULT_PLAN_H_

#include <cerrno>
#include <condition_variable>
#include <cstddef>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace stagelog {

// What can be counted, failed and held up. One WriteFile is a kOpen, a kWrite and a kSync.
enum class Operation {
  kOpen,      // for writing
  kOpenRead,  // for reading only
  kRead,
  kWrite,
  kSync,
  kTruncate,
  kRename,  // its path is "<from> <to>", so that either can be matched
  kRemove,
  kMakeDirectory,
  kSyncDirectory,
  kStat,
  kList,
  kClose,  // by Close(); what is thrown away is not counted
};

// One thing that goes wrong.
struct Fault {
  std::optional<Operation> operation;  // none: any of them that changes the disk
  size_t nth = 1;                      // counted from 1, among those that match from now on
  std::string path_contains = {};      // only operations on such paths match
  int error_number = EIO;
  bool until_healed = false;  // not only the n-th but every match after it too
  // For a write: this many bytes (at most) are written before it fails.
  std::optional<size_t> torn_bytes = std::nullopt;
  // For a sync: what was not synced is gone at once, as when the kernel drops pages that it could
  // not write.
  bool lose_unsynced = false;
  // For a sync: the kernel counts what it could not write as written. It is read as it was written,
  // a later sync succeeds, and a power cut takes it back all the same, unless it was written anew.
  bool forget_unsynced = false;
};

// Safe from any thread.
class FaultPlan {
 public:
  void Inject(Fault fault);

  // Holds up the n-th matching operation, and those after it, until Release or Heal.
  void Block(std::optional<Operation> operation, size_t nth, std::string path_contains);

  // Returns when an operation is being held up.
  void WaitUntilBlocked();

  // Lets what is held up go on and holds up nothing more.
  void Release();

  // Takes all faults back, and releases.
  void Heal();

  // Operations asked for, failed ones too. None: any that changes the disk.
  size_t Count(std::optional<Operation> operation, const std::string& path_contains) const;
  void ResetCounts();

  // Called before each operation: counts it, perhaps holds it up, and says what is to go wrong.
  std::optional<Fault> Arrive(Operation operation, const std::string& path);

 private:
  struct Rule {
    Fault fault;
    size_t seen = 0;
  };

  // Counts the operation for this rule; true when it is the rule's turn.
  static bool Strikes(Rule& rule, Operation operation, const std::string& path);
  static bool Matches(std::optional<Operation> wanted, const std::string& path_contains,
                      Operation operation, const std::string& path);

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<Rule> faults_;
  std::vector<Rule> blocks_;
  size_t blocked_ = 0;
  size_t releases_ = 0;
  std::vector<std::pair<Operation, std::string>> log_;
};

}  // namespace stagelog

#endif  // STAGELOG_TESTS_SUPPORT_FAULT_PLAN_H_
