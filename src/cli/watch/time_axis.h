// Maps a span of time to a row of cells.
#ifndef STAGELOG_CLI_WATCH_TIME_AXIS_H_
#define STAGELOG_CLI_WATCH_TIME_AXIS_H_

#include <cstddef>
#include <cstdint>
#include <string>

namespace stagelog::cli {

// Times are microseconds since 1970. Pure, but for the time zone.
class TimeAxis {
 public:
  TimeAxis(int64_t from_micros, int64_t to_micros, size_t cells);

  // What lies between two times as cells of `glyph` (one column) among blanks, at least one cell;
  // what is outside of the axis stands at its ends.
  std::string Bar(int64_t from_micros, int64_t to_micros, const std::string& glyph) const;

  // Both ends in words, and a line between them. Times that are not of the day `today` (DayText())
  // bear their date; of one day it is said once where there is no room for more.
  std::string Scale(const std::string& today) const;

 private:
  size_t CellOf(int64_t micros) const;  // 0 to cells_ - 1

  int64_t from_micros_;
  int64_t to_micros_;
  size_t cells_;
};

}  // namespace stagelog::cli

#endif  // STAGELOG_CLI_WATCH_TIME_AXIS_H_
