// runs/<job_id>/events.jsonl of every job, appended to by the one writer.
#ifndef STAGELOG_LOG_FILE_JOB_FILES_H_
#define STAGELOG_LOG_FILE_JOB_FILES_H_

#include <cstdint>
#include <list>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/file_system.h"

namespace stagelog {

std::string JobDirectory(const std::string& runs_dir, const std::string& job_id);
std::string JobFilePath(const std::string& runs_dir, const std::string& job_id);

// Creates the job's folder if missing, and returns whether it did: the folder is durable once the
// runs folder was synced. Fails if something else, such as a symbolic link, is in its place: events
// must not be written outside of the runs folder.
Result<bool> EnsureJobDirectory(FileSystem& files, const std::string& runs_dir,
                                const std::string& job_id);

// Keeps at most `max_open` files open, the least recently used one is closed first. Remembers which
// files were appended to and not yet synced ("dirty"). Writer thread only.
class JobFiles {
 public:
  JobFiles(FileSystem& files, std::string runs_dir, size_t max_open);

  // Files that could not be closed since the last call: what was appended to them may be lost.
  struct FailedClose {
    std::string job_id;
    int64_t through_job_seq = 0;  // SetThrough(); 0: not known
    Error error;
  };
  std::vector<FailedClose> TakeFailedCloses() { return std::exchange(failed_closes_, {}); }
  // The file, which is open, has the job's events up to this one.
  void SetThrough(const std::string& job_id, int64_t job_seq) {
    open_.at(job_id).through_job_seq = job_seq;
  }

  // Appends `bytes` (whole lines) to the job's file, which is made plain first where it was
  // compressed. `now_micros` is monotonic. After a failure any
  // prefix of the bytes may be in the file: it must be compared with the table before the next
  // append.
  Status Append(const std::string& job_id, std::string_view bytes, int64_t now_micros);

  // True if the file's attributes after its last use are known. If not, Expect() sets them, from
  // the database's stamp.
  bool Knows(const std::string& job_id) const {
    return dirty_.contains(job_id) || clean_.contains(job_id);
  }
  void Expect(const std::string& job_id, const FileInfo& info) { clean_[job_id] = info; }

  // A compressed file is made plain, as Append() does too.
  Result<bool> IsCompressed(const std::string& job_id) const;
  Status MakePlain(const std::string& job_id);

  // Time of the least recent append among the dirty files; INT64_MAX when none is dirty.
  int64_t OldestDirtyMicros() const;
  // The job of that file. There is one.
  const std::string& OldestDirty() const { return dirty_order_.front(); }

  // Syncs the runs folder if folders of jobs were created since the last time: before it, no file
  // in them counts as synced.
  Status SyncNewFolders();

  // Syncs the file if it is dirty, and returns its attributes; no value if it is not dirty.
  Result<std::optional<FileInfo>> SyncIfDirty(const std::string& job_id);

  void CloseAll();
  // The job's file is released: closed, and neither synced nor stamped any more.
  void Forget(const std::string& job_id);

 private:
  struct OpenFile {
    std::unique_ptr<AppendFile> file;
    std::list<std::string>::iterator recency;
    int64_t through_job_seq = 0;
  };
  // `info` is the open file after the last append. Bytes from outside are detected by the next
  // append. That the path leads to another file is detected by the first append 100 ms after the
  // path was followed. Either is detected before the file is stamped.
  struct Dirty {
    int64_t appended_micros = 0;
    int64_t checked_micros = 0;  // when the path was last followed
    FileInfo info;
    std::list<std::string>::iterator order;
  };

  Result<AppendFile*> Open(const std::string& job_id);
  void CloseLeastRecent();
  Dirty& MarkDirty(const std::string& job_id);
  Status CheckUnchanged(const std::string& job_id, const FileInfo& expected) const;
  Result<FileInfo> InfoOf(const std::string& job_id) const;

  FileSystem& files_;
  const std::string runs_dir_;
  const size_t max_open_;
  std::unordered_map<std::string, OpenFile> open_;
  std::list<std::string> recency_;  // least recently used first
  std::unordered_map<std::string, Dirty> dirty_;
  std::unordered_map<std::string, FileInfo> clean_;  // as synced last; some may be forgotten
  std::list<std::string> dirty_order_;               // least recently appended first
  std::vector<FailedClose> failed_closes_;
  // Folders were created since the runs folder was synced. No file in them counts as synced before
  // that; the events are in SQLite, and do not depend on it.
  bool has_new_folders_ = false;
};

}  // namespace stagelog

#endif  // STAGELOG_LOG_FILE_JOB_FILES_H_
