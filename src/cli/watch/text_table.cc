#include "cli/watch/text_table.h"

#include <algorithm>
#include <utility>

#include "base/terminal_text.h"
#include "cli/styled_line.h"

namespace stagelog::cli {
namespace {

constexpr size_t kGapColumns = 2;

}  // namespace

TextTable::TextTable(std::vector<TableColumn> columns, const std::vector<TableRow>& rows,
                     size_t width)
    : columns_(std::move(columns)), widths_(columns_.size(), 0), width_(width) {
  for (const TableRow& row : rows) {
    for (size_t i = 0; i < widths_.size() && i < row.size(); ++i) {
      widths_[i] = std::max(widths_[i], DisplayWidth(row[i].text));
    }
  }
  for (size_t i = 0; i < widths_.size(); ++i) {
    if (widths_[i] > 0) widths_[i] = std::max(widths_[i], DisplayWidth(columns_[i].title));
  }
  if (width_ > 0) Shrink();
}

size_t TextTable::TotalColumns() const {
  size_t total = 0;
  for (const size_t width : widths_) {
    if (width > 0) total += width + (total > 0 ? kGapColumns : 0);
  }
  return total;
}

void TextTable::Shrink() {
  while (TotalColumns() > width_) {
    size_t widest = widths_.size();
    for (size_t i = 0; i < widths_.size(); ++i) {
      const bool may_shrink = columns_[i].min_columns > 0 && widths_[i] > columns_[i].min_columns;
      if (may_shrink && (widest == widths_.size() || widths_[i] > widths_[widest])) widest = i;
    }
    if (widest == widths_.size()) return;
    --widths_[widest];
  }
}

std::string TextTable::Head(const Screen& screen) const {
  TableRow titles;
  for (const TableColumn& column : columns_) titles.push_back({column.title, Style::kDim});
  return Row(titles, screen);
}

std::string TextTable::Row(const TableRow& row, const Screen& screen) const {
  StyledLine line;
  for (size_t i = 0; i < widths_.size() && i < row.size(); ++i) {
    if (widths_[i] == 0) continue;
    if (line.Width() > 0) line.Add("  ");
    const std::string text = width_ > 0 ? Shorten(row[i].text, widths_[i]) : row[i].text;
    const size_t missing = widths_[i] - std::min(widths_[i], DisplayWidth(text));
    if (columns_[i].is_right) line.Add(std::string(missing, ' '));
    line.Add(row[i].style, text);
    if (!columns_[i].is_right) line.Add(std::string(missing, ' '));
  }
  return line.Text(screen, width_) + "\n";
}

}  // namespace stagelog::cli
