// stagelog export: a job for other programs to look at.
#include <memory>

#include "base/text.h"
#include "base/timestamp.h"
#include "cli/commands.h"
#include "cli/offline/chrome_trace.h"
#include "cli/offline/event_source.h"
#include "core/dialect/open_lineage.h"
#include "core/dialect/otlp_trace.h"
#include "core/job_machine.h"

namespace stagelog::cli {
namespace {

constexpr size_t kMaxMarks = 10'000;

struct ExportOptions {
  std::string source;
  std::string format;
  bool unverified = false;
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

std::string Header() {
  return Row({"seq", "job_id", "job_seq", "ts", "occurred_at", "type", "stage", "gate", "attempt",
              "status", "level", "message", "actor", "event_id", "violations", "payload"});
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

CliStatus VisitEvents(Context& context, const ExportOptions& options,
                      const std::function<CliStatus(const StoredEvent&)>& visit) {
  const auto events = OpenEvents(context.settings, options.source,
                                 options.unverified ? Trust::kReadable : Trust::kVerified);
  if (!events) return tl::unexpected(events.error());
  while (true) {
    const auto event = (*events)->Next();
    if (!event) return tl::unexpected(event.error());
    if (!event->has_value()) break;
    if (CliStatus visited = visit(**event); !visited) return visited;
  }
  if (const std::string remark = (*events)->Remark(); !remark.empty()) PrintError(remark);
  return {};
}

CliResult<ExitCode> ExportCsv(Context& context, const ExportOptions& options) {
  bool has_header = false;
  const CliStatus visited = VisitEvents(context, options, [&](const StoredEvent& stored) {
    const std::string header = std::exchange(has_header, true) ? "" : Header();
    return context.out.Write(header + RowOf(stored.event));
  });
  if (!visited) return tl::unexpected(visited.error());
  return ExitCode::kOk;
}

CliResult<ExitCode> ExportTrace(Context& context, const ExportOptions& options) {
  JobState state;
  std::vector<TraceMark> marks;
  const CliStatus visited = VisitEvents(context, options, [&](const StoredEvent& stored) {
    ApplyLine(state, stored.body);
    const EventDraft& draft = stored.event.draft;
    if (IsWorthAMark(draft) && marks.size() < kMaxMarks) {
      marks.push_back({EffectiveMicros(stored.event),
                       draft.type + (draft.message.empty() ? "" : ": " + draft.message)});
    }
    return CliStatus();
  });
  if (!visited) return tl::unexpected(visited.error());
  if (CliStatus said = context.out.WriteLine(EncodeChromeTrace(state, marks)); !said) {
    return tl::unexpected(said.error());
  }
  return ExitCode::kOk;
}

// NDJSON, an event of OpenLineage a line.
CliResult<ExitCode> ExportLineage(Context& context, const ExportOptions& options) {
  JobState state;
  OpenLineageRuns runs;
  const CliStatus visited = VisitEvents(context, options, [&](const StoredEvent& stored) {
    ApplyLine(state, stored.body);
    std::string lines;
    for (const std::string& line : runs.After(stored.event, state)) lines += line + "\n";
    return lines.empty() ? CliStatus() : context.out.Write(lines);
  });
  if (!visited) return tl::unexpected(visited.error());
  return ExitCode::kOk;
}

CliResult<ExitCode> ExportOtlp(Context& context, const ExportOptions& options) {
  OtlpTraceBuilder trace;
  const CliStatus visited = VisitEvents(context, options, [&](const StoredEvent& stored) {
    trace.Add(stored.event, stored.body);
    return CliStatus();
  });
  if (!visited) return tl::unexpected(visited.error());
  if (CliStatus said = context.out.WriteLine(trace.Encode()); !said) {
    return tl::unexpected(said.error());
  }
  return ExitCode::kOk;
}

using Export = CliResult<ExitCode> (*)(Context& context, const ExportOptions& options);

Export ExportAs(const std::string& format) {
  if (format == "csv") return &ExportCsv;
  if (format == "openlineage") return &ExportLineage;
  return format == "otlp" ? &ExportOtlp : &ExportTrace;
}

}  // namespace

void AddExport(CommandLine& line) {
  const Command command = AddCommand(
      line, "export", "Export a job: a trace, OpenLineage run events, or CSV",
      "  stagelog export render-42 --format chrome-trace > trace.json   (ui.perfetto.dev)\n"
      "  stagelog export render-42 --format otlp |\n"
      "    curl --json @- http://127.0.0.1:4318/v1/traces               (an OpenTelemetry "
      "collector)\n"
      "  stagelog export render-42 --format openlineage > runs.ndjson\n"
      "  stagelog export runs/render-42 --format csv > events.csv");
  auto options = std::make_shared<ExportOptions>();
  command.AddOption("source", options->source, "a job, its folder or its events.jsonl (or .zst)")
      .Required();
  command.AddOption("--format", options->format, "chrome-trace, otlp, openlineage or csv")
      .Required()
      .OneOf({"chrome-trace", "otlp", "openlineage", "csv"});
  command.AddFlag("--unverified", options->unverified, "use the readable part of a damaged file");
  command.OnSelected([&line, options] {
    line.action = [options](Context& context) {
      return ExportAs(options->format)(context, *options);
    };
  });
}

}  // namespace stagelog::cli
