// Events to be sent: in the job's spool, or, if the disk rejects them, in memory after those in the
// spool.
#ifndef STAGELOG_CLIENT_OUTBOX_H_
#define STAGELOG_CLIENT_OUTBOX_H_

#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/mutex.h"
#include "client/spool.h"
#include "client/spool_event.h"

namespace stagelog::cli {

inline constexpr size_t kMaxMemoryBytes = size_t{64} << 20;

// What to send next.
struct OutboxBatch {
  enum class Kind {
    kEvents,  // these
    kEmpty,   // nothing waits
    kBusy,    // another process sends this job's events now
  };
  Kind kind = Kind::kEmpty;
  std::vector<std::string> lines;
  bool is_spooled = false;
  uint64_t end = 0;  // of the spool
};

class Outbox {
 public:
  // Messages for people, each only once.
  using Say = std::function<void(const std::string& message)>;

  // `folder` is the job's; empty: there is no place for a spool.
  Outbox(std::string folder, size_t max_memory_bytes, Say say);

  // Safe from any thread; keeps the order of the calls. Never waits for the daemon.
  void Add(SpoolEvents events);

  // What follows is for the one thread that sends.
  OutboxBatch Next(size_t max_events, size_t max_bytes);
  void Taken(const OutboxBatch& batch);
  // The daemon permanently rejects the only event of `batch`. `reason`: a JSON object.
  void Refused(const OutboxBatch& batch, const std::string& reason);
  // Removes the spool if all of it is sent, and lets other processes send. True if this process has
  // nothing left to send: if false, call Next() again.
  bool Leave();
  bool HasUnsent() const { return reader_.HasUnsent(); }  // in the spool
  bool is_sender() const { return reader_.is_locked(); }

  // After sending has ended: moves events in memory to the spool if possible, else to a file in
  // TMPDIR. Returns how many wait in the spool, and how many are lost.
  struct Rest {
    uint64_t waiting = 0;
    uint64_t lost = 0;
    // Events for which the spool had no room are in this file, one a line; empty: there are none.
    std::string rescue_path;
    uint64_t rescued = 0;
  };
  Rest Settle();

  const std::string& folder() const { return reader_.folder(); }
  std::string refused_path() const { return folder() + "/refused.ndjson"; }

 private:
  static void Rescue(const SpoolEvents& events, Rest& rest);
  void Remember(SpoolEvents events) STAGELOG_REQUIRES(mutex_);
  void ReportOnce(const std::string& problem);
  OutboxBatch NextSpooled(size_t max_events, size_t max_bytes);
  OutboxBatch NextRemembered(size_t max_events, size_t max_bytes);
  void DropRemembered(size_t count);

  const Say say_;
  const size_t max_memory_bytes_;
  SpoolReader reader_;

  Mutex mutex_;  // guards what follows
  SpoolWriter writer_ STAGELOG_GUARDED_BY(mutex_);
  bool has_spool_ STAGELOG_GUARDED_BY(mutex_);  // false: events go to memory from now on
  std::optional<SpoolPlace> last_spooled_ STAGELOG_GUARDED_BY(mutex_);
  std::deque<SpoolEvent> memory_ STAGELOG_GUARDED_BY(mutex_);
  size_t memory_bytes_ STAGELOG_GUARDED_BY(mutex_) = 0;
  uint64_t dropped_ STAGELOG_GUARDED_BY(mutex_) = 0;
};

}  // namespace stagelog::cli

#endif  // STAGELOG_CLIENT_OUTBOX_H_
