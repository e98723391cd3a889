#include "tests/support/journal_fixture.h"

#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>

#include "core/event_codec.h"
#include "core/job_state_json.h"
#include "tests/support/journal_evidence.h"

namespace stagelog {

std::vector<int64_t> RecordingListener::Seqs() const {
  std::vector<int64_t> seqs;
  for (const CommittedBatchPointer& batch : batches) {
    for (const CommittedEvent& event : batch->events) seqs.push_back(event.seq);
  }
  return seqs;
}

EventDraft TypedDraft(const std::string& job_id, const std::string& type) {
  const TypeTraits* traits = FindType(type);
  EventDraft draft;
  draft.kind = traits->type;
  draft.job_id = job_id;
  draft.type = type;
  draft.status = traits->status;
  draft.level = traits->level;
  draft.actor = "tester";
  return draft;
}

EventDraft LogDraft(const std::string& job_id, const std::string& message,
                    const std::string& event_id) {
  EventDraft draft = TypedDraft(job_id, "log");
  draft.message = message;
  draft.event_id = event_id;
  return draft;
}

Status JournalTest::TryOpen() {
  metrics_ = std::make_unique<MetricsRegistry>();
  options_.runs_dir = runs_;
  auto opened = EventLogger::Open(options_, files_, clock_, *metrics_);
  if (!opened) return tl::unexpected(opened.error());
  logger_ = std::move(*opened);
  logger_->AddListener(&listener_);
  archiver_ = std::make_unique<Archiver>(retention_, *logger_, files_, runs_, clock_, *metrics_);
  logger_->AddMaintenance(archiver_.get());
  return {};
}

void JournalTest::Close() {
  logger_.reset();
  archiver_.reset();
}

void JournalTest::Open() {
  const Status opened = TryOpen();
  ASSERT_TRUE(opened) << opened.error().message;
}

void JournalTest::ForEachOperation(
    const std::function<void(size_t nth, size_t& operations)>& life) {
  size_t operations = 0;
  for (size_t nth = 1; nth == 1 || nth - 1 <= operations; ++nth) {
    SCOPED_TRACE("operation " + std::to_string(nth));
    std::filesystem::remove_all(runs_);
    Open();
    operations = 0;
    life(nth, operations);
    Close();
    if (HasFailure()) return;
  }
}

void JournalTest::Crash(std::optional<uint64_t> seed) {
  files_.PowerOff(seed);
  Close();
  files_.PowerOn();
}

AppendOutcome JournalTest::Append(std::vector<EventDraft> drafts,
                                  std::optional<Precondition> precondition) {
  std::optional<AppendOutcome> outcome;
  logger_->Append(std::move(drafts), std::move(precondition),
                  [&](AppendOutcome answer) { outcome = std::move(answer); });
  while (!outcome) logger_->RunOnce(false);
  return std::move(*outcome);
}

AppendOutcome JournalTest::Append(EventDraft draft) {
  std::vector<EventDraft> drafts;
  drafts.push_back(std::move(draft));
  return Append(std::move(drafts));
}

AppendOutcome JournalTest::Log(const std::string& job_id, const std::string& message,
                               const std::string& event_id) {
  return Append(LogDraft(job_id, message, event_id));
}

void JournalTest::WaitForRetry() {
  clock_.AdvanceMicros(options_.retry_micros);
  logger_->RunOnce(false);
}

std::string JournalTest::FilePath(const std::string& job_id) const {
  return runs_ + "/" + job_id + "/events.jsonl";
}

std::string JournalTest::FileText(const std::string& job_id) const {
  return ReadEvents(runs_, job_id);
}

void JournalTest::WriteFileText(const std::string& job_id, const std::string& text) const {
  std::ofstream(FilePath(job_id), std::ios::binary | std::ios::trunc) << text;
}

std::vector<std::string> JournalTest::FileLines(const std::string& job_id) const {
  std::vector<std::string> lines;
  std::istringstream text(FileText(job_id));
  for (std::string line; std::getline(text, line);) lines.push_back(line);
  return lines;
}

std::vector<std::string> JournalTest::Bodies(const std::string& job_id) {
  ReadRequest request;
  request.job_id = job_id;
  request.max_events = 1'000'000;
  request.max_bytes = SIZE_MAX;
  const Result<Page> page = logger_->reader().Read(request);
  EXPECT_TRUE(page) << page.error().message;
  std::vector<std::string> bodies;
  if (page) {
    for (const PageEvent& event : page->events) bodies.push_back(event.body);
  }
  return bodies;
}

void JournalTest::RepairFiles() {
  constexpr int64_t kLongestWait = 60;  // retry intervals
  for (int i = 0; i < 10 && logger_->GetStatus().obstructed_file_count > 0; ++i) {
    clock_.AdvanceMicros(kLongestWait * options_.retry_micros);
    logger_->RunOnce(false);
  }
  EXPECT_EQ(logger_->GetStatus().obstructed_file_count, 0U);
}

void JournalTest::Execute(const std::string& sql) const {
  SQLite::Database(DatabasePath(runs_), SQLite::OPEN_READWRITE, 5'000).exec(sql);
}

int64_t JournalTest::Query(const std::string& sql) const {
  SQLite::Database database(DatabasePath(runs_), SQLite::OPEN_READONLY, 5'000);
  return database.execAndGet(sql).getInt64();
}

void JournalTest::ExpectAgreement() {
  RepairFiles();
  const auto jobs = logger_->reader().ListJobs({.limit = 1'000'000});
  ASSERT_TRUE(jobs) << jobs.error().message;
  std::map<int64_t, std::string> ts_by_seq;
  for (const JobListing& job : *jobs) {
    const std::vector<std::string> bodies = Bodies(job.job_id);
    EXPECT_EQ(bodies, FileLines(job.job_id)) << job.job_id;
    EXPECT_TRUE(FileText(job.job_id).ends_with('\n')) << job.job_id;
    std::string previous_hash;
    int64_t job_seq = 0;
    JobState folded;
    for (const std::string& body : bodies) {
      const EventView view = ViewEvent(body);
      EXPECT_EQ(view.job_seq, ++job_seq) << body;
      EXPECT_TRUE(VerifyHash(body, previous_hash)) << body;
      EXPECT_TRUE(ts_by_seq.emplace(view.seq, view.ts).second) << "seq given twice: " << body;
      previous_hash = view.hash;
      EXPECT_TRUE(ApplyLine(folded, body)) << body;
    }
    EXPECT_EQ(folded.last_hash, previous_hash);
    EXPECT_EQ(job.summary, EncodeJobSummary(folded, folded.Done()));
    EXPECT_EQ(logger_->reader().FindJob(job.job_id), folded) << job.job_id;
  }
  std::string previous_ts;
  for (const auto& [seq, ts] : ts_by_seq) {
    EXPECT_LT(previous_ts, ts) << "at seq " << seq;
    previous_ts = ts;
  }
}

}  // namespace stagelog
