#include "tools/cli/offline/replay_range.h"

#include "core/query.h"
#include "tools/cli/screen.h"

namespace stagelog::cli {
namespace {

CliResult<ReplayBound> ParseBound(const std::string& flag, const std::string& text) {
  // Durations count back from "now", which is 1970 here: they are what is not later than that.
  const auto position = ParseSince(text, 0);
  if (!position || position->kind != Position::Kind::kTime) {
    return Fail(ExitCode::kUsage, flag + ": '" + Harmless(text) +
                                      "' is no time like 2026-11-21T07:41:02Z, nor how long after "
                                      "the first event (90s, 10m, 2h)");
  }
  if (position->value > 0) return ReplayBound{position->value, false};
  return ReplayBound{-position->value, true};
}

}  // namespace

CliResult<ReplayRange> ParseReplayRange(const std::string& from, const std::string& to) {
  ReplayRange range;
  if (!from.empty()) {
    const auto bound = ParseBound("--from", from);
    if (!bound) return tl::unexpected(bound.error());
    range.from = *bound;
  }
  if (!to.empty()) {
    const auto bound = ParseBound("--to", to);
    if (!bound) return tl::unexpected(bound.error());
    range.to = *bound;
  }
  return range;
}

}  // namespace stagelog::cli
