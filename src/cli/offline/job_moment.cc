#include "cli/offline/job_moment.h"

#include "base/terminal_text.h"
#include "cli/screen.h"
#include "cli/time_argument.h"
#include "core/event_codec.h"
#include "core/job_machine.h"
#include "core/query.h"

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
                  "--at-seq: '" + EscapeControls(at_seq) + "' is not a seq, a whole number");
    }
  }
  if (!at.empty()) {
    const auto past = ParsePastMoment("--at", at, now_micros);
    if (!past) return tl::unexpected(past.error());
    moment.at_micros = past->last_micros;
  }
  return moment;
}

CliResult<JobState> FoldUpTo(EventSequence& events, const JobMoment& moment) {
  JobState state;
  while (true) {
    const auto next = events.Next();
    if (!next) return tl::unexpected(next.error());
    if (!next->has_value()) break;
    const Event& event = (*next)->event;
    if (!IsLater(event, moment)) {
      Apply(state, event, StoredHash((*next)->body));
      if (moment.at_seq == state.as_of_seq) return state;
      continue;
    }
    if (state.job_seq > 0) return state;
    return Fail(ExitCode::kUsage, "job '" + event.draft.job_id +
                                      "' did not exist yet; its first event has seq " +
                                      std::to_string(event.seq));
  }
  if (moment.at_seq && *moment.at_seq > state.as_of_seq) {
    return Fail(ExitCode::kUsage, "--at-seq: " + std::to_string(*moment.at_seq) +
                                      " is after the job's last event, which has seq " +
                                      std::to_string(state.as_of_seq));
  }
  return state;
}

}  // namespace stagelog::cli
