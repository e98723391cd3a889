#include "tests/support/fault_disk.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <utility>

#include "base/check.h"
#include "base/file_system.h"
#include "base/unique_fd.h"

namespace stagelog {
namespace {

bool Exists(const std::string& path) {
  struct stat info {};
  return ::lstat(path.c_str(), &info) == 0;
}

uint64_t SizeOf(const std::string& path) {
  struct stat info {};
  return ::lstat(path.c_str(), &info) == 0 ? static_cast<uint64_t>(info.st_size) : 0;
}

std::string ReadRange(int fd, uint64_t offset, uint64_t size) {
  std::string bytes(size, '\0');
  const ssize_t got = ::pread(fd, bytes.data(), size, static_cast<off_t>(offset));
  bytes.resize(got < 0 ? 0 : static_cast<size_t>(got));
  return bytes;
}

void WriteRange(int fd, uint64_t offset, std::string_view bytes) {
  STAGELOG_CHECK(::pwrite(fd, bytes.data(), bytes.size(), static_cast<off_t>(offset)) ==
                 static_cast<ssize_t>(bytes.size()));
}

// Puts a copy in the place of SQLite's file: descriptors and locks of before stay with the old one,
// which has no name any more.
void LoseLocks(const std::string& path) {
  const std::string copy = path + ".rebooted";
  std::filesystem::copy_file(path, copy);
  std::filesystem::rename(copy, path);
  ::unlink((path + "-shm").c_str());
}

}  // namespace

std::string FaultDisk::PathOf(const DiskFilePointer& file) const {
  const std::lock_guard lock(mutex_);
  return file->path;
}

DiskFilePointer FaultDisk::FileAt(const std::string& path) {
  DiskFilePointer& file = files_[path];
  if (file == nullptr) {
    file = std::make_shared<DiskFile>();
    file->path = path;
    file->location = path;
  }
  return file;
}

DiskFilePointer FaultDisk::Opened(const std::string& path, bool is_new) {
  DiskFilePointer file = FileAt(path);
  if (is_new) name_changes_.push_back({.kind = NameChange::Kind::kCreate, .path = path});
  return file;
}

void FaultDisk::WillWrite(const DiskFilePointer& file, UndoWrite undo) {
  if (file->unsynced.empty()) {
    struct stat info {};
    if (::lstat(file->location.c_str(), &info) == 0) file->synced_mtime = info.st_mtim;
  }
  file->unsynced.push_back(std::move(undo));
}

void FaultDisk::WillAppend(const DiskFilePointer& file, uint64_t length) {
  const uint64_t size = SizeOf(file->location);
  WillWrite(file, {.offset = size, .old_size = size, .new_length = length});
}

void FaultDisk::WillTruncate(const DiskFilePointer& file, uint64_t size) {
  const uint64_t old_size = SizeOf(file->location);
  UndoWrite undo{.offset = std::min(size, old_size), .old_size = old_size};
  if (size < old_size) {
    const UniqueFd fd(::open(file->location.c_str(), O_RDONLY | O_CLOEXEC));
    undo.before = ReadRange(fd.get(), size, old_size - size);
  }
  WillWrite(file, std::move(undo));
}

void FaultDisk::Synced(const DiskFilePointer& file) {
  std::vector<UndoWrite> kept;
  for (size_t i = 0; i < file->unsynced.size(); ++i) {
    const UndoWrite& undo = file->unsynced[i];
    if (!undo.is_forgotten) continue;
    const bool is_written_over =
        std::any_of(file->unsynced.begin() + static_cast<std::ptrdiff_t>(i) + 1,
                    file->unsynced.end(), [&undo](const UndoWrite& later) {
                      return !later.is_forgotten && later.offset <= undo.offset &&
                             later.offset + later.new_length >= undo.offset + undo.new_length;
                    });
    if (!is_written_over) kept.push_back(undo);
  }
  file->unsynced = std::move(kept);
}

// On the disk the file may have its new size, and then zeros where the bytes should be.
void FaultDisk::ForgetUnsynced(const DiskFilePointer& file) {
  for (UndoWrite& undo : file->unsynced) {
    undo.is_forgotten = true;
    if (undo.before.size() < undo.new_length) undo.before.resize(undo.new_length, '\0');
  }
}

void FaultDisk::LoseUnsynced(const DiskFilePointer& file) { RollBack(*file, nullptr); }

Status FaultDisk::Truncate(const std::string& path, uint64_t size) {
  if (Exists(path)) WillTruncate(FileAt(path), size);
  return RealFileSystem().Truncate(path, size);
}

Status FaultDisk::Rename(const std::string& from, const std::string& to) {
  NameChange change{.kind = NameChange::Kind::kRename, .path = to, .from = from};
  const bool replaces = Exists(to) && !std::filesystem::is_directory(to);
  if (replaces) change.buried = Bury(to);
  if (Status renamed = RealFileSystem().Rename(from, to); !renamed) {
    if (replaces) Unbury(change.buried);
    return renamed;
  }
  MoveFiles(from, to);
  MoveChanges(from, to);
  name_changes_.push_back(std::move(change));
  return {};
}

Status FaultDisk::Remove(const std::string& path) {
  if (!Exists(path) || std::filesystem::is_directory(path)) return RealFileSystem().Remove(path);
  NameChange change{.kind = NameChange::Kind::kRemove, .path = path, .buried = Bury(path)};
  Status removed = RealFileSystem().Remove(path);
  if (!removed) {
    Unbury(change.buried);
    return removed;
  }
  name_changes_.push_back(std::move(change));
  return {};
}

Status FaultDisk::RemoveDirectory(const std::string& path) {
  Status removed = RealFileSystem().RemoveDirectory(path);
  if (removed) {
    name_changes_.push_back({.kind = NameChange::Kind::kRemoveDirectory, .path = path});
  }
  return removed;
}

Status FaultDisk::MakeDirectory(const std::string& path) {
  const bool is_new = !Exists(path);
  Status made = RealFileSystem().CreateDirectory(path);
  if (made && is_new) {
    name_changes_.push_back({.kind = NameChange::Kind::kMakeDirectory, .path = path});
  }
  return made;
}

void FaultDisk::SyncDirectory(const std::string& path) {
  // What happened in a folder that is now gone for good cannot come back.
  std::vector<std::string> gone;
  for (const NameChange& change : name_changes_) {
    const bool is_removal = change.kind == NameChange::Kind::kRemoveDirectory;
    if (is_removal && ParentDirectory(change.path) == path) gone.push_back(change.path + "/");
  }
  const auto was_in_gone = [&gone](const std::string& name) {
    return std::any_of(gone.begin(), gone.end(),
                       [&name](const std::string& folder) { return name.starts_with(folder); });
  };
  std::vector<NameChange> others;
  for (NameChange& change : name_changes_) {
    if (ParentDirectory(change.path) == path || was_in_gone(change.path)) {
      Forget(change);
    } else {
      others.push_back(std::move(change));
    }
  }
  name_changes_ = std::move(others);
}

void FaultDisk::PowerOff(std::optional<uint64_t> seed) {
  const std::lock_guard lock(mutex_);
  if (!powered_) return;
  ++epoch_;
  powered_ = false;
  std::mt19937_64 generator(seed.value_or(0));
  std::mt19937_64* random = seed ? &generator : nullptr;
  const size_t kept = random == nullptr ? 0 : generator() % (name_changes_.size() + 1);
  for (; name_changes_.size() > kept; name_changes_.pop_back()) Undo(name_changes_.back());
  for (const NameChange& change : name_changes_) Forget(change);
  name_changes_.clear();
  for (const auto& [path, file] : files_) {
    if (!Exists(path)) continue;
    if (file->is_sqlite) LoseLocks(path);
    RollBack(*file, random);
  }
  files_.clear();
}

void FaultDisk::Kill() {
  const std::lock_guard lock(mutex_);
  if (!powered_) return;
  ++epoch_;
  powered_ = false;
  for (const auto& [path, file] : files_) {
    if (file->is_sqlite && Exists(path)) LoseLocks(path);
  }
}

void FaultDisk::PowerOn() {
  const std::lock_guard lock(mutex_);
  powered_ = true;
}

DiskFilePointer FaultDisk::Bury(const std::string& path) {
  const DiskFilePointer file = FileAt(path);
  file->location = graveyard_.Path(std::to_string(++burials_));
  STAGELOG_CHECK(::link(path.c_str(), file->location.c_str()) == 0);
  files_.erase(path);
  return file;
}

void FaultDisk::Unbury(const DiskFilePointer& file) {
  // A plain rename would do nothing where both names are still one file.
  ::unlink(file->path.c_str());
  STAGELOG_CHECK(::rename(file->location.c_str(), file->path.c_str()) == 0);
  file->location = file->path;
  files_[file->path] = file;
}

void FaultDisk::MoveFiles(const std::string& from, const std::string& to) {
  std::map<std::string, DiskFilePointer> moved;
  for (auto& [path, file] : files_) {
    if (path == from || path.starts_with(from + "/")) {
      file->path = to + path.substr(from.size());
      file->location = file->path;
    }
    moved[file->path] = file;
  }
  files_ = std::move(moved);
}

void FaultDisk::MoveChanges(const std::string& from, const std::string& to) {
  const auto move = [&](std::string& path) {
    if (path.starts_with(from + "/")) path = to + path.substr(from.size());
  };
  for (NameChange& change : name_changes_) {
    move(change.path);
    move(change.from);
    if (change.buried != nullptr) move(change.buried->path);
  }
}

void FaultDisk::Forget(const NameChange& change) {
  if (change.buried != nullptr) ::unlink(change.buried->location.c_str());
}

void FaultDisk::Undo(const NameChange& change) {
  switch (change.kind) {
    case NameChange::Kind::kCreate:
      ::unlink(change.path.c_str());
      files_.erase(change.path);
      break;
    case NameChange::Kind::kMakeDirectory:
      std::filesystem::remove_all(change.path);
      break;
    case NameChange::Kind::kRemoveDirectory:
      std::filesystem::create_directory(change.path);
      break;
    case NameChange::Kind::kRename:
      if (!Exists(change.path)) break;  // it went on to a folder that was synced
      STAGELOG_CHECK(::rename(change.path.c_str(), change.from.c_str()) == 0);
      MoveFiles(change.path, change.from);
      MoveChanges(change.path, change.from);
      if (change.buried != nullptr) Unbury(change.buried);
      break;
    case NameChange::Kind::kRemove:
      Unbury(change.buried);
      break;
  }
}

void FaultDisk::RollBack(DiskFile& file, std::mt19937_64* random) {
  if (file.unsynced.empty()) return;
  const UniqueFd fd(::open(file.location.c_str(), O_RDWR | O_CLOEXEC));
  if (!fd.valid()) return;  // removed for good
  const size_t kept = random == nullptr ? 0 : (*random)() % (file.unsynced.size() + 1);
  std::string torn;  // what stays of the first write that is taken back
  uint64_t torn_offset = 0;
  for (; file.unsynced.size() > kept; file.unsynced.pop_back()) {
    const UndoWrite& undo = file.unsynced.back();
    const bool may_tear = random != nullptr && file.unsynced.size() == kept + 1;
    if (may_tear && undo.new_length > 0 && !undo.is_forgotten) {
      torn = ReadRange(fd.get(), undo.offset, (*random)() % undo.new_length);
      torn_offset = undo.offset;
    }
    WriteRange(fd.get(), undo.offset, undo.before);
    if (undo.is_forgotten) continue;
    STAGELOG_CHECK(::ftruncate(fd.get(), static_cast<off_t>(undo.old_size)) == 0);
  }
  WriteRange(fd.get(), torn_offset, torn);
  file.unsynced.clear();
  if (random != nullptr) return;
  const std::array<timespec, 2> times = {timespec{.tv_sec = 0, .tv_nsec = UTIME_OMIT},
                                         file.synced_mtime};
  ::futimens(fd.get(), times.data());
}

std::string NormalPath(const std::string& path) {
  std::string normal = std::filesystem::absolute(path).lexically_normal().string();
  while (normal.size() > 1 && normal.back() == '/') normal.pop_back();
  return normal;
}

}  // namespace stagelog
