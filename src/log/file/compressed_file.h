// events.jsonl.zst: the bytes of an events.jsonl in small zstd frames, each by itself.
#ifndef STAGELOG_LOG_FILE_COMPRESSED_FILE_H_
#define STAGELOG_LOG_FILE_COMPRESSED_FILE_H_

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
// The error_number for a file that is damaged, to distinguish it from an I/O error.
inline constexpr int kDamagedFile = EILSEQ;
// A frame ends with a line, as soon as it has at least this many bytes.
inline constexpr size_t kFrameBytes = size_t{256} << 10;
// Larger frames, which are never written here, are refused: a few bytes might expand to more than
// the memory of the machine.
inline constexpr size_t kMaxFrameBytes = size_t{16} << 20;
inline constexpr size_t kMaxFrames = size_t{1} << 20;

struct FrameSize {
  uint32_t compressed = 0;  // bytes
  uint32_t content = 0;
};

// Encodes frames, and records their sizes for the table at the end. One thread at a time.
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

// Reads the uncompressed content at any offset. Memory: the content of one frame, and 16 bytes per
// frame for the table.
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
  // The start of a frame, in the file and in the uncompressed content.
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

#endif  // STAGELOG_LOG_FILE_COMPRESSED_FILE_H_
