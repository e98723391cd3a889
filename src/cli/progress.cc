#include "cli/progress.h"

#include <algorithm>
#include <utility>

#include "base/clock.h"
#include "base/terminal_text.h"
#include "cli/time_text.h"

namespace stagelog::cli {
namespace {

constexpr int64_t kFirstDrawMicros = 500'000;
constexpr int64_t kDrawEveryMicros = 100'000;
constexpr size_t kBarColumns = 24;

int64_t NowMicros() { return SystemClock().MonotonicMicros(); }

}  // namespace

Progress::Progress(Screen& screen, std::string label, uint64_t total)
    : screen_(screen),
      label_(std::move(label)),
      total_(total),
      started_micros_(NowMicros()),
      draw_at_micros_(started_micros_ + kFirstDrawMicros) {}

Progress::~Progress() { Hide(); }

void Progress::Advance(uint64_t amount) {
  done_ += amount;
  if (!screen_.is_terminal()) return;
  const int64_t now = NowMicros();
  if (now >= draw_at_micros_) Draw(now);
}

void Progress::Draw(int64_t now_micros) {
  draw_at_micros_ = now_micros + kDrawEveryMicros;
  is_drawn_ = true;
  const double share =
      total_ == 0 ? 0 : std::min(1.0, static_cast<double>(done_) / static_cast<double>(total_));
  const size_t full = static_cast<size_t>(share * kBarColumns);
  std::string bar;
  for (size_t i = 0; i < kBarColumns; ++i) bar += i < full ? "\u2588" : "\u2591";
  std::string text =
      label_ + " " + bar + " " + std::to_string(static_cast<int>(share * 100)) + " %";
  if (share > 0.01) {
    const double elapsed = static_cast<double>(now_micros - started_micros_);
    text += ", " + BriefDuration(static_cast<int64_t>(elapsed / share - elapsed)) + " left";
  }
  static_cast<void>(screen_.Write("\r\033[K" + Shorten(text, screen_.Width() - 1)));
}

void Progress::Hide() {
  if (std::exchange(is_drawn_, false)) static_cast<void>(screen_.Write("\r\033[K"));
}

}  // namespace stagelog::cli
