#include "tests/support/fault_file_system.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

namespace stagelog {
namespace {

tl::unexpected<Error> Injected(int error_number, const std::string& path) {
  return Failure(std::string("injected: ") + std::strerror(error_number) + ": " + path,
                 error_number);
}

tl::unexpected<Error> NoPower(const std::string& path) { return Failure("no power: " + path, EIO); }

}  // namespace

class FaultFileSystem::FaultAppendFile : public AppendFile {
 public:
  FaultAppendFile(FaultFileSystem& owner, DiskFilePointer file, uint64_t epoch,
                  std::unique_ptr<AppendFile> real)
      : owner_(owner), file_(std::move(file)), epoch_(epoch), real_(std::move(real)) {}

  Status Append(std::string_view bytes) override {
    const std::string path = owner_.disk_.PathOf(file_);
    const auto fault = owner_.plan_.Arrive(Operation::kWrite, path);
    const auto lock = owner_.disk_.Lock();
    if (!owner_.disk_.IsUsable(epoch_)) return NoPower(path);
    if (fault) bytes = bytes.substr(0, fault->torn_bytes.value_or(0));
    Status written;
    if (!bytes.empty()) {
      owner_.disk_.WillAppend(file_, bytes.size());
      written = real_->Append(bytes);
    }
    if (fault) return Injected(fault->error_number, path);
    return written;
  }

  Status Sync() override {
    const std::string path = owner_.disk_.PathOf(file_);
    const auto fault = owner_.plan_.Arrive(Operation::kSync, path);
    const auto lock = owner_.disk_.Lock();
    if (!owner_.disk_.IsUsable(epoch_)) return NoPower(path);
    if (fault && fault->lose_unsynced) owner_.disk_.LoseUnsynced(file_);
    if (fault && fault->forget_unsynced) owner_.disk_.ForgetUnsynced(file_);
    if (fault) return Injected(fault->error_number, path);
    owner_.disk_.Synced(file_);
    return {};
  }

  Result<FileInfo> Info() override {
    const std::string path = owner_.disk_.PathOf(file_);
    const auto fault = owner_.plan_.Arrive(Operation::kStat, path);
    const auto lock = owner_.disk_.Lock();
    if (!owner_.disk_.IsUsable(epoch_)) return NoPower(path);
    if (fault) return Injected(fault->error_number, path);
    return real_->Info();
  }

  Status Close() override {
    const std::string path = owner_.disk_.PathOf(file_);
    const auto fault = owner_.plan_.Arrive(Operation::kClose, path);
    const auto lock = owner_.disk_.Lock();
    if (!owner_.disk_.IsUsable(epoch_)) return NoPower(path);
    Status closed = real_->Close();
    if (fault) return Injected(fault->error_number, path);
    return closed;
  }

 private:
  FaultFileSystem& owner_;
  const DiskFilePointer file_;
  const uint64_t epoch_;
  const std::unique_ptr<AppendFile> real_;
};

class FaultFileSystem::FaultReadFile : public ReadFile {
 public:
  FaultReadFile(FaultFileSystem& owner, std::string path, uint64_t epoch,
                std::unique_ptr<ReadFile> real)
      : owner_(owner), path_(std::move(path)), epoch_(epoch), real_(std::move(real)) {}

  Result<size_t> ReadAt(uint64_t offset, char* buffer, size_t size) override {
    const auto fault = owner_.plan_.Arrive(Operation::kRead, path_);
    const auto lock = owner_.disk_.Lock();
    if (!owner_.disk_.IsUsable(epoch_)) return NoPower(path_);
    if (fault) return Injected(fault->error_number, path_);
    return real_->ReadAt(offset, buffer, size);
  }

