#include "log/recovery_log.h"

#include "base/logging.h"
#include "core/job_state.h"

namespace stagelog {

void LogRecovery(const RecoveryReport& report, const std::string& journal_id) {
  if (report.fold_version_changed) {
    LogInfo("[journal] rebuilt the state of every job with rules version {}; {} changed",
            kFoldVersion, report.states_differed.size());
  } else if (report.states_rebuilt) {
    LogInfo("[journal] rebuilt the state of every job; {} changed", report.states_differed.size());
  }
  for (const std::string& job : report.states_differed) {
    if (report.fold_version_changed) break;  // that they differ is no news then
    LogWarning("[journal] the stored state of job {} was outdated or wrong; rebuilt it", job);
  }
  if (!report.restored_from.empty()) {
    LogInfo("[journal] restored from a backup of journal {}; new journal id: {}",
            report.restored_from, journal_id);
  }
  if (report.rebuilt) {
    LogWarning("[journal] rebuilt stagelog.db from the events.jsonl files");
  }
  for (const std::string& name : report.set_aside) {
    LogWarning("[journal] moved aside: {}", name);
  }
  for (const ObstructedFile& lost : report.lost_tails) {
    LogError("[journal] job {} has lost its events from job_seq {} on: {}", lost.job_id,
             lost.first_missing_job_seq, lost.problem);
  }
  for (const std::string& problem : report.unreadable_folders) {
    LogWarning("[journal] left out a folder that is not of this journal: {}", problem);
  }
  for (const std::string& problem : report.folder_problems) {
    LogWarning("[journal] cannot remove the folder of a deleted job: {}", problem);
  }
  if (report.lines_lost > 0) {
    LogError(
        "[journal] {} events are lost: they were only in events.jsonl files that another program "
        "changed or removed; restore the files and restart the daemon",
        report.lines_lost);
  }
  if (report.lines_taken + report.lines_appended + report.tails_cut > 0) {
    LogInfo(
        "[journal] recovered: {} lines read from files, {} appended to files, {} partial lines cut",
        report.lines_taken, report.lines_appended, report.tails_cut);
  }
}

}  // namespace stagelog
