#include "backup/journal_copy.h"

#include <SQLiteCpp/Backup.h>
#include <sqlite3.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <map>
#include <system_error>

#include "core/identifier.h"
#include "core/webhook_admin.h"
#include "log/file/file_error.h"
#include "log/file/job_files.h"
#include "log/recovery.h"
#include "log/table/sqlite_setup.h"

namespace stagelog {
namespace {

constexpr int kPagesAtOnce = 256;
constexpr size_t kChunkBytes = size_t{1} << 20;
// What is not synced on the way makes the writer's own sync wait for all of it at the end.
constexpr size_t kUnsyncedBytes = size_t{16} << 20;

std::string PartialPath(const std::string& target) {
  const std::string parent = ParentDirectory(target);
  return parent + "/." + target.substr(target.rfind('/') + 1) + ".partial";
}

void RemoveAll(FileSystem& files, const std::string& path) {
  while (!OrThrow(RemoveSome(files, path))) {
  }
}

int64_t BytesIn(FileSystem& files, const std::string& path) {
  const auto info = OrThrow(files.Stat(path));
  if (!info) return 0;
  if (!info->is_directory) return static_cast<int64_t>(info->size);
  int64_t bytes = 0;
  for (const std::string& name : OrThrow(files.List(path)))
    bytes += BytesIn(files, path + "/" + name);
  return bytes;
}

class JournalCopier {
 public:
  JournalCopier(FileSystem& files, Clock& clock, std::string runs_dir, std::string target,
                const std::function<bool()>& is_cancelled)
      : files_(files),
        clock_(clock),
        runs_dir_(std::move(runs_dir)),
        target_(std::move(target)),
        partial_(PartialPath(target_)),
        is_cancelled_(is_cancelled),
        lines_(files, runs_dir_) {}

  BackupReport Run() {
    const int64_t began_at = clock_.MonotonicMicros();
    MakeFolder();
    CopyDatabase();
    CopyFiles();
    CopyTombstones();
    CopyWebhooks();
    Open();
    MarkAsBackup();
    report_.path = target_;
    report_.bytes = BytesIn(files_, partial_);
    GiveName();
    report_.duration_micros = clock_.MonotonicMicros() - began_at;
    return std::move(report_);
  }

  void RemovePartial() { RemoveAll(files_, partial_); }

 private:
  void ExpectNotCancelled() const {
    if (is_cancelled_()) throw FileError{{"the daemon is shutting down", ECANCELED}};
  }

  void ExpectNoTarget() const {
    if (!OrThrow(files_.Stat(target_))) return;
    throw FileError{{target_ + " already exists", EEXIST}};
  }

  void MakeFolder() {
    const std::string parent = ParentDirectory(target_);
    const bool has_parent = OrThrow(files_.Stat(parent)).has_value();
    OrThrow(files_.CreateDirectory(parent));
    if (!has_parent) OrThrow(files_.SyncDirectory(ParentDirectory(parent)));
    ExpectNoTarget();
    RemovePartial();
    OrThrow(files_.CreateDirectory(partial_));
    files_.FollowNoLinksBelow(partial_);
  }

  void CopyDatabase() {
    SQLite::Database source(DatabasePath(runs_dir_), SQLite::OPEN_READWRITE, kBusyMillis,
                            files_.SqliteVfs());
    source.exec("PRAGMA query_only=ON");
    SQLite::Database copy(DatabasePath(partial_), SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE,
                          kBusyMillis, files_.SqliteVfs());
    copy.exec("PRAGMA synchronous=OFF");  // it is synced as a whole
    copy.exec("PRAGMA journal_mode=OFF");
    // One snapshot for all steps: without it each commit would make the copy begin anew.
    source.exec("BEGIN");
    source.execAndGet("SELECT count(*) FROM journal");
    SQLite::Backup backup(copy, source);
    for (int code = SQLITE_OK; code != SQLITE_DONE;) {
      ExpectNotCancelled();
      code = backup.executeStep(kPagesAtOnce);
      if (code != SQLITE_OK && code != SQLITE_DONE)
        throw SQLite::Exception("the database is locked", code);
    }
    // Now: the tombstones that are copied later may be of events beyond what this snapshot has.
    report_.head_seq = copy.execAndGet(kSelectHeadSeq).getInt64();
  }

  void CopyFiles() {
    // The snapshot may have events that the tables of jobs did not have yet.
    EventTable(DatabasePath(partial_), files_.SqliteVfs(), /*durable=*/false, files_)
        .CatchUpTables();
    SQLite::Database copy(DatabasePath(partial_), SQLite::OPEN_READWRITE, kBusyMillis,
                          files_.SqliteVfs());
    copy.exec("PRAGMA query_only=ON");
    StoredEvents stored(copy, lines_);
    SQLite::Statement jobs(copy, "SELECT job_id, first_seq FROM jobs ORDER BY first_seq");
    while (jobs.executeStep()) {
      const std::string job_id = jobs.getColumn(0).getString();
      if (!IsJobId(job_id)) throw FileError{{"stagelog.db contains an invalid job id: " + job_id}};
      try {
        CopyFile(copy, stored, job_id, jobs.getColumn(1).getInt64());
      } catch (const MissingLineError& gone) {
        gone_.emplace(job_id, gone.what());  // deleted meanwhile, it is to be hoped
      }
    }
    lines_.Close();
  }

