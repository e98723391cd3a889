#include "tests/support/journal_evidence.h"

#include <sqlite3.h>
#include <zstd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <set>
#include <sstream>

#include "base/check.h"
#include "core/event_codec.h"

namespace stagelog {
namespace {

constexpr size_t kMaxComplaints = 20;

using DatabasePointer = std::unique_ptr<sqlite3, decltype(&sqlite3_close)>;
using StatementPointer = std::unique_ptr<sqlite3_stmt, decltype(&sqlite3_finalize)>;

std::string ColumnText(sqlite3_stmt* statement, int column) {
  const auto* bytes = static_cast<const char*>(sqlite3_column_blob(statement, column));
  const auto size = static_cast<size_t>(sqlite3_column_bytes(statement, column));
  return bytes == nullptr ? std::string() : std::string(bytes, size);
}

// Walks the rows in order and remembers what each job has come to.
class JournalChecker {
 public:
  void Check(const StoredRow& row) {
    const EventView view = ViewEvent(row.body);
    const std::string name = "seq " + std::to_string(row.seq);
    if (view.seq != row.seq)
      ReportFailure(name + ": the body says seq " + std::to_string(view.seq));
    if (row.seq <= last_seq_) ReportFailure(name + " does not increase");
    if (view.ts <= last_ts_)
      ReportFailure(name + ": ts " + std::string(view.ts) + " does not increase");
    CheckInJob(name, row.body, view);
    last_seq_ = row.seq;
    last_ts_ = view.ts;
  }

  void CheckFiles(const std::string& runs_dir) {
    for (const std::string& folder : ListJobFolders(runs_dir)) {
      if (jobs_.count(folder) == 0) ReportFailure("job " + folder + " has a folder but no row");
    }
    for (const auto& [job_id, job] : jobs_) CheckFile(runs_dir, job_id, job.bodies);
  }

  std::vector<std::string>& complaints() { return complaints_; }

 private:
  struct Job {
    int64_t job_seq = 0;
    std::string hash;
    std::set<std::string, std::less<>> event_ids;
    std::vector<std::string> bodies;
  };

  void ReportFailure(std::string text) {
    if (complaints_.size() < kMaxComplaints) complaints_.push_back(std::move(text));
  }

  void CheckInJob(const std::string& name, const std::string& body, const EventView& view) {
    Job& job = jobs_[std::string(view.job_id)];
    const std::string where = name + " of job " + std::string(view.job_id);
    if (view.job_seq != job.job_seq + 1) {
      ReportFailure(where + ": job_seq " + std::to_string(view.job_seq) + " after " +
                    std::to_string(job.job_seq));
    }
    if (!VerifyHash(body, job.hash)) ReportFailure(where + ": the hash chain is broken");
    if (!job.event_ids.emplace(view.event_id).second) {
      ReportFailure(where + ": event_id " + std::string(view.event_id) + " a second time");
    }
    job.job_seq = view.job_seq;
    job.hash = StoredHash(body);
    job.bodies.push_back(body);
  }

  void CheckFile(const std::string& runs_dir, const std::string& job_id,
                 const std::vector<std::string>& bodies) {
    const auto lines = ReadJobLines(runs_dir, job_id);
    if (!lines) return ReportFailure(lines.error().message);
    if (*lines == bodies) return;
    const auto [line, body] =
        std::mismatch(lines->begin(), lines->end(), bodies.begin(), bodies.end());
    ReportFailure("job " + job_id + ": the file has " + std::to_string(lines->size()) +
                  " lines, SQLite " + std::to_string(bodies.size()) +
                  " rows; they differ from line " + std::to_string(line - lines->begin() + 1) +
                  " on\n  file: " + (line == lines->end() ? "(end)" : *line) +
                  "\n  row:  " + (body == bodies.end() ? "(end)" : *body));
  }

