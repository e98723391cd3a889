#include "log/file/compressed_file.h"

#include <zstd.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "base/check.h"

namespace stagelog {
namespace {

constexpr int kLevel = 3;  // zstd's own choice: several times faster than the disk that it saves
constexpr uint32_t kTableMagic = 0x184D2A5E;   // of a skippable frame
constexpr uint32_t kFooterMagic = 0x8F92EAB1;  // of the seekable format
constexpr size_t kFrameHeaderBytes = 8;        // magic and size of a skippable frame
constexpr size_t kFooterBytes = 9;             // number of frames, descriptor, magic
constexpr uint8_t kHasChecksums = 0x80;        // in the descriptor: each entry has four bytes more
constexpr uint8_t kReserved = 0x7C;

// All numbers are little-endian.
void PutNumber(std::string& out, uint32_t number) {
  for (int shift = 0; shift < 32; shift += 8) out += static_cast<char>((number >> shift) & 0xFF);
}

uint32_t NumberAt(std::string_view bytes, size_t offset) {
  uint32_t number = 0;
  for (size_t i = 0; i < 4; ++i) {
    number |= static_cast<uint32_t>(static_cast<uint8_t>(bytes[offset + i])) << (8 * i);
  }
  return number;
}

}  // namespace

// --- Writing ---

FrameEncoder::FrameEncoder() : context_(ZSTD_createCCtx(), &ZSTD_freeCCtx) {
  STAGELOG_CHECK(context_ != nullptr);
  ZSTD_CCtx_setParameter(context_.get(), ZSTD_c_compressionLevel, kLevel);
  ZSTD_CCtx_setParameter(context_.get(), ZSTD_c_contentSizeFlag, 1);
  ZSTD_CCtx_setParameter(context_.get(), ZSTD_c_checksumFlag, 1);
}

FrameEncoder::~FrameEncoder() = default;

Result<std::string> FrameEncoder::Encode(std::string_view content) {
  STAGELOG_CHECK(!content.empty() && content.size() <= kMaxFrameBytes);
  if (frames_.size() == kMaxFrames) return Failure("the file is too large to compress");
  std::string frame(ZSTD_compressBound(content.size()), '\0');
  const size_t size =
      ZSTD_compress2(context_.get(), frame.data(), frame.size(), content.data(), content.size());
  if (ZSTD_isError(size) != 0) return Failure(std::string("zstd: ") + ZSTD_getErrorName(size));
  frame.resize(size);
  frames_.push_back({static_cast<uint32_t>(size), static_cast<uint32_t>(content.size())});
  return frame;
}

std::string FrameEncoder::SeekTable() const {
  std::string table;
  PutNumber(table, kTableMagic);
  PutNumber(table, static_cast<uint32_t>(frames_.size() * 8 + kFooterBytes));
  for (const FrameSize& frame : frames_) {
    PutNumber(table, frame.compressed);
    PutNumber(table, frame.content);
  }
  PutNumber(table, static_cast<uint32_t>(frames_.size()));
  table += '\0';
  PutNumber(table, kFooterMagic);
  return table;
}

// --- Reading ---

CompressedFile::CompressedFile(std::unique_ptr<ReadFile> file, std::string name, Damage damage)
    : file_(std::move(file)),
      name_(std::move(name)),
      damage_(damage),
      context_(ZSTD_createDCtx(), &ZSTD_freeDCtx) {
  STAGELOG_CHECK(context_ != nullptr);
}

CompressedFile::~CompressedFile() = default;

Result<std::unique_ptr<CompressedFile>> CompressedFile::Open(std::unique_ptr<ReadFile> file,
                                                             uint64_t size, std::string name,
                                                             Damage damage) {
  std::unique_ptr<CompressedFile> opened(
      new CompressedFile(std::move(file), std::move(name), damage));
  Status read = opened->ReadTable(size);
  const bool may_search =
      !read && read.error().error_number == kDamagedFile && damage == Damage::kIsBlankLines;
  if (may_search) read = opened->FindFrames(size);
  if (!read) return tl::unexpected(read.error());
  return opened;
}

tl::unexpected<Error> CompressedFile::Damaged(const std::string& what) const {
  return Failure(name_ + " is damaged: " + what, kDamagedFile);
}

Result<std::string> CompressedFile::ReadExactly(uint64_t offset, size_t size) {
  std::string bytes(size, '\0');
  const Result<size_t> got = file_->ReadAt(offset, bytes.data(), size);
  if (!got) return tl::unexpected(got.error());
  if (*got < size) return Damaged("unexpected end of file");
  return bytes;
}

Status CompressedFile::ReadTable(uint64_t size) {
  const char* no_table =
      "no seek table at the end (the file is truncated, or "
      "was written by another program)";
  if (size < kFrameHeaderBytes + kFooterBytes) return Damaged(no_table);
  const Result<std::string> footer = ReadExactly(size - kFooterBytes, kFooterBytes);
  if (!footer) return tl::unexpected(footer.error());
  const size_t count = NumberAt(*footer, 0);
  const auto descriptor = static_cast<uint8_t>((*footer)[4]);
  if (NumberAt(*footer, 5) != kFooterMagic || (descriptor & kReserved) != 0) {
    return Damaged(no_table);
  }
  if (count > kMaxFrames)
    return Damaged("the seek table claims " + std::to_string(count) + " frames");
  const size_t entry_bytes = (descriptor & kHasChecksums) != 0 ? 12 : 8;
  const uint64_t table_bytes = kFrameHeaderBytes + count * entry_bytes + kFooterBytes;
  if (table_bytes > size) return Damaged("the seek table is longer than the file");
  const uint64_t offset = size - table_bytes;
  const Result<std::string> header = ReadExactly(offset, kFrameHeaderBytes);
  if (!header) return tl::unexpected(header.error());
  if (NumberAt(*header, 0) != kTableMagic ||
      NumberAt(*header, 4) != table_bytes - kFrameHeaderBytes) {
    return Damaged("the seek table does not start at the expected offset");
  }
  if (Status read = ReadEntries(offset + kFrameHeaderBytes, count, entry_bytes); !read) return read;
  if (frames_.back().compressed_offset == offset) return {};
  return Damaged("the frames do not match the seek table");
}

Status CompressedFile::ReadEntries(uint64_t offset, size_t count, size_t entry_bytes) {
  const Result<std::string> entries = ReadExactly(offset, count * entry_bytes);
  if (!entries) return tl::unexpected(entries.error());
  frames_.reserve(count + 1);
  frames_.push_back({});
  for (size_t i = 0; i < count; ++i) {
    const FrameSize size{NumberAt(*entries, i * entry_bytes),
                         NumberAt(*entries, i * entry_bytes + 4)};
    if (size.content > kMaxFrameBytes || size.compressed > ZSTD_compressBound(kMaxFrameBytes)) {
      return Damaged("frame " + std::to_string(i) + " claims to have " +
                     std::to_string(std::max(size.content, size.compressed)) + " bytes");
    }
    // It would be passed over without a look at it.
    if (size.content == 0) return Damaged("frame " + std::to_string(i) + " claims to be empty");
    const Frame& last = frames_.back();
    frames_.push_back(
        {last.compressed_offset + size.compressed, last.content_offset + size.content});
  }
  content_size_ = frames_.back().content_offset;
  return {};
}

// What is at the beginning of the file and whole, by what the frames say of themselves.
Status CompressedFile::FindFrames(uint64_t size) {
  constexpr uint64_t kLongestHeaderBytes = 18;
  frames_.assign(1, {});
  while (frames_.size() <= kMaxFrames) {
    const Frame last = frames_.back();
    const uint64_t left = size - last.compressed_offset;
    const auto header = ReadExactly(last.compressed_offset, std::min(left, kLongestHeaderBytes));
    if (!header) return tl::unexpected(header.error());
    const uint64_t content = ZSTD_getFrameContentSize(header->data(), header->size());
    if (content == 0 || content > kMaxFrameBytes) break;  // unknown and errors are large numbers
    const auto bytes =
        ReadExactly(last.compressed_offset, std::min<uint64_t>(left, ZSTD_compressBound(content)));
    if (!bytes) return tl::unexpected(bytes.error());
    const size_t frame_size = ZSTD_findFrameCompressedSize(bytes->data(), bytes->size());
    if (ZSTD_isError(frame_size) != 0) break;
    frames_.push_back({last.compressed_offset + frame_size, last.content_offset + content});
  }
  content_size_ = frames_.back().content_offset;
  return {};
}

Result<size_t> CompressedFile::ReadAt(uint64_t offset, char* buffer, size_t size) {
  size_t done = 0;
  while (done < size && offset + done < content_size_) {
    const uint64_t at = offset + done;
    // The last frame that does not begin behind `at`.
    const auto next = std::upper_bound(
        frames_.begin(), frames_.end(), at,
        [](uint64_t wanted, const Frame& frame) { return wanted < frame.content_offset; });
    const auto index = static_cast<size_t>(next - frames_.begin()) - 1;
    if (Status loaded = LoadFrame(index); !loaded) return tl::unexpected(loaded.error());
    const auto from = static_cast<size_t>(at - frames_[index].content_offset);
    const size_t count = std::min(size - done, content_.size() - from);
    std::memcpy(buffer + done, content_.data() + from, count);
    done += count;
  }
  return done;
}

Status CompressedFile::LoadFrame(size_t index) {
  if (loaded_ == index) return {};
  loaded_ = SIZE_MAX;
  Status decoded = Decode(index);
  const bool is_damaged = !decoded && decoded.error().error_number == kDamagedFile;
  if (is_damaged && damage_ == Damage::kIsBlankLines) {
    content_.assign(frames_[index + 1].content_offset - frames_[index].content_offset, '\n');
    decoded = {};
  }
  if (decoded) loaded_ = index;
  return decoded;
}

Status CompressedFile::Decode(size_t index) {
  const Frame& frame = frames_[index];
  const Frame& next = frames_[index + 1];
  const std::string what =
      "frame " + std::to_string(index) + " (byte " + std::to_string(frame.compressed_offset) + ") ";
  const auto bytes =
      ReadExactly(frame.compressed_offset, next.compressed_offset - frame.compressed_offset);
  if (!bytes) return tl::unexpected(bytes.error());
  const uint64_t size = next.content_offset - frame.content_offset;
  // What zstd would go on to as a second frame, or not read, is none of this frame's.
  const size_t frame_size = ZSTD_findFrameCompressedSize(bytes->data(), bytes->size());
  const bool is_one_frame = ZSTD_isError(frame_size) == 0 && frame_size == bytes->size() &&
                            ZSTD_getFrameContentSize(bytes->data(), bytes->size()) == size;
  if (!is_one_frame) return Damaged(what + "does not match the seek table");
  content_.resize(size);
  const size_t got = ZSTD_decompressDCtx(context_.get(), content_.data(), content_.size(),
                                         bytes->data(), bytes->size());
  if (ZSTD_isError(got) != 0) return Damaged(what + ZSTD_getErrorName(got));
  if (got != size) return Damaged(what + "has an unexpected decompressed size");
  return {};
}

}  // namespace stagelog
