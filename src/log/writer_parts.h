// What the writing thread works with.
#ifndef STAGELOG_LOG_WRITER_PARTS_H_
#define STAGELOG_LOG_WRITER_PARTS_H_

#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/file_system.h"
#include "base/metrics.h"
#include "log/append_queue.h"
#include "log/batch_stager.h"
#include "log/clock_lag.h"
#include "log/commit_announcer.h"
#include "log/event_logger_options.h"
#include "log/job_deletions.h"
#include "log/job_file_follower.h"
#include "log/journal_health.h"
#include "log/journal_identity.h"
#include "log/lost_lines.h"
#include "log/maintenance_task.h"
#include "log/run_lock.h"
#include "log/table/event_table.h"
#include "log/table/job_cache.h"
#include "log/table/job_tables.h"
#include "log/writer_access.h"
#include "log/writer_metrics.h"

namespace stagelog {

// Passive: the classes that are given a reference to it do the work, each a part of it. EventLogger
// owns it, and it outlives all of them. One thread at a time writes (EventLogger says which), and
// all of this belongs to that thread, as does what its commit thread uses while it works. Only what
// says so in its own header may be used from other threads: `health`, `queue`, `lost_lines`,
// `corruption_seen`, some functions of `deletions` and `job_tables`.
struct WriterParts {
  WriterParts(EventLoggerOptions chosen, FileSystem& file_system, Clock& time,
              MetricsRegistry& registry, RunLock run_lock);

  // While it is closed, appends are refused and reads continue.
  bool IsOpen() const { return table != nullptr; }

  // For a slice of maintenance, while the journal is open.
  WriterAccess Access() { return WriterAccess(*this); }

  // Makes sure that the bound of assigned seqs, in journal.json and in the table, is not below the
  // last one that `sequencer` has given. That is on the disk before anybody learns of that seq.
  // Within a transaction. Throws SQLite::Exception.
  Status ReserveSeqs();

  // From any thread: a reader has found that the database is damaged, or that the file of the job
  // lacks a line. The writing thread sees to it.
  void ReportCorruption();
  void ReportLostLine(const std::string& job_id);

  EventLoggerOptions options;
  FileSystem& files;
  Clock& clock;
  RunLock lock;

  JournalHealth health;
  WriterMetrics metrics;
  AppendQueue queue;

  std::unique_ptr<EventTable> table;         // null while the journal is closed
  std::unique_ptr<EventTable> failed_table;  // only while the table is closed; nobody uses it
  JournalIdentity identity;                  // as in journal.json
  Sequencer sequencer;
  ClockLag clock_lag;
  JobCache cache;
  JobTables job_tables;
  JobFileFollower job_files;
  CommitAnnouncer announcer;
  JobDeletions deletions;
  std::vector<MaintenanceTask*> tasks;  // not owned; the first one to have work gets its slice
  LostLines lost_lines;
  std::atomic<bool> corruption_seen{false};  // the journal is to be rebuilt from the files
};

}  // namespace stagelog

#endif  // STAGELOG_LOG_WRITER_PARTS_H_
