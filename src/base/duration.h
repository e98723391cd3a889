// Spans of time as people write them.
#ifndef STAGELOG_BASE_DURATION_H_
#define STAGELOG_BASE_DURATION_H_

#include <cstdint>
#include <optional>
#include <string_view>

namespace stagelog {

// "500ms", "90s", "10m", "1h30m", "1.5h", "7d", "1w" in microseconds: numbers with the units w, d,
// h, m, s and ms, each at most once and the larger ones first. No value: not of that form, or
// beyond a century.
std::optional<int64_t> ParseDuration(std::string_view text);

}  // namespace stagelog

#endif  // STAGELOG_BASE_DURATION_H_
