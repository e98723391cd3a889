// The status of the journal.
#ifndef STAGELOG_CORE_JOURNAL_STATUS_H_
#define STAGELOG_CORE_JOURNAL_STATUS_H_

#include <cstdint>
#include <string>
#include <vector>

namespace stagelog {

// What the journal says about itself. Safe from any thread, never blocks.
struct JournalStatus {
  std::string journal_id;
  int64_t head_seq = 0;  // last announced
  // The last seq that any client can have seen. Greater than `head_seq` while a commit is under
  // way: database readers see its events before they are announced.
  int64_t visible_seq = 0;
  bool writable = true;
  std::string problem;                 // why not writable
  std::vector<std::string> set_aside;  // files that recovery renamed, newest last
};

class JournalStatusSource {
 public:
  virtual ~JournalStatusSource() = default;
  virtual JournalStatus GetStatus() const = 0;

  // True for a job that was deleted for good.
  virtual bool IsDeleted(const std::string& /*job_id*/) const { return false; }
};

}  // namespace stagelog

#endif  // STAGELOG_CORE_JOURNAL_STATUS_H_
