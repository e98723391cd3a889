// Lays out rows of cells in columns within a given width.
#ifndef STAGELOG_CLI_WATCH_TEXT_TABLE_H_
#define STAGELOG_CLI_WATCH_TEXT_TABLE_H_

#include <cstddef>
#include <string>
#include <vector>

#include "cli/screen.h"

namespace stagelog::cli {

struct TableCell {
  std::string text;  // harmless, one line
  Style style = Style::kPlain;
};

struct TableColumn {
  std::string title;
  size_t min_columns = 0;  // how far it may be cut where room is short; 0: never
  bool is_right = false;   // figures
};

using TableRow = std::vector<TableCell>;

// Pure. Columns are as wide as the rows they are laid out for need; where that is too much the
// widest are cut first. A column without any text is left out.
class TextTable {
 public:
  // `columns`: the width there is; 0: as much as is needed.
  TextTable(std::vector<TableColumn> columns, const std::vector<TableRow>& rows, size_t width);

  // The titles, and one row, each with its newline. A cell too wide for its column is shortened
  // where there is a width, and else pushes its row.
  std::string Head(const Screen& screen) const;
  std::string Row(const TableRow& row, const Screen& screen) const;

 private:
  void Shrink();
  size_t TotalColumns() const;

  std::vector<TableColumn> columns_;
  std::vector<size_t> widths_;  // 0: left out
  size_t width_;
};

}  // namespace stagelog::cli

#endif  // STAGELOG_CLI_WATCH_TEXT_TABLE_H_
