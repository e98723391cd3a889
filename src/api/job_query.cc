#include "api/job_query.h"

#include <algorithm>
#include <cerrno>

#include "api/parameters.h"
#include "core/gate_rules.h"

namespace stagelog {
namespace {

Refusal NoSuchMoment(std::string detail, const char* field) {
  return {.code = "no_such_moment", .detail = std::move(detail), .field = field};
}

// The last seq that belongs to the moment.
tl::expected<int64_t, Refusal> SeqOfMoment(const ApiServices& services, const JobQuery& question) {
  const JournalStatus journal = services.journal.GetStatus();
  const int64_t head_seq = std::max(journal.head_seq, journal.visible_seq);
  if (question.at_seq) {
    if (*question.at_seq <= head_seq) return *question.at_seq;
    return tl::unexpected(NoSuchMoment("at_seq=" + std::to_string(*question.at_seq) +
                                           " is after the newest event, seq " +
                                           std::to_string(head_seq),
                                       "at_seq"));
  }
  if (question.at->value > services.clock.WallMicros()) {
    return tl::unexpected(NoSuchMoment("'at' is in the future", "at"));
  }
  const Result<int64_t> seq = services.source.SeqAtTime(question.at->value);
  if (!seq) return tl::unexpected(ReadRefusal(seq.error()));
  return *seq;
}

tl::expected<std::optional<JobState>, Refusal> Find(const ApiServices& services,
                                                    const std::string& job_id,
                                                    int64_t through_seq) {
  Result<std::optional<JobState>> job = services.jobs.FindJob(job_id, through_seq);
  if (job) return std::move(*job);
  return tl::unexpected(ReadRefusal(job.error()));
}

}  // namespace

Refusal ReadRefusal(const Error& error) {
  const bool is_behind = error.error_number == EAGAIN;
  return {.code = is_behind ? "tables_behind" : "read_failed", .detail = error.message};
}

tl::expected<JobQuery, Refusal> ParseJobQuery(const Call& call, Clock& clock) {
  auto job_id = JobOfPath(call);
  if (!job_id) return tl::unexpected(std::move(job_id.error()));
  JobQuery question{.job_id = std::move(*job_id)};
  const auto invalid = [](const char* field, const char* detail) {
    return tl::unexpected(Refusal{.code = "invalid_parameter", .detail = detail, .field = field});
  };
  const std::optional<std::string> at_seq = call.Parameter("at_seq");
  const std::optional<std::string> at = call.Parameter("at");
  if (at_seq && at) return invalid("at", "give either 'at_seq' or 'at', not both");
  if (at_seq) {
    question.at_seq = ParseCursor(*at_seq);
    if (!question.at_seq) return invalid("at_seq", "'at_seq' must be a whole number");
  }
  if (at) {
    auto position = ParseSince(*at, clock.WallMicros());
    if (!position || position->kind != Position::Kind::kTime) {
      return invalid("at",
                     "'at' must be an RFC 3339 time like 2026-11-21T07:41:02Z, Unix seconds or "
                     "milliseconds, or how long ago ('10m')");
    }
    question.at = *position;
  }
  return question;
}

Refusal NoSuchJob(const ApiServices& services, const std::string& job_id) {
  return services.journal.IsDeleted(job_id) ? DeletedJob(job_id) : UnknownJob(job_id);
}

tl::expected<JobState, Refusal> ResolveJobQuery(const ApiServices& services,
                                                const JobQuery& question) {
  int64_t through_seq = INT64_MAX;
  if (!question.is_current()) {
    const auto seq = SeqOfMoment(services, question);
    if (!seq) return tl::unexpected(seq.error());
    through_seq = *seq;
  }
  auto job = Find(services, question.job_id, through_seq);
  if (!job) return tl::unexpected(std::move(job.error()));
  if (*job) return std::move(**job);
  if (!question.is_current()) {
    auto later = Find(services, question.job_id, INT64_MAX);
    if (!later) return tl::unexpected(std::move(later.error()));
    if (*later) {
      return tl::unexpected(NoSuchMoment("job '" + question.job_id +
                                             "' did not exist yet; its first event has seq " +
                                             std::to_string((*later)->first_seq),
                                         question.at_seq ? "at_seq" : "at"));
    }
  }
  return tl::unexpected(NoSuchJob(services, question.job_id));
}

}  // namespace stagelog
