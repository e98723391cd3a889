#include "cli/event_line.h"

#include <algorithm>
#include <array>
#include <cstdio>

#include "base/terminal_text.h"
#include "cli/foreign_text.h"
#include "cli/styled_line.h"
#include "cli/time_text.h"
#include "client/json_member.h"
#include "core/job_machine.h"
#include "core/json_value.h"

namespace stagelog::cli {
namespace {

constexpr size_t kTypeColumns = 15;
constexpr size_t kRemarksShown = 4;
constexpr size_t kRemarkColumns = 40;

// Keys of payloads that this line shows in words, or that say nothing to a person.
constexpr std::array<std::string_view, 15> kKnownKeys = {
    "prompt", "options", "timeout_seconds", "on_timeout", "approvers", "choice", "comment", "via",
    "stream", "strict",  "current",         "total",      "percent",   "unit",   "stages"};

Style StyleOfType(const std::string& type) {
  if (type.ends_with("_failed") || type == "gate_rejected") return Style::kRed;
  if (type.ends_with("_completed") || type.ends_with("_approved")) return Style::kGreen;
  if (type.starts_with("gate_") || type == "job_canceled") return Style::kYellow;
  if (type.ends_with("_started") || type == "job_resumed") return Style::kBlue;
  if (type.starts_with("x-")) return Style::kCyan;
  return type == "log" || type == "stage_progress" ? Style::kDim : Style::kPlain;
}

Style StyleOfLevel(const std::string& level) {
  if (level == "warning") return Style::kYellow;
  if (level == "error" || level == "critical") return Style::kRed;
  return level == "debug" ? Style::kDim : Style::kPlain;
}

void AddTime(StyledLine& line, const Json& event, const EventLineOptions& options) {
  const auto micros = options.is_of_run ? HappenedAt(event) : TimeAt(event, "ts");
  if (!micros) {
    line.Add(Style::kDim, "--:--:--.---");
    return;
  }
  const std::string day = DayText(*micros);
  if (day != options.today) line.Add(Style::kDim, day + " ");
  line.Add(Style::kDim, ClockText(*micros));
}

// Names of jobs often differ at their ends only: they are cut in the middle.
std::string ShortName(const std::string& name, size_t columns) {
  const bool is_ascii = std::all_of(name.begin(), name.end(), [](char c) { return c > 0; });
  if (DisplayWidth(name) <= columns || !is_ascii || columns < 5) return Shorten(name, columns);
  const size_t end = columns / 2;
  return name.substr(0, columns - 1 - end) + "\u2026" + name.substr(name.size() - end);
}

void AddJob(StyledLine& line, const Json& event, size_t job_columns) {
  if (job_columns == 0) return;
  const std::string job = EscapeControls(TextAt(event, "job_id"));
  line.Add("  ").Add(Style::kBold, PadRight(ShortName(job, job_columns), job_columns));
}

void AddViolations(StyledLine& line, const Json& event) {
  for (const Json& violation : PartAt(event, "violations")) {
    if (!violation.is_string() || !IsViolation(violation.get_ref<const std::string&>())) continue;
    line.Add(Style::kRed, "!" + OneLine(violation.get<std::string>()) + " ");
  }
}

void AddGatePause(StyledLine& line, const Json& payload, const std::string& message) {
  const std::string prompt = TextAt(payload, "prompt");
  line.Add(OneLine(prompt.empty() ? message : prompt));
  std::string options;
  for (const Json& option : PartAt(payload, "options")) {
    if (option.is_string())
      options += (options.empty() ? "" : " | ") + OneLine(option.get<std::string>());
  }
  if (!options.empty()) line.Add(Style::kDim, " [" + options + "]");
  const int64_t timeout_seconds = IntegerAt(payload, "timeout_seconds");
  if (timeout_seconds <= 0 || timeout_seconds > 31'536'000) return;
  const std::string on_timeout = TextAt(payload, "on_timeout");
  line.Add(Style::kDim, " (in " + BriefDuration(timeout_seconds * 1'000'000) + ": " +
                            OneLine(on_timeout.empty() ? "expire" : on_timeout) + ")");
}

void AddDecision(StyledLine& line, const Json& event, const Json& payload,
                 const std::string& message) {
  const std::string actor = TextAt(event, "actor");
  const std::string choice = TextAt(payload, "choice");
  const std::string comment = TextAt(payload, "comment");
  if (!actor.empty()) line.Add("by " + OneLine(actor));
  const Json& approval = PartAt(event, "approval");
  const int64_t count = IntegerAt(approval, "count");
  const int64_t required = IntegerAt(approval, "required");
  if (count < required) {
    line.Add(" (" + std::to_string(count) + " of " + std::to_string(required) + ")");
  }
  if (!choice.empty()) line.Add(": " + OneLine(choice));
  const std::string& words = comment.empty() ? message : comment;
  if (!words.empty()) line.Add(" \u201c" + OneLine(words) + "\u201d");
}

void AddMessage(StyledLine& line, const Json& event, const std::string& message) {
  if (message.empty()) return;
  if (TextAt(event, "type") == "log" && message.find('\033') != std::string::npos) {
    AddColoredText(line, message);
  } else {
    line.Add(StyleOfLevel(TextAt(event, "level")), OneLine(message));
  }
}

bool IsShort(const Json& value) {
  return value.is_number() || value.is_boolean() || value.is_string();
}

// The payload's other plain members, a few of them.
void AddRemarks(StyledLine& line, const Json& payload) {
  if (!payload.is_object()) return;
  size_t shown = 0;
  for (const auto& [key, value] : payload.items()) {
    const bool is_known = std::find(kKnownKeys.begin(), kKnownKeys.end(), key) != kKnownKeys.end();
    if (is_known || !IsShort(value)) continue;
    if (++shown > kRemarksShown) break;
    const std::string text = value.is_string() ? value.get<std::string>() : DumpJson(value);
    line.Add(Style::kDim, " " + Shorten(OneLine(key) + "=" + OneLine(text), kRemarkColumns));
  }
}

void AddWhere(StyledLine& line, const Json& event) {
  const std::string gate = TextAt(event, "gate");
  const std::string where = gate.empty() ? StageText(event) : OneLine(gate);
  if (!where.empty()) line.Add(Style::kBold, where).Add(" ");
}

void AddWhat(StyledLine& line, const Json& event, const std::string& type) {
  const Json& payload = PartAt(event, "payload");
  const std::string message = TextAt(event, "message");
  if (type == "gate_pause") return AddGatePause(line, payload, message);
  if (type.starts_with("gate_")) return AddDecision(line, event, payload, message);
  if (type == "stage_progress") {
    const std::string figures = FiguresText(payload);
    if (!figures.empty()) line.Add(figures + " ");
  }
  AddMessage(line, event, message);
  AddRemarks(line, payload);
}

}  // namespace

std::string FigureText(double figure) {
  char text[64];
  std::snprintf(text, sizeof(text), figure < 1e15 ? "%.10g" : "%.3g", figure);
  return text;
}

std::string StageText(const Json& event) {
  const int64_t attempt = IntegerAt(event, "attempt", 1);
  const std::string stage = OneLine(TextAt(event, "stage"));
  return attempt > 1 && !stage.empty() ? stage + " #" + std::to_string(attempt) : stage;
}

std::string FiguresText(const Json& progress) {
  const auto current = FigureAt(progress, "current");
  const auto total = FigureAt(progress, "total");
  const auto percent = FigureAt(progress, "percent");
  const std::string unit = OneLine(TextAt(progress, "unit"));
  std::string text;
  if (current) text = FigureText(*current);
  if (current && total) text += "/" + FigureText(*total);
  if (!text.empty() && !unit.empty()) text += " " + unit;
  if (text.empty() && percent) text = FigureText(*percent) + " %";
  return text;
}

std::string EventLine(const Json& event, const EventLineOptions& options, const Screen& screen) {
  const std::string type = TextAt(event, "type");
  const bool is_stderr = TextAt(PartAt(event, "payload"), "stream") == "stderr";
  StyledLine line;
  AddTime(line, event, options);
  AddJob(line, event, options.job_columns);
  line.Add("  ").Add(StyleOfType(type), PadRight(OneLine(type), is_stderr ? 0 : kTypeColumns));
  if (is_stderr) line.Add(Style::kYellow, PadRight(" stderr", kTypeColumns - 3));
  line.Add("  ");
  AddViolations(line, event);
  AddWhere(line, event);
  AddWhat(line, event, type);
  return line.Text(screen, options.columns);
}

}  // namespace stagelog::cli