  void CopyFile(SQLite::Database& copy, StoredEvents& stored, const std::string& job_id,
                int64_t first_seq) {
    OrThrow(EnsureJobDirectory(files_, partial_, job_id));
    const auto file = OrThrow(files_.OpenAppend(JobFilePath(partial_, job_id)));
    const bool with_files = stored.LastInFile(first_seq) > 0;
    SQLite::Statement rows(copy, SelectJobEvents(JobRange::kAfterJobSeq, with_files, Tail::kSkip,
                                                 /*newest_first=*/false));
    rows.bind(1, first_seq);
    rows.bind(2, 0);
    std::string chunk;
    size_t unsynced = 0;
    const auto write = [&] {
      ExpectNotCancelled();
      OrThrow(file->Append(chunk));
      unsynced += chunk.size();
      chunk.clear();
      if (unsynced < kUnsyncedBytes) return;
      OrThrow(file->Sync());
      unsynced = 0;
    };
    while (rows.executeStep()) {
      const auto body = stored.BodyOf(rows);
      if (!body) continue;  // lost long ago, and known to be
      chunk.append(*body).push_back('\n');
      if (chunk.size() >= kChunkBytes) write();
    }
    write();
    OrThrow(file->Close());
  }

  // They are in the file before anything of a job goes: whose lines are gone now is among them.
  void CopyTombstones() {
    const TombstoneFile known = OrThrow(ReadTombstones(files_, runs_dir_));
    for (const Tombstone& tombstone : known.tombstones) gone_.erase(tombstone.job_id);
    if (!gone_.empty()) throw FileError{{gone_.begin()->second}};
    if (known.tombstones.empty()) return;
    OrThrow(WriteTombstones(files_, partial_, known.tombstones));
  }

  // With their secrets: for their owner alone, as the original is.
  void CopyWebhooks() {
    const std::string from = runs_dir_ + "/" + kWebhooksFile;
    const std::optional<FileInfo> info = OrThrow(files_.Stat(from));
    if (!info) return;
    const std::string without = "; move it away to back up without webhooks";
    if (!info->is_regular) throw FileError{{from + " is no file" + without}};
    const std::string to = partial_ + "/" + kWebhooksFile;
    OrThrow(files_.WriteFile(to, ""));
    std::error_code error;
    std::filesystem::permissions(
        to, std::filesystem::perms::owner_read | std::filesystem::perms::owner_write, error);
    if (error) throw FileError{{"cannot protect " + to + ": " + error.message()}};
    try {
      SQLite::Database source(from, SQLite::OPEN_READWRITE, kBusyMillis);
      SQLite::Database copy(to, SQLite::OPEN_READWRITE, kBusyMillis);
      const int code = SQLite::Backup(copy, source).executeStep();
      if (code != SQLITE_DONE) throw SQLite::Exception("the database is locked", code);
      // Its log would be made with the mode of other files.
      copy.exec("PRAGMA journal_mode=DELETE");
    } catch (const SQLite::Exception& problem) {
      throw FileError{{"cannot copy " + from + ": " + problem.what() + without}};
    }
  }

  // As a daemon would: takes out what was deleted meanwhile, compares all files with the database
  // and syncs them.
  void Open() {
    ExpectNotCancelled();
    OpenedJournal opened =
        OrThrow(OpenJournal(files_, clock_, partial_, false, false, /*was_just_written=*/true));
    const RecoveryReport& found = opened.report;
    const bool agrees =
        !found.rebuilt && found.set_aside.empty() && found.states_differed.empty() &&
        found.lines_taken + found.lines_appended + found.lines_lost + found.tails_cut == 0;
    if (!agrees)
      throw FileError{
          {"the copy is inconsistent; check the journal with stagelogd --integrity-check"}};
    report_.journal_id = opened.identity.journal_id;
    report_.job_count = static_cast<int64_t>(opened.table->AllJobIds().size());
    opened.table->Checkpoint();
  }

  void MarkAsBackup() {
    JournalIdentity identity = OrThrow(ReadJournalIdentity(files_, partial_));
    identity.is_backup = true;
    OrThrow(WriteJournalIdentity(files_, partial_, identity));
  }

  void GiveName() {
    OrThrow(OrThrow(files_.OpenAppend(DatabasePath(partial_)))->Sync());
    OrThrow(files_.SyncDirectory(partial_));
    ExpectNoTarget();
    OrThrow(files_.Rename(partial_, target_));
    OrThrow(files_.SyncDirectory(ParentDirectory(target_)));
  }

  FileSystem& files_;
  Clock& clock_;
  const std::string runs_dir_;
  const std::string target_;
  const std::string partial_;
  const std::function<bool()>& is_cancelled_;
  FileLines lines_;                          // of the journal itself
  std::map<std::string, std::string> gone_;  // jobs, and which line was not there
  BackupReport report_;
};

}  // namespace

Result<BackupReport> CopyJournal(FileSystem& files, Clock& clock, const std::string& runs_dir,
                                 const std::string& target,
                                 const std::function<bool()>& is_cancelled) {
  JournalCopier copier(files, clock, runs_dir, target, is_cancelled);
  Error error;
  try {
    return copier.Run();
  } catch (const FileError& trouble) {
    error = trouble.error;
  } catch (const SQLite::Exception& problem) {
    error = {std::string("cannot copy stagelog.db: ") + problem.what()};
  }
  try {
    copier.RemovePartial();
  } catch (const FileError&) {  // the next one to that place will
  }
  return tl::unexpected(error);
}

}  // namespace stagelog
