// Rows at the bottom of a terminal that change in place while other lines scroll by above them.
#ifndef STAGELOG_CLI_WATCH_LIVE_BLOCK_H_
#define STAGELOG_CLI_WATCH_LIVE_BLOCK_H_

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "cli/screen.h"

namespace stagelog::cli {

// Only for a terminal. The cursor rests at the beginning of the last row and is never hidden, no
// mode of the terminal is changed: also one that is killed leaves a terminal that works. Used by
// one thread.
class LiveBlock {
 public:
  explicit LiveBlock(Screen& screen) : screen_(screen) {}
  ~LiveBlock() { static_cast<void>(Clear()); }
  LiveBlock(const LiveBlock&) = delete;
  LiveBlock& operator=(const LiveBlock&) = delete;

  // Prints `above` (whole lines, or empty) where the rows were, and the rows below it. Each row
  // must fit the terminal's width. One write, so that nothing flickers.
  CliStatus Show(std::string_view above, const std::vector<std::string>& rows);

  // Takes the rows away: something else will be printed.
  CliStatus Clear() { return Show("", {}); }
  // Draws the rows once more, over what was typed meanwhile (^C), and leaves them for good.
  CliStatus Leave();

 private:
  std::string TakenAway() const;  // what takes the rows off the terminal

  Screen& screen_;
  std::vector<std::string> rows_;  // as they are on the terminal now
};

}  // namespace stagelog::cli

#endif  // STAGELOG_CLI_WATCH_LIVE_BLOCK_H_
