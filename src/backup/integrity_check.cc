#include "backup/integrity_check.h"

#include <algorithm>
#include <map>
#include <memory>
#include <set>
#include <utility>

#include "backup/open_without_side_effects.h"
#include "core/identifier.h"
#include "log/file/file_error.h"
#include "log/file/tombstones.h"
#include "log/journal_identity.h"
#include "log/recovery.h"
#include "log/run_lock.h"
#include "log/table/event_table.h"
#include "log/table/tombstone_rows.h"

namespace stagelog {
namespace {

constexpr const char* kDatabase = "stagelog.db";
constexpr const char* kIdentity = "journal.json";
constexpr const char* kTombstones = "stagelog.deleted.jsonl";

class IntegrityCheck {
 public:
  IntegrityCheck(FileSystem& files, const std::string& runs_dir, const FindingCallback& tell)
      : files_(files),
        runs_dir_(runs_dir),
        on_finding_([this, &tell](const auto& where, const auto& what) {
          ++summary_.findings;
          tell(where, what);
        }) {}

  IntegritySummary Run() {
    const auto folder = OrThrow(files_.Stat(runs_dir_));
    if (!folder || !folder->is_directory) throw FileError{{runs_dir_ + ": no such folder"}};
    const RunLock lock = OrThrow(RunLock::TakeForReading(runs_dir_));
    OpenDatabase();
    CheckTombstones();
    const std::set<std::string> jobs = Jobs();
    if (database_ == nullptr && jobs.empty()) {
      throw FileError{{runs_dir_ + ": not a journal folder"}};
    }
    Guarded([this] { CheckDatabase(); });
    Guarded([this] { CheckCounters(); });
    LogTail tail;
    Guarded([&] {
      if (database_ != nullptr) tail = ReadLogTail(*database_);
    });
    for (const std::string& job_id : jobs) {
      ++summary_.jobs;
      Guarded([&] {
        JobInspection inspection(files_, runs_dir_, database_.get(), scratch_, tail, job_id,
                                 on_finding_);
        summary_.events += inspection.Run();
      });
    }
    return summary_;
  }

 private:
  // What the database cannot be asked any more is one finding each.
  template <typename Check>
  void Guarded(const Check& check) {
    try {
      check();
    } catch (const SQLite::Exception& problem) {
      on_finding_(kDatabase, problem.what());
    }
  }

  void OpenDatabase() {
    const std::string path = DatabasePath(runs_dir_);
    const auto info = OrThrow(files_.Stat(path));
    if (!info)
      return on_finding_(kDatabase, "missing; the next daemon start rebuilds it from the files");
    if (!info->is_regular) throw FileError{{path + " is not a regular file"}};
    try {
      auto database = OpenWithoutSideEffects(files_, path);
      const int version = database->execAndGet("PRAGMA user_version").getInt();
      if (version != SchemaVersion()) {
        throw FileError{{path + " has schema version " + std::to_string(version) + ", expected " +
                         std::to_string(SchemaVersion()) +
                         "; starting the daemon upgrades older versions"}};
      }
      database_ = std::move(database);
      // We do without the index; the daemon does not.
      if (Status opens = CheckDatabaseFiles(files_, path, false); !opens) {
        on_finding_(kDatabase, "the daemon cannot open it: " + opens.error().message);
      }
    } catch (const SQLite::Exception& problem) {
      const Status opens = CheckDatabaseFiles(files_, path, true);
      on_finding_(kDatabase, "cannot read: " + (opens ? problem.what() : opens.error().message));
    }
  }

