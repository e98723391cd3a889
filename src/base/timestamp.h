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
// optional fraction, 'Z' or an offset). Digits after the sixth are cut off. A leap second (at the
// end of an hour of UTC only) counts as the last microsecond before it, so that times keep their
// order. No value: not such a time, no such day, or in UTC outside the years 0 to 9999.
std::optional<int64_t> ParseTimestamp(std::string_view text);

// A time as other programs spell it, in microseconds since 1970.
struct ForeignTime {
  int64_t micros = 0;
  bool has_zone = true;  // false: the text names no zone, and was read as UTC
};

// Reads what ParseTimestamp() does, and: '/' in the date; a comma before the fraction; no seconds;
// a date alone; a blank before the zone; offsets as +0100 and +01; Z, UTC or GMT in any case, also
// behind an offset (as Go prints); the name of a zone in brackets behind an offset (as Java
// prints); no zone at all; the basic form of ISO 8601 (20231114T221320Z, 20231114221320, 20231114,
// 17 or 20 digits with a fraction), years 1900 to 2199; and what ParseUnixTime() reads, which comes
// first. Blanks around it are passed over.
std::optional<ForeignTime> ParseForeignTime(std::string_view text);

// A decimal number ("1764363600", "-1.5", "1764363600123456789", "1.7e9") as a Unix time. The unit
// is the one in which it lies in the years 1990 to 2286: seconds, milliseconds, microseconds or
// nanoseconds (seconds from 1973, nanoseconds from 2000 on: before, .NET ticks are meant). Below
// 10,000 it is seconds; what is negative is seconds down to -1e11, then milliseconds to -1e14,
// microseconds to -1e17, and nanoseconds. Digits behind the microseconds are cut off, towards the
// past. No value: no such number, or one that is no likely time.
std::optional<int64_t> ParseUnixTime(std::string_view text);

// What a number that is no likely Unix time looks like, for an error: "looks like .NET ticks (100
// ns since the year 1)". Empty where `text` is no number, or is a likely time.
std::string UnlikelyTimeText(std::string_view text);

// The basic form of ISO 8601 (see ParseForeignTime(), but for the fraction without a point) in the
// extended form: "20231114T2213Z" is "2023-11-14T22:13Z". No value for anything else.
std::optional<std::string> ExtendedForm(std::string_view text);

}  // namespace stagelog

#endif  // STAGELOG_BASE_TIMESTAMP_H_
