// Output of a `stagelog run` that is itself inside another one's: passed on, but not journaled
// twice. The inner one wraps what it passes on in frames; the outer one takes the frames off.
//
// A frame is "\0stagelog:<key>:<4 hex digits: size>:<bytes>", at most 4096 bytes (PIPE_BUF) in all,
// so that the kernel writes it to a pipe in one piece (pipe(7)). The key is the outer run's own, so
// that no program meets it by chance, and the inner one frames only where it writes into the outer
// one's pipe directly: what is redirected to a file or into another program is plain.
#ifndef STAGELOG_CLI_RUN_OUTPUT_FRAME_H_
#define STAGELOG_CLI_RUN_OUTPUT_FRAME_H_

#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace stagelog::cli {

inline constexpr const char* kOutputVariable = "STAGELOG_RUN_OUTPUT";

// What an outer run tells nested runs (in kOutputVariable).
struct OuterOutput {
  std::string key;          // 16 hex digits
  std::string stdout_pipe;  // PipeIdentity of its pipes
  std::string stderr_pipe;

  std::string Text() const;
  static std::optional<OuterOutput> FromText(std::string_view text);
};

// "<device>:<inode>" of a pipe; empty when `fd` is none.
std::string PipeIdentity(int fd);

// `bytes` in as many frames as they need; each is to be written at once.
std::vector<std::string> InFrames(std::string_view key, std::string_view bytes);

// Takes frames out of a stream. One thread at a time.
class FrameReader {
 public:
  // `is_framed`: it came from an inner run, which has journaled it.
  using Take = std::function<void(std::string_view bytes, bool is_framed)>;

  explicit FrameReader(const std::string& key);

  // Hands out everything that is decided; the beginning of what may be a frame is held back.
  void Feed(std::string_view bytes, const Take& take);
  // The stream has ended: what was held back was no frame.
  void End(const Take& take);

 private:
  bool TakeNext(const Take& take);
  size_t FindFrame() const;

  const std::string head_;
  std::string unread_;
};

}  // namespace stagelog::cli

#endif  // STAGELOG_CLI_RUN_OUTPUT_FRAME_H_
