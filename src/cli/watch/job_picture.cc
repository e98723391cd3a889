#include "cli/watch/job_picture.h"

#include <algorithm>
#include <cmath>

#include "base/terminal_text.h"
#include "cli/event_line.h"
#include "cli/foreign_text.h"
#include "cli/styled_line.h"
#include "cli/time_text.h"
#include "cli/watch/job_words.h"
#include "cli/watch/stage_rows.h"
#include "cli/watch/time_axis.h"
#include "client/json_member.h"

namespace stagelog::cli {
namespace {

constexpr size_t kMinColumns = 40;
constexpr size_t kWideColumns = 120;  // from here on there is room for messages
constexpr size_t kMaxIndent = 16;
constexpr size_t kStatusColumns = 8;               // a mark and a duration
constexpr int64_t kMaxMillis = INT64_MAX / 8'000;  // leaves room for sums
constexpr size_t kBriefColumns = 15;               // "50 % 12m03s left"

struct Mark {
  const char* sign;
  const char* glyph;  // of the bar
};

// Told apart by their shapes: there may be no colours.
Mark MarkOf(const std::string& status) {
  if (status == "completed" || status.ends_with("approved")) return {"\u2713", "\u2588"};
  if (status == "failed" || status == "rejected") return {"\u2717", "\u2588"};
  if (status == "running") return {"\u25b6", "\u2593"};
  if (status == "pending") return {"?", "\u2591"};
  if (status == "expired") return {"!", "\u2588"};
  return {"\u25cb", "\u2592"};
}

std::string CountText(int64_t count, const std::string& noun) {
  return std::to_string(count) + " " + noun + (count == 1 ? "" : "s");
}

class Picture {
 public:
  Picture(const Json& job, const PictureOptions& options, const Screen& screen)
      : job_(job),
        options_(options),
        screen_(screen),
        columns_(std::max(options.columns, kMinColumns)),
        created_micros_(TimeAt(job, "created_at").value_or(0)),
        updated_micros_(TimeAt(job, "updated_at").value_or(created_micros_)),
        reached_micros_(created_micros_ + MillisAt("duration_ms") * 1'000),
        end_micros_(
            TimeAt(job, "ended_at").value_or(std::max(reached_micros_, options.now_micros))),
        all_stages_(OrderStages(PartAt(job, "stages"))),
        stages_(SelectStages(all_stages_, options.max_stages)) {}

  std::vector<std::string> Rows() {
    AddHeader();
    LayOut();
    if (!stages_.empty() || !PartAt(job_, "gates").empty()) {
      Put(StyledLine());
      Put(StyledLine().PadTo(label_columns_ + 2).Add(Style::kDim, Axis().Scale(options_.today)));
    }
    for (const StageRow& row : stages_) AddStage(row);
    AddWhatIsLeftOut();
    AddGates();
    return std::move(rows_);
  }

 private:
  void Put(const StyledLine& line) { rows_.push_back(line.Text(screen_, columns_)); }
  TimeAxis Axis() const { return {created_micros_, end_micros_, bar_columns_}; }
  bool is_wide() const { return columns_ >= kWideColumns; }

  // --- The header ---

  void AddHeader() {
    const std::string status = OneLine(TextAt(job_, "status"));
    const std::string pipeline = OneLine(TextAt(job_, "pipeline"));
    StyledLine title;
    title.Add(Style::kBold, OneLine(TextAt(job_, "job_id"))).Add("  ");
    title.Add(StyleOfStatus(status), status);
    if (const std::string percent = PercentText(job_); !percent.empty()) title.Add("  " + percent);
    if (!pipeline.empty()) title.Add("  pipeline " + pipeline);
    Put(title);
    if (const std::string reason = OneLine(TextAt(job_, "reason")); !reason.empty()) {
      Put(StyledLine().Add(StyleOfStatus(status), reason));
    }
    AddLabels();
    AddTimes();
    AddCounts();
  }

  void AddLabels() {
    const std::string labels = LabelsText(job_);
    if (!labels.empty()) Put(StyledLine().Add("labels ").Add(Style::kBold, labels));
  }

  void AddTimes() {
    StyledLine line;
    // The zone of all times of the picture.
    line.Add("created " + DateTimeText(created_micros_) + " " + ZoneText(created_micros_));
    const auto ended = TimeAt(job_, "ended_at");
    if (ended) line.Add(", ended " + EndText(*ended));
    const bool is_waiting_to_start =
        !ended && TextAt(job_, "status") == "created" && !job_.contains("started_at");
    if (is_waiting_to_start) return Put(line.Add(", not started"));  // it takes no time yet
    line.Add(ended ? " after " : ", for ");
    line.Add(Style::kBold, BriefDuration(end_micros_ - created_micros_));
    Put(line);
    StyledLine parts;
    const bool waits = TextAt(job_, "status") == "paused";
    parts.Add(PartText("worked_ms", !ended && !waits) + " active");
    if (waits || IntegerAt(job_, "waited_ms") > 0) {
      parts.Add(", ").Add(Style::kYellow, PartText("waited_ms", waits) + " waiting for approval");
    }
    if (IntegerAt(job_, "stopped_ms") > 0) {
      parts.Add(", " + PartText("stopped_ms", false) + " stopped");
    }
    Put(parts);
  }

  // A part of the job's time; the one that `goes_on` also has the time since the document.
  std::string PartText(const char* key, bool goes_on) const {
    return BriefDuration(MillisAt(key) * 1'000 + (goes_on ? end_micros_ - reached_micros_ : 0));
  }

  int64_t MillisAt(const char* key) const {
    return std::clamp(IntegerAt(job_, key), int64_t{0}, kMaxMillis);
  }

  std::string EndText(int64_t micros) const { return MomentText(micros, options_.today); }

  void AddCounts() {
    StyledLine line;
    line.Add(CountText(IntegerAt(job_, "events"), "event"));
    if (const int64_t violations = IntegerAt(job_, "violations"); violations > 0) {
      line.Add(", ").Add(Style::kRed, CountText(violations, "violation"));
    }
    if (const int64_t epoch = IntegerAt(job_, "epoch", 1); epoch > 1) {
      line.Add(", epoch " + std::to_string(epoch));
    }
    const std::string liveness = OneLine(TextAt(job_, "liveness"));
    if (!liveness.empty() && liveness != "unknown") {
      line.Add(", worker ").Add(StyleOfStatus(liveness), liveness);
    }
    line.Add(", last hash " + OneLine(TextAt(job_, "last_hash")).substr(0, 12));
    Put(line);
    if (!options_.is_past) return;
    Put(StyledLine().Add(Style::kYellow, "as it was after seq " +
                                             std::to_string(IntegerAt(job_, "as_of_seq")) + ", " +
                                             DateTimeText(updated_micros_)));
  }

  // --- The axis ---

  static std::string LabelOf(const StageRow& row) {
    return std::string(std::min(row.depth * 2, kMaxIndent), ' ') + row.name;
  }

  static std::string GateLabel(const Json& gate) {
    const int64_t iteration = IntegerAt(gate, "iteration", 1);
    return "gate " + OneLine(TextAt(gate, "gate")) +
           (iteration > 1 ? " #" + std::to_string(iteration) : "");
  }

  // Label, bar, mark with duration, remark. A bar gets what the others leave.
  void LayOut() {
    bool has_running = false;
    for (const StageRow& row : stages_) {
      label_columns_ = std::max(label_columns_, DisplayWidth(LabelOf(row)));
      has_running = has_running || !BriefProgress(row).empty();
    }
    for (const Json& gate : PartAt(job_, "gates")) {
      label_columns_ = std::max(label_columns_, DisplayWidth(GateLabel(gate)));
    }
    label_columns_ = std::min(label_columns_, columns_ * 3 / 10);
    remark_columns_ = is_wide() ? columns_ * 3 / 10 : has_running ? kBriefColumns : 0;
    const size_t others =
        label_columns_ + 2 + 2 + kStatusColumns + (remark_columns_ > 0 ? 2 + remark_columns_ : 0);
    bar_columns_ = columns_ - std::min(columns_ - 8, others);
  }

  // Label and bar with what follows them.
  StyledLine RowWithBar(const std::string& label, const std::string& status, int64_t from_micros,
                        int64_t to_micros, const std::string& duration) const {
    const Mark mark = MarkOf(status);
    const Style style = StyleOfStatus(status);
    StyledLine line;
    line.Add(PadRight(Shorten(label, label_columns_), label_columns_)).Add("  ");
    line.Add(style, Axis().Bar(from_micros, to_micros, mark.glyph)).Add("  ");
    line.Add(style, mark.sign).Add(" " + PadLeft(duration, kStatusColumns - 2));
    return line;
  }

  // --- Stages ---

  static std::string BriefProgress(const StageRow& row) {
    if (row.attempt == nullptr || TextAt(*row.attempt, "status") != "running") return "";
    const Json& progress = PartAt(*row.attempt, "progress");
    std::string text = PercentText(*row.attempt);
    if (text.empty()) text = FiguresText(progress);
    const auto seconds_left = FigureAt(progress, "seconds_left");
    if (!seconds_left || !(*seconds_left > 0 && *seconds_left < 1e9)) return text;
    return text + " " + BriefDuration(std::llround(*seconds_left * 1e6)) + " left";
  }

  // Where there is room: figures and the last message.
  static std::string WideRemark(const StageRow& row) {
    std::string text = BriefProgress(row);
    const Json& progress = PartAt(*row.attempt, "progress");
    const std::string figures = progress.contains("current") ? FiguresText(progress) : "";
    const std::string message = OneLine(TextAt(*row.attempt, "message"));
    for (const std::string& part : {figures, message}) {
      if (part.empty() || text.starts_with(part)) continue;
      text += (text.empty() ? "" : "  ") + part;
    }
    return text;
  }

  void AddStage(const StageRow& row) {
    if (row.attempt == nullptr) {
      Put(StyledLine().Add(Style::kDim, Shorten(LabelOf(row), label_columns_)));
      return;
    }
    const std::string status = TextAt(*row.attempt, "status");
    if (status == "pending") {  // declared, and not begun
      const std::string label = PadRight(Shorten(LabelOf(row), label_columns_), label_columns_);
      Put(StyledLine().Add(Style::kDim, label + "  pending"));
      return;
    }
    const int64_t started_micros = TimeAt(*row.attempt, "started_at").value_or(created_micros_);
    const int64_t ended_micros = TimeAt(*row.attempt, "ended_at").value_or(end_micros_);
    StyledLine line = RowWithBar(LabelOf(row), status, started_micros, ended_micros,
                                 BriefDuration(ended_micros - started_micros));
    const std::string remark = is_wide() ? WideRemark(row) : BriefProgress(row);
    if (!remark.empty()) line.Add("  " + remark);
    Put(line);
    const std::string message = OneLine(TextAt(*row.attempt, "message"));
    if (status == "failed" && !is_wide() && !message.empty()) {
      Put(StyledLine().PadTo(label_columns_ + 2).Add(Style::kRed, message));
    }
  }

  static size_t AttemptCount(const std::vector<StageRow>& rows) {
    return static_cast<size_t>(std::count_if(
        rows.begin(), rows.end(), [](const StageRow& row) { return row.attempt != nullptr; }));
  }

  void AddWhatIsLeftOut() {
    const size_t left_out = AttemptCount(all_stages_) - AttemptCount(stages_);
    if (left_out == 0) return;
    Put(StyledLine().Add(Style::kDim, "\u2026 and " +
                                          CountText(static_cast<int64_t>(left_out), "more stage") +
                                          "; --all shows them"));
  }

  // --- Gates ---

  void AddGates() {
    const Json& gates = PartAt(job_, "gates");
    const size_t first = gates.size() - std::min(gates.size(), options_.max_gates);
    if (first > 0) {
      Put(StyledLine().Add(Style::kDim, "\u2026 and " +
                                            CountText(static_cast<int64_t>(first), "earlier gate") +
                                            "; --all shows them"));
    }
    size_t number = 0;
    for (const Json& gate : gates) {
      if (number++ >= first) AddGate(gate);
    }
  }

  void AddGate(const Json& gate) {
    const std::string status = TextAt(gate, "status");
    const int64_t opened_micros = TimeAt(gate, "opened_at").value_or(created_micros_);
    const int64_t decided_micros = TimeAt(gate, "decided_at").value_or(end_micros_);
    const int64_t waited_micros = std::max(int64_t{0}, decided_micros - opened_micros);
    Put(RowWithBar(GateLabel(gate), status, opened_micros, decided_micros,
                   BriefDuration(waited_micros)));
    const std::string prompt = OneLine(TextAt(gate, "prompt"));
    if (!prompt.empty()) Put(StyledLine().Add("    " + prompt));
    Put(status == "pending" ? PendingLine(gate, opened_micros) : DecisionLine(gate, status));
  }

  StyledLine PendingLine(const Json& gate, int64_t opened_micros) const {
    StyledLine line;
    line.Add("    ").Add(Style::kYellow,
                         "waiting for " + ListText(gate, "approvers", "an approver", ", "));
    line.Add(" since " + EndText(opened_micros));
    if (const int64_t required = IntegerAt(gate, "required"); required > 1) {
      line.Add("; " + std::to_string(PartAt(gate, "approvals").size()) + " of " +
               std::to_string(required) + " approvals");
    }
    if (const std::string options = ListText(gate, "options", "", " | "); !options.empty()) {
      line.Add("; " + options);
    }
    if (const auto expires = TimeAt(gate, "expires_at")) {
      line.Add("; " + OneLine(TextAt(gate, "on_timeout")) + " at " + EndText(*expires));
    }
    return line;
  }

  StyledLine DecisionLine(const Json& gate, const std::string& status) const {
    StyledLine line;
    line.Add("    ").Add(StyleOfStatus(status), OneLine(status));
    const std::string decided_by = OneLine(TextAt(gate, "decided_by"));
    const std::string via = OneLine(TextAt(gate, "via"));
    if (!decided_by.empty()) line.Add(" by " + decided_by);
    if (!via.empty()) line.Add(" (" + via + ")");
    if (const auto decided = TimeAt(gate, "decided_at")) line.Add(" at " + EndText(*decided));
    if (const std::string choice = OneLine(TextAt(gate, "choice")); !choice.empty()) {
      line.Add(": " + choice);
    }
    if (const std::string comment = OneLine(TextAt(gate, "comment")); !comment.empty()) {
      line.Add(" \u201c" + comment + "\u201d");
    }
    return line;
  }

  static std::string ListText(const Json& gate, const char* key, const std::string& otherwise,
                              const std::string& between) {
    std::string text;
    for (const Json& item : PartAt(gate, key)) {
      if (!item.is_string()) continue;
      text += (text.empty() ? "" : between) + OneLine(item.get<std::string>());
    }
    return text.empty() ? otherwise : text;
  }

  const Json& job_;
  const PictureOptions& options_;
  const Screen& screen_;
  const size_t columns_;
  const int64_t created_micros_;
  const int64_t updated_micros_;
  const int64_t reached_micros_;  // to there the document's durations run
  const int64_t end_micros_;
  const std::vector<StageRow> all_stages_;
  const std::vector<StageRow> stages_;
  size_t label_columns_ = 8;
  size_t remark_columns_ = 0;
  size_t bar_columns_ = 8;
  std::vector<std::string> rows_;
};

}  // namespace

std::vector<std::string> JobPicture(const Json& job, const PictureOptions& options,
                                    const Screen& screen) {
  return Picture(job, options, screen).Rows();
}

}  // namespace stagelog::cli
