// A journal in memory for the followers: it commits what is appended, folds it with core's own
// rules, and holds, refuses or fails when a test tells it to.
#ifndef STAGELOG_TESTS_FOLLOW_FOLLOW_FIXTURE_H_
#define STAGELOG_TESTS_FOLLOW_FOLLOW_FIXTURE_H_

#include <cstdint>
#include <deque>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "core/commit_listener.h"
#include "core/event.h"
#include "core/event_appender.h"
#include "core/job_machine.h"
#include "core/job_source.h"
#include "core/job_state.h"
#include "core/journal_status.h"

namespace stagelog {

// A draft as the decoder would make it, with the defaults of its type.
EventDraft DraftOf(const std::string& job_id, const std::string& type, const std::string& gate = "",
                   const std::string& payload = "");

// Safe from any thread, as the real one is; listeners are told on the thread that commits.
class FakeLog : public EventAppender, public JobSource, public JournalStatusSource {
 public:
  explicit FakeLog(Clock& clock) : clock_(clock) {}

  // Before the first commit. Null: nobody listens any more.
  void SetListener(CommitListener* listener) { listener_ = listener; }

  // Commits drafts as one batch, whoever sent them, and returns the seq of the last.
  int64_t Commit(std::vector<EventDraft> drafts);
  int64_t Commit(EventDraft draft);
  int64_t Commit(const std::string& job_id, const std::string& type, const std::string& gate = "",
                 const std::string& payload = "") {
    return Commit(DraftOf(job_id, type, gate, payload));
  }

  // Deletes a job, and returns the seq of that.
  int64_t Delete(const std::string& job_id);

  // What is appended from now on waits for CommitHeld().
  void HoldAppends() { is_holding_ = true; }
  // Lets it in, in order; `count`: not more than so many.
  void CommitHeld(size_t count = SIZE_MAX);
  size_t HeldCount() const;

  // Appends are refused at once with this code; empty: no longer.
  void RefuseAppends(const std::string& code);

  // The next `count` reads fail.
  void FailReads(int count);
  // Listings fail from now on unless they may be as they are, or do not any more.
  void LetListingsLag(bool lag);

  // Listings go on to call every gate pending, as after a fault in the tables.
  void FreezeListings() { frozen_ = true; }

  // The journal forgets the events after `seq`, as when an older copy is put back.
  void ForgetAfter(int64_t seq);

  JobState StateOf(const std::string& job_id) const;
  std::vector<Event> Events() const;
  // The decisions on gates, in order.
  std::vector<Event> Decisions() const;
  size_t appends() const;
  size_t reads() const;
  int64_t last_advanced_from() const { return last_advanced_from_; }  // the state's as_of_seq

  void Append(std::vector<EventDraft> drafts, std::optional<Precondition> precondition,
              AppendDone done) override;

  Result<std::optional<JobState>> FindJob(const std::string& job_id, int64_t through_seq) override;
  Result<std::vector<JobListing>> ListJobs(const JobListRequest&) override { return {}; }
  Result<std::vector<GateListing>> ListGates(const GateListRequest& request) override;
  Status AdvanceJob(JobState& state, StateChanges* changes,
                    int64_t through_seq = INT64_MAX) override;
  Result<std::vector<std::string>> JobsChangedAfter(int64_t seq) override;

  JournalStatus GetStatus() const override;
  bool IsFileBehind(const std::string& job_id) const override;
  void SetFileBehind(const std::string& job_id, bool is_behind);

 private:
  struct Stored {
    Event event;
    std::string hash;
  };
  struct Held {
    std::vector<EventDraft> drafts;
    std::optional<Precondition> precondition;
    AppendDone done;
  };

  bool ReadFails();
  bool listings_lag_ = false;
  CommittedEvent Store(EventDraft draft);
  void Process(Held held);

  Clock& clock_;
  CommitListener* listener_ = nullptr;
  bool is_holding_ = false;
  bool frozen_ = false;

  mutable std::mutex mutex_;
  std::vector<Stored> events_;  // guarded by mutex_, as is all that follows
  int64_t head_seq_ = 0;
  std::map<std::string, JobState> states_;
  std::deque<Held> held_;
  std::string refusal_code_;
  int failing_reads_ = 0;
  size_t appends_ = 0;
  size_t reads_ = 0;
  int64_t last_advanced_from_ = 0;
  std::set<std::string> files_behind_;  // jobs
};

}  // namespace stagelog

#endif  // STAGELOG_TESTS_FOLLOW_FOLLOW_FIXTURE_H_
