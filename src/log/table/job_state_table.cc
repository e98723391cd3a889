// The rows of EventTable that hold what the events add up to.
#include <algorithm>

#include "base/check.h"
#include "core/event_codec.h"
#include "core/job_machine.h"
#include "core/job_state_json.h"
#include "log/table/event_table.h"

namespace stagelog {
namespace {

constexpr int64_t kEventsBetweenSnapshots = 1'000;

void BindTime(SQLite::Statement& statement, int index, int64_t micros) {
  if (micros == 0) {
    statement.bind(index);
  } else {
    statement.bind(index, micros);
  }
}

template <typename T>
void BindOptional(SQLite::Statement& statement, int index, const std::optional<T>& value) {
  if (value) {
    statement.bind(index, *value);
  } else {
    statement.bind(index);
  }
}

// A snapshot is as large as the state: a job of many stages gets one less often, so that it costs
// each of its events as much as a small job's does, and folding on from it as much as reading it.
// By powers of two, for a job whose stages grow with its events.
int64_t EventsBetweenSnapshots(const JobState& state) {
  const auto parts = static_cast<int64_t>(state.stages.size() + state.gates.size());
  int64_t interval = kEventsBetweenSnapshots;
  while (interval <= parts) interval *= 2;
  return interval;
}

// Under load a follower comes by after tens of thousands of events: then it is less work to decode
// a snapshot than to fold them all.
bool IsWorthSkipping(const JobState& state, int64_t job_seq) {
  const auto parts = static_cast<int64_t>(state.stages.size() + state.gates.size());
  return job_seq - state.job_seq > 4 * kEventsBetweenSnapshots + 10 * parts;
}

std::optional<JobState> LastSnapshot(SQLite::Database& database, int64_t first_seq,
                                     int64_t through_seq) {
  SQLite::Statement query(database,
                          "SELECT state FROM snapshots WHERE job = ? AND seq <= ? "
                          "ORDER BY seq DESC LIMIT 1");
  query.bind(1, first_seq);
  query.bind(2, through_seq);
  if (!query.executeStep()) return std::nullopt;
  return DecodeSnapshot(query.getColumn(0).getString());
}

void NameAll(const JobState& state, StateChanges& changes) {
  changes.job = true;
  for (size_t i = 0; i < state.stages.size(); ++i) changes.stages.push_back(i);
  for (size_t i = 0; i < state.gates.size(); ++i) changes.gates.push_back(i);
}

std::vector<size_t> Unique(std::vector<size_t> indexes) {
  std::sort(indexes.begin(), indexes.end());
  indexes.erase(std::unique(indexes.begin(), indexes.end()), indexes.end());
  return indexes;
}

}  // namespace

void AdvanceJobState(SQLite::Database& database, FileLines& lines, JobState& state,
                     int64_t through_seq, Tail tail, StateChanges* changes) {
  const JobPlace place = FindJobPlace(database, state.job_id, tail);
  const int64_t first_seq = place.first_seq;
  if (first_seq == 0) return;
  if (state.job_seq == 0 || IsWorthSkipping(state, place.job_seq)) {
    auto snapshot = LastSnapshot(database, first_seq, through_seq);
    if (snapshot && snapshot->as_of_seq > state.as_of_seq) {
      state = std::move(*snapshot);
      if (changes != nullptr) NameAll(state, *changes);
    }
  }
  StoredEvents stored(database, lines);
  const bool with_files = stored.LastInFile(first_seq) > state.as_of_seq;
  SQLite::Statement query(
      database, SelectJobEvents(JobRange::kSeqs, with_files, tail, /*newest_first=*/false));
  query.bind(1, first_seq);
  query.bind(2, state.as_of_seq);
  query.bind(3, through_seq);
  while (query.executeStep()) {
    const std::optional<std::string_view> body = stored.BodyOf(query);
    if (body) ApplyLine(state, *body, changes);
  }
}

std::optional<JobState> LoadJobState(SQLite::Database& database, FileLines& lines,
                                     const std::string& job_id, int64_t through_seq, Tail tail) {
  JobState state;
  state.job_id = job_id;
  AdvanceJobState(database, lines, state, through_seq, tail);
  if (state.job_seq == 0) return std::nullopt;
  return state;
}

std::optional<JobState> EventTable::LoadState(const std::string& job_id) {
  std::optional<JobState> state = LoadJobState(database_, lines_, job_id, INT64_MAX, tail_);
  lines_.Close();
  return state;
}

void EventTable::WriteState(const JobState& state, const StateChanges& changes,
                            int64_t before_job_seq) {
  if (changes.job || before_job_seq == 0) {
    WriteJobRow(state);
  } else {
    TouchJobRow(state);
  }
  for (const size_t index : Unique(changes.stages)) WriteStage(state, state.stages[index]);
  for (const size_t index : Unique(changes.gates)) WriteGate(state, state.gates[index]);
  WriteSnapshotWhenDue(state, before_job_seq);
}

void EventTable::WriteSnapshotWhenDue(const JobState& state, int64_t before_job_seq) {
  const int64_t interval = EventsBetweenSnapshots(state);
  const bool is_due = before_job_seq / interval != state.job_seq / interval;
  if (is_due) WriteSnapshot(state);
}

// Most changes leave the status alone, and with it the index on it. False when this one does not,
// or there is no row yet.
bool EventTable::UpdateJobRow(const JobState& state) {
  SQLite::Statement& write = Prepared(
      update_job_,
      "UPDATE jobs SET job_seq = ?, last_seq = ?, updated_at = ?, violations = ?, last_hash = ?, "
      "reason = ?, epoch = ?, started_at = ?, ended_at = ?, paused_since = ?, waited = ?, "
      "stopped = ?, done = ?, created_at = ?, pipeline = ?, strict = ?, latest = ?, labels = ?, "
      "implicit = ? "
      "WHERE first_seq = ? AND status = ?");
  const std::string labels = EncodeLabels(state.labels);
  write.bind(1, state.job_seq);
  write.bind(2, state.as_of_seq);
  write.bind(3, state.updated_at_micros);
  write.bind(4, state.violation_count);
  write.bindNoCopy(5, state.last_hash);
  write.bindNoCopy(6, state.reason);
  write.bind(7, state.epoch);
  write.bind(8, state.started_at_micros);
  write.bind(9, state.ended_at_micros);
  write.bind(10, state.paused_since_micros);
  write.bind(11, state.waited_micros);
  write.bind(12, state.stopped_micros);
  BindOptional(write, 13, state.Done());
  write.bind(14, state.created_at_micros);
  write.bindNoCopy(15, state.pipeline);
  write.bind(16, state.strict ? 1 : 0);
  write.bind(17, state.latest_micros);
  if (state.labels.empty()) {
    write.bind(18);
  } else {
    write.bindNoCopy(18, labels);
  }
  write.bind(19, state.implicit_create ? 1 : 0);
  write.bind(20, state.first_seq);
  write.bind(21, std::string(StatusName(state.status)));
  return write.exec() > 0;
}

// Makes the row, or gives it the status; UpdateJobRow() fills in the rest.
void EventTable::WriteJobStatus(const JobState& state) {
  SQLite::Statement& write = Prepared(
      write_job_status_,
      "INSERT INTO jobs(first_seq, job_id, status, job_seq, last_seq, created_at, updated_at, "
      "violations, last_hash) VALUES (?, ?, ?, 0, 0, 0, 0, 0, '') "
      "ON CONFLICT(first_seq) DO UPDATE SET status = excluded.status");
  write.bind(1, state.first_seq);
  write.bindNoCopy(2, state.job_id);
  write.bind(3, std::string(StatusName(state.status)));
  write.exec();
}

void EventTable::WriteJobRow(const JobState& state) {
  if (UpdateJobRow(state)) return;
  WriteJobStatus(state);
  STAGELOG_CHECK(UpdateJobRow(state));
}

// Most events only count: no column of an index is written.
void EventTable::TouchJobRow(const JobState& state) {
  SQLite::Statement& write =
      Prepared(touch_job_,
               "UPDATE jobs SET job_seq = ?, last_seq = ?, updated_at = ?, violations = ?, "
               "last_hash = ?, latest = ? WHERE first_seq = ?");
  write.bind(1, state.job_seq);
  write.bind(2, state.as_of_seq);
  write.bind(3, state.updated_at_micros);
  write.bind(4, state.violation_count);
  write.bindNoCopy(5, state.last_hash);
  write.bind(6, state.latest_micros);
  write.bind(7, state.first_seq);
  write.exec();
}

// The columns of kJobColumns, as far as EncodeJobSummary() reads them.
JobState ListedJob(SQLite::Statement& row) {
  JobState state;
  state.first_seq = row.getColumn(0).getInt64();
  state.job_id = row.getColumn(1).getString();
  state.status = ParseJobStatus(row.getColumn(2).getString()).value_or(JobStatus::kCreated);
  state.job_seq = row.getColumn(3).getInt64();
  state.as_of_seq = row.getColumn(4).getInt64();
  state.created_at_micros = row.getColumn(5).getInt64();
  state.updated_at_micros = row.getColumn(6).getInt64();
  state.violation_count = row.getColumn(7).getInt64();
  state.last_hash = row.getColumn(8).getString();
  state.pipeline = row.getColumn(9).getString();
  state.reason = row.getColumn(10).getString();
  state.strict = row.getColumn(11).getInt() != 0;
  state.epoch = row.getColumn(12).getInt64();
  state.started_at_micros = row.getColumn(13).getInt64();
  state.ended_at_micros = row.getColumn(14).getInt64();
  state.paused_since_micros = row.getColumn(15).getInt64();
  state.waited_micros = row.getColumn(16).getInt64();
  state.stopped_micros = row.getColumn(17).getInt64();
  state.latest_micros = row.getColumn(19).getInt64();
  if (!row.getColumn(20).isNull()) state.labels = DecodeLabels(row.getColumn(20).getString());
  state.implicit_create = row.getColumn(21).getInt() != 0;
  return state;
}

void EventTable::WriteStage(const JobState& state, const StageState& stage) {
  SQLite::Statement& write =
      Prepared(write_stage_, "REPLACE INTO stages VALUES (?, ?, ?, ?, ?, ?, ?)");
  write.bind(1, state.first_seq);
  write.bindNoCopy(2, stage.path);
  write.bind(3, stage.attempt);
  write.bind(4, std::string(StatusName(stage.status)));
  write.bind(5, stage.started_micros);
  BindTime(write, 6, stage.ended_micros);
  BindOptional(write, 7, stage.progress.percent);
  write.exec();
}

void EventTable::WriteGate(const JobState& state, const GateState& gate) {
  SQLite::Statement& write =
      Prepared(write_gate_, "REPLACE INTO gates VALUES (?, ?, ?, ?, ?, ?, ?, ?)");
  const std::string document = EncodeGateIteration(state.job_id, gate);
  write.bind(1, gate.opened_seq);
  write.bind(2, state.first_seq);
  write.bindNoCopy(3, gate.name);
  write.bind(4, gate.iteration);
  write.bind(5, std::string(StatusName(gate.status)));
  BindTime(write, 6, gate.ExpiresAtMicros());
  write.bindNoCopy(7, gate.on_timeout);
  write.bindNoCopy(8, document);
  write.exec();
}

void EventTable::WriteSnapshot(const JobState& state) {
  SQLite::Statement& write = Prepared(write_snapshot_, "REPLACE INTO snapshots VALUES (?, ?, ?)");
  const std::string text = EncodeSnapshot(state);
  write.bind(1, state.first_seq);
  write.bind(2, state.as_of_seq);
  write.bindNoCopy(3, text);
  write.exec();
}

void EventTable::SnapshotBeyond(const std::string& job_id, int64_t first_seq,
                                int64_t through_job_seq) {
  const std::optional<JobState> snapshot = LastSnapshot(database_, first_seq, INT64_MAX);
  if (snapshot && snapshot->job_seq >= through_job_seq) return;
  if (const std::optional<JobState> state = LoadState(job_id)) WriteSnapshot(*state);
}

std::string DumpStateRows(SQLite::Database& database, int64_t first_seq) {
  SQLite::Statement query(
      database,
      "SELECT json_array(job_id, status, job_seq, last_seq, created_at, updated_at, violations, "
      "last_hash, pipeline, reason, strict, epoch, started_at, ended_at, paused_since, waited, "
      "stopped, done, latest, labels, implicit) FROM jobs WHERE first_seq = ?1 UNION ALL "
      "SELECT * FROM (SELECT json_array(stage, attempt, status, started_at, ended_at, percent) "
      "FROM stages WHERE job = ?1 ORDER BY stage, attempt) UNION ALL "
      "SELECT * FROM (SELECT json_array(opened_seq, gate, iteration, status, expires_at, "
      "on_timeout, document) FROM gates WHERE job = ?1 ORDER BY opened_seq)");
  query.bind(1, first_seq);
  std::string dump;
  while (query.executeStep()) dump += query.getColumn(0).getString() + "\n";
  return dump;
}

std::string EventTable::DumpRowsOf(const JobState& state) {
  StateChanges everything;
  NameAll(state, everything);
  Begin();
  WriteState(state, everything, state.job_seq);
  std::string dump = DumpStateRows(database_, state.first_seq);
  Rollback();
  return dump;
}

void EventTable::RebuildState(int64_t first_seq) {
  for (const char* table : {"stages", "gates", "snapshots"}) {
    SQLite::Statement drop(database_, std::string("DELETE FROM ") + table + " WHERE job = ?");
    drop.bind(1, first_seq);
    drop.exec();
  }
  JobState state;
  VisitJobEvents(first_seq, 0, [&](int64_t, std::string_view body) {
    const int64_t before = state.job_seq;
    ApplyLine(state, body);
    WriteSnapshotWhenDue(state, before);
    return true;
  });
  if (state.job_seq == 0) return;
  StateChanges everything;
  NameAll(state, everything);
  WriteState(state, everything, state.job_seq);
}

// The list of events by job is walked from job to job and asked for the last event of each.
std::vector<int64_t> EventTable::LaggingJobs() {
  SQLite::Statement query(
      database_,
      "WITH RECURSIVE numbers(job) AS (SELECT min(job) FROM job_events UNION ALL "
      "SELECT (SELECT min(job) FROM job_events WHERE job > numbers.job) FROM numbers "
      "WHERE numbers.job IS NOT NULL), "
      "tails(job, seq) AS (SELECT job, (SELECT max(seq) FROM job_events WHERE job = numbers.job) "
      "FROM numbers WHERE job IS NOT NULL) "
      "SELECT tails.job FROM tails CROSS JOIN events ON events.seq = tails.seq "
      "LEFT JOIN jobs ON jobs.first_seq = tails.job "
      "WHERE jobs.last_seq IS NOT events.seq OR jobs.job_seq IS NOT events.job_seq");
  std::vector<int64_t> jobs;
  while (query.executeStep()) jobs.push_back(query.getColumn(0).getInt64());
  return jobs;
}

std::vector<std::string> EventTable::RebuildLaggingStates() {
  std::vector<std::string> job_ids;
  Begin();
  database_.exec(
      "DELETE FROM jobs WHERE NOT EXISTS (SELECT 1 FROM events WHERE seq = first_seq AND "
      "json_valid(body) AND json_extract(body, '$.job_id') = job_id) "
      "AND NOT EXISTS (SELECT 1 FROM file_events WHERE job = first_seq)");
  for (const int64_t first_seq : LaggingJobs()) {
    std::string job_id;
    for (const TrimmedEvent& first : OldestEvents(first_seq, INT64_MAX, 1)) {
      if (const auto event = DecodeStoredEvent(first.body)) job_id = event->draft.job_id;
    }
    // Events of which nobody can say whose they are, or of a job that has begun again since, stay
    // in the log as they are.
    const std::optional<JobRow> row = FindJob(job_id);
    if (job_id.empty() || (row && row->first_seq != first_seq)) continue;
    RebuildState(first_seq);
    job_ids.push_back(std::move(job_id));
  }
  Commit();
  return job_ids;
}

std::vector<std::string> EventTable::RebuildStates() {
  constexpr size_t kJobsPerTransaction = 200;
  std::vector<std::string> differed;
  const std::vector<std::string> job_ids = AllJobIds();
  Begin();
  for (size_t i = 0; i < job_ids.size(); ++i) {
    const int64_t first_seq = FindJobPlace(database_, job_ids[i], Tail::kSkip).first_seq;
    const std::string rows_before = DumpStateRows(database_, first_seq);
    const std::optional<JobState> state_before = LoadState(job_ids[i]);
    RebuildState(first_seq);
    const bool differs =
        rows_before != DumpStateRows(database_, first_seq) || state_before != LoadState(job_ids[i]);
    if (differs) differed.push_back(job_ids[i]);
    if (i % kJobsPerTransaction != kJobsPerTransaction - 1) continue;
    Commit();
    Begin();
  }
  SetNumber("state_version", kFoldVersion);
  Commit();
  return differed;
}

}  // namespace stagelog
