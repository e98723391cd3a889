// Times as text: RFC 3339 in UTC with microseconds, the only spelling that stagelog writes.
#ifndef STAGELOG_BASE_TIMESTAMP_H_
#define STAGELOG_BASE_TIMESTAMP_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace stagelog {

// "2026-11-21T07:41:02.123456Z". `micros` counts from 1970; years 0 to 9999 only (clamped).
std::string FormatTimestamp(int64_t micros);

// Microseconds since 1970 for an RFC 3339 time (section 5.6: date, 'T' or 't' or a blank, time,
// optional fraction, 'Z' or an offset). Digits after the sixth are cut off. A leap second counts as
// the second before it. No value: not such a time, no such day, or in UTC outside the years 0 to
// 9999.
std::optional<int64_t> ParseTimestamp(std::string_view text);

// A time as other programs spell it, in microseconds since 1970.
struct ForeignTime {
  int64_t micros = 0;
  bool has_zone = true;  // false: the text names no zone, and was read as UTC
};

// Reads what ParseTimestamp() does, and: '/' in the date; a comma before the fraction; no seconds;
// a blank before the zone; offsets as +0100 and +01; Z, UTC or GMT in any case, also behind an
// offset (as Go prints); no zone at all; and what ParseUnixTime() reads. Blanks around it are
// passed over.
std::optional<ForeignTime> ParseForeignTime(std::string_view text);

// A decimal number ("1764363600", "-1.5", "1764363600123456789", "1.7e9") of seconds since 1970;
// from 1e11 on of milliseconds, from 1e14 on of microseconds, from 1e17 to 1e20 of nanoseconds. (So
// each unit reaches to the year 5138, and the finer ones begin in 1973.) Rounded to microseconds.
// No value: no such number, or outside the years 0 to 9999.
std::optional<int64_t> ParseUnixTime(std::string_view text);

}  // namespace stagelog

#endif  // STAGELOG_BASE_TIMESTAMP_H_
