#include "tools/cli/event_line.h"

#include <cstdio>

#include "base/timestamp.h"
#include "core/job_machine.h"
#include "core/payload.h"

namespace stagelog::cli {
namespace {

Style StyleOf(const EventDraft& draft) {
  if (draft.level == "error" || draft.level == "critical") return Style::kRed;
  if (draft.level == "warning") return Style::kYellow;
  if (draft.status == "completed" || draft.status == "approved") return Style::kGreen;
  if (draft.level == "debug") return Style::kDim;
  return draft.kind == EventType::kLog ? Style::kPlain : Style::kCyan;
}

std::string Figure(double value) {
  char text[40];
  std::snprintf(text, sizeof(text), "%.6g", value);
  return text;
}

// " 4500/9000 frames", " 37%"; empty where nothing is reported.
std::string ProgressText(const EventDraft& draft) {
  if (draft.kind != EventType::kStageProgress) return "";
  const ProgressPayload progress = ReadProgressPayload(draft.payload);
  if (!progress.current) return progress.percent ? " " + Figure(*progress.percent) + "%" : "";
  std::string text = " " + Figure(*progress.current);
  if (progress.total) text += "/" + Figure(*progress.total);
  if (!progress.unit.empty()) text += " " + Harmless(progress.unit);
  return text;
}

}  // namespace

std::string EventLine(const Screen& out, const Event& event) {
  const EventDraft& draft = event.draft;
  std::string line = out.Paint(Style::kDim, FormatTimestamp(event.ts_micros)) + " ";
  line += draft.job_id + out.Paint(Style::kDim, "#" + std::to_string(event.job_seq)) + " ";
  line += out.Paint(StyleOf(draft), draft.type);
  if (!draft.stage.empty()) line += " " + out.Paint(Style::kBold, draft.stage);
  if (!draft.gate.empty() && draft.gate != draft.stage) {
    line += " " + out.Paint(Style::kBold, draft.gate);
  }
  line += ProgressText(draft);
  if (!draft.message.empty()) line += " \"" + Harmless(draft.message) + "\"";
  for (const std::string& violation : event.violations) {
    if (ViolationCounts(violation)) continue;  // odd, but it was folded
    line += " " + out.Paint(Style::kRed, "!" + Harmless(violation));
  }
  return line;
}

}  // namespace stagelog::cli
