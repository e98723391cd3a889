#include "backup/backup_runner.h"

#include <pthread.h>

#include <cerrno>
#include <utility>

#include "backup/journal_copy.h"
#include "base/logging.h"
#include "base/mutex.h"
#include "base/timestamp.h"
#include "core/append_refusal.h"
#include "core/identifier.h"

namespace stagelog {
namespace {

// stagelog-20261121T074102.123456Z
std::string NameOfTime(int64_t micros) {
  std::string text = FormatTimestamp(micros);
  std::erase_if(text, [](char c) { return c == '-' || c == ':'; });
  return "stagelog-" + text;
}

}  // namespace

BackupRunner::BackupRunner(FileSystem& files, Clock& clock, std::string runs_dir,
                           std::string backup_dir)
    : files_(files),
      clock_(clock),
      runs_dir_(std::move(runs_dir)),
      backup_dir_(std::move(backup_dir)) {}

BackupRunner::~BackupRunner() { Stop(); }

void BackupRunner::Backup(std::string name, BackupDone done) {
  Refusal refusal;
  if (name.empty()) name = NameOfTime(clock_.WallMicros());
  if (!IsName(name)) {
    refusal = {.code = "invalid_parameter",
               .detail = "'to' must be the name of a new folder in storage.backup_dir: " +
                         std::string(kNameRule),
               .field = "to"};
  }
  MutexLock lock(mutex_);
  if (stopping_) {
    refusal = ShuttingDown("not_applied");
  } else if (refusal.code.empty() && is_running_) {
    refusal = {.code = "backup_running", .detail = "another backup is running; try again later"};
  }
  if (!refusal.code.empty()) {
    lock.unlock();
    return done(tl::unexpected(std::move(refusal)));
  }
  if (thread_.joinable()) thread_.join();  // it has but its answer left to give
  is_running_ = true;
  thread_ = std::thread([this, name = std::move(name), done = std::move(done)] {
    ::pthread_setname_np(::pthread_self(), "backup");
    auto made = Make(name);
    {
      const MutexLock guard(mutex_);
      is_running_ = false;
    }
    done(std::move(made));
  });
}

tl::expected<BackupReport, Refusal> BackupRunner::Make(const std::string& name) {
  auto made = CopyJournal(files_, clock_, runs_dir_, backup_dir_ + "/" + name,
                          [this] { return stopping_.load(); });
  if (made) {
    LogInfo("[backup] {}: {} jobs, {} bytes, events up to seq {}", made->path, made->job_count,
            made->bytes, made->head_seq);
    return *std::move(made);
  }
  const Error& error = made.error();
  if (error.error_number == ECANCELED) {
    return tl::unexpected(Refusal{.code = "shutting_down", .detail = error.message});
  }
  LogError("[backup] {} failed: {}", name, error.message);
  if (error.error_number == EEXIST) {
    return tl::unexpected(Refusal{.code = "backup_exists", .detail = error.message, .field = "to"});
  }
  return tl::unexpected(
      Refusal{.code = "backup_failed", .detail = "backup failed: " + error.message});
}

void BackupRunner::Stop() {
  stopping_ = true;
  std::thread thread;
  {
    const MutexLock lock(mutex_);
    thread.swap(thread_);
  }
  if (thread.joinable()) thread.join();
}

}  // namespace stagelog
