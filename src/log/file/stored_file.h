// A job's events.jsonl, as it is or compressed.
#ifndef STAGELOG_LOG_FILE_STORED_FILE_H_
#define STAGELOG_LOG_FILE_STORED_FILE_H_

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/file_system.h"
#include "log/file/compressed_file.h"

namespace stagelog {

// Beside `path`, an events.jsonl. While both are there, the plain one is the truth.
std::string CompressedPath(const std::string& path);
bool IsCompressedPath(std::string_view path);

// What is there: the plain file, else the compressed one. (Either may be no plain file at all.)
struct StoredFile {
  std::string path;
  FileInfo info;

  bool is_compressed() const { return IsCompressedPath(path); }
};
Result<std::optional<StoredFile>> FindStoredFile(FileSystem& files, const std::string& path);

// Opens `path`, or the compressed file beside it, to be read as it was before it was compressed. A
// path that is a compressed file's does as well, or stands for the plain one that it was made
// since. ENOENT where nothing is there, kDamagedFile where the file cannot be read as such a one.
Result<std::unique_ptr<ReadFile>> OpenStoredFile(
    FileSystem& files, const std::string& path,
    CompressedFile::Damage damage = CompressedFile::Damage::kIsAnError);

// Its bytes without compression. Any failure of OpenStoredFile().
Result<uint64_t> ContentSizeOf(FileSystem& files, const std::string& path);

// Writes what is in `compressed` to the new file `plain`, synced; a failure leaves none.
Status ExpandFile(FileSystem& files, const std::string& compressed, const std::string& plain,
                  CompressedFile::Damage damage);

// Replaces a compressed job file by a plain one that can be appended to. A failure leaves the
// compressed file unchanged. The new file is synced and in place before the old one is removed.
Status ExpandJobFile(FileSystem& files, const std::string& runs_dir, const std::string& job_id,
                     const std::string& temporary);

// Where a file is compressed and expanded before it gets its name. One at a time: only the writer
// does so. Opening the journal removes what a crash has left there.
std::string CompressingPath(const std::string& runs_dir);
std::string ExpandingPath(const std::string& runs_dir);

}  // namespace stagelog

#endif  // STAGELOG_LOG_FILE_STORED_FILE_H_
