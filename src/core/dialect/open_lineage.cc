#include "core/dialect/open_lineage.h"

#include <nlohmann/json.hpp>
#include <utility>

#include "base/name_uuid.h"
#include "base/timestamp.h"
#include "core/json_value.h"

namespace stagelog {
namespace {

using OrderedJson = nlohmann::ordered_json;

constexpr const char* kNamespace = "stagelog";
constexpr const char* kProducer = "urn:stagelog";
constexpr const char* kSpec = "https://openlineage.io/spec/";

std::string NameOfJob(const JobState& state) {
  return state.pipeline.empty() ? state.job_id : state.pipeline;
}

// Of what never changes: another export of the same job gives the same ids.
std::string RunId(const JobState& state, int64_t epoch, const std::string& stage = {},
                  int64_t attempt = 0) {
  std::string name = "stagelog\n" + state.job_id + "\n" + std::to_string(epoch);
  if (!stage.empty()) name += "\n" + stage + "\n" + std::to_string(attempt);
  return UuidOfName(name);
}

OrderedJson Facet(const char* schema) {
  return {{"_producer", kProducer}, {"_schemaURL", std::string(kSpec) + schema}};
}

OrderedJson TagsFacet(const Labels& labels) {
  OrderedJson facet = Facet("facets/1-0-0/TagsRunFacet.json");
  facet["tags"] = OrderedJson::array();
  for (const auto& [key, value] : labels) {
    facet["tags"].push_back({{"key", key}, {"value", value}, {"source", "USER"}});
  }
  return facet;
}

OrderedJson NominalTimeFacet(const std::string& start, const std::string& end) {
  OrderedJson facet = Facet("facets/1-0-1/NominalTimeRunFacet.json");
  facet["nominalStartTime"] = start;
  if (!end.empty()) facet["nominalEndTime"] = end;
  return facet;
}

OrderedJson ParentFacet(const JobState& state, int64_t epoch) {
  OrderedJson facet = Facet("facets/1-2-0/ParentRunFacet.json");
  const OrderedJson run = {{"runId", RunId(state, epoch)}};
  const OrderedJson job = {{"namespace", kNamespace}, {"name", NameOfJob(state)}};
  facet["run"] = run;
  facet["job"] = job;
  facet["root"] = {{"run", run}, {"job", job}};
  return facet;
}

OrderedJson ErrorFacet(const std::string& message) {
  OrderedJson facet = Facet("facets/1-0-1/ErrorMessageRunFacet.json");
  facet["message"] = message;
  facet["programmingLanguage"] = "unknown";
  return facet;
}

OrderedJson JobTypeFacet(bool is_stage) {
  OrderedJson facet = Facet("facets/2-0-4/JobTypeJobFacet.json");
  facet["processingType"] = "BATCH";
  facet["integration"] = "STAGELOG";
  facet["jobType"] = is_stage ? "TASK" : "DAG";
  return facet;
}

const char* EndOf(JobStatus status) {
  if (status == JobStatus::kCompleted) return "COMPLETE";
  return status == JobStatus::kFailed ? "FAIL" : "ABORT";
}

LineageRun JobRun(const JobState& state, int64_t epoch) {
  return {RunId(state, epoch), NameOfJob(state), epoch, /*is_stage=*/false};
}

LineageRun StageRun(const JobState& state, const StageState& stage) {
  return {RunId(state, stage.epoch, stage.path, stage.attempt), NameOfJob(state) + "." + stage.path,
          stage.epoch, /*is_stage=*/true};
}

// As the state has it, where it knows the time.
int64_t TimeOr(int64_t of_state, int64_t micros) { return of_state > 0 ? of_state : micros; }

// Empty where it is no time.
std::string TimeIn(const nlohmann::json& payload, const char* key) {
  const auto found = payload.find(key);
  if (found == payload.end() || !found->is_string()) return "";
  const std::string time = *found;
  return ParseTimestamp(time) ? time : "";
}

}  // namespace

std::string OpenLineageRuns::Encode(const LineageRun& run, const char* type, const JobState& state,
                                    int64_t micros, const std::string& error) const {
  OrderedJson run_facets = OrderedJson::object();
  if (run.is_stage) run_facets["parent"] = ParentFacet(state, run.epoch);
  if (!error.empty()) run_facets["errorMessage"] = ErrorFacet(error);
  if (!run.is_stage && !state.labels.empty()) run_facets["tags"] = TagsFacet(state.labels);
  if (!run.is_stage && !nominal_start_.empty()) {
    run_facets["nominalTime"] = NominalTimeFacet(nominal_start_, nominal_end_);
  }
  const OrderedJson event = {
      {"eventTime", FormatTimestamp(micros)},
      {"eventType", type},
      {"run", {{"runId", run.run_id}, {"facets", run_facets}}},
      {"job",
       {{"namespace", kNamespace},
        {"name", run.job_name},
        {"facets", {{"jobType", JobTypeFacet(run.is_stage)}}}}},
      {"producer", kProducer},
      {"schemaURL", std::string(kSpec) + "2-0-2/OpenLineage.json#/$defs/RunEvent"}};
  return DumpJson(event);
}

std::vector<std::string> OpenLineageRuns::After(const Event& event, const JobState& state) {
  const int64_t micros = EffectiveMicros(event);
  if (event.draft.type == "job_created" && nominal_start_.empty()) {
    const nlohmann::json payload = ParseJson(event.draft.payload);
    nominal_start_ = TimeIn(payload, kNominalStartKey);
    nominal_end_ = TimeIn(payload, kNominalEndKey);
  }
  if (state.epoch != epoch_) AbortEpoch(std::exchange(epoch_, state.epoch), state, micros);
  const LineageRun job = JobRun(state, state.epoch);
  const StageState* stage =
      event.draft.stage.empty() ? nullptr : state.FindStage(event.draft.stage);
  // A stage belongs to a run, also where nobody has started that by name.
  if (state.status != JobStatus::kCreated || stage != nullptr) {
    Begin(job, state, state.epoch == 1 ? TimeOr(state.started_at_micros, micros) : micros);
  }
  if (stage != nullptr) FollowStage(*stage, state, micros);
  if (state.IsTerminal() && !ended_.contains(job.run_id)) {
    const int64_t ended = TimeOr(state.ended_at_micros, micros);
    AbortStages(state.epoch, state, ended);
    End(job, EndOf(state.status), state, ended, event.draft.message);
  }
  return std::exchange(lines_, {});
}

void OpenLineageRuns::Begin(const LineageRun& run, const JobState& state, int64_t micros) {
  if (!begun_.insert(run.run_id).second) return;
  lines_.push_back(Encode(run, "START", state, micros, ""));
}

void OpenLineageRuns::End(const LineageRun& run, const char* type, const JobState& state,
                          int64_t micros, const std::string& error) {
  if (!ended_.insert(run.run_id).second) return;
  const bool is_failure = std::string_view(type) == "FAIL";
  lines_.push_back(Encode(run, type, state, micros, is_failure ? error : ""));
}

void OpenLineageRuns::FollowStage(const StageState& stage, const JobState& state, int64_t micros) {
  // A stage after the end of its job's run belongs to no run.
  if (ended_.contains(RunId(state, stage.epoch))) return;
  const LineageRun run = StageRun(state, stage);
  const int64_t ended = TimeOr(stage.ended_micros, micros);
  Begin(run, state, TimeOr(stage.started_micros, micros));
  if (stage.status == StageStatus::kCompleted) End(run, "COMPLETE", state, ended);
  if (stage.status == StageStatus::kFailed) End(run, "FAIL", state, ended, stage.message);
}

// A new epoch has begun although the run before it has not ended.
void OpenLineageRuns::AbortEpoch(int64_t epoch, const JobState& state, int64_t micros) {
  const LineageRun run = JobRun(state, epoch);
  if (!begun_.contains(run.run_id) || ended_.contains(run.run_id)) return;
  AbortStages(epoch, state, micros);
  End(run, "ABORT", state, micros);
}

// Those that still ran when their run was over.
void OpenLineageRuns::AbortStages(int64_t epoch, const JobState& state, int64_t micros) {
  for (const StageState& stage : state.stages) {
    if (stage.epoch != epoch) continue;
    const LineageRun run = StageRun(state, stage);
    if (begun_.contains(run.run_id)) {
      End(run, "ABORT", state, TimeOr(stage.ended_micros, micros));
    }
  }
}

}  // namespace stagelog
