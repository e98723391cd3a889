#include "tests/simulation/schedule.h"

#include <algorithm>
#include <filesystem>
#include <map>

#include "core/event_codec.h"
#include "core/job_machine.h"
#include "core/job_state_json.h"
#include "tests/support/journal_evidence.h"
#include "tests/support/time_units.h"

namespace stagelog {
namespace {

constexpr int64_t kLongTableDelayMicros = 60'000'000;

constexpr int64_t kMicrosPerSecond = 1'000'000;

const std::vector<std::string>& Jobs() {
  static const std::vector<std::string> jobs = {"a", "b", "c", "d"};
  return jobs;
}

std::string ListOf(const std::vector<EventDraft>& drafts) {
  std::string text;
  for (const EventDraft& draft : drafts) {
    text += " " + draft.job_id + "/" + draft.message + (draft.event_id.empty() ? "" : "*");
  }
  return text;
}

}  // namespace

void ScheduleCounts::Add(const ScheduleCounts& other) {
  schedules += other.schedules;
  steps += other.steps;
  acknowledged += other.acknowledged;
  refused += other.refused;
  unknown += other.unknown;
  faults += other.faults;
  power_cuts += other.power_cuts;
  kills += other.kills;
  losses += other.losses;
  deletions += other.deletions;
  compressions += other.compressions;
  expansions += other.expansions;
  events += other.events;
}

Schedule::Schedule(uint64_t seed) : random_(seed, Jobs()) {
  options_.runs_dir = runs_;
  options_.open_files = 1 + Below(4);
  if (Happens(10)) options_.queue_bytes = 2'000;
  if (Happens(50)) {
    options_.overlap_bytes = 0;
    options_.group_requests = 1 + Below(3);
  }
  if (Happens(25)) retention_.events_days = 1;
  if (Happens(25)) retention_.max_events_per_job = 1 + static_cast<int64_t>(Below(4));
  if (Happens(15)) retention_.runs_days = 1;
  if (Happens(40)) retention_.compress_days = 1;
  options_.table_delay_micros = Pick(std::vector<int64_t>{0, 10'000, kLongTableDelayMicros});
  options_.table_slice_micros = Happens(50) ? 0 : 5'000;
  options_.max_table_lag_events = Pick(std::vector<int64_t>{3, 40, 200'000});
  subscribers_.push_back({});
  for (const std::string& job : Jobs()) subscribers_.push_back({.job_id = job, .seen = {}});
}

Schedule::~Schedule() { logger_.reset(); }

void Schedule::Run() {
  OpenSomehow();
  const size_t steps = 10 + Below(Happens(10) ? 120 : 30);
  for (size_t i = 0; i < steps && complaints().empty(); ++i) {
    Step();
    CountFiles();
  }
  if (complaints().empty()) Reckon();
  counts_.schedules = 1;
  counts_.steps = static_cast<int64_t>(steps);
}

void Schedule::Note(std::string text) {
  const std::string& folder = directory_.path();
  for (size_t at = text.find(folder); at != std::string::npos; at = text.find(folder)) {
    text.erase(at, folder.size());
  }
  trace_.push_back(std::move(text));
}

// --- The journal's life ---

bool Schedule::TryOpen() {
  metrics_ = std::make_unique<MetricsRegistry>();
  auto opened = EventLogger::Open(options_, files_, clock_, *metrics_);
  if (!opened) {
    Note("does not open: " + opened.error().message);
    return false;
  }
  logger_ = std::move(*opened);
  logger_->AddListener(this);
  archiver_ = std::make_unique<Archiver>(retention_, *logger_, files_, runs_, clock_, *metrics_);
  logger_->AddMaintenance(archiver_.get());
  const JournalStatus status = logger_->GetStatus();
  Note("opened, head " + std::to_string(status.head_seq));
  model_.OnOpened(status.head_seq);
  if (journal_id_.empty()) journal_id_ = status.journal_id;
  if (journal_id_ != status.journal_id) model_.ReportFailure("another journal_id");
  for (const std::string& name : status.set_aside) model_.ReportFailure("set aside: " + name);
  for (const std::string& job : Jobs()) {
    if (logger_->IsDeleted(job)) model_.OnJobIsDeleted(job);
  }
  return true;
}

// With the disk as it is, then without faults: then it must open.
void Schedule::OpenSomehow() {
  for (int attempt = 0; attempt < 3 && is_faulty_; ++attempt) {
    if (TryOpen()) return;
    if (Happens(30)) files_.Crash(Below(2) == 0 ? std::nullopt : std::optional(Below(1'000'000)));
  }
  Heal();
  is_faulty_ = false;
  if (!TryOpen()) model_.ReportFailure("does not open on a healthy disk: " + trace_.back());
}

void Schedule::Close() {
  Note("close");
  if (logger_ != nullptr) logger_->Stop();
  logger_.reset();
}

void Schedule::CloseAndReopen() {
  Close();
  OpenSomehow();
}

// By a power cut or by kill -9. Answers that come from now on reach nobody.
void Schedule::Crash() {
  const bool is_killed = Happens(25);
  const auto seed = Happens(40) ? std::nullopt : std::optional(Below(1'000'000'000));
  Note(is_killed ? "kill" : seed ? "power cut, seed " + std::to_string(*seed) : "power cut");
  ++(is_killed ? counts_.kills : counts_.power_cuts);
  if (is_killed) {
    files_.Kill();
  } else {
    files_.PowerOff(seed);
  }
  is_cut_off_ = true;
  logger_.reset();
  files_.PowerOn();
  is_cut_off_ = false;
  const bool fails_again = Happens(15);
  Heal();
  if (fails_again) ArmFault();
  OpenSomehow();
}

// Everything fails from some operation on, as it does for a program whose machine is going down.
void Schedule::PowerFails() {
  const size_t nth = 1 + Below(12);
  Note("the power fails at operation " + std::to_string(nth));
  Fault fault{.nth = nth, .until_healed = true};
  if (Happens(50)) fault.torn_bytes = Below(300);
  files_.Inject(fault);
  is_faulty_ = true;
  for (size_t steps = 1 + Below(4); steps > 0; --steps) OrdinaryStep();
  Crash();
}

// What is lost is lost while the journal is closed and all is on the disk.
void Schedule::LoseSomething() {
  Heal();
  Turn();
  const bool is_well = logger_->GetStatus().writable;
  logger_->Stop();
  // Without the database, what an obstructed file lacks is lost.
  const JournalStatus status = logger_->GetStatus();
  const bool is_clean = is_well && status.writable && status.obstructed_file_count == 0;
  Close();
  if (is_clean && Happens(25)) {
    LoseWatermark();
  } else if (is_clean) {
    const bool is_database = Happens(75);
    Note(is_database ? "lose stagelog.db" : "lose journal.json");
    const std::string path = runs_ + (is_database ? "/stagelog.db" : "/journal.json");
    if (!files_.Remove(path)) model_.ReportFailure("not there: " + path);
    if (!files_.SyncDirectory(runs_)) model_.ReportFailure("no sync");
    ++counts_.losses;
  }
  if (Happens(20)) ArmFault();
  OpenSomehow();
}

// How far the tables of jobs have come is lost, or wrong; or they are.
void Schedule::LoseWatermark() {
  const std::string sql = Pick(std::vector<std::string>{
      "DELETE FROM journal WHERE key = 'tables_through'",
      "UPDATE journal SET value = 'lost' WHERE key = 'tables_through'",
      "UPDATE journal SET value = 1000000000 WHERE key = 'tables_through'",
      "UPDATE journal SET value = value / 2 WHERE key = 'tables_through'",
      "UPDATE journal SET value = 0 WHERE key = 'tables_through'; DELETE FROM job_events"});
  Note(sql);
  SQLite::Database(DatabasePath(runs_), SQLite::OPEN_READWRITE, 0, files_.SqliteVfs()).exec(sql);
  ++counts_.losses;
}

// --- Steps ---

void Schedule::Step() {
  const uint64_t kind = Below(100);
  if (kind < 5) return Crash();
  if (kind < 9) return PowerFails();
  if (kind < 12) return CloseAndReopen();
  if (kind < 15) return LoseSomething();
  if (kind < 23) return ArmFault();
  if (kind < 28) return Heal();
  OrdinaryStep();
}

void Schedule::OrdinaryStep() {
  const uint64_t kind = Below(100);
  if (kind < 25) return SendNew();
  if (kind < 31) return SendAgain();
  if (kind < 34) return SendConflict();
  if (kind < 42) return RetryWhatFailed();
  if (kind < 62) return Turn();
  if (kind < 70) return LeadTurn();
  if (kind < 73) return DeleteJob();
  if (kind < (retention_.compress_days > 0 ? 82 : 76)) return RunRetention();
  if (kind < 90) return ReadPage();
  MoveClock();
}

EventDraft Schedule::NewDraft() {
  EventDraft draft = random_.Next();
  draft.message = "w" + std::to_string(++words_);
  if (Happens(65)) draft.event_id = "id-" + draft.message;
  if (Happens(3)) draft.payload = "{\"text\":\"" + std::string(Below(6'000), 'x') + "\"}";
  if (Happens(2)) {
    draft.kind = EventType::kJobCreated;
    draft.type = "job_created";
    draft.payload = R"({"strict":true})";
  }
  return draft;
}

// Each holds of some of the jobs.
std::optional<Precondition> Schedule::MaybePrecondition() {
  if (!Happens(10)) return std::nullopt;
  const std::string job_id = Pick(Jobs());
  if (Happens(33)) return JobMustBeNew{job_id};
  if (Happens(50)) return MayResumeJob{job_id};
  return MayCancelJob{job_id};
}

void Schedule::Send(std::vector<EventDraft> drafts) {
  const auto request = std::make_shared<SentRequest>();
  request->number = ++requests_;
  request->drafts = drafts;
  request->jobs_gone = model_.deleted_jobs();
  Note("request " + std::to_string(request->number) + ":" + ListOf(drafts));
  logger_->Enqueue(std::move(drafts), MaybePrecondition(),
                   [this, request](const AppendOutcome& outcome) { Settle(*request, outcome); });
}

void Schedule::Settle(const SentRequest& request, const AppendOutcome& outcome) {
  const Knowledge known = model_.OnAnswer(request, outcome, is_cut_off_);
  std::string text = "  answer to " + std::to_string(request.number) + ":";
  if (outcome) {
    for (const AppendedEvent& event : *outcome) {
      text += " " + std::to_string(event.seq) + (event.duplicate ? "d" : "");
    }
  } else {
    text += " " + outcome.error().code + (known == Knowledge::kUnknown ? " (unknown)" : "");
  }
  Note(std::move(text));
  (known == Knowledge::kAcknowledged ? counts_.acknowledged
   : known == Knowledge::kRefused    ? counts_.refused
                                     : counts_.unknown) += 1;
  const bool can_be_repeated =
      std::none_of(request.drafts.begin(), request.drafts.end(),
                   [](const EventDraft& draft) { return draft.event_id.empty(); });
  if (!can_be_repeated) return;
  if (known == Knowledge::kAcknowledged) sent_.push_back(request.drafts);
  if (known != Knowledge::kAcknowledged || is_cut_off_) failed_.push_back(request.drafts);
}

void Schedule::SendNew() {
  std::vector<EventDraft> drafts;
  const bool is_batch = Happens(40);
  for (size_t count = is_batch ? 1 + Below(8) : 1; count > 0; --count) drafts.push_back(NewDraft());
  if (is_batch && Happens(20) && !sent_.empty()) {
    for (const EventDraft& draft : Pick(sent_)) drafts.push_back(draft);
  }
  Send(std::move(drafts));
}

void Schedule::SendAgain() {
  if (!sent_.empty()) Send(Pick(sent_));
}

void Schedule::SendConflict() {
  if (sent_.empty()) return;
  EventDraft draft = NewDraft();
  const EventDraft& original = Pick(Pick(sent_));
  draft.job_id = original.job_id;
  draft.event_id = original.event_id;
  Send({draft});
}

void Schedule::RetryWhatFailed() {
  if (failed_.empty()) return;
  const size_t index = Below(failed_.size());
  std::vector<EventDraft> drafts = std::move(failed_[index]);
  failed_.erase(failed_.begin() + static_cast<std::ptrdiff_t>(index));
  Send(std::move(drafts));
}

void Schedule::Turn() {
  Note("turn");
  logger_->RunOnce(false);
}

void Schedule::LeadTurn() {
  if (Happens(70)) SendNew();
  if (!logger_->NotifyWriter(true)) return;
  Note("lead");
  logger_->CommitInline();
}

void Schedule::DeleteJob() {
  const std::string job = Pick(Jobs());
  Note("delete " + job);
  logger_->DeleteJob(job, "tester", [this, job](const auto& outcome) {
    Note("  deletion of " + job + ": " + (outcome ? "done" : outcome.error().code));
    if (outcome) ++counts_.deletions;
    model_.OnDeleteAnswer(job, outcome, is_cut_off_);
  });
  for (size_t turns = Below(5); turns > 0; --turns) Turn();
}

// Long enough for what is over to be old.
void Schedule::EndJobsAndLetTimePass() {
  for (const std::string& job : Jobs()) {
    EventDraft draft = NewDraft();
    draft.job_id = job;
    draft.kind = EventType::kJobCompleted;
    draft.type = "job_completed";
    draft.payload.clear();
    if (Happens(50)) Send({draft});
  }
  Turn();
  clock_.AdvanceMicros(static_cast<int64_t>(24 + Below(30)) * kMicrosPerHour);
  Note("clock " + std::to_string(clock_.WallMicros()));
  Turn();
}

void Schedule::CountFiles() {
  for (const std::string& job : Jobs()) {
    const std::string path = EventsFileOf(runs_, job);
    const bool is_plain = std::filesystem::exists(path);
    const bool is_compressed = !is_plain && std::filesystem::exists(path + ".zst");
    bool& was_compressed = is_compressed_[job];
    if (is_compressed && !was_compressed) ++counts_.compressions;
    if (was_compressed && is_plain) ++counts_.expansions;
    was_compressed = is_compressed;
  }
}

void Schedule::RunRetention() {
  const bool compresses = retention_.compress_days > 0 && Happens(70);
  if (compresses) EndJobsAndLetTimePass();
  const bool dry_run = Happens(20);
  Note(dry_run ? "dry retention" : "retention");
  archiver_->RunRetention(dry_run, [this](const auto& outcome) {
    Note(std::string("  retention: ") + (outcome ? "done" : outcome.error().code));
  });
  for (size_t turns = Below(compresses ? 30 : 8); turns > 0; --turns) Turn();
}

void Schedule::ReadPage() {
  ModelSubscriber& subscriber = subscribers_[Below(subscribers_.size())];
  const Result<Page> page = logger_->reader().Read(
      {.job_id = subscriber.job_id, .after = subscriber.cursor, .max_events = 1 + Below(6)});
  Note("read " + subscriber.job_id.value_or("all") + " after " + std::to_string(subscriber.cursor) +
       (page ? ": " + std::to_string(page->events.size()) : " fails"));
  if (page) return model_.OnPage(subscriber, *page);
  if (!is_faulty_) model_.ReportFailure("cannot read on a healthy disk: " + page.error().message);
}

void Schedule::MoveClock() {
  const uint64_t kind = Below(10);
  if (kind < 6) {
    clock_.AdvanceMicros(static_cast<int64_t>(Below(6 * kMicrosPerSecond)));
  } else if (kind < 8) {
    const auto back = static_cast<int64_t>(Below(100 * kMicrosPerHour));
    clock_.SetWallMicros(clock_.WallMicros() - back);
  } else {
    clock_.AdvanceMicros(static_cast<int64_t>(Below(60 * kMicrosPerHour)));
  }
  Note("clock " + std::to_string(clock_.WallMicros()));
  Turn();
}

void Schedule::ArmFault() {
  static const std::vector<std::optional<Operation>> operations = {std::nullopt,
                                                                   std::nullopt,
                                                                   std::nullopt,
                                                                   Operation::kOpen,
                                                                   Operation::kOpenRead,
                                                                   Operation::kRead,
                                                                   Operation::kWrite,
                                                                   Operation::kWrite,
                                                                   Operation::kSync,
                                                                   Operation::kSync,
                                                                   Operation::kTruncate,
                                                                   Operation::kRename,
                                                                   Operation::kRemove,
                                                                   Operation::kMakeDirectory,
                                                                   Operation::kSyncDirectory};
  static const std::vector<std::string> paths = {"",
                                                 "",
                                                 "",
                                                 "events.jsonl",
                                                 "stagelog.db",
                                                 "stagelog.db-wal",
                                                 "journal.json",
                                                 "deleted",
                                                 ".compressing",
                                                 ".zst",
                                                 ".expanding"};
  Fault fault{.operation = Pick(operations), .nth = 1 + Below(10), .path_contains = Pick(paths)};
  fault.error_number = Pick(std::vector<int>{EIO, ENOSPC, EINTR});
  fault.until_healed = Happens(25);
  if (Happens(50)) fault.torn_bytes = Below(400);
  fault.lose_unsynced = Happens(30);
  const int kind = fault.operation ? static_cast<int>(*fault.operation) : -1;
  Note("fault: operation " + std::to_string(kind) + " '" + fault.path_contains + "' " +
       std::to_string(fault.nth) + (fault.until_healed ? " until healed" : "") +
       (fault.lose_unsynced ? " loses" : ""));
  files_.Inject(fault);
  is_faulty_ = true;
  ++counts_.faults;
}

void Schedule::Heal() {
  Note("heal");
  files_.Heal();
}

void Schedule::OnCommit(const CommittedBatchPointer& batch) {
  for (const CommittedEvent& event : batch->events) model_.OnAnnounced(event.seq, event.body);
}

void Schedule::OnJobDeleted(const std::string& job_id, int64_t seq) {
  model_.OnDeletionAnnounced(job_id, seq);
}

// --- The reckoning ---

void Schedule::Reckon() {
  Note("reckoning");
  Heal();
  if (Happens(50)) {
    Crash();
    Heal();
  }
  CloseAndReopen();
  if (logger_ == nullptr || !complaints().empty()) return;
  CheckFurtherAppend();
  FoundJournal found{.events = ReadEverything(), .deleted = {}};
  counts_.events = static_cast<int64_t>(found.events.size());
  for (const std::string& job : Jobs()) {
    if (logger_->IsDeleted(job)) found.deleted.insert(job);
    if (retention_.runs_days > 0) model_.OnJobMayBeDeleted(job);
  }
  model_.Check(found, subscribers_);
  CheckStates(found.events);
  for (const std::string& name : logger_->GetStatus().set_aside)
    model_.ReportFailure("aside: " + name);
  Close();
  for (std::string& text : FindDisagreements(runs_)) model_.ReportFailure(std::move(text));
}

// seq and ts go on after all that was ever given.
void Schedule::CheckFurtherAppend() {
  EventDraft draft = NewDraft();
  draft.job_id = "last";
  Send({draft});
  Turn();
  clock_.AdvanceMicros(kLongTableDelayMicros);
  Turn();
  if (!logger_->GetStatus().writable) model_.ReportFailure("not writable on a healthy disk");
}

std::vector<PageEvent> Schedule::ReadEverything() {
  const Result<Page> page =
      logger_->reader().Read({.max_events = 1'000'000, .max_bytes = SIZE_MAX});
  if (page) return page->events;
  model_.ReportFailure("cannot read: " + page.error().message);
  return {};
}

void Schedule::CheckStates(const std::vector<PageEvent>& events) {
  std::map<std::string, JobState> folded;
  for (const PageEvent& event : events) {
    const std::string job(ViewEvent(event.body).job_id);
    if (!ApplyLine(folded[job], event.body)) model_.ReportFailure("cannot fold " + event.body);
  }
  const auto listed = logger_->reader().ListJobs({.limit = 1'000});
  if (!listed) return model_.ReportFailure(listed.error().message);
  if (listed->size() != folded.size()) model_.ReportFailure("jobs listed without events");
  for (const JobListing& job : *listed) {
    const JobState& state = folded[job.job_id];
    if (logger_->reader().FindJob(job.job_id) != state)
      model_.ReportFailure("state of " + job.job_id);
    if (job.summary != EncodeJobSummary(state, state.Done())) {
      model_.ReportFailure("row of " + job.job_id + ": " + job.summary);
    }
  }
}

}  // namespace stagelog
