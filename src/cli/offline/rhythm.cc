#include "cli/offline/rhythm.h"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "base/terminal_text.h"
#include "cli/screen.h"
#include "cli/time_argument.h"

namespace stagelog::cli {
namespace {

constexpr int64_t kMaxLagMicros = 1'000'000;
// Beyond it a pause would not fit into microseconds.
constexpr double kMaxPauseMicros = 3.2e15;

std::optional<double> ParseNumber(const std::string& text) {
  double value = 0;
  const char* end = text.data() + text.size();
  const auto parsed = std::from_chars(text.data(), end, value, std::chars_format::fixed);
  if (parsed.ec != std::errc() || parsed.ptr != end || !std::isfinite(value)) return std::nullopt;
  return value;
}

}  // namespace

CliResult<Tempo> ParseTempo(const std::string& speed, const std::string& max_wait) {
  Tempo tempo;
  if (speed == "max") {
    tempo.speed = 0;
  } else {
    const std::optional<double> number = ParseNumber(speed);
    if (!number || *number <= 0) {
      return Fail(ExitCode::kUsage, "--speed: '" + EscapeControls(speed) +
                                        "' is not a speed: 10 is ten times as fast as the run, 0.5 "
                                        "half as fast, max without pauses");
    }
    tempo.speed = *number;
  }
  if (!max_wait.empty()) {
    const auto pause_micros = ParseSpan("--max-wait", max_wait);
    if (!pause_micros) return tl::unexpected(pause_micros.error());
    tempo.max_pause_micros = *pause_micros;
  }
  return tempo;
}

int64_t Rhythm::NextDueMicros(int64_t event_micros, int64_t now_micros) {
  if (!last_event_micros_ || tempo_.speed == 0) {
    due_micros_ = now_micros;
  } else {
    const double pause = static_cast<double>(event_micros - *last_event_micros_) / tempo_.speed;
    int64_t pause_micros = std::llround(std::clamp(pause, 0.0, kMaxPauseMicros));
    if (tempo_.max_pause_micros) pause_micros = std::min(pause_micros, *tempo_.max_pause_micros);
    due_micros_ = std::max(due_micros_, now_micros - kMaxLagMicros) + pause_micros;
  }
  last_event_micros_ = event_micros;
  return due_micros_;
}

}  // namespace stagelog::cli
