// stagelog export: a job for other programs to look at.
#include <memory>

#include "base/timestamp.h"
#include "core/event_codec.h"
#include "core/job_machine.h"
#include "tools/cli/chrome_trace.h"
#include "tools/cli/commands.h"
#include "tools/cli/event_pages.h"

namespace stagelog::cli {
namespace {

constexpr size_t kMaxMarks = 10'000;

struct ExportOptions {
  std::string source;
  std::string format;
};

// RFC 4180.
std::string Cell(const std::string& text) {
  if (text.find_first_of(",\"\r\n") == std::string::npos) return text;
  std::string quoted = "\"";
  for (const char c : text) {
    if (c == '"') quoted += '"';
    quoted += c;
  }
  return quoted + "\"";
}

std::string Row(const std::vector<std::string>& cells) {
  std::string row;
  for (const std::string& cell : cells) row += (row.empty() ? "" : ",") + Cell(cell);
  return row + "\r\n";
}

std::string Joined(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : " ") + word;
  return text;
}

std::string RowOf(const Event& event) {
  const EventDraft& draft = event.draft;
  return Row({std::to_string(event.seq), draft.job_id, std::to_string(event.job_seq),
              FormatTimestamp(event.ts_micros),
              FormatTimestamp(draft.occurred_at_micros.value_or(event.ts_micros)), draft.type,
              draft.stage, draft.gate, draft.attempt ? std::to_string(*draft.attempt) : "",
              draft.status, draft.level, draft.message, draft.actor, draft.event_id,
              Joined(event.violations), draft.payload});
}

CliResult<ExitCode> ExportCsv(Context& context, const ExportOptions& options) {
  CliStatus said = context.out.Write(
      Row({"seq", "job_id", "job_seq", "ts", "occurred_at", "type", "stage", "gate", "attempt",
           "status", "level", "message", "actor", "event_id", "violations", "payload"}));
  if (!said) return tl::unexpected(said.error());
  const CliStatus visited =
      VisitEvents(context, options.source, [&](std::string_view line) -> CliStatus {
        const auto event = DecodeStoredEvent(line);
        return event ? context.out.Write(RowOf(*event)) : CliStatus();
      });
  if (!visited) return tl::unexpected(visited.error());
  return ExitCode::kOk;
}

// Warnings, errors and the job's own turns are worth a mark.
bool IsMark(const EventDraft& draft) {
  return draft.level == "warning" || draft.level == "error" || draft.level == "critical" ||
         draft.type.starts_with("job_");
}

CliResult<ExitCode> ExportTrace(Context& context, const ExportOptions& options) {
  JobState state;
  std::vector<TraceMark> marks;
  const CliStatus visited =
      VisitEvents(context, options.source, [&](std::string_view line) -> CliStatus {
        ApplyLine(state, line);
        const auto event = DecodeStoredEvent(line);
        if (event && IsMark(event->draft) && marks.size() < kMaxMarks) {
          const std::string& message = event->draft.message;
          marks.push_back(
              {event->ts_micros, event->draft.type + (message.empty() ? "" : ": " + message)});
        }
        return {};
      });
  if (!visited) return tl::unexpected(visited.error());
  if (CliStatus said = context.out.WriteLine(EncodeChromeTrace(state, marks)); !said) {
    return tl::unexpected(said.error());
  }
  return ExitCode::kOk;
}

}  // namespace

void AddExport(CommandLine& line) {
  CLI::App* command = AddCommand(
      line, "export", "A job for other programs: a trace for Perfetto, or a table",
      "  stagelog export render-42 --format chrome-trace > trace.json   (ui.perfetto.dev)\n"
      "  stagelog export runs/render-42 --format csv > events.csv");
  auto options = std::make_shared<ExportOptions>();
  command->add_option("source", options->source, "a job, its folder or its events.jsonl")
      ->required();
  command->add_option("--format", options->format, "chrome-trace or csv")
      ->required()
      ->check(CLI::IsMember({"chrome-trace", "csv"}));
  command->callback([&line, options] {
    line.action = [options](Context& context) {
      return options->format == "csv" ? ExportCsv(context, *options)
                                      : ExportTrace(context, *options);
    };
  });
}

}  // namespace stagelog::cli