 private:
  FaultFileSystem& owner_;
  const std::string path_;
  const uint64_t epoch_;
  const std::unique_ptr<ReadFile> real_;
};

void FaultFileSystem::PowerOff(std::optional<uint64_t> seed) {
  disk_.PowerOff(seed);
  plan_.Release();
}

void FaultFileSystem::FollowNoLinksBelow(const std::string& folder) {
  RealFileSystem().FollowNoLinksBelow(NormalPath(folder));
}

Result<std::unique_ptr<FaultFileSystem::FaultAppendFile>> FaultFileSystem::Open(
    const std::string& path, bool truncate) {
  const std::string name = NormalPath(path);
  const auto fault = plan_.Arrive(Operation::kOpen, name);
  const auto lock = disk_.Lock();
  if (!disk_.IsPowered()) return NoPower(name);
  if (fault) return Injected(fault->error_number, name);
  const auto before = RealFileSystem().Stat(name);
  auto real = RealFileSystem().OpenAppend(name);
  if (!real) return tl::unexpected(real.error());
  const DiskFilePointer file = disk_.Opened(name, !before->has_value());
  if (truncate && before->has_value()) {
    if (Status cut = disk_.Truncate(name, 0); !cut) return tl::unexpected(cut.error());
  }
  return std::make_unique<FaultAppendFile>(*this, file, disk_.Epoch(), std::move(*real));
}

Result<std::unique_ptr<AppendFile>> FaultFileSystem::OpenAppend(const std::string& path) {
  return Open(path, false);
}

Result<std::unique_ptr<ReadFile>> FaultFileSystem::OpenRead(const std::string& path) {
  const std::string name = NormalPath(path);
  const auto fault = plan_.Arrive(Operation::kOpenRead, name);
  const auto lock = disk_.Lock();
  if (!disk_.IsPowered()) return NoPower(name);
  if (fault) return Injected(fault->error_number, name);
  auto real = RealFileSystem().OpenRead(name);
  if (!real) return real;
  return std::make_unique<FaultReadFile>(*this, name, disk_.Epoch(), std::move(*real));
}

Status FaultFileSystem::WriteFile(const std::string& path, std::string_view bytes) {
  auto file = Open(path, true);
  if (!file) return tl::unexpected(file.error());
  if (Status written = (*file)->Append(bytes); !written) return written;
  if (Status synced = (*file)->Sync(); !synced) return synced;
  return (*file)->Close();
}

Status FaultFileSystem::Rewrite(const std::string& path, uint64_t offset) {
  const std::string name = NormalPath(path);
  for (const Operation operation : {Operation::kWrite, Operation::kSync}) {
    const auto fault = plan_.Arrive(operation, name);
    const auto lock = disk_.Lock();
    if (!disk_.IsPowered()) return NoPower(name);
    if (fault) return Injected(fault->error_number, name);
  }
  const auto lock = disk_.Lock();
  if (!disk_.IsPowered()) return NoPower(name);
  if (Status written = RealFileSystem().Rewrite(name, offset); !written) return written;
  disk_.Rewritten(name);
  return {};
}

Status FaultFileSystem::Truncate(const std::string& path, uint64_t size) {
  const std::string name = NormalPath(path);
  const auto fault = plan_.Arrive(Operation::kTruncate, name);
  const auto lock = disk_.Lock();
  if (!disk_.IsPowered()) return NoPower(name);
  if (fault) return Injected(fault->error_number, name);
  return disk_.Truncate(name, size);
}

Status FaultFileSystem::Rename(const std::string& from, const std::string& to) {
  const std::string old_name = NormalPath(from);
  const std::string new_name = NormalPath(to);
  const auto fault = plan_.Arrive(Operation::kRename, old_name + " " + new_name);
  const auto lock = disk_.Lock();
  if (!disk_.IsPowered()) return NoPower(old_name);
  if (fault) return Injected(fault->error_number, old_name);
  return disk_.Rename(old_name, new_name);
}

Status FaultFileSystem::Remove(const std::string& path) {
  const std::string name = NormalPath(path);
  const auto fault = plan_.Arrive(Operation::kRemove, name);
  const auto lock = disk_.Lock();
  if (!disk_.IsPowered()) return NoPower(name);
  if (fault) return Injected(fault->error_number, name);
  return disk_.Remove(name);
}

Status FaultFileSystem::RemoveDirectory(const std::string& path) {
  const std::string name = NormalPath(path);
  const auto fault = plan_.Arrive(Operation::kRemove, name);
  const auto lock = disk_.Lock();
  if (!disk_.IsPowered()) return NoPower(name);
  if (fault) return Injected(fault->error_number, name);
  return disk_.RemoveDirectory(name);
}

Status FaultFileSystem::CreateDirectory(const std::string& path) {
  const std::string name = NormalPath(path);
  const auto fault = plan_.Arrive(Operation::kMakeDirectory, name);
  const auto lock = disk_.Lock();
  if (!disk_.IsPowered()) return NoPower(name);
  if (fault) return Injected(fault->error_number, name);
  return disk_.MakeDirectory(name);
}

Status FaultFileSystem::SyncDirectory(const std::string& path) {
  const std::string name = NormalPath(path);
  const auto fault = plan_.Arrive(Operation::kSyncDirectory, name);
  const auto lock = disk_.Lock();
  if (!disk_.IsPowered()) return NoPower(name);
  if (fault) return Injected(fault->error_number, name);
  const auto info = RealFileSystem().Stat(name);
  if (!info || !info->has_value()) return Injected(ENOENT, name);
  disk_.SyncDirectory(name);
  return {};
}

Result<std::vector<std::string>> FaultFileSystem::List(const std::string& path) {
  const auto fault = plan_.Arrive(Operation::kList, NormalPath(path));
  const auto lock = disk_.Lock();
  if (!disk_.IsPowered()) return NoPower(path);
  if (fault) return Injected(fault->error_number, path);
  return RealFileSystem().List(path);
}

Result<std::optional<FileInfo>> FaultFileSystem::Stat(const std::string& path) {
  const auto fault = plan_.Arrive(Operation::kStat, NormalPath(path));
  const auto lock = disk_.Lock();
  if (!disk_.IsPowered()) return NoPower(path);
  if (fault) return Injected(fault->error_number, path);
  return RealFileSystem().Stat(path);
}

Result<uint64_t> FaultFileSystem::FreeBytes(const std::string& path) {
  const auto lock = disk_.Lock();
  if (!disk_.IsPowered()) return NoPower(path);
  return free_bytes_ ? Result<uint64_t>(*free_bytes_) : RealFileSystem().FreeBytes(path);
}

std::string FaultFileSystem::SqliteVfs() const {
  const auto lock = disk_.Lock();
  const uint64_t epoch = disk_.Epoch();
  if (sqlite_.empty() || sqlite_.back()->epoch() != epoch) {
    sqlite_.push_back(std::make_unique<FaultSqliteVfs>(plan_, disk_, epoch));
  }
  return sqlite_.back()->name();
}

}  // namespace stagelog
