#include "tools/cli/live_block.h"

namespace stagelog::cli {

CliStatus LiveBlock::Show(std::string_view above, const std::vector<std::string>& rows) {
  if (above.empty() && rows == rows_) return {};
  std::string text;
  if (!rows_.empty()) {
    text = "\r";
    if (rows_.size() > 1) text += "\033[" + std::to_string(rows_.size() - 1) + "A";
    text += "\033[J";
  }
  text += above;
  for (size_t i = 0; i < rows.size(); ++i) text += (i == 0 ? "" : "\n") + rows[i];
  rows_ = rows;
  return screen_.Write(text);
}

CliStatus LiveBlock::Leave() {
  if (rows_.empty()) return {};
  rows_.clear();
  return screen_.Write("\n");
}

}  // namespace stagelog::cli
