// What is left of jobs that were deleted for good: their names, so that they do not come back.
//
// Tombstones are in the table `deleted_jobs` and in runs/stagelog.deleted.jsonl, one line each. The
// file is written and synced first: from then on the deletion is decided, whatever becomes of the
// database. What the two lack of each other is made good when the journal is opened.
#ifndef STAGELOG_LOG_FILE_TOMBSTONES_H_
#define STAGELOG_LOG_FILE_TOMBSTONES_H_

#include <cstdint>
#include <string>
#include <vector>

#include "base/file_system.h"

namespace stagelog {

// No journal comes to a greater one.
inline constexpr int64_t kMaxSeq = INT64_MAX / 2;

struct Tombstone {
  // The deletion's own place in the log; `last_seq` for a deletion from before there were such.
  int64_t seq = 0;
  std::string job_id;
  int64_t first_seq = 0;
  int64_t last_seq = 0;  // given out and never used again
  int64_t last_ts_micros = 0;
  int64_t event_count = 0;
  int64_t deleted_at_micros = 0;
  std::string actor;       // who asked for it; empty for retention
  bool is_pending = true;  // rows or files may still be there; not in the file

  bool operator==(const Tombstone&) const = default;
};

std::string TombstoneFilePath(const std::string& runs_dir);

// One line, without its newline.
std::string EncodeTombstone(const Tombstone& tombstone);

// Whether the file takes a line, as far as that shows without writing one.
Status CheckTombstoneFile(FileSystem& files, const std::string& runs_dir);

// Adds a line and syncs it. After a failure the outcome is unknown until the journal was opened
// anew.
Status AppendTombstone(FileSystem& files, const std::string& runs_dir, const Tombstone& tombstone);

// The file as it is. A missing one is an empty one.
struct TombstoneFile {
  std::vector<Tombstone> tombstones;
  uint64_t size_bytes = 0;
  bool is_torn = false;     // the last line has no end
  bool is_damaged = false;  // a whole line is no tombstone
};
Result<TombstoneFile> ReadTombstones(FileSystem& files, const std::string& runs_dir);

// Replaces the file by these.
Status WriteTombstones(FileSystem& files, const std::string& runs_dir,
                       const std::vector<Tombstone>& tombstones);

// --- The files of a deleted job ---

// Where MoveToTrash() puts what is left to remove.
std::string TrashPath(const std::string& runs_dir, int64_t first_seq);

// Takes the job's folder out of the way at once and for good (synced); a folder that is not there
// is no failure.
Status MoveToTrash(FileSystem& files, const std::string& runs_dir, const std::string& job_id,
                   int64_t first_seq);

// Names in the runs folder that MoveToTrash() has made.
Result<std::vector<std::string>> ListTrash(FileSystem& files, const std::string& runs_dir);

// Removes one file, a part of a large one, or an empty folder of what is at `path`. True when
// nothing is there any more.
Result<bool> RemoveSome(FileSystem& files, const std::string& path);

}  // namespace stagelog

#endif  // STAGELOG_LOG_FILE_TOMBSTONES_H_
