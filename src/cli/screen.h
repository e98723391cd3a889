// Standard output and standard error for people and scripts: colours only where wanted, control
// characters of others escaped, and a closed pipe detected.
#ifndef STAGELOG_CLI_SCREEN_H_
#define STAGELOG_CLI_SCREEN_H_

#include <cstddef>
#include <string>
#include <string_view>

#include "client/exit_code.h"

namespace stagelog::cli {

enum class Style { kPlain, kDim, kBold, kRed, kGreen, kYellow, kBlue, kCyan };

// One output. One thread at a time.
class Screen {
 public:
  // `color`: auto (a terminal, and NO_COLOR is not set), always, never.
  Screen(int fd, const std::string& color);

  // `text` in that style; unchanged if the output has no colours.
  std::string Paint(Style style, std::string_view text) const;

  // Writes all of it at once. kClosedOutput (with an empty message) if the reader has exited;
  // kProblem on a full disk.
  CliStatus Write(std::string_view text);
  CliStatus WriteLine(std::string_view text) { return Write(std::string(text) + "\n"); }

  bool is_terminal() const { return is_terminal_; }
  bool has_colors() const { return has_colors_; }
  // Current width of the terminal; $COLUMNS, else 80 if it is not a terminal.
  size_t Width() const;
  size_t Height() const;

 private:
  int fd_;
  bool is_terminal_;
  bool has_colors_;
};

// Prints "stagelog: <message>" to standard error.
void PrintError(const std::string& message);

}  // namespace stagelog::cli

#endif  // STAGELOG_CLI_SCREEN_H_
