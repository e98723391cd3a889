// A progress bar on standard error; nothing if that is not a terminal.
#ifndef STAGELOG_CLI_PROGRESS_H_
#define STAGELOG_CLI_PROGRESS_H_

#include <cstdint>
#include <string>

#include "cli/screen.h"

namespace stagelog::cli {

// Appears after half a second, and is erased at the end.
class Progress {
 public:
  // `total` in the unit of Advance(); 0: unknown.
  Progress(Screen& screen, std::string label, uint64_t total);
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  void Advance(uint64_t amount);
  // Takes the bar off the screen so that something else can be printed.
  void Hide();

 private:
  void Draw(int64_t now_micros);

  Screen& screen_;
  const std::string label_;
  const uint64_t total_;
  uint64_t done_ = 0;
  const int64_t started_micros_;
  int64_t draw_at_micros_;
  bool is_drawn_ = false;
};

}  // namespace stagelog::cli

#endif  // STAGELOG_CLI_PROGRESS_H_
