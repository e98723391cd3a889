// The status of the journal.
#ifndef STAGELOG_CORE_JOURNAL_STATUS_H_
#define STAGELOG_CORE_JOURNAL_STATUS_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace stagelog {

// A job whose events.jsonl cannot be written now: something is in its place, or it was changed by
// another program. Its events are accepted and served all the same; the file is completed when the
// obstacle is gone.
struct ObstructedFile {
  std::string job_id;
  int64_t first_missing_job_seq = 1;  // the file may lack the events from here on
  std::string problem;
};

// What the journal says about itself. Safe from any thread, never blocks.
struct JournalStatus {
  std::string journal_id;
  int64_t head_seq = 0;  // last announced
  // The last seq that any client can have seen. Greater than `head_seq` while a commit is under
  // way: database readers see its events before they are announced.
  int64_t visible_seq = 0;
  bool writable = true;
  std::string problem;                           // why not writable
  std::vector<std::string> set_aside;            // files that recovery renamed, newest last
  std::vector<ObstructedFile> obstructed_files;  // the first hundred
  size_t obstructed_file_count = 0;
  // Jobs that lost their last events: the database was lost while their file was obstructed.
  std::vector<ObstructedFile> lost_tails;
};

class JournalStatusSource {
 public:
  virtual ~JournalStatusSource() = default;
  virtual JournalStatus GetStatus() const = 0;

  // True for a job that was deleted for good.
  virtual bool IsDeleted(const std::string& /*job_id*/) const { return false; }

  // True if the job's events.jsonl lacks events up to `head_seq`: it is an obstructed file.
  virtual bool IsFileBehind(const std::string& /*job_id*/) const { return false; }
};

}  // namespace stagelog

#endif  // STAGELOG_CORE_JOURNAL_STATUS_H_
