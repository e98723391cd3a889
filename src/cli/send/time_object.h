// Times that other programs write as a JSON object.
#ifndef STAGELOG_CLI_SEND_TIME_OBJECT_H_
#define STAGELOG_CLI_SEND_TIME_OBJECT_H_

#include <optional>
#include <string_view>

#include "base/timestamp.h"

namespace stagelog::cli {

// Reads `json`, an object:
//  - seconds and their fraction, numbers or texts: log4j2's instant {epochSecond, nanoOfSecond},
//    protobuf's {seconds, nanos}, Firestore's {_seconds, _nanoseconds}, {sec, nsec}, {tv_sec,
//    tv_usec} and the like. Without the fraction only a likely time counts (ParseUnixTime()), for
//    {"seconds": 5} is a duration;
//  - MongoDB's {"$date": ...}: a text, a number of milliseconds, or one in $numberLong;
//    {"$timestamp": {"t": seconds, "i": ...}}.
// No value for anything else. Digits behind the microseconds are cut off.
std::optional<ForeignTime> TimeOfObject(std::string_view json);

}  // namespace stagelog::cli

#endif  // STAGELOG_CLI_SEND_TIME_OBJECT_H_
