// The job a request refers to, now or at an earlier moment: `at_seq=` and `at=`.
#ifndef STAGELOG_API_JOB_QUERY_H_
#define STAGELOG_API_JOB_QUERY_H_

#include <optional>
#include <string>
#include <tl/expected.hpp>

#include "api/api.h"
#include "core/job_state.h"
#include "core/query.h"

namespace stagelog {

struct JobQuery {
  std::string job_id;
  std::optional<int64_t> at_seq;
  std::optional<Position> at;  // a time

  bool is_current() const { return !at_seq && !at; }
};

// The parameters `at_seq` and `at`, of which one may be given; the job is that of the path.
tl::expected<JobQuery, Refusal> ParseJobQuery(const Call& call, Clock& clock);

// 404, or 410 for a job that was deleted.
Refusal NoSuchJob(const ApiServices& services, const std::string& job_id);

// Why a read has failed: tables_behind, which ends by itself, or read_failed.
Refusal ReadRefusal(const Error& error);

// The requested state. Blocks on the disk. Refusals: unknown_job; job_deleted; no_such_moment
// before the job's first event and after the head of the journal; ReadRefusal().
tl::expected<JobState, Refusal> ResolveJobQuery(const ApiServices& services,
                                                const JobQuery& question);

}  // namespace stagelog

#endif  // STAGELOG_API_JOB_QUERY_H_
