#include "log/recovery.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <set>

#include "base/random.h"
#include "core/identifier.h"
#include "log/file/file_error.h"
#include "log/file/job_files.h"
#include "log/file/set_aside.h"
#include "log/file/stored_file.h"
#include "log/job_file_follower.h"
#include "log/job_file_reconciler.h"
#include "log/job_remover.h"

namespace stagelog {
namespace {

// A line from a file may be that much later than now: the clock may have been set back since it was
// written. A database that is made from the files takes any time.
constexpr int64_t kMaxClockLeadMicros = int64_t{86'400} * 1'000'000;

class Opener {
 public:
  Opener(FileSystem& files, Clock& clock, std::string runs_dir, bool rebuild_states,
         bool was_just_written)
      : files_(files),
        rebuild_states_(rebuild_states),
        was_just_written_(was_just_written),
        runs_dir_(std::move(runs_dir)),
        database_(DatabasePath(runs_dir_)),
        time_suffix_(SetAsideSuffix(clock.WallMicros())),
        now_micros_(clock.WallMicros()) {}

  OpenedJournal Open(bool database_is_corrupt) {
    ReadIdentity();
    if (database_is_corrupt) SetDatabaseAside(".corrupt-");
    try {
      OpenAndCompare();
    } catch (const SQLite::Exception& problem) {
      if (!IsCorruption(problem)) throw;
      journal_.table.reset();
      SetDatabaseAside(".corrupt-");
      OpenAndCompare();
    }
    SettleIdentity();
    return std::move(journal_);
  }

 private:
  void ReadIdentity() {
    Result<JournalIdentity> identity = ReadJournalIdentity(files_, runs_dir_);
    const std::string path = runs_dir_ + "/journal.json";
    if (identity) {
      journal_.identity = std::move(*identity);
    } else if (IsUnreadable(path, identity.error())) {
      throw FileError{identity.error()};
    } else {
      SetAside(path, ".damaged-");
    }
  }

  // A disk or a process in trouble (EIO, EMFILE) says nothing about what the file holds.
  bool IsUnreadable(const std::string& path, const Error& error) {
    if (error.error_number == 0 || error.error_number == EFBIG) return false;
    const auto info = OrThrow(files_.Stat(path));
    return !info || info->is_regular;
  }

  void SetAside(const std::string& path, const std::string& why) {
    const std::string name = path + why + time_suffix_;
    OrThrow(files_.Rename(path, name));
    journal_.report.set_aside.push_back(name);
  }

  bool Exists(const std::string& path) { return OrThrow(files_.Stat(path)).has_value(); }

  void SetDatabaseAside(const std::string& why) {
    for (const char* part : {"", "-wal", "-shm"}) {
      const std::string path = database_ + part;
      if (Exists(path)) SetAside(path, why);
    }
    OrThrow(files_.SyncDirectory(runs_dir_));
  }

  // SQLite would follow a symbolic link and write wherever it leads.
  void ExpectPlainDatabase() {
    const auto info = OrThrow(files_.Stat(database_));
    if (!info || info->is_regular) return;
    throw FileError{{database_ +
                         " is not a regular file (a symbolic link?); the journal writes only "
                         "inside its folder: put the file itself there",
                     EINVAL}};
  }

  // What a crash has left of a file that was being compressed, or expanded. Where it cannot be
  // removed it is in nobody's way but the next one's, who says so.
  void RemoveUnfinished() {
    for (const std::string& path : {CompressingPath(runs_dir_), ExpandingPath(runs_dir_)}) {
      static_cast<void>(RemoveIfExists(files_, path));
    }
  }

  void OpenAndCompare() {
    ExpectPlainDatabase();
    RemoveUnfinished();
    if (!Exists(database_)) {
      SetDatabaseAside(".orphaned-");  // a write-ahead log without its database
      Rebuild();
    }
    journal_.table = std::make_unique<EventTable>(database_, files_.SqliteVfs(), true, files_);
    SyncWal();
    journal_.report.events_listed = journal_.table->CatchUpTables();
    FinishPendingDeletions(*journal_.table);
    // The states would be folded from what is listed alone.
    if (!journal_.table->ListsLookComplete()) {
      journal_.table->RelistEvents();
      rebuild_states_ = true;
    }
    // First, for a job without its row would be taken for one that has only its file.
    journal_.report.states_differed = journal_.table->RebuildLaggingStates();
    journal_.report.fold_version_changed = !journal_.table->StatesMatchFoldVersion();
    const bool must_rebuild = rebuild_states_ || journal_.report.fold_version_changed;
    if (rebuild_states_) journal_.table->RelistEvents();
    // What is folded anew from a file must be what was committed.
    if (must_rebuild && journal_.table->HasFileEvents()) {
      CompareJobs(*journal_.table, LatestCredibleTs(), Obstacle::kEndsRecovery);
    }
    if (must_rebuild) RebuildStates();
    const bool is_current = IsCurrent();
    CompareJobs(*journal_.table, LatestCredibleTs(),
                is_current ? Obstacle::kConcernsItsJob : Obstacle::kEndsRecovery);
    if (!is_current) NameLostTails(*journal_.table);
    journal_.table->CatchUpTables();  // with what was taken from files, which is listed already
  }

  // A database that is older than the files lacks lines that only they have. It is as new as they
  // are if it has the same highest seq as journal.json, or if a crash came between raising the one
  // and the other.
  bool IsCurrent() {
    constexpr int64_t kMaxGroupEvents = int64_t{1} << 20;
    if (was_rebuilt_ || journal_.identity.journal_id.empty()) return true;
    const int64_t ahead = journal_.identity.highest_seq - journal_.table->HighestSeq();
    return ahead == 0 || (ahead >= kSeqReserve && ahead <= kSeqReserve + kMaxGroupEvents);
  }

  // What the log has may never have been synced, and no file is repaired by rows that a power cut
  // could still take back. A sync that failed before may succeed now without a reason, so what is
  // in the log is written anew: to the database or, where that does not take all of it (a disk that
  // is nearly full needs its room for the next events), over itself.
  void SyncWal() {
    const std::string log = database_ + "-wal";
    const auto info = OrThrow(files_.Stat(log));
    if (!info || info->size == 0) return;
    const bool has_room = files_.FreeBytes(runs_dir_).value_or(0) / 4 >= info->size;
    OrThrow(OrThrow(files_.OpenAppend(log))->Sync());
    if (!has_room || !journal_.table->TryCheckpoint()) OrThrow(RewriteOrSync(files_, log, 0));
  }

  // Where the clock was set back, the journal's own time is ahead of it.
  int64_t LatestCredibleTs() {
    return std::max(now_micros_, journal_.table->LastTsMicros()) + kMaxClockLeadMicros;
  }

  void RebuildStates() {
    std::vector<std::string>& differed = journal_.report.states_differed;
    for (std::string& job_id : journal_.table->RebuildStates()) {
      const bool is_new = std::find(differed.begin(), differed.end(), job_id) == differed.end();
      if (is_new) differed.push_back(std::move(job_id));
    }
    journal_.report.states_rebuilt = true;
  }

  // The new database gets its name only when it is complete and on the disk: a crash on the way
  // leaves none, and the next start begins again.
  void Rebuild() {
    const std::string unfinished = database_ + ".rebuild";
    for (const char* part : {"", "-wal", "-shm", "-journal"}) {
      if (Exists(unfinished + part)) OrThrow(files_.Remove(unfinished + part));
    }
    {
      EventTable table(unfinished, files_.SqliteVfs(), false, files_);
      FinishPendingDeletions(table);
      CompareJobs(table, INT64_MAX, Obstacle::kEndsRecovery);
      NameLostTails(table);
      was_rebuilt_ = true;
      journal_.report.rebuilt = table.HeadSeq() > 0;
      table.SetTablesThrough(table.HeadSeq());
      table.Checkpoint();
    }
    OrThrow(OrThrow(files_.OpenAppend(unfinished))->Sync());
    OrThrow(files_.Rename(unfinished, database_));
    OrThrow(files_.SyncDirectory(runs_dir_));
  }

  // Before anything is made of rows or folders, for what belongs to a deleted job must not come
  // back.
  void FinishPendingDeletions(EventTable& table) {
    JobRemover remover(files_, runs_dir_);
    OrThrow(remover.FinishAll(table, time_suffix_, journal_.report.set_aside,
                              journal_.report.folder_problems));
  }

  // The files that journal.json calls obstructed lacked lines that were acknowledged.
  void NameLostTails(EventTable& table) {
    for (const OwedFile& owed : journal_.identity.owed_files) {
      const std::optional<JobRow> row = table.FindJob(owed.job_id);
      const int64_t job_seq = row ? row->job_seq : 0;
      if (job_seq >= owed.first_missing_job_seq || table.IsDeleted(owed.job_id)) continue;
      journal_.report.lost_tails.push_back(
          {owed.job_id, job_seq + 1, "the database was lost while events.jsonl was obstructed"});
    }
  }

  // What a file that cannot be read, or repaired, means.
  enum class Obstacle { kEndsRecovery, kConcernsItsJob };

  void CompareJobs(EventTable& table, int64_t max_ts_micros, Obstacle obstacle) {
    std::vector<ObstructedFile>& obstructed = journal_.obstructed_files;
    obstructed.clear();
    for (const std::string& job_id : JobsOf(table)) {
      const std::optional<JobRow> row = table.FindJob(job_id);
      try {
        if (!row || !MatchesStoredStamp(*row)) CompareJob(table, job_id, row, max_ts_micros);
      } catch (const FileError& trouble) {
        if (obstacle == Obstacle::kEndsRecovery) throw;
        if (row) {
          AddObstructed(*row, trouble.error);
        } else {
          journal_.report.unreadable_folders.push_back(trouble.error.message);
        }
      }
    }
  }

  // Of a file that was well when it was last written, all events up to now may be in it.
  void AddObstructed(const JobRow& row, const Error& error) {
    std::vector<ObstructedFile>& obstructed = journal_.obstructed_files;
    if (obstructed.size() >= JobFileFollower::kMaxObstructed) {
      throw FileError{{"more than " + std::to_string(JobFileFollower::kMaxObstructed) +
                           " events.jsonl files cannot be written; " + error.message,
                       error.error_number}};
    }
    int64_t first_missing = row.job_seq + 1;
    for (const OwedFile& owed : journal_.identity.owed_files) {
      if (owed.job_id == row.job_id) first_missing = owed.first_missing_job_seq;
    }
    obstructed.push_back({row.job_id, first_missing, error.message});
  }

  std::set<std::string> JobsOf(EventTable& table) {
    std::set<std::string> jobs;
    for (std::string& job_id : table.AllJobIds()) jobs.insert(std::move(job_id));
    for (std::string& name : OrThrow(files_.List(runs_dir_))) {
      if (!IsJobId(name) || jobs.contains(name) || table.IsDeleted(name)) continue;
      const auto info = OrThrow(files_.Stat(JobDirectory(runs_dir_, name)));
      if (info && info->is_directory) jobs.insert(std::move(name));
    }
    return jobs;
  }

  bool MatchesStoredStamp(const JobRow& row) {
    if (!row.file || row.file->job_seq != row.job_seq) return false;
    const auto stored = OrThrow(FindStoredFile(files_, JobFilePath(runs_dir_, row.job_id)));
    return stored && stored->info == row.file->info;
  }

  // `row`: what the table has of the job, where it knows it.
  void CompareJob(EventTable& table, const std::string& job_id, const std::optional<JobRow>& row,
                  int64_t max_ts_micros) {
    table.Begin();
    try {
      JobFileReconciler comparison(files_, table, runs_dir_, job_id, time_suffix_, max_ts_micros);
      const JobRepair repair = OrThrow(comparison.Run());
      if (comparison.state().job_seq > 0) NoteIfPossible(table, comparison.state(), row);
      table.Commit();
      journal_.report.AddRepair(repair);
    } catch (...) {
      table.Rollback();
      throw;
    }
  }

  // All lines are in the table by now: a file that can only be read is no obstacle for the others.
  void NoteIfPossible(EventTable& table, const JobState& state, const std::optional<JobRow>& row) {
    try {
      Note(table, state, row);
    } catch (const FileError& trouble) {
      table.ForgetFileStamp(state.first_seq);
      AddObstructed(JobRow{.job_id = state.job_id, .job_seq = state.job_seq}, trouble.error);
    }
  }

  // As with the log: what was appended since the last note may be in a file whose sync has failed.
  // Of a job that the table did not know, all rows have just been made from the file.
  void Note(EventTable& table, const JobState& state, const std::optional<JobRow>& row) {
    const std::string plain = JobFilePath(runs_dir_, state.job_id);
    const auto stored = OrThrow(FindStoredFile(files_, plain));
    const std::string path = stored ? stored->path : plain;
    const bool is_noted = row && row->file && stored && stored->info.inode == row->file->info.inode;
    const uint64_t synced_bytes = is_noted ? row->file->info.size : 0;
    const bool is_doubtful = row && stored && stored->info.size > synced_bytes;
    if (is_doubtful && !was_just_written_) {
      OrThrow(RewriteOrSync(files_, path, synced_bytes));
    } else {
      OrThrow(OrThrow(files_.OpenAppend(path))->Sync());
    }
    OrThrow(files_.SyncDirectory(JobDirectory(runs_dir_, state.job_id)));
    const auto info = OrThrow(files_.Stat(path));
    if (info) table.WriteFileStamp(state.first_seq, {*info, state.job_seq});
  }

  // The database and journal.json note the same highest seq as long as they belong together. Where
  // they differ (the database was lost, or an older one was put back) every seq up to what either
  // knows of is taken as given, and the database remembers that.
  void SettleIdentity() {
    EventTable& table = *journal_.table;
    JournalIdentity& identity = journal_.identity;
    const bool is_written = !identity.journal_id.empty();
    const bool together = is_written && table.HighestSeq() == identity.highest_seq;
    int64_t floor = std::max(table.HeadSeq(), table.FloorSeq());
    if (!together) floor = std::max({floor, table.HighestSeq(), identity.highest_seq});
    if (identity.is_backup) floor = BecomeAnotherJournal(floor);
    if (floor < 0 || floor > kMaxSeq) {
      throw FileError{Error{"the database or journal.json names a seq of " + std::to_string(floor) +
                            ", which leaves none for new events"}};
    }
    journal_.next_seq = floor + 1;
    journal_.last_ts_micros = table.LastTsMicros();
    const std::string table_id = table.JournalId();
    if (identity.journal_id.empty()) identity.journal_id = table_id;
    if (identity.journal_id.empty()) identity.journal_id = MakeUuidV7(now_micros_);
    const int64_t highest = std::max(identity.highest_seq, floor);
    std::vector<OwedFile> owed;
    for (const ObstructedFile& file : journal_.obstructed_files) {
      owed.push_back({file.job_id, file.first_missing_job_seq});
    }
    const bool is_settled =
        together && table_id == identity.journal_id && highest == identity.highest_seq;
    if (is_settled && owed == identity.owed_files) return;
    identity.owed_files = std::move(owed);
    identity.highest_seq = highest;
    OrThrow(WriteJournalIdentity(files_, runs_dir_, identity));
    table.Begin();
    table.SetJournalId(identity.journal_id);
    table.SetHighestSeq(highest);
    table.SetFloorSeq(floor);
    table.Commit();
  }

  // The journal that this is a backup of went on, with events that are not here, and somebody has
  // seen them. So it goes on under another id, and behind every seq that may have been given since:
  // `ts` grows by a microsecond at least from event to event, so there were no more events than
  // microseconds since the last one here. A day more is for clocks that were set back.
  int64_t BecomeAnotherJournal(int64_t floor) {
    JournalIdentity& identity = journal_.identity;
    journal_.report.restored_from = identity.journal_id;
    identity = {MakeUuidV7(now_micros_), std::max(identity.highest_seq, floor)};
    const int64_t since = std::max<int64_t>(now_micros_ - journal_.table->LastTsMicros(), 0);
    return identity.highest_seq + since + kMaxClockLeadMicros;
  }

  FileSystem& files_;
  bool rebuild_states_;
  const bool was_just_written_;
  bool was_rebuilt_ = false;  // from files that were all read
  const std::string runs_dir_;
  const std::string database_;
  const std::string time_suffix_;
  const int64_t now_micros_;
  OpenedJournal journal_;
};

// SQLite says "disk I/O error" where it cannot grow its index of the log.
std::string NoRoomHint(FileSystem& files, const std::string& runs_dir) {
  constexpr uint64_t kFewBytes = uint64_t{1} << 20;
  const Result<uint64_t> room = files.FreeBytes(runs_dir);
  if (!room || *room > kFewBytes) return "";
  return " (only " + std::to_string(*room) + " bytes left on the disk)";
}

}  // namespace

std::string DatabasePath(const std::string& runs_dir) { return runs_dir + "/stagelog.db"; }

Status CheckDatabaseFiles(FileSystem& files, const std::string& database, bool for_writing) {
  for (const char* part : {"", "-wal", "-shm"}) {
    const std::string path = database + part;
    const auto info = files.Stat(path);
    if (!info) return tl::unexpected(info.error());
    if (!info->has_value()) continue;
    if ((*info)->is_directory) return Failure(path + ": " + std::strerror(EISDIR), EISDIR);
    if (!(*info)->is_regular) {
      return Failure(path + " is not a regular file (a symbolic link?)", EINVAL);
    }
    if (const auto read = files.OpenRead(path); !read) return tl::unexpected(read.error());
    if (!for_writing) continue;
    if (const auto written = files.OpenAppend(path); !written) {
      return tl::unexpected(written.error());
    }
  }
  return {};
}

void RecoveryReport::AddRepair(JobRepair repair) {
  ++jobs_compared;
  lines_taken += repair.lines_taken;
  lines_appended += repair.lines_appended;
  lines_lost += repair.lines_lost;
  tails_cut += repair.tail_cut ? 1 : 0;
  for (std::string& name : repair.set_aside) set_aside.push_back(std::move(name));
}

Result<OpenedJournal> OpenJournal(FileSystem& files, Clock& clock, const std::string& runs_dir,
                                  bool database_is_corrupt, bool rebuild_states,
                                  bool was_just_written) {
  try {
    return Opener(files, clock, runs_dir, rebuild_states, was_just_written)
        .Open(database_is_corrupt);
  } catch (const FileError& trouble) {
    return tl::unexpected(trouble.error);
  } catch (const SQLite::Exception& problem) {
    if (Status opens = CheckDatabaseFiles(files, DatabasePath(runs_dir), true); !opens) {
      return tl::unexpected(opens.error());
    }
    return Failure(DatabasePath(runs_dir) + ": " + problem.what() + NoRoomHint(files, runs_dir));
  }
}

}  // namespace stagelog
