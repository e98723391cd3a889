// stagelog jobs: a list of jobs, newest first.
#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "base/clock.h"
#include "base/terminal_text.h"
#include "cli/commands.h"
#include "cli/foreign_text.h"
#include "cli/time_argument.h"
#include "cli/time_text.h"
#include "cli/watch/job_words.h"
#include "cli/watch/text_table.h"
#include "client/daemon_client.h"
#include "client/json_member.h"
#include "core/job_state.h"
#include "core/json_value.h"
#include "core/labels.h"
#include "core/query.h"

namespace stagelog::cli {
namespace {

constexpr int64_t kPageJobs = 200;

struct JobsOptions {
  std::map<std::string, std::string> parameters;  // status, pipeline, since, q
  std::vector<std::string> labels;                // key=value or key; all of them hold
  int64_t limit = 50;
  bool all = false;
};

const std::vector<TableColumn>& Columns() {
  static const std::vector<TableColumn> kColumns = {
      {"JOB", 16},      {"STATUS"},        {"PIPELINE", 8}, {"DONE", 0, true},
      {"AGE", 0, true}, {"TOOK", 0, true}, {"LABELS", 12},  {"REASON", 12}};
  return kColumns;
}

// Why a job waits or how it ended; else what its worker's silence says.
TableCell ReasonCell(const Json& job) {
  const std::string reason = OneLine(TextAt(job, "reason"));
  const std::string liveness = TextAt(job, "liveness");
  if (!reason.empty()) return {reason, Style::kPlain};
  if (liveness == "lost" || liveness == "late") {
    return {"worker " + liveness, StyleOfStatus(liveness)};
  }
  return {};
}

// How long it took, or takes. A job that has not started takes no time: logs alone start none.
std::string TookText(const Json& job, int64_t now_micros) {
  const auto created = TimeAt(job, "created_at");
  if (job.contains("ended_at") || !created) return MillisText(job, "duration_ms");
  return job.contains("started_at") ? BriefDuration(now_micros - *created) : "";
}

TableRow RowOf(const Json& job, int64_t now_micros) {
  const std::string status = OneLine(TextAt(job, "status"));
  const auto created = TimeAt(job, "created_at");
  return {{OneLine(TextAt(job, "job_id")), Style::kBold},
          {status, StyleOfStatus(status)},
          {OneLine(TextAt(job, "pipeline"))},
          {PercentText(job)},
          {created ? BriefDuration(now_micros - *created) : "", Style::kDim},
          {TookText(job, now_micros)},
          {LabelsText(job), Style::kDim},
          ReasonCell(job)};
}

// One page of the daemon's list.
struct JobsPage {
  Json jobs = Json::array();
  std::optional<int64_t> next_before;
};

class Listing {
 public:
  Listing(Context& context, const JobsOptions& options)
      : context_(context), options_(options), client_(context.settings) {}

  CliResult<ExitCode> Run() {
    int64_t left = options_.all ? INT64_MAX : options_.limit;
    std::optional<int64_t> before;
    do {
      const auto page = ReadPage(std::min(left, kPageJobs), before);
      if (!page) return tl::unexpected(page.error());
      left -= static_cast<int64_t>(page->jobs.size());
      before = page->jobs.empty() ? std::nullopt : page->next_before;
      if (const CliStatus shown = Print(*page); !shown) return tl::unexpected(shown.error());
    } while (before && left > 0);
    if (const CliStatus said = SayWhatIsMissing(before.has_value()); !said) {
      return tl::unexpected(said.error());
    }
    return ExitCode::kOk;
  }

 private:
  CliResult<JobsPage> ReadPage(int64_t limit, const std::optional<int64_t>& before) {
    std::string target = "/api/v1/jobs?limit=" + std::to_string(limit);
    for (const auto& [name, value] : options_.parameters) {
      target += "&" + name + "=" + EscapeParameter(value);
    }
    for (const std::string& label : options_.labels) target += "&label=" + EscapeParameter(label);
    if (before) target += "&before=" + std::to_string(*before);
    const auto answer = client_.Get(target);
    if (!answer) return tl::unexpected(answer.error());
    if (!answer->ok()) return tl::unexpected(client_.AsError(*answer));
    const Json json = ObjectOf(answer->body);
    JobsPage page;
    page.jobs = PartAt(json, "jobs");
    const int64_t next_before = IntegerAt(json, "next_before", -1);
    if (next_before >= 0) page.next_before = next_before;
    if (json.contains("jobs") && page.jobs.is_array()) return page;
    return Fail(ExitCode::kUnreachable,
                context_.settings.url + " responds, but not like a stagelog daemon");
  }

