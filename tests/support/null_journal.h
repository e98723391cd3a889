// What the routes work with, for tests that are about the routes alone.
#ifndef STAGELOG_TESTS_SUPPORT_NULL_JOURNAL_H_
#define STAGELOG_TESTS_SUPPORT_NULL_JOURNAL_H_

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "core/backup_maker.h"
#include "core/event.h"
#include "core/event_appender.h"
#include "core/event_source.h"
#include "core/job_deleter.h"
#include "core/job_machine.h"
#include "core/job_source.h"
#include "core/job_state.h"
#include "core/journal_status.h"
#include "core/liveness.h"
#include "core/liveness_monitor.h"
#include "core/no_webhooks.h"
#include "core/retention_runner.h"

namespace stagelog {

// A journal that takes everything and holds one job without events.
class NullJournal : public EventAppender,
                    public JobDeleter,
                    public RetentionRunner,
                    public BackupMaker,
                    public EventSource,
                    public JobSource,
                    public LivenessMonitor,
                    public NoWebhooks,
                    public JournalStatusSource {
 public:
  NullJournal() : NoWebhooks({.code = "unknown_webhook", .detail = "there are none"}) {}

  void Append(std::vector<EventDraft> drafts, std::optional<Precondition> precondition,
              AppendDone done) override {
    JobState state;
    const JobLookup find = [&](const std::string& job_id) -> const JobState* {
      state.job_id = job_id;
      return job_id == "job" ? &state : nullptr;
    };
    if (precondition) {
      auto refusal = CheckPrecondition(*precondition, find);
      if (refusal) return done(tl::unexpected(std::move(*refusal)));
    }
    std::vector<AppendedEvent> places;
    for (const EventDraft& draft : drafts) {
      AppendedEvent place;
      place.seq = place.job_seq = static_cast<int64_t>(places.size()) + 1;
      place.event_id = draft.event_id.empty() ? "made" : draft.event_id;
      place.job_id = draft.job_id;
      places.push_back(std::move(place));
    }
    done(std::move(places));
  }

  void DeleteJob(std::string job_id, std::string, DeleteDone done) override {
    done(DeletedJobReport{.job_id = std::move(job_id)});
  }
  void RunRetention(bool dry_run, RetentionDone done) override {
    done(RetentionReport{.dry_run = dry_run});
  }

  void Backup(std::string name, BackupDone done) override {
    done(BackupReport{.path = std::move(name)});
  }

  Result<Page> Read(const ReadRequest& request) override {
    Page page;
    page.job_known = request.job_id == "job";
    return page;
  }
  Result<int64_t> SeqAtTime(int64_t) override { return 0; }

  Result<std::optional<JobState>> FindJob(const std::string& job_id, int64_t) override {
    if (job_id != "job") return std::optional<JobState>();
    JobState state;
    state.job_id = job_id;
    return std::optional<JobState>(std::move(state));
  }
  Result<std::vector<JobListing>> ListJobs(const JobListRequest&) override {
    return std::vector<JobListing>();
  }
  Result<std::vector<GateListing>> ListGates(const GateListRequest&) override {
    return std::vector<GateListing>();
  }
  Status AdvanceJob(JobState&, StateChanges*, int64_t) override { return {}; }
  Result<std::vector<std::string>> JobsChangedAfter(int64_t) override {
    return std::vector<std::string>();
  }

  void OnHeartbeat(const std::string&, int64_t) override {}
  Liveness GetLiveness(const std::string&) const override { return Liveness::kUnknown; }
  JournalStatus GetStatus() const override { return {.journal_id = "this"}; }
};

}  // namespace stagelog

#endif  // STAGELOG_TESTS_SUPPORT_NULL_JOURNAL_H_
