#include "cli/watch/live_block.h"

namespace stagelog::cli {

CliStatus LiveBlock::Show(std::string_view above, const std::vector<std::string>& rows) {
  if (above.empty() && rows == rows_) return {};
  std::string text = TakenAway();
  text += above;
  for (size_t i = 0; i < rows.size(); ++i) text += (i == 0 ? "" : "\n") + rows[i];
  if (!rows.empty()) text += "\r";
  rows_ = rows;
  return screen_.Write(text);
}

CliStatus LiveBlock::Leave() {
  if (rows_.empty()) return {};
  std::string text = TakenAway();
  for (const std::string& row : rows_) text += row + "\n";
  rows_.clear();
  return screen_.Write(text);
}

std::string LiveBlock::TakenAway() const {
  if (rows_.empty()) return "";
  const size_t up = rows_.size() - 1;
  return "\r" + (up > 0 ? "\033[" + std::to_string(up) + "A" : "") + "\033[J";
}

}  // namespace stagelog::cli
