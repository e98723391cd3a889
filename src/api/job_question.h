// The job that a request is about, as it is now or as it was: `at_seq=` and `at=`.
#ifndef STAGELOG_API_JOB_QUESTION_H_
#define STAGELOG_API_JOB_QUESTION_H_

#include <optional>
#include <string>
#include <tl/expected.hpp>

#include "api/api.h"
#include "core/job_state.h"
#include "core/query.h"

namespace stagelog {

struct JobQuestion {
  std::string job_id;
  std::optional<int64_t> at_seq;
  std::optional<Position> at;  // a time

  bool is_about_now() const { return !at_seq && !at; }
};

// The parameters `at_seq` and `at`, of which one may be given; the job is that of the path.
tl::expected<JobQuestion, Refusal> ParseJobQuestion(const Call& call, Clock& clock);

// 404, or 410 for a job that was deleted.
Refusal NoSuchJob(const ApiServices& services, const std::string& job_id);

// The state in question. Waits for the disk. Refusals: unknown_job; job_deleted; no_such_moment
// before the job's first event and beyond the head of the journal; read_failed.
tl::expected<JobState, Refusal> AnswerJobQuestion(const ApiServices& services,
                                                  const JobQuestion& question);

}  // namespace stagelog

#endif  // STAGELOG_API_JOB_QUESTION_H_