  CliStatus Print(const JobsPage& page) {
    std::string text;
    if (context_.flags.json) {
      for (const Json& job : page.jobs) {
        const std::string line = DumpJson(job);
        text += (context_.out.is_terminal() ? EscapeControls(line) : line) + "\n";
      }
      return context_.out.Write(text);
    }
    std::vector<TableRow> rows;
    const int64_t now_micros = SystemClock().WallMicros();
    for (const Json& job : page.jobs) rows.push_back(RowOf(job, now_micros));
    if (rows.empty()) return {};
    if (!table_) {
      table_.emplace(Columns(), rows, context_.out.is_terminal() ? context_.out.Width() : 0);
      text = table_->Head(context_.out);
    }
    for (const TableRow& row : rows) text += table_->Row(row, context_.out);
    return context_.out.Write(text);
  }

  CliStatus SayWhatIsMissing(bool is_more) {
    if (context_.flags.json) return {};
    if (!table_) return context_.err.WriteLine("no jobs");
    if (!is_more) return {};
    return context_.err.WriteLine("there are more jobs; use --all or a larger --limit");
  }

  Context& context_;
  const JobsOptions& options_;
  DaemonClient client_;
  std::optional<TextTable> table_;  // laid out for the first page
};

// Also spells the time as the daemon wants it.
CliStatus CheckOptions(JobsOptions& options) {
  const auto value = [&](const std::string& name) -> std::optional<std::string> {
    const auto found = options.parameters.find(name);
    return found == options.parameters.end() ? std::nullopt : std::optional(found->second);
  };
  const auto statuses = ParseWordList(value, "status", JobStatusNames());
  if (!statuses) return Fail(ExitCode::kUsage, EscapeControls(statuses.error().detail));
  for (const std::string& label : options.labels) {
    const auto condition = ParseLabelCondition(label);
    if (!condition) return Fail(ExitCode::kUsage, "--label: " + condition.error().detail);
  }
  if (const auto text = value("since")) {
    const auto since = SinceParameter("--since", *text, SystemClock().WallMicros());
    if (!since) return tl::unexpected(since.error());
    options.parameters["since"] = *since;
  }
  return {};
}

Option AddParameter(const Command& command, const std::shared_ptr<JobsOptions>& options,
                    const std::string& flag, const std::string& name,
                    const std::string& description) {
  return command.AddOption(
      flag, [options, name](const std::string& value) { options->parameters[name] = value; },
      description);
}

}  // namespace

void AddJobs(CommandLine& line) {
  const Command command = AddCommand(line, "jobs", "List jobs, newest first",
                                     "  stagelog jobs\n"
                                     "  stagelog jobs --status running,paused --pipeline render\n"
                                     "  stagelog jobs --since 2h --text 42\n"
                                     "  stagelog jobs --label team=film --label env=prod\n"
                                     "  stagelog jobs --all --json | jq -r .job_id");
  auto options = std::make_shared<JobsOptions>();
  line.Offer(
      AddParameter(command, options, "--status", "status", "only jobs with these statuses (a,b)"),
      JobStatusNames(), true);
  AddParameter(command, options, "--pipeline", "pipeline", "only jobs of these pipelines");
  command
      .AddOption("--label", options->labels,
                 "only jobs with this label (key=value, or a key alone); may be repeated")
      .Repeatable();
  AddParameter(command, options, "--since", "since",
               "only jobs with an event since then: how long ago (10m, 1h30m) or a time (07:41)");
  AddParameter(command, options, "--text", "q", "only jobs with this text in their name");
  command.AddOption("--limit", options->limit, "maximum number of jobs (default 50)")
      .Between(1, 1'000'000'000);
  command.AddFlag("--all", options->all, "list all jobs");
  command.OnSelected([&line, options] {
    line.action = [options](Context& context) -> CliResult<ExitCode> {
      if (const CliStatus checked = CheckOptions(*options); !checked) {
        return tl::unexpected(checked.error());
      }
      return Listing(context, *options).Run();
    };
  });
}

}  // namespace stagelog::cli
