#include "log/writer_parts.h"

#include <utility>

#include "log/journal_identity.h"
#include "log/recovery.h"

namespace stagelog {

WriterParts::WriterParts(EventLoggerOptions chosen, FileSystem& file_system, Clock& time,
                         MetricsRegistry& registry, RunLock run_lock)
    : options(std::move(chosen)),
      files(file_system),
      clock(time),
      lock(std::move(run_lock)),
      metrics(registry, files, DatabasePath(options.runs_dir), health),
      queue(options.queue_bytes),
      clock_lag(clock),
      job_tables(clock,
                 {.delay_micros = options.table_delay_micros,
                  .slice_micros = options.table_slice_micros,
                  .retry_micros = options.retry_micros,
                  .max_lag_events = options.max_table_lag_events},
                 [this] { queue.Wake(); }),
      job_files(files, clock,
                {.runs_dir = options.runs_dir,
                 .open_files = options.open_files,
                 .retry_micros = options.retry_micros},
                [this] { queue.Wake(); }),
      announcer(health),
      deletions(files, options.runs_dir, clock, registry, health, announcer) {}

Status WriterParts::ReserveSeqs() {
  const int64_t last_seq = sequencer.next_seq - 1;
  if (last_seq <= identity.highest_seq) return {};
  JournalIdentity reserved = identity;
  reserved.highest_seq = last_seq + kSeqReserve;
  if (Status written = WriteJournalIdentity(files, options.runs_dir, reserved); !written) {
    return written;
  }
  table->SetHighestSeq(reserved.highest_seq);
  identity = std::move(reserved);
  return {};
}

void WriterParts::ReportCorruption() {
  corruption_seen = true;
  queue.Wake();
}

void WriterParts::ReportLostLine(const std::string& job_id) {
  lost_lines.Add(job_id);
  queue.Wake();
}

}  // namespace stagelog