  void CheckDatabase() {
    if (database_ == nullptr) return;
    SQLite::Statement pages(*database_, "PRAGMA integrity_check");
    while (pages.executeStep()) {
      const std::string text = pages.getColumn(0).getString();
      if (text != "ok") on_finding_(kDatabase, text);
    }
    if (pending_.empty()) CheckReferences();
    SQLite::Statement rows(*database_,
                           "SELECT seq, ts FROM events UNION ALL SELECT seq, ts FROM file_events "
                           "ORDER BY 1");
    int64_t last_ts = INT64_MIN;
    while (rows.executeStep()) {
      const int64_t ts = rows.getColumn(1).getInt64();
      if (ts <= last_ts) {
        on_finding_(kDatabase, "ts does not increase at seq " + rows.getColumn(0).getString());
      }
      last_ts = std::max(ts, last_ts);
    }
  }

  // While a job is being deleted its events are there without it, and so are those of a new job
  // that the tables do not have yet.
  void CheckReferences() {
    SQLite::Statement query(*database_,
                            std::string("SELECT \"table\", count(*) FROM pragma_foreign_key_check "
                                        "WHERE \"table\" <> 'events' OR rowid <= (") +
                                kSelectTablesThrough + ") GROUP BY 1");
    while (query.executeStep()) {
      on_finding_(kDatabase, query.getColumn(1).getString() + " rows of " +
                                 query.getColumn(0).getString() + " belong to no job");
    }
    SQLite::Statement lists(
        *database_,
        std::string("SELECT "
                    "(SELECT count(*) FROM events WHERE seq <= (") +
            kSelectTablesThrough +
            ") AND NOT EXISTS "
            "(SELECT 1 FROM job_events WHERE job = events.job AND job_events.seq = events.seq)), "
            "(SELECT count(*) FROM job_events WHERE NOT EXISTS "
            "(SELECT 1 FROM events WHERE events.seq = job_events.seq AND events.job = "
            "job_events.job))");
    lists.executeStep();
    if (const int64_t count = lists.getColumn(0).getInt64(); count > 0) {
      on_finding_(kDatabase, std::to_string(count) +
                                 " events are not listed by job; start the "
                                 "daemon with --rebuild-state");
    }
    if (const int64_t count = lists.getColumn(1).getInt64(); count > 0) {
      on_finding_(kDatabase, std::to_string(count) +
                                 " events are listed by job that are not there; "
                                 "start the daemon with --rebuild-state");
    }
  }

  // --- Deleted jobs ---

  void CheckTombstones() {
    const TombstoneFile file = OrThrow(ReadTombstones(files_, runs_dir_));
    if (file.is_torn)
      on_finding_(kTombstones, "the last line is incomplete; the next daemon start repairs it");
    if (file.is_damaged) on_finding_(kTombstones, "contains an invalid line");
    std::map<std::string, Tombstone> in_file;
    for (const Tombstone& tombstone : file.tombstones) in_file[tombstone.job_id] = tombstone;
    for (const auto& [job_id, unused] : in_file) deleted_.insert(job_id);
    Guarded([&] { CompareTombstones(std::move(in_file)); });
    for (const std::string& job_id : deleted_) {
      if (pending_.contains(job_id)) continue;
      if (OrThrow(files_.Stat(runs_dir_ + "/" + job_id))) {
        on_finding_(
            job_id,
            "the job was deleted, but its folder still exists; the next daemon start removes it");
      }
    }
  }

  void CompareTombstones(std::map<std::string, Tombstone> in_file) {
    if (database_ == nullptr) return;
    SQLite::Statement has_row(*database_, "SELECT 1 FROM jobs WHERE job_id = ?");
    for (Tombstone& tombstone : ReadTombstoneRows(*database_, TombstoneRows::kAll)) {
      deleted_.insert(tombstone.job_id);
      // In the file all are; what is left to do stands in the row alone.
      if (std::exchange(tombstone.is_pending, true)) {
        pending_.insert(tombstone.job_id);
        on_finding_(kDatabase, "job " + tombstone.job_id +
                                   " is partly deleted; the next daemon start finishes it");
      }
      has_row.reset();
      has_row.bind(1, tombstone.job_id);
      if (has_row.executeStep()) {
        on_finding_(kDatabase, "job " + tombstone.job_id + " was deleted, but still has a row");
      }
      const auto known = in_file.find(tombstone.job_id);
      if (known == in_file.end()) {
        on_finding_(kTombstones, "no entry for the deleted job " + tombstone.job_id);
      } else if (!(known->second == tombstone)) {
        on_finding_(kTombstones,
                    "the entry for job " + tombstone.job_id + " differs from the database");
      }
      in_file.erase(tombstone.job_id);
    }
    for (const auto& [job_id, unused] : in_file) {
      pending_.insert(job_id);
      on_finding_(kDatabase, "job " + job_id + " is deleted according to " + kTombstones +
                                 "; the next daemon start removes it");
    }
  }

