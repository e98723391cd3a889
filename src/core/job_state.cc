#include "core/job_state.h"

#include <algorithm>
#include <array>

#include "base/timestamp.h"
#include "core/json_text.h"

namespace stagelog {
namespace {

constexpr std::array<std::string_view, 6> kStatusNames = {"created",   "running", "paused",
                                                          "completed", "failed",  "canceled"};

// True for what says nothing about the job's progress and is welcome at any time.
bool IsRemark(EventType type) { return type == EventType::kLog || type == EventType::kCustom; }

// True when the violation is a remark on an event that counts all the same.
bool IsHarmless(const std::string& violation) { return violation == "implicit_create"; }

JobStatus StatusAfter(JobStatus status, EventType type) {
  switch (type) {
    case EventType::kJobCreated:
      return JobStatus::kCreated;
    case EventType::kJobStarted:
    case EventType::kJobResumed:
    case EventType::kGateApproved:
    case EventType::kGateAutoApproved:
      return JobStatus::kRunning;
    case EventType::kStageStarted:
      return status == JobStatus::kCreated ? JobStatus::kRunning : status;
    case EventType::kGatePause:
      return JobStatus::kPaused;
    case EventType::kJobCompleted:
      return JobStatus::kCompleted;
    case EventType::kJobFailed:
      return JobStatus::kFailed;
    case EventType::kJobCanceled:
      return JobStatus::kCanceled;
    default:
      return status;
  }
}

}  // namespace

std::string_view JobStatusName(JobStatus status) {
  return kStatusNames[static_cast<size_t>(status)];
}

std::optional<JobStatus> ParseJobStatus(std::string_view name) {
  const auto found = std::find(kStatusNames.begin(), kStatusNames.end(), name);
  if (found == kStatusNames.end()) return std::nullopt;
  return static_cast<JobStatus>(found - kStatusNames.begin());
}

bool JobState::IsOver() const {
  return status == JobStatus::kCompleted || status == JobStatus::kFailed ||
         status == JobStatus::kCanceled;
}

std::vector<std::string> Judge(const JobState& state, const EventDraft& draft) {
  if (state.job_seq == 0) {
    if (draft.kind == EventType::kJobCreated) return {};
    return {"implicit_create"};
  }
  if (draft.kind == EventType::kJobCreated) return {"already_created"};
  if (IsRemark(draft.kind) || !state.IsOver()) return {};
  if (draft.kind != EventType::kJobResumed) return {"job_over"};
  if (state.status == JobStatus::kCompleted) return {"resume_completed"};
  return {};
}

void Apply(JobState& state, const Event& event, std::string_view hash) {
  if (state.job_seq == 0) {
    state.job_id = event.draft.job_id;
    state.created_at_micros = event.ts_micros;
    state.first_seq = event.seq;
  }
  state.job_seq = event.job_seq;
  state.as_of_seq = event.seq;
  state.updated_at_micros = event.ts_micros;
  state.violation_count += static_cast<int64_t>(event.violations.size());
  state.last_hash = hash;
  if (std::all_of(event.violations.begin(), event.violations.end(), IsHarmless)) {
    state.status = StatusAfter(state.status, event.draft.kind);
  }
}

std::string EncodeJobState(const JobState& state) {
  std::string out = "{\"job_id\":";
  AppendJsonString(out, state.job_id);
  out += ",\"status\":";
  AppendJsonString(out, JobStatusName(state.status));
  out += ",\"created_at\":";
  AppendJsonString(out, FormatTimestamp(state.created_at_micros));
  out += ",\"updated_at\":";
  AppendJsonString(out, FormatTimestamp(state.updated_at_micros));
  out += ",\"events\":" + std::to_string(state.job_seq);
  out += ",\"violations\":" + std::to_string(state.violation_count);
  out += ",\"as_of_seq\":" + std::to_string(state.as_of_seq);
  out += ",\"last_hash\":";
  AppendJsonString(out, state.last_hash);
  out += '}';
  return out;
}

}  // namespace stagelog