  int64_t last_seq_ = 0;
  std::string last_ts_;
  std::map<std::string, Job> jobs_;
  std::vector<std::string> complaints_;
};

}  // namespace

std::string ReadAll(const std::string& path) {
  std::ostringstream stream;
  stream << std::ifstream(path, std::ios::binary).rdbuf();
  return std::move(stream).str();
}

std::string ExpandZstd(const std::string& compressed) {
  const std::unique_ptr<ZSTD_DStream, decltype(&ZSTD_freeDStream)> stream(ZSTD_createDStream(),
                                                                          ZSTD_freeDStream);
  std::string text;
  std::string chunk(1 << 16, '\0');
  ZSTD_inBuffer in{compressed.data(), compressed.size(), 0};
  size_t left = 0;
  while (in.pos < in.size || left > 0) {
    ZSTD_outBuffer out{chunk.data(), chunk.size(), 0};
    left = ZSTD_decompressStream(stream.get(), &out, &in);
    STAGELOG_CHECK(ZSTD_isError(left) == 0);
    STAGELOG_CHECK(out.pos > 0 || in.pos < in.size || left == 0);
    text.append(chunk, 0, out.pos);
  }
  return text;
}

std::string ReadEvents(const std::string& runs_dir, const std::string& job_id) {
  const std::string path = EventsFileOf(runs_dir, job_id);
  if (std::filesystem::exists(path)) return ReadAll(path);
  return ExpandZstd(ReadAll(path + ".zst"));
}

Result<std::vector<StoredRow>> ReadDatabase(const std::string& runs_dir) {
  sqlite3* opened = nullptr;
  const std::string path = runs_dir + "/stagelog.db";
  const int result = sqlite3_open_v2(path.c_str(), &opened, SQLITE_OPEN_READONLY, nullptr);
  const DatabasePointer database(opened, sqlite3_close);
  if (result != SQLITE_OK) return Failure("cannot open " + path);
  sqlite3_busy_timeout(opened, 5000);
  sqlite3_stmt* prepared = nullptr;
  // What SQLite has dropped is in the files, at places that it knows.
  const char* sql =
      "SELECT seq, body, '', 0, 0 FROM events UNION ALL SELECT seq, NULL, job_id, offset, size "
      "FROM file_events JOIN jobs ON jobs.first_seq = file_events.job ORDER BY 1";
  if (sqlite3_prepare_v2(opened, sql, -1, &prepared, nullptr) != SQLITE_OK) {
    return Failure(path + ": " + sqlite3_errmsg(opened));
  }
  const StatementPointer statement(prepared, sqlite3_finalize);
  std::vector<StoredRow> rows;
  std::map<std::string, std::string> files;  // the text of each, by job
  int step = sqlite3_step(prepared);
  for (; step == SQLITE_ROW; step = sqlite3_step(prepared)) {
    rows.push_back({.seq = sqlite3_column_int64(prepared, 0), .body = ColumnText(prepared, 1)});
    if (sqlite3_column_type(prepared, 1) != SQLITE_NULL) continue;
    const auto [entry, is_new] = files.try_emplace(ColumnText(prepared, 2));
    if (is_new) entry->second = ReadEvents(runs_dir, entry->first);
    const auto offset = static_cast<size_t>(sqlite3_column_int64(prepared, 3));
    const auto size = static_cast<size_t>(sqlite3_column_int64(prepared, 4));
    if (offset < entry->second.size()) rows.back().body = entry->second.substr(offset, size);
  }
  if (step != SQLITE_DONE) return Failure(path + ": " + sqlite3_errmsg(opened));
  return rows;
}

std::vector<std::string> SplitLines(const std::string& text) {
  std::vector<std::string> lines;
  size_t start = 0;
  for (size_t end = text.find('\n'); end != std::string::npos; end = text.find('\n', start)) {
    lines.push_back(text.substr(start, end - start));
    start = end + 1;
  }
  return lines;
}

std::string EventsFileOf(const std::string& runs_dir, const std::string& job_id) {
  return runs_dir + "/" + job_id + "/events.jsonl";
}

Result<std::vector<std::string>> ReadJobLines(const std::string& runs_dir,
                                              const std::string& job_id) {
  const std::string path = EventsFileOf(runs_dir, job_id);
  const std::string text = ReadEvents(runs_dir, job_id);
  if (!text.empty() && text.back() != '\n') return Failure(path + ": the last line is torn");
  return SplitLines(text);
}

std::vector<std::string> ListJobFolders(const std::string& runs_dir) {
  std::vector<std::string> names;
  std::error_code ignored;
  for (const auto& entry : std::filesystem::directory_iterator(runs_dir, ignored)) {
    if (std::filesystem::exists(entry.path() / "events.jsonl") ||
        std::filesystem::exists(entry.path() / "events.jsonl.zst")) {
      names.push_back(entry.path().filename().string());
    }
  }
  std::sort(names.begin(), names.end());
  return names;
}

std::vector<std::string> FindDisagreements(const std::string& runs_dir) {
  const auto rows = ReadDatabase(runs_dir);
  if (!rows) return {rows.error().message};
  JournalChecker checker;
  for (const StoredRow& row : *rows) checker.Check(row);
  checker.CheckFiles(runs_dir);
  return std::move(checker.complaints());
}

}  // namespace stagelog
