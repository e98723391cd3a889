#include "cli/watch/stderr_tail.h"

#include <algorithm>
#include <map>

#include "cli/foreign_text.h"
#include "cli/styled_line.h"

namespace stagelog::cli {
namespace {

constexpr size_t kMaxStages = 8;
constexpr int kMaxEvents = 1'000;
// Where a search by text is not done in the time a poll has, it is among so many of the last seqs.
constexpr int64_t kRecentSeqs = 5'000;

// Calls `use(event)` for each line that is an event not later than the document.
template <typename Use>
void ForEach(std::string_view lines, const Json& job, const Use& use) {
  const int64_t as_of_seq = IntegerAt(job, "as_of_seq", INT64_MAX);
  while (!lines.empty()) {
    const size_t newline = lines.find('\n');
    const Json event = ObjectOf(lines.substr(0, newline));
    lines.remove_prefix(newline == std::string_view::npos ? lines.size() : newline + 1);
    const int64_t seq = IntegerAt(event, "seq");
    if (seq > 0 && seq <= as_of_seq) use(event, seq);
  }
}

std::string StageParameter(const std::vector<std::string>& stages) {
  if (stages == std::vector<std::string>{""}) return "";
  std::string list;
  for (const std::string& stage : stages) {
    list += (list.empty() ? "&stage=" : "%2C") + EscapeParameter(stage);
  }
  return list;
}

}  // namespace

std::vector<std::string> FailedStages(const Json& job) {
  std::map<std::string, std::string> last_status;
  std::vector<std::string> in_order;
  for (const Json& stage : PartAt(job, "stages")) {
    const std::string path = TextAt(stage, "stage");
    last_status[path] = TextAt(stage, "status");
    std::erase(in_order, path);
    in_order.push_back(path);
  }
  std::erase_if(in_order, [&](const std::string& path) { return last_status[path] != "failed"; });
  if (in_order.empty() && TextAt(job, "status") == "failed") return {""};
  if (in_order.size() > kMaxStages) {
    in_order.erase(in_order.begin(), in_order.end() - static_cast<std::ptrdiff_t>(kMaxStages));
  }
  return in_order;
}

std::vector<StderrTail> TailsAmong(const std::vector<std::string>& stages, const Json& job,
                                   std::string_view starts, std::string_view logs,
                                   size_t max_lines) {
  std::map<std::string, int64_t> began;  // seq of the last attempt's beginning, by stage
  ForEach(starts, job,
          [&](const Json& event, int64_t seq) { began[TextAt(event, "stage")] = seq; });
  std::map<std::string, std::vector<std::string>> lines;
  ForEach(logs, job, [&](const Json& event, int64_t seq) {
    const std::string stage = TextAt(event, "stage");
    const bool is_wanted = std::find(stages.begin(), stages.end(), stage) != stages.end();
    if (!is_wanted || TextAt(PartAt(event, "payload"), "stream") != "stderr") return;
    if (seq > began[stage]) lines[stage].push_back(TextAt(event, "message"));
  });
  std::vector<StderrTail> tails;
  for (const std::string& stage : stages) {
    std::vector<std::string>& own = lines[stage];
    if (own.size() > max_lines) {
      own.erase(own.begin(), own.end() - static_cast<std::ptrdiff_t>(max_lines));
    }
    if (!own.empty()) tails.push_back({stage, std::move(own)});
  }
  return tails;
}

CliResult<std::vector<StderrTail>> ReadStderrTails(DaemonClient& client, const Json& job,
                                                   size_t max_lines) {
  const std::vector<std::string> stages = FailedStages(job);
  if (stages.empty() || max_lines == 0) return std::vector<StderrTail>();
  const std::string target = JobTarget(TextAt(job, "job_id")) +
                             "/events?limit=" + std::to_string(kMaxEvents) + StageParameter(stages);
  const bool is_job = stages.front().empty();
  const auto starts = client.GetLines(
      target + (is_job ? "&type=job_created,job_started,job_resumed" : "&type=stage_started"));
  if (!starts) return tl::unexpected(starts.error());
  auto logs = client.GetLines(target + "&type=log&q=stderr");
  if (logs && logs->lines.empty() && logs->has_more) {
    const int64_t after = std::max(int64_t{0}, IntegerAt(job, "as_of_seq") - kRecentSeqs);
    logs = client.GetLines(target + "&type=log&q=stderr&after=" + std::to_string(after));
  }
  if (!logs) return tl::unexpected(logs.error());
  return TailsAmong(stages, job, starts->lines, logs->lines, max_lines);
}

std::string TailsText(const std::vector<StderrTail>& tails, const Screen& screen) {
  std::string text;
  for (const StderrTail& tail : tails) {
    StyledLine title;
    title.Add(Style::kBold, "stderr" + (tail.stage.empty() ? "" : " of " + OneLine(tail.stage)));
    title.Add(Style::kDim, tail.lines.size() == 1 ? ", the last line" : ", the last lines");
    text += "\n" + title.Text(screen) + "\n";
    for (const std::string& line : tail.lines) {
      StyledLine row;
      row.Add("  ");
      AddColoredText(row, line);
      text += row.Text(screen) + "\n";
    }
  }
  return text;
}

}  // namespace stagelog::cli
