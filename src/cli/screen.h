// Standard output and standard error as a person and as a script read them: colours only where they
// are wanted, no control characters of others, and a reader that has gone noticed.
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

  // `text` in that style; as it is where there are no colours.
  std::string Paint(Style style, std::string_view text) const;

  // Writes all of it at once. kClosedOutput (with an empty message) when nobody reads any more;
  // kProblem on a full disk.
  CliStatus Write(std::string_view text);
  CliStatus WriteLine(std::string_view text) { return Write(std::string(text) + "\n"); }

  bool is_terminal() const { return is_terminal_; }
  bool has_colors() const { return has_colors_; }
  // Columns of the terminal now; $COLUMNS, else 80 where it is none.
  size_t Width() const;
  size_t Height() const;

 private:
  int fd_;
  bool is_terminal_;
  bool has_colors_;
};

// Prints "stagelog: <message>" to standard error.
void Complain(const std::string& message);

}  // namespace stagelog::cli

#endif  // STAGELOG_CLI_SCREEN_H_
