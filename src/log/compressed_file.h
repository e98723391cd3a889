// events.jsonl.zst: the bytes of an events.jsonl in small zstd frames, each by itself.
#ifndef STAGELOG_LOG_COMPRESSED_FILE_H_
#define STAGELOG_LOG_COMPRESSED_FILE_H_

#include <cerrno>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/file_system.h"

struct ZSTD_CCtx_s;
struct ZSTD_DCtx_s;

namespace stagelog {

// The format is zstd's (RFC 8878), so that `zstd -d` makes the same bytes of it: frames with
// content size and checksum, then a skippable frame with a table of their sizes, as in "zstd
// seekable format" 0.1.0 (contrib/seekable_format in zstd). By the table, what is at an offset of
// the uncompressed file is found without reading what comes before.
//
// The error_number of the error for a file that is not as it was written, so that it is told from a
// disk in trouble.
inline constexpr int kDamagedFile = EILSEQ;
// Frames end with a line, and as soon as they have so many bytes of it...
inline constexpr size_t kFrameBytes = size_t{256} << 10;
// ...and those with more than this, which nothing here writes, are refused: they might be a few
// bytes that stand for more than the machine's memory.
inline constexpr size_t kMaxFrameBytes = size_t{16} << 20;
inline constexpr size_t kMaxFrames = size_t{1} << 20;

struct FrameSize {
  uint32_t compressed = 0;  // bytes
  uint32_t content = 0;
};

// Makes frames, and remembers them for the table at the end. One thread at a time.
class FrameEncoder {
 public:
  FrameEncoder();
  ~FrameEncoder();

  // The frame of `content`, 1 to kMaxFrameBytes. Fails where there are too many frames.
  Result<std::string> Encode(std::string_view content);
  std::string SeekTable() const;

 private:
  std::unique_ptr<ZSTD_CCtx_s, size_t (*)(ZSTD_CCtx_s*)> context_;
  std::vector<FrameSize> frames_;
};

// Reads the file as if it were not compressed. Holds the content of one frame, and 16 bytes of the
// table a frame.
class CompressedFile : public ReadFile {
 public:
  enum class Damage {
    kIsAnError,    // reading any byte of a damaged frame fails with kDamagedFile
    kIsBlankLines  // such a frame reads as newlines, so that what comes after it is where it was;
                   // without a sound table there are as many frames as can be found
  };

  // Of `size` bytes, and called `name` in errors. Fails with kDamagedFile where the table is not
  // that of such a file.
  static Result<std::unique_ptr<CompressedFile>> Open(std::unique_ptr<ReadFile> file, uint64_t size,
                                                      std::string name,
                                                      Damage damage = Damage::kIsAnError);
  ~CompressedFile() override;

  Result<size_t> ReadAt(uint64_t offset, char* buffer, size_t size) override;
  uint64_t content_size() const { return content_size_; }

 private:
  // Where a frame begins, in the file and in its content.
  struct Frame {
    uint64_t compressed_offset = 0;
    uint64_t content_offset = 0;
  };

  CompressedFile(std::unique_ptr<ReadFile> file, std::string name, Damage damage);
  Status ReadTable(uint64_t size);
  Status FindFrames(uint64_t size);
  Status ReadEntries(uint64_t offset, size_t count, size_t entry_bytes);
  Result<std::string> ReadExactly(uint64_t offset, size_t size);
  Status LoadFrame(size_t index);
  Status Decode(size_t index);
  tl::unexpected<Error> Damaged(const std::string& what) const;

  const std::unique_ptr<ReadFile> file_;
  const std::string name_;
  const Damage damage_;
  std::unique_ptr<ZSTD_DCtx_s, size_t (*)(ZSTD_DCtx_s*)> context_;
  std::vector<Frame> frames_;  // and one that begins where the last one ends
  uint64_t content_size_ = 0;
  std::string content_;  // of the frame that was read last
  size_t loaded_ = SIZE_MAX;
};

}  // namespace stagelog

#endif  // STAGELOG_LOG_COMPRESSED_FILE_H_
