#include "cli/send/unpacking.h"

#include <zlib.h>
#include <zstd.h>

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "log/file/compressed_file.h"

namespace stagelog::cli {
namespace {

constexpr size_t kInputBytes = size_t{64} << 10;

struct Magic {
  std::string_view bytes;
  Packing packing;
};

constexpr Magic kMagics[] = {
    {{"\x1f\x8b\x08", 3}, Packing::kGzip},     {{"\x28\xb5\x2f\xfd", 4}, Packing::kZstd},
    {{"\x50\x2a\x4d\x18", 4}, Packing::kZstd},  // pzstd
    {{"\xfd\x37\x7a\x58", 4}, Packing::kXz},   {{"BZh", 3}, Packing::kBzip2},
    {{"\xff\xfe", 2}, Packing::kUtf16},        {{"\xfe\xff", 2}, Packing::kUtf16}};

// Input in pieces, for a decoder that says how much of one it took.
class PackedInput {
 public:
  PackedInput(std::unique_ptr<ByteSource> source, std::string name)
      : source_(std::move(source)), name_(std::move(name)) {}

  // Sees to it that something is waiting, unless all was read.
  Status Fill() {
    if (at_ < buffer_.size() || at_end_) return {};
    buffer_.resize(kInputBytes);
    const Result<size_t> got = source_->Read(buffer_.data(), buffer_.size());
    buffer_.resize(got.value_or(0));
    at_ = 0;
    if (!got) return tl::unexpected(got.error());
    at_end_ = *got == 0;
    return {};
  }

  std::string_view waiting() const { return std::string_view(buffer_).substr(at_); }
  void Take(size_t bytes) { at_ += bytes; }
  bool is_over() const { return at_end_ && at_ == buffer_.size(); }
  bool WouldWait() const { return at_ == buffer_.size() && !at_end_ && source_->WouldWait(); }

  tl::unexpected<Error> Damaged(const std::string& what) const {
    return Failure(name_ + " is damaged: " + what, kDamagedFile);
  }

 private:
  std::unique_ptr<ByteSource> source_;
  const std::string name_;
  std::string buffer_;
  size_t at_ = 0;
  bool at_end_ = false;
};

class GzipSource : public ByteSource {
 public:
  explicit GzipSource(PackedInput input) : input_(std::move(input)) {
    constexpr int kGzipOnly = 16;
    STAGELOG_CHECK(::inflateInit2_(&stream_, MAX_WBITS + kGzipOnly, ZLIB_VERSION,
                                   static_cast<int>(sizeof(z_stream))) == Z_OK);
  }
  ~GzipSource() override { ::inflateEnd(&stream_); }

  Result<size_t> Read(char* buffer, size_t size) override {
    while (true) {
      if (Status filled = input_.Fill(); !filled) return tl::unexpected(filled.error());
      if (is_between_members_ && PassPadding()) continue;
      if (input_.is_over()) {
        if (is_between_members_) return size_t{0};
        return input_.Damaged("truncated gzip data");
      }
      const std::string_view waiting = input_.waiting();
      // zlib takes no const and changes nothing.
      stream_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(waiting.data()));
      stream_.avail_in = static_cast<uInt>(waiting.size());
      stream_.next_out = reinterpret_cast<Bytef*>(buffer);
      stream_.avail_out = static_cast<uInt>(std::min(size, kInputBytes));
      const size_t room = stream_.avail_out;
      const int result = ::inflate(&stream_, Z_NO_FLUSH);
      input_.Take(waiting.size() - stream_.avail_in);
      is_between_members_ = result == Z_STREAM_END;
      if (result == Z_STREAM_END) ::inflateReset(&stream_);
      if (result != Z_OK && result != Z_STREAM_END && result != Z_BUF_ERROR) {
        return input_.Damaged(std::string("gzip: ") +
                              (stream_.msg == nullptr ? "invalid data" : stream_.msg));
      }
      if (const size_t count = room - stream_.avail_out; count > 0) return count;
    }
  }

  bool WouldWait() override { return input_.WouldWait(); }

 private:
  // Tapes and some tools fill the end with zeros.
  bool PassPadding() {
    if (input_.waiting().empty() || input_.waiting().front() != '\0') return false;
    input_.Take(1);
    return true;
  }

  PackedInput input_;
  z_stream stream_{};
  bool is_between_members_ = false;
};

class ZstdSource : public ByteSource {
 public:
  explicit ZstdSource(PackedInput input)
      : input_(std::move(input)), context_(ZSTD_createDCtx(), &ZSTD_freeDCtx) {
    STAGELOG_CHECK(context_ != nullptr);
  }

  Result<size_t> Read(char* buffer, size_t size) override {
    while (true) {
      if (Status filled = input_.Fill(); !filled) return tl::unexpected(filled.error());
      const std::string_view waiting = input_.waiting();
      ZSTD_inBuffer in{waiting.data(), waiting.size(), 0};
      ZSTD_outBuffer out{buffer, size, 0};
      // Even at the end: something may be waiting inside.
      const size_t hint = ZSTD_decompressStream(context_.get(), &out, &in);
      if (ZSTD_isError(hint) != 0) {
        return input_.Damaged(std::string("zstd: ") + ZSTD_getErrorName(hint));
      }
      input_.Take(in.pos);
      if (in.pos > 0 || out.pos > 0) is_between_frames_ = hint == 0;
      if (out.pos > 0) return out.pos;
      if (!input_.is_over()) continue;
      if (is_between_frames_) return size_t{0};
      return input_.Damaged("truncated zstd data");
    }
  }

  bool WouldWait() override { return input_.WouldWait(); }

 private:
  PackedInput input_;
  std::unique_ptr<ZSTD_DCtx, size_t (*)(ZSTD_DCtx*)> context_;
  bool is_between_frames_ = true;
};

}  // namespace

Packing PackingOf(std::string_view head) {
  for (const Magic& magic : kMagics) {
    if (head.starts_with(magic.bytes)) return magic.packing;
  }
  return Packing::kNone;
}

bool MayBePacked(std::string_view head) {
  return std::any_of(std::begin(kMagics), std::end(kMagics),
                     [&](const Magic& magic) { return magic.bytes.starts_with(head); });
}

std::string AdviceOn(Packing packing, const std::string& name) {
  switch (packing) {
    case Packing::kXz:
      return name + " is compressed with xz; unpack it first: xzcat FILE | stagelog ... -";
    case Packing::kBzip2:
      return name + " is compressed with bzip2; unpack it first: bzcat FILE | stagelog ... -";
    case Packing::kUtf16:
      return name + " is UTF-16; convert it first: iconv -f UTF-16 -t UTF-8 FILE | stagelog ... -";
    default:
      return "";
  }
}

std::unique_ptr<ByteSource> Unpack(Packing packing, std::unique_ptr<ByteSource> packed,
                                   const std::string& name) {
  if (packing == Packing::kGzip) {
    return std::make_unique<GzipSource>(PackedInput(std::move(packed), name));
  }
  if (packing == Packing::kZstd) {
    return std::make_unique<ZstdSource>(PackedInput(std::move(packed), name));
  }
  return packed;
}

}  // namespace stagelog::cli
