#include "cli/watch/job_words.h"

#include <algorithm>

#include "cli/foreign_text.h"
#include "cli/time_text.h"
#include "client/json_member.h"

namespace stagelog::cli {

Style StyleOfStatus(const std::string& status) {
  if (status == "completed" || status.ends_with("approved") || status == "ok") return Style::kGreen;
  if (status == "failed" || status == "rejected" || status == "lost") return Style::kRed;
  if (status == "paused" || status == "pending" || status == "expired" || status == "late" ||
      status == "canceled") {
    return Style::kYellow;
  }
  if (status == "running") return Style::kBlue;
  return Style::kDim;
}

std::string LabelsText(const Json& job) {
  std::string text;
  for (const auto& [key, value] : PartAt(job, "labels").items()) {
    if (!value.is_string()) continue;
    text += (text.empty() ? "" : " ") + OneLine(key) + "=" + OneLine(value.get<std::string>());
  }
  return text;
}

std::string PercentText(const Json& document) {
  const auto percent = FigureAt(PartAt(document, "progress"), "percent");
  if (!percent) return "";
  // 99.9 % is not yet all.
  return std::to_string(static_cast<int>(std::clamp(*percent, 0.0, 100.0) + 1e-9)) + " %";
}

std::string MillisText(const Json& object, const char* key) {
  return BriefDuration(std::clamp(IntegerAt(object, key), int64_t{0}, INT64_MAX / 1'000) * 1'000);
}

}  // namespace stagelog::cli
