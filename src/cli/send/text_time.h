// Detects a time at the beginning of a text.
#ifndef STAGELOG_CLI_SEND_TEXT_TIME_H_
#define STAGELOG_CLI_SEND_TEXT_TIME_H_

#include <cstddef>
#include <optional>
#include <string_view>

#include "base/timestamp.h"

namespace stagelog::cli {

struct LeadingTime {
  ForeignTime time;
  size_t size = 0;  // of the text up to the end of the time, with its brackets
};

// The time that `text` begins with: a date and a time of day with seconds, year first
// ("2026-11-20T09:15:01.1234567Z text", "2026-11-20 09:15:01,123 text", "2026/11/20 09:15:01 text",
// a zone or an offset may follow), also in square or round brackets (there
// also with a comma behind the date), behind colors, and behind the
// head of RFC 5424 ("<165>1 2026-11-20T09:15:00Z host app - - text"). No value where it begins
// otherwise, with the zero time of Go and .NET (IsZeroTime()), or with a time whose only zone is a
// name ("2026-11-20T09:15:01[Europe/Berlin] text").
std::optional<LeadingTime> FindLeadingTime(std::string_view text);

// `text` without the blanks, and the sequences of a terminal that set colors, that it begins with.
std::string_view WithoutBlanksAndColors(std::string_view text);

// Whether a time stands for "no time": zero of Unix time where it is a number, the first moment of
// the year 1 (Go, .NET), Go's UnixNano() of that, and the date 0000-00-00. Also the empty text and
// "-".
bool IsZeroTime(std::string_view text);
bool IsZeroTime(const ForeignTime& time);

}  // namespace stagelog::cli

#endif  // STAGELOG_CLI_SEND_TEXT_TIME_H_