  std::set<std::string> Jobs() {
    std::set<std::string> jobs;
    Guarded([&] {
      if (database_ == nullptr) return;
      std::vector<std::string> job_ids = NewJobIds(*database_);
      SQLite::Statement query(*database_, "SELECT job_id FROM jobs");
      while (query.executeStep()) job_ids.push_back(query.getColumn(0).getString());
      for (std::string& job_id : job_ids) {
        if (!IsJobId(job_id)) {
          on_finding_(kDatabase, "'" + job_id + "' is not a valid job id");
        } else {
          jobs.insert(std::move(job_id));
        }
      }
    });
    for (std::string& name : OrThrow(files_.List(runs_dir_))) {
      if (!IsJobId(name)) continue;
      const auto info = OrThrow(files_.Stat(runs_dir_ + "/" + name));
      if (info && info->is_directory) jobs.insert(std::move(name));
    }
    std::erase_if(jobs, [this](const std::string& job_id) { return deleted_.contains(job_id); });
    return jobs;
  }

  // --- Counters ---

  std::string Value(const char* key) {
    SQLite::Statement query(*database_, "SELECT value FROM journal WHERE key = ?");
    query.bind(1, key);
    return query.executeStep() ? query.getColumn(0).getString() : "";
  }

  void CheckCounters() {
    const Result<JournalIdentity> identity = ReadJournalIdentity(files_, runs_dir_);
    if (!identity) return on_finding_(kIdentity, identity.error().message);
    if (identity->journal_id.empty()) return on_finding_(kIdentity, "missing");
    if (database_ == nullptr) return;
    const int64_t head = database_->execAndGet(kSelectHeadSeq).getInt64();
    if (head > identity->highest_seq) {
      on_finding_(kIdentity, "has highest_seq " + std::to_string(identity->highest_seq) +
                                 ", but the database contains seq " + std::to_string(head));
    }
    if (const std::string id = Value("journal_id"); id != identity->journal_id) {
      on_finding_(kIdentity, "has journal_id " + identity->journal_id + ", the database has " + id);
    }
    const std::string highest = Value("highest_seq");
    if (highest != std::to_string(identity->highest_seq)) {
      on_finding_(kIdentity, "has highest_seq " + std::to_string(identity->highest_seq) +
                                 ", the database has " + highest +
                                 "; the next daemon start uses the greater one");
    }
  }

  FileSystem& files_;
  const std::string& runs_dir_;
  const FindingCallback on_finding_;
  IntegritySummary summary_;
  EventTable scratch_{":memory:", ""};
  std::unique_ptr<SQLite::Database> database_;  // none where it cannot be read
  std::set<std::string> deleted_;
  std::set<std::string> pending_;  // of these
};

}  // namespace

Result<IntegritySummary> CheckIntegrity(FileSystem& files, const std::string& runs_dir,
                                        const FindingCallback& tell) {
  try {
    return IntegrityCheck(files, runs_dir, tell).Run();
  } catch (const FileError& trouble) {
    return tl::unexpected(trouble.error);
  } catch (const SQLite::Exception& problem) {
    return Failure(problem.what());
  }
}

}  // namespace stagelog
