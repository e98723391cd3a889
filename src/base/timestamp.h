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

}  // namespace stagelog

#endif  // STAGELOG_BASE_TIMESTAMP_H_
