#include "cli/watch/progress_bars.h"

#include <algorithm>
#include <cmath>

#include "base/terminal_text.h"
#include "cli/event_line.h"
#include "cli/foreign_text.h"
#include "cli/styled_line.h"
#include "cli/time_text.h"
#include "client/json_member.h"
#include "core/job_machine.h"

namespace stagelog::cli {
namespace {

// Stages whose end is never reported are forgotten by and by.
constexpr size_t kMaxBars = 256;
constexpr size_t kMaxLabelColumns = 32;

// With a violation that does not count the event has changed no state.
bool ChangesState(const Json& event) {
  const Json& violations = PartAt(event, "violations");
  return std::all_of(violations.begin(), violations.end(), [](const Json& code) {
    return code.is_string() && ViolationCounts(code.get_ref<const std::string&>());
  });
}

std::optional<double> ShareOf(const Json& payload) {
  const auto percent = FigureAt(payload, "percent");
  const auto current = FigureAt(payload, "current");
  const auto total = FigureAt(payload, "total");
  double share = -1;
  if (percent) share = *percent / 100;
  if (!percent && current && total && *total > 0) share = *current / *total;
  return share >= 0 && share <= 1 ? std::optional(share) : std::nullopt;
}

}  // namespace

std::string BarText(double share, size_t columns) {
  const auto full = static_cast<size_t>(std::floor(share * static_cast<double>(columns) + 1e-9));
  std::string bar;
  for (size_t i = 0; i < columns; ++i) bar += i < full ? "\u2588" : "\u2591";
  return bar;
}

bool ProgressBars::Take(const Json& event) {
  if (!ChangesState(event)) return false;
  const std::string type = TextAt(event, "type");
  if (type == "stage_progress") return TakeReport(event);
  if (type == "stage_started" || type == "stage_completed" || type == "stage_failed") {
    Forget(TextAt(event, "job_id"), TextAt(event, "stage"));
  } else if (type == "job_completed" || type == "job_failed" || type == "job_canceled") {
    std::erase_if(bars_, [&](const Bar& bar) { return bar.job_id == TextAt(event, "job_id"); });
  }
  return false;
}

bool ProgressBars::TakeReport(const Json& event) {
  const Json& payload = PartAt(event, "payload");
  const auto share = ShareOf(payload);
  if (!share) return false;
  Bar& bar = FindOrAdd(event);
  bar.last_micros = std::max(bar.last_micros, HappenedAt(event).value_or(0));
  if (bar.reported == 0) {
    bar.first_share = *share;
    bar.first_micros = bar.last_micros;
  }
  bar.share = *share;
  bar.figures = FiguresText(payload);
  bar.reported = ++reports_;
  return true;
}

void ProgressBars::Forget(const std::string& job_id, const std::string& stage) {
  std::erase_if(bars_, [&](const Bar& bar) { return bar.job_id == job_id && bar.stage == stage; });
}

ProgressBars::Bar& ProgressBars::FindOrAdd(const Json& event) {
  const std::string job_id = TextAt(event, "job_id");
  const std::string stage = TextAt(event, "stage");
  for (Bar& bar : bars_) {
    if (bar.job_id == job_id && bar.stage == stage) return bar;
  }
  if (bars_.size() >= kMaxBars) {
    bars_.erase(std::min_element(bars_.begin(), bars_.end(), [](const Bar& a, const Bar& b) {
      return a.reported < b.reported;
    }));
  }
  bars_.push_back({.job_id = job_id, .stage = stage, .label = StageText(event)});
  return bars_.back();
}

std::vector<std::string> ProgressBars::Rows(size_t columns, bool with_job,
                                            const Screen& screen) const {
  if (bars_.empty()) return {};
  const size_t shown = bars_.size() > kMaxRows ? kMaxRows - 1 : bars_.size();
  std::vector<uint64_t> reported;
  for (const Bar& bar : bars_) reported.push_back(bar.reported);
  std::sort(reported.rbegin(), reported.rend());
  const auto label = [&](const Bar& bar) {
    return with_job ? OneLine(bar.job_id) + " " + bar.label : bar.label;
  };
  size_t label_columns = 0;
  for (const Bar& bar : bars_) {
    if (bar.reported < reported[shown - 1]) continue;
    label_columns = std::max(label_columns, DisplayWidth(label(bar)));
  }
  label_columns = std::min({label_columns, kMaxLabelColumns, columns / 3});
  const size_t bar_columns = std::clamp(columns / 4, size_t{8}, size_t{40});
  std::vector<std::string> rows;
  for (const Bar& bar : bars_) {
    if (bar.reported < reported[shown - 1]) continue;
    StyledLine line;
    line.Add(Style::kBold, PadRight(Shorten(label(bar), label_columns), label_columns)).Add("  ");
    line.Add(Style::kBlue, BarText(bar.share, bar_columns));
    line.Add(" " + PadLeft(std::to_string(static_cast<int>(bar.share * 100 + 1e-9)), 3) + " %");
    if (!bar.figures.ends_with(" %")) line.Add("  " + bar.figures);
    const double grown = bar.share - bar.first_share;
    const auto elapsed_micros = static_cast<double>(bar.last_micros - bar.first_micros);
    if (grown > 0 && elapsed_micros > 0 && bar.share < 1) {
      const double left_micros = (1 - bar.share) / grown * elapsed_micros;
      if (left_micros < 1e15) {
        line.Add(Style::kDim, "  " + BriefDuration(static_cast<int64_t>(left_micros)) + " left");
      }
    }
    rows.push_back(line.Text(screen, columns));
  }
  if (shown < bars_.size()) {
    StyledLine more;
    more.Add(Style::kDim, "and " + std::to_string(bars_.size() - shown) + " more stages");
    rows.push_back(more.Text(screen, columns));
  }
  return rows;
}

}  // namespace stagelog::cli
