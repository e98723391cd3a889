// The requests of one commit, from the queue to their answers.
#ifndef STAGELOG_LOG_APPEND_GROUP_H_
#define STAGELOG_LOG_APPEND_GROUP_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "core/event_appender.h"
#include "core/job_state.h"
#include "log/append_queue.h"
#include "log/batch_stager.h"
#include "log/writer_parts.h"

namespace stagelog {

// On the writing thread, with the journal open, but for SendAnswers(). While the group is written
// on the commit thread, nobody else touches it. Has the answers of its requests: they get one each,
// from SendAnswers().
class AppendGroup {
 public:
  // See EventLogger for what each one means to the requests.
  enum class WriteFailure { kNone, kBeforeCommit, kAtCommit, kAfterCommit };

  explicit AppendGroup(WriterParts& parts);
  AppendGroup(const AppendGroup&) = delete;
  AppendGroup& operator=(const AppendGroup&) = delete;

  // Stages the requests. What is not staged because the database cannot be read rests on the
  // commit, which then does not come: the group has failed.
  void StageAll(std::vector<AppendRequest> requests);

  // Stages the request if that needs memory alone: the group before is being committed, and this
  // one rests on it. False if it would read the table, or if there are enough; moves from `request`
  // only if it is staged.
  bool StageAhead(AppendRequest& request);
  bool IsFullAhead() { return stager_.events().size() >= kMaxEventsAhead; }

  bool IsEmpty() const { return answers_.empty(); }
  size_t bytes() const { return bytes_; }  // of the drafts, about
  bool HasEvents() { return !stager_.events().empty(); }
  BatchStager& stager() { return stager_; }

  void SetCommitted() { is_committed_ = true; }
  bool is_committed() const { return is_committed_; }

  // `problem` says more.
  void Fail(WriteFailure at, std::string problem);
  bool IsWell() const { return failure_ == WriteFailure::kNone; }
  WriteFailure failure() const { return failure_; }
  const std::string& problem() const { return problem_; }

  // Answers everybody who was not answered yet, as it has ended. Where the group has failed, after
  // the journal was closed.
  void SendAnswers();

 private:
  // A bound on what a failure of the group before refuses.
  static constexpr size_t kMaxEventsAhead = 16'384;

  struct Answer {
    AppendDone done;
    AppendOutcome outcome;
    bool depends_on_commit = false;
    int64_t pushed_micros = 0;  // monotonic
  };

  void PrepareFile(const std::string& job_id, const JobState* job);
  void AddAnswer(AppendRequest& request);
  void StageOne(AppendRequest& request, Answer& answer);
  void CountDuplicates(const std::vector<AppendedEvent>& places);

  WriterParts& parts_;
  BatchStager stager_;
  std::vector<Answer> answers_;
  size_t bytes_ = 0;
  bool is_committed_ = false;
  WriteFailure failure_ = WriteFailure::kNone;
  std::string problem_;
};

}  // namespace stagelog

#endif  // STAGELOG_LOG_APPEND_GROUP_H_
