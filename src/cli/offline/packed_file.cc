#include "cli/offline/packed_file.h"

#include <zstd.h>

#include <filesystem>
#include <string_view>
#include <utility>

#include "cli/send/byte_source.h"
#include "cli/send/unpacking.h"
#include "core/draft_decoder.h"
#include "log/file/stored_file.h"

namespace stagelog::cli {
namespace {

// No frame of the journal's has more content.
constexpr uint64_t kMaxOwnContent = kFrameBytes + 2 * uint64_t{kMaxEventBytes};
constexpr std::string_view kTableMagic = {"\xb1\xea\x92\x8f", 4};

std::string Part(ReadFile& file, uint64_t offset, size_t size) {
  std::string bytes(size, '\0');
  const Result<size_t> got = file.ReadAt(offset, bytes.data(), size);
  bytes.resize(got.value_or(0));
  return bytes;
}

// Of a file of `size` bytes that begins with a zstd frame.
bool MayBeOneOfOurs(ReadFile& file, uint64_t size) {
  const std::string head = Part(file, 0, 18);
  const unsigned long long content = ZSTD_getFrameContentSize(head.data(), head.size());
  if (content == ZSTD_CONTENTSIZE_UNKNOWN) return false;
  if (content == ZSTD_CONTENTSIZE_ERROR) return true;
  if (content > kMaxOwnContent) return false;
  // What does not compress becomes a little larger.
  const std::string frame = Part(file, 0, kMaxOwnContent + kMaxOwnContent / 4);
  const size_t frame_size = ZSTD_findFrameCompressedSize(frame.data(), frame.size());
  return ZSTD_isError(frame_size) != 0 || frame_size != size;
}

}  // namespace

bool IsPackedByOthers(const std::string& path) {
  FileSystem& files = RealFileSystem();
  const auto info = files.Stat(path);
  if (!info || !info->has_value() || !(*info)->is_regular) return false;
  const auto file = files.OpenRead(path);
  if (!file) return false;
  const Packing packing = PackingOf(Part(**file, 0, 4));
  if (packing == Packing::kNone) return false;
  if (packing != Packing::kZstd) return true;
  if (OpenStoredFile(files, path)) return false;
  const uint64_t size = (*info)->size;
  const bool has_table = size > kTableMagic.size() &&
                         Part(**file, size - kTableMagic.size(), kTableMagic.size()) == kTableMagic;
  if (has_table) return false;
  const std::string name = std::filesystem::path(path).filename().string();
  return name != CompressedPath("events.jsonl") || !MayBeOneOfOurs(**file, size);
}

Result<std::unique_ptr<ReadFile>> OpenJournalFile(const std::string& path,
                                                  CompressedFile::Damage damage) {
  if (IsStreamPath(path)) {
    auto source = OpenByteSource(path, path == "-" ? "standard input" : path);
    if (!source) return tl::unexpected(source.error());
    return SequentialFile(std::move(*source));
  }
  if (!IsPackedByOthers(path)) return OpenStoredFile(RealFileSystem(), path, damage);
  auto source = OpenByteSource(path, path);
  if (!source) return tl::unexpected(source.error());
  return SequentialFile(std::move(*source));
}

}  // namespace stagelog::cli
