#include "log/file/job_files.h"

#include <algorithm>
#include <cerrno>
#include <optional>

#include "log/file/stored_file.h"

namespace stagelog {
namespace {

// For so long after the path was followed, appends look at the open file alone.
constexpr int64_t kTrustMicros = 100'000;
constexpr size_t kMaxCleanFiles = 65'536;

}  // namespace

std::string JobDirectory(const std::string& runs_dir, const std::string& job_id) {
  return runs_dir + "/" + job_id;
}

std::string JobFilePath(const std::string& runs_dir, const std::string& job_id) {
  return JobDirectory(runs_dir, job_id) + "/events.jsonl";
}

Result<bool> EnsureJobDirectory(FileSystem& files, const std::string& runs_dir,
                                const std::string& job_id) {
  const std::string path = JobDirectory(runs_dir, job_id);
  const Result<std::optional<FileInfo>> info = files.Stat(path);
  if (!info) return tl::unexpected(info.error());
  if (info->has_value() && !(*info)->is_directory) {
    return Failure(path + " exists and is not a folder", ENOTDIR);
  }
  if (info->has_value()) return false;
  if (Status created = files.CreateDirectory(path); !created) {
    return tl::unexpected(created.error());
  }
  return true;
}

JobFiles::JobFiles(FileSystem& files, std::string runs_dir, size_t max_open)
    : files_(files), runs_dir_(std::move(runs_dir)), max_open_(std::max<size_t>(max_open, 1)) {}

Status JobFiles::Append(const std::string& job_id, std::string_view bytes, int64_t now_micros) {
  const bool was_open = open_.contains(job_id);
  const Result<AppendFile*> file = Open(job_id);
  if (!file) return tl::unexpected(file.error());
  const bool was_dirty = dirty_.contains(job_id);
  std::optional<FileInfo> before;
  if (const auto clean = clean_.find(job_id); clean != clean_.end()) {
    if (Status same = CheckUnchanged(job_id, clean->second); !same) return same;
    before = clean->second;
    clean_.erase(clean);
  }
  Dirty& dirty = MarkDirty(job_id);
  if (was_dirty) before = dirty.info;
  if (was_dirty && (!was_open || now_micros - dirty.checked_micros > kTrustMicros)) {
    if (Status same = CheckUnchanged(job_id, dirty.info); !same) return same;
    dirty.checked_micros = now_micros;
  }
  if (!was_dirty) dirty.checked_micros = now_micros;
  dirty.appended_micros = now_micros;
  if (Status done = (*file)->Append(bytes); !done) return done;
  const Result<FileInfo> info = (*file)->Info();
  if (!info) return tl::unexpected(info.error());
  dirty.info = *info;
  const bool is_ours =
      !before || (info->inode == before->inode && info->size == before->size + bytes.size());
  if (!is_ours) {
    return Failure("events.jsonl of " + job_id + " was changed by another program");
  }
  return {};
}

Result<FileInfo> JobFiles::InfoOf(const std::string& job_id) const {
  const auto info = files_.Stat(JobFilePath(runs_dir_, job_id));
  if (!info) return tl::unexpected(info.error());
  if (!info->has_value()) return Failure("events.jsonl of " + job_id + " was removed", ENOENT);
  return **info;
}

Status JobFiles::CheckUnchanged(const std::string& job_id, const FileInfo& expected) const {
  const Result<FileInfo> info = InfoOf(job_id);
  if (!info) return tl::unexpected(info.error());
  if (*info == expected) return {};
  return Failure("events.jsonl of " + job_id + " was changed by another program");
}

Result<AppendFile*> JobFiles::Open(const std::string& job_id) {
  if (const auto found = open_.find(job_id); found != open_.end()) {
    recency_.splice(recency_.end(), recency_, found->second.recency);
    return found->second.file.get();
  }
  const Result<bool> is_new = EnsureJobDirectory(files_, runs_dir_, job_id);
  if (!is_new) return tl::unexpected(is_new.error());
  has_new_folders_ = has_new_folders_ || *is_new;
  if (Status plain = MakePlain(job_id); !plain) return tl::unexpected(plain.error());
  if (open_.size() >= max_open_) CloseLeastRecent();
  Result<std::unique_ptr<AppendFile>> file = files_.OpenAppend(JobFilePath(runs_dir_, job_id));
  if (!file) return tl::unexpected(file.error());
  recency_.push_back(job_id);
  OpenFile& opened = open_[job_id];
  opened = {std::move(*file), std::prev(recency_.end())};
  return opened.file.get();
}

void JobFiles::CloseLeastRecent() {
  const auto oldest = open_.find(recency_.front());
  const std::unique_ptr<AppendFile> file = std::move(oldest->second.file);
  if (Status closed = file->Close(); !closed) {
    failed_closes_.push_back({oldest->first, oldest->second.through_job_seq, closed.error()});
  }
  open_.erase(oldest);
  recency_.pop_front();
}

Result<bool> JobFiles::IsCompressed(const std::string& job_id) const {
  if (open_.contains(job_id)) return false;
  const auto stored = FindStoredFile(files_, JobFilePath(runs_dir_, job_id));
  if (!stored) return tl::unexpected(stored.error());
  return stored->has_value() && (*stored)->is_compressed();
}

// A job that was over goes on.
Status JobFiles::MakePlain(const std::string& job_id) {
  const auto stored = FindStoredFile(files_, JobFilePath(runs_dir_, job_id));
  if (!stored) return tl::unexpected(stored.error());
  if (!stored->has_value() || !(*stored)->is_compressed()) return {};
  const auto clean = clean_.find(job_id);
  if (clean != clean_.end() && clean->second != (*stored)->info) {
    return Failure("events.jsonl.zst of " + job_id + " was changed by another program");
  }
  if (Status expanded = ExpandJobFile(files_, runs_dir_, job_id, ExpandingPath(runs_dir_));
      !expanded)
    return expanded;
  const Result<FileInfo> info = InfoOf(job_id);
  if (!info) return tl::unexpected(info.error());
  if (clean != clean_.end()) clean->second = *info;
  return {};
}

JobFiles::Dirty& JobFiles::MarkDirty(const std::string& job_id) {
  const auto [entry, is_new] = dirty_.try_emplace(job_id);
  if (is_new) {
    dirty_order_.push_back(job_id);
    entry->second.order = std::prev(dirty_order_.end());
  } else {
    dirty_order_.splice(dirty_order_.end(), dirty_order_, entry->second.order);
  }
  return entry->second;
}

int64_t JobFiles::OldestDirtyMicros() const {
  if (dirty_order_.empty()) return INT64_MAX;
  return dirty_.at(dirty_order_.front()).appended_micros;
}

Status JobFiles::SyncNewFolders() {
  if (!has_new_folders_) return {};
  if (Status synced = files_.SyncDirectory(runs_dir_); !synced) return synced;
  has_new_folders_ = false;
  return {};
}

Result<std::optional<FileInfo>> JobFiles::SyncIfDirty(const std::string& job_id) {
  const auto dirty = dirty_.find(job_id);
  if (dirty == dirty_.end()) return std::optional<FileInfo>();
  const Result<AppendFile*> file = Open(job_id);
  if (!file) return tl::unexpected(file.error());
  if (Status done = (*file)->Sync(); !done) return tl::unexpected(done.error());
  if (Status done = files_.SyncDirectory(JobDirectory(runs_dir_, job_id)); !done) {
    return tl::unexpected(done.error());
  }
  if (Status done = SyncNewFolders(); !done) return tl::unexpected(done.error());
  const FileInfo info = dirty->second.info;
  if (Status same = CheckUnchanged(job_id, info); !same) return tl::unexpected(same.error());
  if (clean_.size() >= kMaxCleanFiles) clean_.clear();
  clean_[job_id] = info;
  dirty_order_.erase(dirty->second.order);
  dirty_.erase(dirty);
  return std::optional<FileInfo>(info);
}

void JobFiles::Forget(const std::string& job_id) {
  if (const auto open = open_.find(job_id); open != open_.end()) {
    recency_.erase(open->second.recency);
    open_.erase(open);
  }
  if (const auto dirty = dirty_.find(job_id); dirty != dirty_.end()) {
    dirty_order_.erase(dirty->second.order);
    dirty_.erase(dirty);
  }
  clean_.erase(job_id);
}

void JobFiles::CloseAll() {
  open_.clear();
  recency_.clear();
  dirty_.clear();
  dirty_order_.clear();
  clean_.clear();
}

}  // namespace stagelog
