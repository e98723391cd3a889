// Runs backups on a separate thread, so that no other thread waits for the disk.
#ifndef STAGELOG_BACKUP_BACKUP_RUNNER_H_
#define STAGELOG_BACKUP_BACKUP_RUNNER_H_

#include <atomic>
#include <string>
#include <thread>

#include "base/clock.h"
#include "base/file_system.h"
#include "base/mutex.h"
#include "core/backup_maker.h"
#include "core/refusal.h"

namespace stagelog {

class BackupRunner : public BackupMaker {
 public:
  // Copies what is in `runs_dir` into folders inside `backup_dir`. The first two outlive this.
  BackupRunner(FileSystem& files, Clock& clock, std::string runs_dir, std::string backup_dir);
  ~BackupRunner() override;  // as Stop()

  // Refuses with invalid_parameter an invalid name (core/identifier.h), with backup_exists one in
  // use, with backup_running while another backup is in progress.
  void Backup(std::string name, BackupDone done) override;

  // Aborts a running backup and waits for it; refuses later ones. Idempotent.
  void Stop();

 private:
  tl::expected<BackupReport, Refusal> Make(const std::string& name);

  FileSystem& files_;
  Clock& clock_;
  const std::string runs_dir_;
  const std::string backup_dir_;
  std::atomic<bool> stopping_{false};
  Mutex mutex_;
  bool is_running_ STAGELOG_GUARDED_BY(mutex_) = false;  // guarded by mutex_, as is the next
  std::thread thread_ STAGELOG_GUARDED_BY(mutex_);
};

}  // namespace stagelog

#endif  // STAGELOG_BACKUP_BACKUP_RUNNER_H_
