// A byte stream from a file, a pipe or standard input, decompressed if necessary.
#ifndef STAGELOG_CLI_SEND_BYTE_SOURCE_H_
#define STAGELOG_CLI_SEND_BYTE_SOURCE_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "base/file_system.h"
#include "base/result.h"

namespace stagelog::cli {

// One thread at a time.
class ByteSource {
 public:
  virtual ~ByteSource() = default;

  // Reads 1 to `size` bytes into `buffer`, as many as are there; 0 at the end. Waits for them.
  virtual Result<size_t> Read(char* buffer, size_t size) = 0;

  // True when Read() would have to wait for whoever writes.
  virtual bool WouldWait() { return false; }
};

// Called with how many bytes were read, before they are unpacked.
using BytesTaken = std::function<void(uint64_t bytes)>;

// Whether `path` is neither a regular file nor a folder: "-" (standard input), a pipe, a terminal,
// a device.
bool IsStreamPath(const std::string& path);

// Opens `path` ("-": standard input, which stays open). gzip and zstd (RFC 1952, RFC 8878; any
// number of members or frames) are recognized by their first bytes and unpacked; for xz, bzip2 and
// UTF-16, which are not, the error of the first Read() says what to do. `name` is the source's name
// in errors. Data that is damaged or cut off is an error behind what could be unpacked.
Result<std::unique_ptr<ByteSource>> OpenByteSource(const std::string& path, const std::string& name,
                                                   BytesTaken bytes_taken = nullptr);

// The file with those bytes, for readers that go through it from its beginning to its end.
std::unique_ptr<ReadFile> SequentialFile(std::unique_ptr<ByteSource> source);

}  // namespace stagelog::cli

#endif  // STAGELOG_CLI_SEND_BYTE_SOURCE_H_
