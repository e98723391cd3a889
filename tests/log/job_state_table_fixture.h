// A journal whose jobs are told event by event, and what the tests ask of their rows.
#ifndef STAGELOG_TESTS_LOG_JOB_STATE_TABLE_FIXTURE_H_
#define STAGELOG_TESTS_LOG_JOB_STATE_TABLE_FIXTURE_H_

#include <string>
#include <vector>

#include "tests/support/journal_fixture.h"

namespace stagelog {

struct Parts {
  std::string stage;
  std::string gate;
  std::string message;
  std::string payload;
};

inline EventDraft Draft(const std::string& job_id, const std::string& type,
                        const Parts& parts = {}) {
  EventDraft draft = TypedDraft(job_id, type);
  draft.stage = parts.stage;
  draft.gate = parts.gate;
  draft.message = parts.message;
  draft.payload = parts.payload;
  return draft;
}

class JobStateTableTest : public JournalTest {
 protected:
  // Appends one event a second later.
  AppendOutcome Tell(const std::string& job_id, const std::string& type, const Parts& parts = {}) {
    clock_.AdvanceMicros(1'000'000);
    return Append(Draft(job_id, type, parts));
  }

  // On the database of a journal that is closed.
  void Execute(const std::string& sql) const {
    SQLite::Database database(DatabasePath(runs_), SQLite::OPEN_READWRITE);
    ASSERT_GT(database.exec(sql), 0) << sql;
  }

  // Opens and closes a journal that is closed.
  RecoveryReport Recover(bool rebuild_states = false) {
    const auto opened = OpenJournal(files_, clock_, runs_, false, rebuild_states);
    EXPECT_TRUE(opened) << opened.error().message;
    return opened ? opened->report : RecoveryReport();
  }

  JobState Find(const std::string& job_id) {
    const auto state = logger_->reader().FindJob(job_id);
    EXPECT_TRUE(state && *state) << job_id;
    return state && *state ? **state : JobState();
  }

  std::vector<std::string> JobsOf(const JobListRequest& request) {
    const auto jobs = logger_->reader().ListJobs(request);
    EXPECT_TRUE(jobs);
    std::vector<std::string> ids;
    for (const JobListing& job : jobs.value()) ids.push_back(job.job_id);
    return ids;
  }

  // As "job/gate@opened_seq".
  static std::vector<std::string> Names(const Result<std::vector<GateListing>>& gates) {
    EXPECT_TRUE(gates);
    std::vector<std::string> names;
    for (const GateListing& gate : gates.value()) {
      names.push_back(gate.job_id + "/" + gate.gate + "@" + std::to_string(gate.opened_seq));
    }
    return names;
  }
};

}  // namespace stagelog

#endif  // STAGELOG_TESTS_LOG_JOB_STATE_TABLE_FIXTURE_H_
