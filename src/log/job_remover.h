// Deletes whole jobs from the journal permanently.
#ifndef STAGELOG_LOG_JOB_REMOVER_H_
#define STAGELOG_LOG_JOB_REMOVER_H_

#include <deque>
#include <optional>
#include <string>
#include <vector>

#include "base/file_system.h"
#include "log/file/tombstones.h"
#include "log/table/event_table.h"

namespace stagelog {

// What is durable when, and what opening the journal makes of a crash at any point:
//  1. the tombstone is in its file and synced: decided; the journal goes on from here when opened;
//  2. one transaction: the tombstone is in the table, the job's own rows are gone, and the tables
//     of jobs are complete up to the tombstone's seq. From here on the job is answered 410;
//  3. its events go, some thousands a step; then its folder is renamed (which takes all of its
//     files away at once) and removed, a file a step;
//  4. the tombstone is no longer pending.
// Writer thread only.
class JobRemover {
 public:
  JobRemover(FileSystem& files, std::string runs_dir)
      : files_(files), runs_dir_(std::move(runs_dir)) {}

  // Whether step 1 can be done, as far as that shows without doing it.
  Status Check() const { return CheckTombstoneFile(files_, runs_dir_); }

  // Steps 1 and 2, with the tombstone at the head of the log and no event before it that the tables
  // lack. After a failure the outcome is unknown: the journal has to be opened anew.
  Status Begin(EventTable& table, Tombstone tombstone);

  // Step 3 from the folder on, for a job whose folder could not be removed before.
  void Resume(Tombstone tombstone) { removals_.push_back({std::move(tombstone), Stage::kFolder}); }

  // Whether there is something left to do.
  bool HasWork() const { return !removals_.empty(); }

  // A job that is done with. Its tombstone stays pending if the folder could not be removed.
  struct Removed {
    Tombstone tombstone;
    std::string folder_problem;  // why not; empty if it is gone
  };

  // A few milliseconds of step 3 or 4 for the job that was begun first; a value when that is all.
  // After a failure the journal has to be reopened.
  Result<std::optional<Removed>> Step(EventTable& table);

  // The journal was closed: pending work is finished when it is opened again, before it serves
  // anything.
  void Abandon() { removals_.clear(); }

  // When the journal is opened, before any other use of `table` or the folders: makes the table and
  // the tombstone file agree and finishes pending deletions. Appends the names of files set aside,
  // and what was wrong with folders that could not be removed: their tombstones stay pending.
  // Throws SQLite::Exception.
  Status FinishAll(EventTable& table, const std::string& time_suffix,
                   std::vector<std::string>& set_aside, std::vector<std::string>& folder_problems);

 private:
  enum class Stage { kRows, kFolder, kFiles };
  struct Removal {
    Tombstone tombstone;
    Stage stage = Stage::kRows;
  };

  Status EmptyTrash();
  Result<bool> RemoveSomeOfFolder(Removal& removal);
  Status RemoveFolder(const Tombstone& tombstone);
  Status Reconcile(EventTable& table, const std::string& time_suffix,
                   std::vector<std::string>& set_aside);

  FileSystem& files_;
  const std::string runs_dir_;
  std::deque<Removal> removals_;
};

}  // namespace stagelog

#endif  // STAGELOG_LOG_JOB_REMOVER_H_
