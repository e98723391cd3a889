#include "log/idle_file_sync.h"

#include <string>

#include "log/recovery.h"

namespace stagelog {

int64_t IdleFileSync::NextDueMicros() const {
  const int64_t oldest =
      parts_.job_tables.IsPutOff() ? INT64_MAX : parts_.job_files.files().OldestDirtyMicros();
  return oldest == INT64_MAX ? INT64_MAX : oldest + parts_.options.idle_sync_micros;
}

Status IdleFileSync::SyncIdle() {
  return SyncSome(parts_.clock.MonotonicMicros() - parts_.options.idle_sync_micros);
}

Status IdleFileSync::SyncAll() {
  while (parts_.job_files.files().OldestDirtyMicros() != INT64_MAX) {
    if (!tables_.WriteAll()) return Failure("the tables of jobs cannot be written");
    if (Status synced = SyncSome(INT64_MAX - 1); !synced) return synced;
  }
  return {};
}

// Those that were not appended to since `before_micros`, a few at a time so that an append that
// comes meanwhile does not wait.
Status IdleFileSync::SyncSome(int64_t before_micros) {
  constexpr int kFilesAtOnce = 64;
  JobFiles& files = parts_.job_files.files();
  if (files.OldestDirtyMicros() > before_micros) return {};
  if (!tables_.WriteAll()) return {};  // what is noted stands in their rows
  if (Status ours = parts_.lock.CheckStillHeld(); !ours) return ours;
  if (Status there = CheckDatabaseIsThere(); !there) return there;
  try {
    parts_.table->Begin();
    if (Status synced = files.SyncNewFolders(); !synced) return synced;
    WriterAccess access = parts_.Access();
    for (int i = 0; i < kFilesAtOnce && files.OldestDirtyMicros() <= before_micros; ++i) {
      access.SyncFile(std::string(files.OldestDirty()));
    }
    parts_.table->Commit();
    return {};
  } catch (const SQLite::Exception& problem) {
    return Failure(problem.what());
  }
}

// Where it was deleted under our feet, what is committed from now on would go with the last open
// descriptor.
Status IdleFileSync::CheckDatabaseIsThere() {
  const auto database = parts_.files.Stat(DatabasePath(parts_.options.runs_dir));
  if (!database) return tl::unexpected(database.error());
  if (database->has_value()) return {};
  parts_.corruption_seen = true;
  return Failure("stagelog.db was deleted");
}

}  // namespace stagelog
