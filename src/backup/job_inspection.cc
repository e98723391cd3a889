#include "backup/job_inspection.h"

#include <algorithm>

#include "core/job_machine.h"
#include "log/file/job_files.h"
#include "log/file/stored_file.h"
#include "log/table/file_events.h"

namespace stagelog {
namespace {

constexpr const char* kFindRow =
    "SELECT job, job_seq, ts, body, 0, 0, 0 FROM events WHERE seq = ?1 "
    "UNION ALL "
    "SELECT job, job_seq, ts, NULL, offset, size, digest FROM file_events WHERE seq = ?1";

}  // namespace

JobInspection::JobInspection(FileSystem& files, const std::string& runs_dir,
                             SQLite::Database* database, EventTable& scratch, const LogTail& tail,
                             std::string job_id, const FindingCallback& tell)
    : files_(files),
      runs_dir_(runs_dir),
      database_(database),
      scratch_(scratch),
      tail_(tail),
      job_id_(std::move(job_id)),
      on_finding_(tell),
      name_(job_id_ + "/events.jsonl"),
      check_(job_id_) {}

int64_t JobInspection::Run() {
  if (database_ != nullptr) {
    find_row_.emplace(*database_, kFindRow);
    const JobPlace place = FindJobPlace(*database_, job_id_, Tail::kSkip);
    first_seq_ = place.first_seq;
    listed_through_ = place.last_seq;
    const auto begins = tail_.new_jobs.find(job_id_);
    if (first_seq_ == 0 && begins != tail_.new_jobs.end()) first_seq_ = begins->second;
  }
  ReadFileLines();
  for (const ChainFinding& finding : check_.findings()) {
    Report("line " + std::to_string(finding.line) + " (byte " + std::to_string(finding.offset) +
           "): " + finding.code + ": " + finding.detail);
  }
  const auto shown = static_cast<int64_t>(check_.findings().size());
  if (check_.finding_count() > shown) {
    Report("and " + std::to_string(check_.finding_count() - shown) + " more problems");
  }
  if (database_ == nullptr) return check_.lines();
  if (first_seq_ != 0) LookForMissingEvents();
  if (first_seq_ == 0 && check_.lines() > 0) Report("the database has no such job");
  const bool is_valid = file_exists_ && is_whole_ && check_.finding_count() == 0;
  if (first_seq_ != 0 && is_valid) CompareState();
  return check_.lines();
}

void JobInspection::ReadFileLines() {
  const std::string path = JobFilePath(runs_dir_, job_id_);
  const auto stored = FindStoredFile(files_, path);
  if (!stored) return Report(stored.error().message);
  if (!stored->has_value()) {
    if (first_seq_ != 0) Report("missing");
    return;
  }
  name_ = (*stored)->path.substr(runs_dir_.size() + 1);
  if (!(*stored)->info.is_regular) return Report("not a regular file");
  Result<std::unique_ptr<ReadFile>> file = OpenStoredFile(files_, (*stored)->path);
  if (!file) return Report(file.error().message);
  file_exists_ = true;
  LineReader reader(std::move(*file));
  uint64_t end = 0;
  while (true) {
    const auto line = reader.Next();
    if (!line) return Report(line.error().message);
    if (!line->has_value()) break;
    const auto event = check_.Take((*line)->text, (*line)->offset, (*line)->terminated);
    if (event) CompareLine(*event, **line);
    end = (*line)->end;
  }
  check_.Finish(end);
}

void JobInspection::CompareLine(const Event& event, const FileLine& line) {
  if (event.seq > listed_through_ && !listed_) listed_ = folded_;
  ApplyLine(folded_, line.text);
  seqs_.push_back(event.seq);
  if (database_ == nullptr || first_seq_ == 0) return;
  const std::string difference = DifferenceOf(event, line);
  if (difference.empty()) return;
  check_.Add({check_.lines(), line.offset, "differs_from_database", difference});
}

// Empty: none.
std::string JobInspection::DifferenceOf(const Event& event, const FileLine& line) {
  SQLite::Statement& row = *find_row_;
  row.reset();
  row.bind(1, event.seq);
  const std::string seq = "seq " + std::to_string(event.seq);
  if (!row.executeStep()) return "the database has no event with " + seq;
  const SQLite::Column body = row.getColumn(3);
  const bool is_same =
      body.isNull() ? row.getColumn(6).getInt64() == DigestOf(line.text) &&
                          row.getColumn(5).getInt64() == static_cast<int64_t>(line.text.size())
                    : body.getString() == line.text;
  const bool is_placed = !body.isNull() || row.getColumn(4).getInt64() == kLostOffset ||
                         row.getColumn(4).getInt64() == static_cast<int64_t>(line.offset);
  const bool is_keyed = row.getColumn(0).getInt64() == first_seq_ &&
                        row.getColumn(1).getInt64() == event.job_seq &&
                        row.getColumn(2).getInt64() == event.ts_micros;
  if (!is_same) return "the database has different content for " + seq;
  if (!is_placed) {
    return "the database expects " + seq + " at byte " + row.getColumn(4).getString();
  }
  if (!is_keyed) return "the database has " + seq + " with another job, job_seq or ts";
  return row.executeStep() ? "the database has " + seq + " twice" : "";
}

void JobInspection::LookForMissingEvents() {
  std::sort(seqs_.begin(), seqs_.end());
  SQLite::Statement rows(*database_,
                         SelectJobEvents(JobRange::kAfterJobSeq, /*with_files=*/true, Tail::kSkip,
                                         /*newest_first=*/false));
  rows.bind(1, first_seq_);
  rows.bind(2, 0);
  int64_t missing = 0;
  int64_t first_missing = 0;
  int64_t lost = 0;
  const auto look_for = [&](int64_t seq, bool is_lost) {
    if (std::binary_search(seqs_.begin(), seqs_.end(), seq)) return;
    if (is_lost) ++lost;
    if (!is_lost && missing++ == 0) first_missing = seq;
  };
  while (rows.executeStep()) {
    look_for(rows.getColumn(0).getInt64(), rows.getColumn(3).getInt64() == kLostOffset);
  }
  const auto unlisted = tail_.seqs.find(first_seq_);
  if (unlisted != tail_.seqs.end()) {
    for (const int64_t seq : unlisted->second) {
      if (seq > listed_through_) look_for(seq, false);
    }
  }
  is_whole_ = missing + lost == 0;
  if (missing > 0) {
    Report(std::to_string(missing) +
           " events of the database are missing from the file, first seq " +
           std::to_string(first_missing));
  }
  if (lost > 0) {
    Report(std::to_string(lost) +
           " events were only in this file and are lost, as recovery reported");
  }
}

void JobInspection::CompareState() {
  // Rows of another version's fold are made anew by the next start in any case.
  SQLite::Statement fold(*database_, "SELECT value FROM journal WHERE key = 'state_version'");
  if (!fold.executeStep() || fold.getColumn(0).getInt64() != kFoldVersion) return;
  const auto tell = [&](const std::string& what) {
    on_finding_("stagelog.db",
                what + " of job " + job_id_ +
                    " does not match its events; start the daemon with --rebuild-state");
  };
  // The rows may be behind the log: the next start brings them up to date.
  const JobState& listed = listed_ ? *listed_ : folded_;
  const bool has_rows = listed_through_ > 0;
  if (has_rows && DumpStateRows(*database_, first_seq_) != scratch_.DumpRowsOf(listed)) {
    tell("a row (of the job, its stages or its gates)");
  }
  FileLines lines(files_, runs_dir_);
  if (!has_rows) return;
  const auto loaded = LoadJobState(*database_, lines, job_id_, listed_through_, Tail::kSkip);
  if (!loaded || !(*loaded == listed)) tell("a snapshot");
}

}  // namespace stagelog
