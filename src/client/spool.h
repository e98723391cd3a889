// Events of one job that wait to be sent, in a folder that all `stagelog` processes of the user
// share:
//
//   events.ndjson   appended to, whole lines under its flock, by whoever has an event of the job
//   sent            how many bytes of it the daemon has, and which file it is; replaced by rename
//   sender.lock     held with flock by the one process that sends
//   refused.ndjson  events that the daemon will never take, each with the reason
//
// The first three are removed when everything is sent. A file that was removed while its name was
// being opened is recognised by its link count, and opened anew. `sent` goes before events.ndjson,
// so that no crash in between leaves an offset that belongs to another file: at worst events are
// sent again, and their event_id tells the daemon so.
#ifndef STAGELOG_CLIENT_SPOOL_H_
#define STAGELOG_CLIENT_SPOOL_H_

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/unique_fd.h"
#include "client/settings.h"

namespace stagelog::cli {

// $XDG_STATE_HOME/stagelog/spool, else ~/.local/state/stagelog/spool; empty without a home.
std::string SpoolRoot(const Environment& environment);

// A position after the last appended line.
struct SpoolPlace {
  std::string file;  // FileIdentity()
  uint64_t offset = 0;
};

// Appends to the spool. One thread at a time.
class SpoolWriter {
 public:
  explicit SpoolWriter(std::string folder) : folder_(std::move(folder)) {}

  // Appends `lines` (each ends with a newline) atomically after those of other processes. A failure
  // leaves nothing of them.
  Result<SpoolPlace> Append(std::string_view lines);

 private:
  Status Open();

  std::string folder_;
  UniqueFd file_;
};

struct SpoolLines {
  std::vector<std::string> lines;
  uint64_t end = 0;  // offset behind the last of them
};

// Sends from the spool: at most one process per job, the lock holder. One thread at a time.
class SpoolReader {
 public:
  explicit SpoolReader(std::string folder) : folder_(std::move(folder)) {}

  // True if this process is now the sender, false if another one is. A failure if the folder cannot
  // be used.
  Result<bool> Lock();
  bool is_locked() const { return lock_.valid(); }

  // The oldest lines that are not sent: at most `max_lines` of at most `max_bytes` together (one
  // longer line comes alone); none when all is sent. Needs the lock. A line torn by a crash is not
  // among them.
  Result<SpoolLines> Next(size_t max_lines, size_t max_bytes);
  // Everything up to `offset` is sent or refused. Needs the lock.
  Status MarkSent(uint64_t offset);
  // Keeps `line` in refused.ndjson with the reason, a JSON object. Needs the lock.
  Status Refuse(std::string_view line, std::string_view reason);
  // Removes the spool if everything is sent. False if new events have arrived. Needs the lock.
  bool RemoveIfSent();
  // Lets another process send. Call HasUnsent() afterwards: a process that arrived meanwhile has
  // left.
  void Unlock();

  // Without the lock: true if unsent events are left.
  bool HasUnsent() const;
  // Without the lock: true when everything up to `place` is sent.
  bool IsSent(const SpoolPlace& place) const;

  const std::string& folder() const { return folder_; }

 private:
  Status OpenEvents();
  Status OpenAndLockEvents();

  std::string folder_;
  UniqueFd lock_;
  UniqueFd events_;
  uint64_t offset_ = 0;
};

// A summary of the pending events, for people.
struct SpoolSummary {
  std::string job_id;
  uint64_t events = 0;   // that wait
  uint64_t bytes = 0;    // of them
  uint64_t refused = 0;  // events in refused.ndjson
  std::string oldest;    // occurred_at of the first that waits; may be empty
  std::string problem;   // why that is not all, where a file cannot be opened; else empty
};

SpoolSummary SummarizeSpool(const std::string& root, const std::string& job_id);
// Names of the jobs that have a spool, in order; none where there is no such folder. A failure
// where it cannot be read to its end.
CliResult<std::vector<std::string>> SpooledJobs(const std::string& root);

}  // namespace stagelog::cli

#endif  // STAGELOG_CLIENT_SPOOL_H_
