#include "cli/send/field_mapping.h"

#include <algorithm>

#include "base/nearest.h"
#include "base/text.h"
#include "cli/send/text_time.h"
#include "cli/send/time_object.h"
#include "core/json_text.h"
#include "core/query.h"
#include "core/vocabulary.h"

namespace stagelog::cli {
namespace {

struct Preset {
  std::string_view name;
  const char* scale;  // of numeric levels; empty: the line says
  std::vector<std::pair<Part, std::vector<std::string>>> paths;
  std::vector<std::pair<const char*, const char*>> types;
  std::vector<std::pair<const char*, const char*>> failures = {};
  std::vector<std::pair<const char*, const char*>> skips = {};
  std::vector<const char*> causes = {};
};

const std::vector<Preset>& Presets() {
  static const std::vector<Preset> presets = {
      // The names that most programs agree on.
      {"json",
       "",
       {{Part::kTime,
         {"timestamp", "time", "ts", "@timestamp", "at", "datetime", "date", "instant",
          "timeMillis", "asctime"}},
        {Part::kLevel, {"level", "severity", "lvl", "loglevel", "log.level", "levelname"}},
        {Part::kMessage, {"message", "msg", "text", "log"}}},
       {}},
      // journalctl -o json
      {"journald",
       "syslog",
       {{Part::kTime, {"_SOURCE_REALTIME_TIMESTAMP", "__REALTIME_TIMESTAMP"}},
        {Part::kLevel, {"PRIORITY"}},
        {Part::kMessage, {"MESSAGE"}},
        {Part::kId, {"__CURSOR"}}},
       {}},
      {"pino",
       "pino",
       {{Part::kTime, {"time"}}, {Part::kLevel, {"level"}}, {Part::kMessage, {"msg", "message"}}},
       {}},
      {"bunyan",
       "bunyan",
       {{Part::kTime, {"time"}}, {Part::kLevel, {"level"}}, {Part::kMessage, {"msg"}}},
       {}},
      // Formatters of Python's logging that write JSON, structlog ("event") and loguru ("record").
      {"python-json",
       "python",
       {{Part::kTime, {"created", "timestamp", "asctime", "time", "ts", "record.time.timestamp"}},
        {Part::kLevel, {"levelname", "level", "levelno", "severity", "record.level.name"}},
        {Part::kMessage, {"message", "msg", "event", "record.message"}}},
       {}},
      // slog's JSONHandler, zap and zerolog.
      {"go-json",
       "",
       {{Part::kTime, {"time", "ts"}},
        {Part::kLevel, {"level"}},
        {Part::kMessage, {"msg", "message"}}},
       {}},
      {"gelf",
       "syslog",
       {{Part::kTime, {"timestamp"}},
        {Part::kLevel, {"level"}},
        {Part::kMessage, {"short_message"}}},
       {}},
      // mongod's log since 4.4
      {"mongodb", "", {{Part::kTime, {"t"}}, {Part::kLevel, {"s"}}, {Part::kMessage, {"msg"}}}, {}},
      // The files of Docker's json-file driver.
      {"docker", "", {{Part::kTime, {"time"}}, {Part::kMessage, {"log"}}}, {}},
      // dbt --log-format json
      {"dbt",
       "",
       {{Part::kTime, {"info.ts"}},
        {Part::kLevel, {"info.level"}},
        {Part::kMessage, {"info.msg"}},
        {Part::kType, {"info.name"}},
        {Part::kStage, {"data.node_info.unique_id", "data.node_info.node_name"}}},
       // NodeStart and NodeFinished are there only in logs of the level debug.
       {{"MainReportVersion", "job_started"},
        {"LogStartLine", "stage_started"},
        {"LogHookStartLine", "stage_started"},
        {"NodeStart", "stage_started"},
        {"LogModelResult", "stage_completed"},
        {"LogTestResult", "stage_completed"},
        {"LogSeedResult", "stage_completed"},
        {"LogSnapshotResult", "stage_completed"},
        {"LogNodeResult", "stage_completed"},
        {"LogFunctionResult", "stage_completed"},
        {"LogFreshnessResult", "stage_completed"},
        {"LogHookEndLine", "stage_completed"},
        {"NodeFinished", "stage_completed"},
        {"CommandCompleted", "job_completed"}},
       {{"data.node_info.node_status", "error"},
        {"data.node_info.node_status", "fail"},
        {"data.node_info.node_status", "failed"},
        {"data.node_info.node_status", "runtime error"},
        {"data.status", "error"},
        {"data.status", "fail"},
        {"data.status", "failed"},
        {"data.status", "runtime error"},
        {"data.success", "false"}},
       {{"data.node_info.node_status", "skipped"}, {"data.status", "skipped"}},
       {"data.run_result.message"}},
      // The messages of nextflow -with-weblog
      {"nextflow",
       "",
       {{Part::kTime, {"utcTime"}},
        {Part::kJob, {"runName"}},
        {Part::kType, {"event"}},
        {Part::kStage, {"trace.name"}}},
       {{"started", "job_started"},
        {"process_started", "stage_started"},
        {"process_completed", "stage_completed"},
        {"completed", "job_completed"}},
       {{"trace.status", "FAILED"},
        {"trace.status", "ABORTED"},
        {"metadata.workflow.success", "false"}}},
  };
  return presets;
}

bool IsAnyNamed(const PartPaths& paths) {
  return std::any_of(paths.begin(), paths.end(), [](const auto& list) { return !list.empty(); });
}

bool HasAnyValue(ForeignLine& line,
                 const std::vector<std::pair<std::string, std::string>>& values) {
  return std::any_of(values.begin(), values.end(), [&line](const auto& entry) {
    return HasValue(line, entry.first, entry.second);
  });
}

}  // namespace

const std::array<PartFlag, kPartCount>& PartFlags() {
  static constexpr std::array<PartFlag, kPartCount> kFlags = {
      {{Part::kJob, "--job-field", "field with the job id"},
       {Part::kType, "--type-field", "field with the event type; unknown types become x-<type>"},
       {Part::kTime, "--time-field", "field with the time"},
       {Part::kStage, "--stage-field", "field with the stage name"},
       {Part::kGate, "--gate-field", "field with the gate name"},
       {Part::kLevel, "--level-field", "field with the level"},
       {Part::kMessage, "--message-field", "field with the message"},
       {Part::kId, "--id-field", "field with an id that is unique within the job"}}};
  return kFlags;
}

std::optional<ForeignLine::Place> FieldMapping::Find(ForeignLine& line, Part part) const {
  const size_t index = static_cast<size_t>(part);
  std::optional<ForeignLine::Place> zero;
  for (const auto* list : {&paths[index], &preset_paths[index]}) {
    for (const std::string& path : *list) {
      const auto place = part == Part::kTime      ? line.FindTime(path)
                         : part == Part::kMessage ? line.FindMessage(path)
                                                  : line.Find(path);
      if (place && (part != Part::kTime || !HasZeroTime(*place))) return place;
      if (!zero) zero = place;
    }
  }
  return zero;
}

bool FieldMapping::HasFailed(ForeignLine& line) const {
  return HasAnyValue(line, failures) || HasAnyValue(line, preset_failures);
}

bool FieldMapping::IsSkipped(ForeignLine& line) const { return HasAnyValue(line, preset_skips); }

bool HasZeroTime(const ForeignLine::Place& place) {
  if (place.member->kind == JsonMember::Kind::kObject) {
    const auto time = TimeOfObject(place.member->raw);
    return time && IsZeroTime(*time);
  }
  return IsZeroTime(TextOfScalar(*place.member));
}

bool HasValue(ForeignLine& line, const std::string& path, const std::string& value) {
  const auto place = line.Find(path);
  return place && EqualsIgnoringCase(TextOfScalar(*place->member), value);
}

CliStatus CheckType(const std::string& flag, const std::string& type) {
  if (FindType(type) == nullptr) {
    const std::string nearest(NearestTypeName(type));
    return Fail(ExitCode::kUsage,
                flag + ": unknown type '" + QuotableText(type, 80) + "'" +
                    (nearest.empty() ? "" : "; did you mean '" + nearest + "'?") +
                    " (types of your own begin with x-, and have only a-z, 0-9, '_' and '-')");
  }
  if (type == "heartbeat") {
    return Fail(ExitCode::kUsage, flag + ": heartbeats are not stored and cannot be imported");
  }
  return {};
}

bool FieldMapping::empty() const {
  return job.empty() && type.empty() && preset.empty() && types.empty() && !IsAnyNamed(paths);
}

CliStatus ApplyPreset(const std::string& name, FieldMapping& mapping) {
  const auto found = std::find_if(Presets().begin(), Presets().end(),
                                  [&](const Preset& preset) { return preset.name == name; });
  if (found == Presets().end()) {
    return Fail(ExitCode::kUsage,
                "unknown preset '" + name + "'; available: " + JoinWords(PresetNames()));
  }
  mapping.preset = name;
  for (const auto& [part, paths] : found->paths) {
    // What was given by hand stands for the preset's.
    const bool is_given = !mapping.Of(part).empty() ||
                          (part == Part::kJob && !mapping.job.empty()) ||
                          (part == Part::kType && !mapping.type.empty());
    if (!is_given) mapping.preset_paths[static_cast<size_t>(part)] = paths;
  }
  for (const auto& [theirs, ours] : found->types) mapping.preset_types.emplace(theirs, ours);
  for (const auto& [path, value] : found->failures)
    mapping.preset_failures.emplace_back(path, value);
  for (const auto& [path, value] : found->skips) mapping.preset_skips.emplace_back(path, value);
  for (const char* path : found->causes) mapping.preset_causes.emplace_back(path);
  if (mapping.level_scale == nullptr) mapping.level_scale = FindLevelScale(found->scale);
  return {};
}

ContainerMapping::ContainerMapping(const FieldMapping& mapping) : inner(mapping), outer(mapping) {
  if (mapping.preset.empty() || mapping.preset == "docker") {
    inner.preset_paths = {};
    static_cast<void>(ApplyPreset("json", inner));
  }
  outer.preset_paths = {};
  outer.preset_paths[static_cast<size_t>(Part::kTime)] = {"time"};
}

std::vector<std::string_view> PresetNames() {
  std::vector<std::string_view> names;
  for (const Preset& preset : Presets()) names.push_back(preset.name);
  return names;
}

CliStatus AddTypes(const std::string& text, FieldMapping& mapping) {
  for (const std::string& entry : SplitList(text)) {
    const size_t equals = entry.rfind('=');
    if (equals == std::string::npos || equals == 0) {
      return Fail(
          ExitCode::kUsage,
          "--type-map: '" + entry + "' must be THEIRS=OURS, such as build_finished=job_completed");
    }
    const std::string ours = entry.substr(equals + 1);
    if (CliStatus sound = CheckType("--type-map", ours); !sound) return sound;
    const std::string theirs = entry.substr(0, equals);
    const auto [known, is_new] = mapping.types.emplace(theirs, ours);
    if (!is_new && known->second != ours) {
      return Fail(ExitCode::kUsage, "--type-map: '" + QuotableText(theirs, 80) +
                                        "' is mapped twice: to " + known->second + " and to " +
                                        ours);
    }
  }
  return {};
}

CliStatus AddLevels(const std::string& text, FieldMapping& mapping) {
  for (const std::string& entry : SplitList(text)) {
    const size_t equals = entry.rfind('=');
    if (equals == std::string::npos || equals == 0) {
      return Fail(ExitCode::kUsage,
                  "--level-map: '" + entry + "' must be THEIRS=OURS, such as SEVERE=error");
    }
    const std::string theirs = entry.substr(0, equals);
    const std::string ours(LevelOfWord(entry.substr(equals + 1)));
    if (ours.empty()) {
      return Fail(ExitCode::kUsage, "--level-map: unknown level '" +
                                        QuotableText(entry.substr(equals + 1), 80) +
                                        "'; available: " + JoinWords(AllLevels()));
    }
    const auto [known, is_new] = mapping.levels.emplace(theirs, ours);
    if (!is_new && known->second != ours) {
      return Fail(ExitCode::kUsage, "--level-map: '" + QuotableText(theirs, 80) +
                                        "' is mapped twice: to " + known->second + " and to " +
                                        ours);
    }
  }
  return {};
}

CliStatus AddFailures(const std::string& text, FieldMapping& mapping) {
  for (const std::string& entry : SplitList(text)) {
    const size_t equals = entry.find('=');
    if (equals == std::string::npos || equals == 0 || equals + 1 == entry.size()) {
      return Fail(ExitCode::kUsage,
                  "--failed-if: '" + entry + "' must be FIELD=VALUE, such as status=failed");
    }
    mapping.failures.emplace_back(entry.substr(0, equals), entry.substr(equals + 1));
  }
  return {};
}

}  // namespace stagelog::cli
