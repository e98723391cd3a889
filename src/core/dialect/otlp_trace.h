// OpenTelemetry: a job as a trace in OTLP 1.x (JSON encoding), by the semantic conventions for
// CI/CD. The rules: src/cli/README.md, "Exporting".
#ifndef STAGELOG_CORE_DIALECT_OTLP_TRACE_H_
#define STAGELOG_CORE_DIALECT_OTLP_TRACE_H_

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/event.h"
#include "core/job_state.h"

namespace stagelog {

// A log line, a violation or a turn of the job, as an event of the run's span.
struct TraceEvent {
  int64_t happened_micros = 0;
  std::string name;
  std::string level;
  std::string message;
  std::vector<std::string> violations;
};

// The trace that the job's own programs know, where they do.
struct TraceNames {
  std::string trace_id;        // 32 hex digits; empty: it follows from the job
  std::string run_span_id;     // 16 hex digits
  std::string parent_span_id;  // of the run's caller; empty: none
  std::map<std::pair<std::string, int64_t>, std::string> stage_span_ids;  // by path and attempt
};

// What a run has noted of its trace in the payload of its first event; adds it to `names`. `state`
// is the job's after the event.
void TakeTraceNames(const Event& event, const JobState& state, TraceNames& names);

// An ExportTraceServiceRequest. The job's run is a span of kind SERVER; attempts of stages and
// waits of gates are spans of kind INTERNAL below it, a stage below its parent stage. Ids follow
// from the job and its first hash: another export gives the same. What has not ended extends to the
// job's last event. `dropped`: events beyond those that are given.
std::string EncodeOtlpTrace(const JobState& state, const std::string& first_hash,
                            const TraceNames& names, const std::vector<TraceEvent>& events,
                            size_t dropped);

// Warnings, errors and the job's own turns.
bool IsWorthAMark(const EventDraft& draft);

// Makes the trace of a job from its events. One thread.
class OtlpTraceBuilder {
 public:
  // The next event of the job; `line` is how it is stored.
  void Add(const Event& event, std::string_view line);

  std::string Encode() const {
    return EncodeOtlpTrace(state_, first_hash_, names_, events_, dropped_);
  }

 private:
  JobState state_;
  std::string first_hash_;
  TraceNames names_;
  std::vector<TraceEvent> events_;
  size_t plain_ = 0;
  size_t marked_ = 0;
  size_t dropped_ = 0;
};

}  // namespace stagelog

#endif  // STAGELOG_CORE_DIALECT_OTLP_TRACE_H_
