// The files that show a job's state beside its events.jsonl: state.json and gates/<gate>.json.
#ifndef STAGELOG_FOLLOW_STATE_FILE_WRITER_H_
#define STAGELOG_FOLLOW_STATE_FILE_WRITER_H_

#include <cstdint>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/file_system.h"
#include "core/job_machine.h"

namespace stagelog {

// Each file is written to a temporary file and renamed, so that readers see a whole document. It is
// synced later, once its job has been quiet for a while: until then a power cut may leave the old
// document or a torn one, which the caller must handle. One thread at a time.
class StateFileWriter {
 public:
  StateFileWriter(FileSystem& files, std::string runs_dir);

  // Writes state.json and the files of the gates that `changes` names. The job's folder is there
  // already (its events are). What can be written is, also when something fails; the failure is the
  // first one.
  Status Write(const JobState& state, const StateChanges& changes);

  // Jobs with files that were not synced since, written as of `seq` or earlier.
  std::vector<std::string> UnsyncedThrough(int64_t seq) const;

  // Syncs the files written for a job. Files removed meanwhile are ignored. After a failure any of
  // them may be lost, and they must be written again.
  Status Sync(const std::string& job_id);

 private:
  struct Unsynced {
    int64_t as_of_seq = 0;
    std::set<std::string> gates;  // names
  };

  Status WriteGates(const JobState& state, const std::set<std::string>& names);
  Status WriteDocument(const std::string& path, std::string_view document);
  Status SyncFile(const std::string& path);
  std::string FolderOf(const std::string& job_id) const { return runs_dir_ + "/" + job_id; }

  FileSystem& files_;
  const std::string runs_dir_;
  std::unordered_map<std::string, Unsynced> unsynced_;  // by job
};

}  // namespace stagelog

#endif  // STAGELOG_FOLLOW_STATE_FILE_WRITER_H_
