// Copies a journal that is in use.
#ifndef STAGELOG_CORE_BACKUP_MAKER_H_
#define STAGELOG_CORE_BACKUP_MAKER_H_

#include <cstdint>
#include <functional>
#include <string>

#include "base/result.h"
#include "core/refusal.h"

namespace stagelog {

// A finished copy of the whole journal.
struct BackupReport {
  std::string path;        // of its folder
  int64_t bytes = 0;       // of all files in it
  std::string journal_id;  // of the journal it is a copy of
  int64_t head_seq = 0;    // it holds the events up to this one
  int64_t job_count = 0;
  int64_t duration_micros = 0;
};

using BackupDone = std::function<void(tl::expected<BackupReport, Refusal>)>;

// Copies the journal while it is written to. Safe from any thread.
class BackupMaker {
 public:
  virtual ~BackupMaker() = default;

  // Copies into a new folder `name`; empty: named by the time. One at a time. `done` is called
  // once, from a thread that must not be blocked, perhaps before this returns.
  virtual void Backup(std::string name, BackupDone done) = 0;
};

}  // namespace stagelog

#endif  // STAGELOG_CORE_BACKUP_MAKER_H_
