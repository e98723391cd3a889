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

OrderedJson ParentFacet(const JobState& state) {
  OrderedJson facet = Facet("facets/1-2-0/ParentRunFacet.json");
  const OrderedJson run = {{"runId", RunId(state, state.epoch)}};
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

}  // namespace

std::vector<std::string> OpenLineageRuns::After(const Event& event, const JobState& state) {
  const int64_t micros = EffectiveMicros(event);
  const RunName job{RunId(state, state.epoch), NameOfJob(state)};
  if (state.status != JobStatus::kCreated) Begin(job, state, micros, /*is_stage=*/false);
  if (!event.draft.stage.empty()) {
    if (const StageState* stage = state.FindStage(event.draft.stage)) {
      FollowStage(*stage, state, micros);
    }
  }
  if (state.IsTerminal() && !ended_.contains(job.run_id)) {
    AbortStages(state, micros);
    End(job, EndOf(state.status), state, micros, event.draft.message, /*is_stage=*/false);
  }
  return std::exchange(lines_, {});
}

void OpenLineageRuns::Begin(const RunName& run, const JobState& state, int64_t micros,
                            bool is_stage) {
  if (!begun_.insert(run.run_id).second) return;
  lines_.push_back(Encode(run, "START", state, micros, "", is_stage));
}

void OpenLineageRuns::End(const RunName& run, const char* type, const JobState& state,
                          int64_t micros, const std::string& error, bool is_stage) {
  if (!ended_.insert(run.run_id).second) return;
  const bool is_failure = std::string_view(type) == "FAIL";
  lines_.push_back(Encode(run, type, state, micros, is_failure ? error : "", is_stage));
}

void OpenLineageRuns::FollowStage(const StageState& stage, const JobState& state, int64_t micros) {
  // A stage after the end of the job's run belongs to no run.
  if (ended_.contains(RunId(state, state.epoch))) return;
  const RunName run{RunId(state, stage.epoch, stage.path, stage.attempt),
                    NameOfJob(state) + "." + stage.path};
  Begin(run, state, stage.started_micros > 0 ? stage.started_micros : micros, /*is_stage=*/true);
  if (stage.status == StageStatus::kCompleted) End(run, "COMPLETE", state, micros, "", true);
  if (stage.status == StageStatus::kFailed) End(run, "FAIL", state, micros, stage.message, true);
}

// Those that still ran when the job was over.
void OpenLineageRuns::AbortStages(const JobState& state, int64_t micros) {
  for (const StageState& stage : state.stages) {
    const RunName run{RunId(state, stage.epoch, stage.path, stage.attempt),
                      NameOfJob(state) + "." + stage.path};
    if (begun_.contains(run.run_id)) End(run, "ABORT", state, micros, "", true);
  }
}

std::string OpenLineageRuns::Encode(const RunName& run, const char* type, const JobState& state,
                                    int64_t micros, const std::string& error, bool is_stage) const {
  OrderedJson run_facets = OrderedJson::object();
  if (is_stage) run_facets["parent"] = ParentFacet(state);
  if (!error.empty()) run_facets["errorMessage"] = ErrorFacet(error);
  if (!is_stage && !state.labels.empty()) run_facets["tags"] = TagsFacet(state.labels);
  const OrderedJson event = {
      {"eventTime", FormatTimestamp(micros)},
      {"eventType", type},
      {"run", {{"runId", run.run_id}, {"facets", run_facets}}},
      {"job",
       {{"namespace", kNamespace},
        {"name", run.job_name},
        {"facets", {{"jobType", JobTypeFacet(is_stage)}}}}},
      {"producer", kProducer},
      {"schemaURL", std::string(kSpec) + "2-0-2/OpenLineage.json#/$defs/RunEvent"}};
  return DumpJson(event);
}

}  // namespace stagelog
