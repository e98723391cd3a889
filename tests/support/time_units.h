// Spans of time as the journal counts them: microseconds.
#ifndef STAGELOG_TESTS_SUPPORT_TIME_UNITS_H_
#define STAGELOG_TESTS_SUPPORT_TIME_UNITS_H_

#include <cstdint>

namespace stagelog {

inline constexpr int64_t kSecond = 1'000'000;
inline constexpr int64_t kMicrosPerHour = 3'600 * kSecond;

}  // namespace stagelog

#endif  // STAGELOG_TESTS_SUPPORT_TIME_UNITS_H_
