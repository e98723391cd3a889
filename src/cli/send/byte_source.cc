#include "cli/send/byte_source.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <optional>
#include <utility>

#include "base/unique_fd.h"
#include "cli/send/unpacking.h"
#include "log/file/compressed_file.h"

namespace stagelog::cli {
namespace {

constexpr size_t kMagicBytes = 4;

class DescriptorSource : public ByteSource {
 public:
  DescriptorSource(UniqueFd owned, int fd, std::string name, BytesTaken bytes_taken)
      : owned_(std::move(owned)),
        fd_(fd),
        name_(std::move(name)),
        bytes_taken_(std::move(bytes_taken)) {}

  Result<size_t> Read(char* buffer, size_t size) override {
    while (true) {
      const ssize_t count = ::read(fd_, buffer, size);
      if (count < 0 && errno == EINTR) continue;
      if (count < 0) {
        const int error = errno;
        return Failure(name_ + ": " + std::strerror(error), error);
      }
      if (bytes_taken_) bytes_taken_(static_cast<uint64_t>(count));
      return static_cast<size_t>(count);
    }
  }

  bool WouldWait() override {
    pollfd entry{fd_, POLLIN, 0};
    return ::poll(&entry, 1, 0) == 0;
  }

 private:
  UniqueFd owned_;  // none for standard input
  const int fd_;
  const std::string name_;
  const BytesTaken bytes_taken_;
};

// Bytes that were read to look at them, then the rest.
class PrefixedSource : public ByteSource {
 public:
  PrefixedSource(std::string head, std::unique_ptr<ByteSource> rest)
      : head_(std::move(head)), rest_(std::move(rest)) {}

  Result<size_t> Read(char* buffer, size_t size) override {
    if (head_.empty()) return rest_->Read(buffer, size);
    const size_t count = std::min(size, head_.size());
    std::copy_n(head_.data(), count, buffer);
    head_.erase(0, count);
    return count;
  }

  bool WouldWait() override { return head_.empty() && rest_->WouldWait(); }

 private:
  std::string head_;
  std::unique_ptr<ByteSource> rest_;
};

// Looks at the first bytes when it is first read: opening must not wait for a pipe's writer.
class DetectingSource : public ByteSource {
 public:
  DetectingSource(std::unique_ptr<ByteSource> packed, std::string name)
      : packed_(std::move(packed)), name_(std::move(name)) {}

  Result<size_t> Read(char* buffer, size_t size) override {
    if (packed_ != nullptr) {
      if (Status detected = Detect(); !detected) return tl::unexpected(detected.error());
    }
    return plain_->Read(buffer, size);
  }

  bool WouldWait() override { return (packed_ != nullptr ? packed_ : plain_)->WouldWait(); }

 private:
  Status Detect() {
    std::string head;
    while (head.size() < kMagicBytes && MayBePacked(head)) {
      char byte = 0;
      const Result<size_t> got = packed_->Read(&byte, 1);
      if (!got) return tl::unexpected(got.error());
      if (*got == 0) break;
      head += byte;
    }
    const Packing packing = PackingOf(head);
    if (const std::string advice = AdviceOn(packing, name_); !advice.empty()) {
      return Failure(advice, EINVAL);
    }
    auto source = std::make_unique<PrefixedSource>(std::move(head), std::move(packed_));
    plain_ = Unpack(packing, std::move(source), name_);
    return {};
  }

  std::unique_ptr<ByteSource> packed_;  // until the first bytes were looked at
  std::unique_ptr<ByteSource> plain_;
  const std::string name_;
};

class SourceFile : public ReadFile {
 public:
  explicit SourceFile(std::unique_ptr<ByteSource> source) : source_(std::move(source)) {}

  // What stands before damage can be had by asking for less.
  Result<size_t> ReadAt(uint64_t offset, char* buffer, size_t size) override {
    if (offset != offset_) return Failure("a stream can only be read sequentially", ESPIPE);
    while (waiting_.size() < size && !at_end_ && !error_) {
      const size_t before = waiting_.size();
      waiting_.resize(size);
      const Result<size_t> got = source_->Read(waiting_.data() + before, size - before);
      waiting_.resize(before + got.value_or(0));
      if (!got) error_ = Error{got.error().message, kDamagedFile};
      at_end_ = got && *got == 0;
    }
    if (error_ && waiting_.size() < size) return tl::unexpected(*error_);
    const size_t count = std::min(size, waiting_.size());
    std::copy_n(waiting_.data(), count, buffer);
    waiting_.erase(0, count);
    offset_ += count;
    return count;
  }

 private:
  std::unique_ptr<ByteSource> source_;
  std::string waiting_;
  uint64_t offset_ = 0;
  bool at_end_ = false;
  std::optional<Error> error_;
};

}  // namespace

bool IsStreamPath(const std::string& path) {
  if (path == "-") return true;
  struct stat info {};
  if (::stat(path.c_str(), &info) != 0) return false;
  return !S_ISREG(info.st_mode) && !S_ISDIR(info.st_mode);
}

Result<std::unique_ptr<ByteSource>> OpenByteSource(const std::string& path, const std::string& name,
                                                   BytesTaken bytes_taken) {
  UniqueFd owned;
  int fd = STDIN_FILENO;
  if (path != "-") {
    owned = UniqueFd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    fd = owned.get();
    if (!owned.valid()) {
      const int error = errno;
      return Failure(name + ": " + std::strerror(error), error);
    }
  }
  auto packed =
      std::make_unique<DescriptorSource>(std::move(owned), fd, name, std::move(bytes_taken));
  return std::make_unique<DetectingSource>(std::move(packed), name);
}

std::unique_ptr<ReadFile> SequentialFile(std::unique_ptr<ByteSource> source) {
  return std::make_unique<SourceFile>(std::move(source));
}

}  // namespace stagelog::cli
