// OpenLineage 2-0-2 (https://openlineage.io): a job's events as run events. The rules:
// src/cli/README.md, "Exporting".
#ifndef STAGELOG_CORE_DIALECT_OPEN_LINEAGE_H_
#define STAGELOG_CORE_DIALECT_OPEN_LINEAGE_H_

#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "core/event.h"
#include "core/job_state.h"

namespace stagelog {

// In the payload of job_created: the times that a run was scheduled for (the facet `nominalTime`).
inline constexpr const char* kNominalStartKey = "nominal_start";
inline constexpr const char* kNominalEndKey = "nominal_end";

// A run of the job, or of one of its stages.
struct LineageRun {
  std::string run_id;
  std::string job_name;
  int64_t epoch = 1;
  bool is_stage = false;
};

// Follows one job. A run of the job is an epoch of it, a stage's attempt is a run of its own with
// the job's as its parent. Each run begins with a START and ends with one of COMPLETE, FAIL and
// ABORT, after which nothing comes. One thread.
class OpenLineageRuns {
 public:
  // The run events, each on one line, that follow from `event`; `state` is the job's after it.
  std::vector<std::string> After(const Event& event, const JobState& state);

 private:
  std::string Encode(const LineageRun& run, const char* type, const JobState& state, int64_t micros,
                     const std::string& error) const;
  void Begin(const LineageRun& run, const JobState& state, int64_t micros);
  void End(const LineageRun& run, const char* type, const JobState& state, int64_t micros,
           const std::string& error = {});
  void FollowStage(const StageState& stage, const JobState& state, int64_t micros);
  void AbortEpoch(int64_t epoch, const JobState& state, int64_t micros);
  void AbortStages(int64_t epoch, const JobState& state, int64_t micros);

  std::set<std::string> begun_;  // ids of runs
  std::set<std::string> ended_;
  int64_t epoch_ = 1;
  std::string nominal_start_;  // of the job; empty: not known
  std::string nominal_end_;
  std::vector<std::string> lines_;
};

}  // namespace stagelog

#endif  // STAGELOG_CORE_DIALECT_OPEN_LINEAGE_H_
