// Parses times by a user-defined format.
#ifndef STAGELOG_CLI_SEND_TIME_FORMAT_H_
#define STAGELOG_CLI_SEND_TIME_FORMAT_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/timestamp.h"
#include "client/exit_code.h"

namespace stagelog::cli {

// The directives of strptime(3) in the C locale, with three changes: %f takes the digits of a
// fraction of a second (as in Python), %Z the zones UTC, GMT and Z only, as other abbreviations are
// ambiguous, and %s Unix seconds, independent of the machine's zone. Safe from any thread.
class TimeFormat {
 public:
  // kUsage for a format that has neither %s nor a day (%d %e %j or a directive that implies it), a
  // day without a month, or parts of a date beside %s.
  static CliResult<TimeFormat> Make(const std::string& format);

  // Where the format names no year, the time is taken to lie in the year before `now_micros` (and a
  // day: clocks differ).
  std::optional<ForeignTime> Parse(std::string_view text, int64_t now_micros) const;

  bool has_year() const { return has_year_; }
  const std::string& text() const { return format_; }

 private:
  explicit TimeFormat(std::string format) : format_(std::move(format)) {}

  std::string format_;
  bool has_year_ = false;
  bool has_zone_ = false;
};

}  // namespace stagelog::cli

#endif  // STAGELOG_CLI_SEND_TIME_FORMAT_H_
