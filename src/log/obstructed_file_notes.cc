#include "log/obstructed_file_notes.h"

#include <string>
#include <utility>
#include <vector>

#include "base/logging.h"
#include "log/journal_identity.h"

namespace stagelog {

void ObstructedFileNotes::Show() {
  std::vector<std::string> behind;
  for (OwedFile& file : parts_.job_files.OwedFiles()) behind.push_back(std::move(file.job_id));
  parts_.health.SetObstructed(parts_.job_files.ObstructedFiles(), std::move(behind));
}

Status ObstructedFileNotes::Note() {
  Show();
  if (parts_.job_files.obstructed_count() > JobFileFollower::kMaxObstructed) {
    return Failure("more than " + std::to_string(JobFileFollower::kMaxObstructed) +
                   " events.jsonl files cannot be written");
  }
  parts_.identity.owed_files = parts_.job_files.OwedFiles();
  if (Status noted = WriteJournalIdentity(parts_.files, parts_.options.runs_dir, parts_.identity);
      !noted) {
    return noted;
  }
  parts_.job_files.Noted();
  return {};
}

// A file that was obstructed is noted before the next answer (CommitPublisher). That one is not any
// more is noted here; in vain it is harmless.
void ObstructedFileNotes::Update() {
  if (!parts_.IsOpen() || !parts_.job_files.HasChanged()) return;
  Show();
  if (parts_.job_files.NeedsNote()) return;
  if (Status noted = Note(); !noted) {
    LogWarning("[journal] cannot update journal.json: {}", noted.error().message);
    parts_.job_files.Noted();
  }
}

}  // namespace stagelog
