#include "cli/run/marker_warnings.h"

#include <algorithm>
#include <array>
#include <utility>
#include <vector>

#include "base/nearest.h"
#include "base/terminal_text.h"
#include "base/text.h"
#include "base/utf8.h"
#include "cli/foreign_text.h"
#include "cli/run/run_marker.h"
#include "core/identifier.h"

namespace stagelog::cli {
namespace {

constexpr std::string_view kBlanks = " \t\r";
constexpr std::array<std::string_view, 2> kWords = {"stage", "progress"};
constexpr int kMaxOfKind = 3;
constexpr size_t kMaxTold = 100;
constexpr size_t kMaxShownBytes = 80;

bool IsLetter(char c) { return LowerCase(c) >= 'a' && LowerCase(c) <= 'z'; }

// The word of ours that is meant by this one; empty: none, it is somebody else's.
std::string_view WordMeant(std::string_view word) {
  std::string lower(word);
  for (char& c : lower) c = LowerCase(c);
  for (const std::string_view ours : kWords) {
    if (lower.size() > 2 && lower.size() < 2 * ours.size() && EditDistance(lower, ours) <= 2)
      return ours;
  }
  return "";
}

std::string Shown(std::string_view text) {
  std::string shown = EscapeControls(SanitizeUtf8(text.substr(0, kMaxShownBytes)));
  return text.size() > kMaxShownBytes ? shown + "..." : shown;
}

std::string ProblemOfProgress(std::string_view text) {
  if (text.empty()) return "missing numbers; expected '::progress 40/100' or '::progress 40%'";
  if (text.ends_with('%')) return "'" + Shown(text) + "' is not a percentage from 0 to 100";
  if (text.find('/') == std::string_view::npos) {
    return "missing total; expected '::progress 40/100' or '::progress 40%'";
  }
  return "'" + Shown(text) +
         "' is invalid: expected CURRENT/TOTAL with CURRENT <= TOTAL, and optionally " +
         "a unit of at most 64 bytes";
}

}  // namespace

MarkerProblem DescribeMarkerProblem(std::string_view line) {
  const size_t start = line.find_first_not_of(kBlanks);
  if (start == std::string_view::npos || !line.substr(start).starts_with("::")) return {};
  std::string_view text = line.substr(start + 2);
  text.remove_prefix(std::min(text.find_first_not_of(kBlanks), text.size()));
  const auto word_end = std::find_if_not(text.begin(), text.end(), IsLetter);
  const std::string_view word(text.data(), static_cast<size_t>(word_end - text.begin()));
  const std::string_view meant = WordMeant(word);
  if (meant.empty()) return {};
  const std::string marker = "::" + std::string(meant);
  const std::string_view behind = text.substr(word.size());
  const bool is_spelled = line.starts_with(marker) && word == meant;
  if (!is_spelled) return {"word", "did you mean '" + marker + "' at the start of the line?"};
  const bool is_apart = behind.empty() || kBlanks.find(behind.front()) != std::string_view::npos;
  if (!is_apart) return {"word", "a space is required after '" + marker + "'"};
  if (meant == "progress") return {"progress", ProblemOfProgress(Trimmed(behind))};
  return {"stage", "'" + Shown(Trimmed(behind)) +
                       "' is not a valid stage: use names separated by '/', each " +
                       std::string(kNameRule)};
}

void MarkerWarnings::Warn(const MarkerProblem& problem, std::string_view line) {
  if (!say_ || problem.text.empty() || warned_.contains(line)) return;
  if (warned_.size() >= kMaxTold || warned_by_kind_[problem.kind] >= kMaxOfKind) {
    ++suppressed_;
    return;
  }
  ++warned_by_kind_[problem.kind];
  warned_.emplace(line);
  say_("not a valid marker, treated as output: '" + Shown(line) + "': " + problem.text);
}

void MarkerWarnings::WarnOfStage(const std::string& stage) {
  if (!say_ || warned_.size() >= kMaxTold || !warned_.emplace("::stage " + stage).second) return;
  say_("stage '" + stage + "' is not declared in --stages");
}

void MarkerWarnings::End() {
  if (suppressed_ == 0) return;
  say_(std::to_string(suppressed_) + " more invalid markers were treated as output");
  suppressed_ = 0;
}

}  // namespace stagelog::cli
