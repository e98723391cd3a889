#include "log/file/stored_file.h"

#include <cerrno>
#include <utility>

#include "log/file/job_files.h"

namespace stagelog {
namespace {

constexpr std::string_view kSuffix = ".zst";
constexpr size_t kCopyBytes = size_t{1} << 20;

bool IsMissing(const Result<std::unique_ptr<ReadFile>>& file) {
  return !file && file.error().error_number == ENOENT;
}

Result<std::unique_ptr<CompressedFile>> OpenCompressed(FileSystem& files, const std::string& path,
                                                       CompressedFile::Damage damage) {
  const auto info = files.Stat(path);
  if (!info) return tl::unexpected(info.error());
  if (!info->has_value()) return Failure("no such file: " + path, ENOENT);
  if (!(*info)->is_regular) return Failure(path + " is not a regular file", EINVAL);
  Result<std::unique_ptr<ReadFile>> file = files.OpenRead(path);
  if (!file) return tl::unexpected(file.error());
  return CompressedFile::Open(std::move(*file), (*info)->size, path, damage);
}

std::string PlainPath(const std::string& path) {
  return path.substr(0, path.size() - kSuffix.size());
}

Status CopyContent(ReadFile& from, AppendFile& to) {
  std::string chunk;
  for (uint64_t offset = 0;; offset += chunk.size()) {
    chunk.resize(kCopyBytes);
    const Result<size_t> got = from.ReadAt(offset, chunk.data(), chunk.size());
    if (!got) return tl::unexpected(got.error());
    if (*got == 0) return to.Sync();
    chunk.resize(*got);
    if (Status written = to.Append(chunk); !written) return written;
  }
}

}  // namespace

std::string CompressedPath(const std::string& path) { return path + std::string(kSuffix); }

bool IsCompressedPath(std::string_view path) { return path.ends_with(kSuffix); }

std::string CompressingPath(const std::string& runs_dir) { return runs_dir + "/.compressing"; }

std::string ExpandingPath(const std::string& runs_dir) { return runs_dir + "/.expanding"; }

Result<std::optional<StoredFile>> FindStoredFile(FileSystem& files, const std::string& path) {
  for (const std::string& name : {path, CompressedPath(path)}) {
    const auto info = files.Stat(name);
    if (!info) return tl::unexpected(info.error());
    if (info->has_value()) return StoredFile{name, **info};
  }
  return std::optional<StoredFile>();
}

Result<std::unique_ptr<ReadFile>> OpenStoredFile(FileSystem& files, const std::string& path,
                                                 CompressedFile::Damage damage) {
  if (IsCompressedPath(path)) {
    Result<std::unique_ptr<ReadFile>> file = OpenCompressed(files, path, damage);
    // Made plain since it was found.
    return IsMissing(file) ? files.OpenRead(PlainPath(path)) : std::move(file);
  }
  Result<std::unique_ptr<ReadFile>> file = files.OpenRead(path);
  if (!IsMissing(file)) return file;
  Result<std::unique_ptr<ReadFile>> compressed =
      OpenCompressed(files, CompressedPath(path), damage);
  // Made plain between the two looks.
  return IsMissing(compressed) ? files.OpenRead(path) : std::move(compressed);
}

Result<uint64_t> ContentSizeOf(FileSystem& files, const std::string& path) {
  const auto stored = FindStoredFile(files, path);
  if (!stored) return tl::unexpected(stored.error());
  if (!stored->has_value()) return Failure("no such file: " + path, ENOENT);
  if (!(*stored)->is_compressed()) return (*stored)->info.size;
  const auto file = OpenCompressed(files, (*stored)->path, CompressedFile::Damage::kIsAnError);
  if (!file) return tl::unexpected(file.error());
  return (*file)->content_size();
}

Status ExpandFile(FileSystem& files, const std::string& compressed, const std::string& plain,
                  CompressedFile::Damage damage) {
  const auto source = OpenCompressed(files, compressed, damage);
  if (!source) return tl::unexpected(source.error());
  if (Status gone = RemoveIfExists(files, plain); !gone) return gone;
  const auto target = files.OpenAppend(plain);
  if (!target) return tl::unexpected(target.error());
  Status copied = CopyContent(**source, **target);
  if (copied) copied = (*target)->Close();
  if (!copied) static_cast<void>(files.Remove(plain));
  return copied;
}

Status ExpandJobFile(FileSystem& files, const std::string& runs_dir, const std::string& job_id,
                     const std::string& temporary) {
  const std::string path = JobFilePath(runs_dir, job_id);
  if (Status expanded =
          ExpandFile(files, CompressedPath(path), temporary, CompressedFile::Damage::kIsAnError);
      !expanded) {
    return expanded;  // what could not be removed the next opening removes
  }
  if (Status moved = files.Rename(temporary, path); !moved) return moved;
  if (Status synced = files.SyncDirectory(JobDirectory(runs_dir, job_id)); !synced) return synced;
  return files.Remove(CompressedPath(path));
}

}  // namespace stagelog
