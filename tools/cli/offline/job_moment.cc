#include "tools/cli/offline/job_moment.h"

#include "core/event_codec.h"
#include "core/job_machine.h"
#include "core/query.h"
#include "tools/cli/screen.h"

namespace stagelog::cli {
namespace {

bool IsLater(const Event& event, const JobMoment& moment) {
  return (moment.at_seq && event.seq > *moment.at_seq) ||
         (moment.at_micros && event.ts_micros > *moment.at_micros);
}

}  // namespace

CliResult<JobMoment> ParseJobMoment(const std::string& at_seq, const std::string& at,
                                    int64_t now_micros) {
  JobMoment moment;
  if (!at_seq.empty()) {
    moment.at_seq = ParseCursor(at_seq);
    if (!moment.at_seq) {
      return Fail(ExitCode::kUsage,
                  "--at-seq: '" + Harmless(at_seq) + "' is no seq, a whole number");
    }
  }
  if (!at.empty()) {
    const auto position = ParseSince(at, now_micros);
    if (!position || position->kind != Position::Kind::kTime) {
      return Fail(ExitCode::kUsage, "--at: '" + Harmless(at) +
                                        "' is no time like 2026-11-21T07:41:02Z, Unix seconds or "
                                        "milliseconds, nor how long ago (10m)");
    }
    if (position->value > now_micros) {
      return Fail(ExitCode::kUsage, "--at: " + at + " is in the future");
    }
    moment.at_micros = position->value;
  }
  return moment;
}

CliResult<JobState> FoldUpTo(StoredEvents& events, const JobMoment& moment) {
  JobState state;
  while (true) {
    const auto next = events.Next();
    if (!next) return tl::unexpected(next.error());
    if (!next->has_value()) break;
    const Event& event = (*next)->event;
    if (!IsLater(event, moment)) {
      Apply(state, event, CarriedHash((*next)->body));
      if (moment.at_seq == state.as_of_seq) return state;
      continue;
    }
    if (state.job_seq > 0) return state;
    return Fail(ExitCode::kUsage, "the first event of job '" + event.draft.job_id +
                                      "' is later, with seq " + std::to_string(event.seq));
  }
  if (moment.at_seq && *moment.at_seq > state.as_of_seq) {
    return Fail(ExitCode::kUsage, "--at-seq: " + std::to_string(*moment.at_seq) +
                                      " is beyond the job's last event, which has seq " +
                                      std::to_string(state.as_of_seq));
  }
  return state;
}

}  // namespace stagelog::cli
