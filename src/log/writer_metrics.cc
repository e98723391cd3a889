#include "log/writer_metrics.h"

namespace stagelog {

WriterMetrics::WriterMetrics(MetricsRegistry& metrics, FileSystem& files,
                             const std::string& database_path, const JournalHealth& health)
    : events_total(metrics.GetCounter("stagelog_events_total", "Events committed.")),
      duplicates_total(metrics.GetCounter("stagelog_duplicate_events_total",
                                          "Events that were already in the journal.")),
      batches_total(metrics.GetCounter("stagelog_batches_total", "Transactions committed.")),
      failures_total(
          metrics.GetCounter("stagelog_journal_failures_total", "Failed writes to the journal.")),
      commit_seconds(metrics.GetHistogram("stagelog_commit_seconds", "Duration of a transaction.")),
      append_seconds(metrics.GetHistogram("stagelog_append_seconds",
                                          "Time from the arrival of an append to its outcome.")) {
  metrics.SetGaugeFunction("stagelog_journal_bytes",
                           "Size of stagelog.db including its write-ahead log.",
                           [&files, database_path] {
                             int64_t bytes = 0;
                             for (const char* part : {"", "-wal"}) {
                               const auto info = files.Stat(database_path + part);
                               if (info && *info) bytes += static_cast<int64_t>((*info)->size);
                             }
                             return bytes;
                           });
  metrics.SetGaugeFunction("stagelog_head_seq", "The last committed seq.",
                           [&health] { return health.Get().head_seq; });
  metrics.SetGaugeFunction("stagelog_journal_writable",
                           "1 while the journal accepts events, else 0.",
                           [&health] { return health.Get().writable ? 1 : 0; });
  metrics.SetGaugeFunction(
      "stagelog_obstructed_job_files", "Jobs whose events.jsonl cannot be written now.",
      [&health] { return static_cast<int64_t>(health.Get().obstructed_file_count); });
}

}  // namespace stagelog
