// Rows at the bottom of a terminal that are updated in place while other lines scroll above them.
#ifndef STAGELOG_CLI_WATCH_LIVE_BLOCK_H_
#define STAGELOG_CLI_WATCH_LIVE_BLOCK_H_

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "cli/screen.h"

namespace stagelog::cli {

// Only for a terminal. The cursor stays at the beginning of the last row, visible, and no terminal
// mode is changed, so that a killed process leaves a usable terminal. One thread.
class LiveBlock {
 public:
  explicit LiveBlock(Screen& screen) : screen_(screen) {}
  ~LiveBlock() { static_cast<void>(Clear()); }
  LiveBlock(const LiveBlock&) = delete;
  LiveBlock& operator=(const LiveBlock&) = delete;

  // Prints `above` (whole lines, or empty) in place of the rows, and the rows below it. Each row
  // must fit the terminal's width. One write, to avoid flicker.
  CliStatus Show(std::string_view above, const std::vector<std::string>& rows);

  // Erases the rows, because something else will be printed.
  CliStatus Clear() { return Show("", {}); }
  // Redraws the rows over anything typed meanwhile (^C), and leaves them on the screen.
  CliStatus Leave();

 private:
  std::string TakenAway() const;  // what takes the rows off the terminal

  Screen& screen_;
  std::vector<std::string> rows_;  // as they are on the terminal now
};

}  // namespace stagelog::cli

#endif  // STAGELOG_CLI_WATCH_LIVE_BLOCK_H_
