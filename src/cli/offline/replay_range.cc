#include "cli/offline/replay_range.h"

#include "base/clock.h"
#include "base/duration.h"
#include "base/terminal_text.h"
#include "cli/screen.h"
#include "cli/time_argument.h"

namespace stagelog::cli {
namespace {

CliResult<ReplayBound> ParseBound(const std::string& flag, const std::string& text, bool is_end) {
  if (const auto duration = ParseDuration(text)) return ReplayBound{*duration, true};
  const auto moment = ParseMoment(text, SystemClock().WallMicros());
  if (moment) return ReplayBound{is_end ? moment->last_micros : moment->first_micros, false};
  return Fail(ExitCode::kUsage,
              flag + ": invalid time '" + EscapeControls(Shorten(text, 60)) +
                  "'; give a time (2026-11-21 07:41:02, 07:41, 2026-11-21T07:41:02Z), or how long "
                  "after the first event (90s, 10m, 1h30m)");
}

}  // namespace

CliResult<ReplayRange> ParseReplayRange(const std::string& from, const std::string& to) {
  ReplayRange range;
  if (!from.empty()) {
    const auto bound = ParseBound("--from", from, false);
    if (!bound) return tl::unexpected(bound.error());
    range.from = *bound;
  }
  if (!to.empty()) {
    const auto bound = ParseBound("--to", to, true);
    if (!bound) return tl::unexpected(bound.error());
    range.to = *bound;
  }
  return range;
}

}  // namespace stagelog::cli
