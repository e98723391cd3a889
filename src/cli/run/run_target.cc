#include "cli/run/run_target.h"

#include <algorithm>
#include <cstdio>
#include <set>

#include "base/random.h"
#include "base/text.h"
#include "base/timestamp.h"
#include "client/run_id.h"
#include "core/identifier.h"

namespace stagelog::cli {
namespace {

constexpr size_t kMaxCommandName = 80;
constexpr size_t kMaxPipelineBytes = 256;

// "<command>-<yyyymmdd>-<hhmmss>-<4 hex digits>", in UTC.
std::string MakeJobId(const std::string& command, int64_t now_micros) {
  std::string digits;
  for (const char c : FormatTimestamp(now_micros)) {
    if (IsDigit(c)) digits += c;
  }
  char random[8];
  std::snprintf(random, sizeof(random), "%04x", static_cast<unsigned>(RandomBits() & 0xffff));
  const std::string job_id =
      NameOfCommand(command) + "-" + digits.substr(0, 8) + "-" + digits.substr(8, 6) + "-" + random;
  return IsJobId(job_id) ? job_id : "run-" + job_id;
}

CliStatus CheckJob(const std::string& job_id, const char* source) {
  if (IsJobId(job_id)) return {};
  return Fail(ExitCode::kUsage, std::string(source) + ": '" + job_id + "' is not a valid job id: " +
                                    std::string(kNameRule) + ", not starting with 'stagelog.'");
}

CliResult<RunTarget> StageTarget(const std::string& job_id, const std::string& parent,
                                 const std::string& name) {
  RunTarget target;
  target.job_id = job_id;
  target.stage = parent.empty() ? name : parent + "/" + name;
  if (!IsStagePath(target.stage)) {
    return Fail(ExitCode::kUsage, "'" + target.stage +
                                      "' is not a valid stage: use names separated by '/', each " +
                                      std::string(kNameRule) + ", at most 512 bytes in total");
  }
  return target;
}

CliResult<Labels> LabelsOf(const std::vector<std::string>& texts) {
  Labels labels;
  for (const std::string& text : texts) {
    const auto label = ParseLabelCondition(text);
    if (!label) return Fail(ExitCode::kUsage, "--label: " + label.error().detail);
    if (!label->value) {
      return Fail(ExitCode::kUsage, "--label: '" + text + "' has no value; expected key=value");
    }
    if (!labels.emplace(label->key, *label->value).second) {
      return Fail(ExitCode::kUsage, "--label: '" + label->key + "' is given more than once");
    }
  }
  if (labels.size() <= kMaxLabels) return labels;
  return Fail(ExitCode::kUsage, "--label: a job may have at most 32 labels");
}

CliResult<RunTarget> JobTargetOf(const RunOptions& options, int64_t now_micros) {
  if (options.pipeline.size() > kMaxPipelineBytes) {
    return Fail(ExitCode::kUsage, "--pipeline: longer than 256 bytes");
  }
  RunTarget target;
  target.job_id =
      options.job.empty() ? MakeJobId(options.command.front(), now_micros) : options.job;
  target.pipeline = options.pipeline;
  auto labels = LabelsOf(options.labels);
  if (!labels) return tl::unexpected(labels.error());
  target.labels = std::move(*labels);
  target.is_new_name = options.job.empty();
  return target;
}

// The list of --stages, taken apart at the commas.
CliStatus CheckStages(const RunOptions& options, const RunTarget& target) {
  if (!target.is_job() && !options.stages.empty()) {
    return Fail(ExitCode::kUsage, "--stages applies to jobs only, not to a stage; omit it");
  }
  std::set<std::string> seen;
  for (const std::string& stage : options.stages) {
    if (!IsStagePath(stage)) {
      return Fail(ExitCode::kUsage, "--stages: '" + stage +
                                        "' is not a valid stage: use names separated by '/', " +
                                        "each " + std::string(kNameRule));
    }
    if (!seen.insert(stage).second) {
      return Fail(ExitCode::kUsage, "--stages: '" + stage + "' is listed twice");
    }
  }
  return {};
}

CliResult<RunTarget> Checked(CliResult<RunTarget> target, const RunOptions& options) {
  if (!target) return target;
  if (CliStatus sound = CheckStages(options, *target); !sound) {
    return tl::unexpected(sound.error());
  }
  if (!target->is_job() && options.is_new) {
    return Fail(ExitCode::kUsage, "--new applies to jobs only, not to a stage; omit it");
  }
  return target;
}

}  // namespace

std::string NameOfCommand(const std::string& command) {
  std::string name = command.substr(command.rfind('/') + 1);
  std::replace_if(
      name.begin(), name.end(), [](char c) { return !IsName("a" + std::string(1, c)); }, '-');
  while (!name.empty() && !IsName(name.substr(0, 1))) name.erase(0, 1);
  name.resize(std::min(name.size(), kMaxCommandName));
  return name.empty() ? "command" : name;
}

CliResult<RunTarget> ChooseRunTarget(const RunOptions& options, const Environment& environment,
                                     int64_t now_micros) {
  const std::string outer_job = environment("STAGELOG_JOB").value_or("");
  if (CliStatus sound = options.job.empty() ? CliStatus() : CheckJob(options.job, "--job");
      !sound) {
    return tl::unexpected(sound.error());
  }
  const std::string job_id = options.job.empty() ? outer_job : options.job;
  if (options.stage.empty() && (outer_job.empty() || job_id != outer_job)) {
    CliResult<RunTarget> target = JobTargetOf(options, now_micros);
    if (target) target->run_id = MakeRunId();
    return Checked(std::move(target), options);
  }
  if (job_id.empty()) {
    return Fail(ExitCode::kUsage, "--stage " + options.stage +
                                      ": no job; give --job, set STAGELOG_JOB, or run it inside "
                                      "another 'stagelog run'");
  }
  if (!options.stage.empty() && !options.pipeline.empty()) {
    return Fail(ExitCode::kUsage, "--pipeline applies to jobs only, not to a stage; omit it");
  }
  if (!options.labels.empty()) {
    return Fail(ExitCode::kUsage, "--label applies to jobs only, not to a stage; omit it");
  }
  if (CliStatus sound = CheckJob(job_id, "STAGELOG_JOB"); !sound) {
    return tl::unexpected(sound.error());
  }
  const bool is_inside = job_id == outer_job;
  const std::string parent = is_inside ? environment("STAGELOG_STAGE").value_or("") : "";
  const std::string name =
      options.stage.empty() ? NameOfCommand(options.command.front()) : options.stage;
  CliResult<RunTarget> target = StageTarget(job_id, parent, name);
  const std::string outer_run = is_inside ? environment(kRunVariable).value_or("") : "";
  if (target && IsRunId(outer_run)) target->run_id = outer_run;
  return Checked(std::move(target), options);
}

}  // namespace stagelog::cli
