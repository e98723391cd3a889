// What a runs folder says by itself, read without the daemon: the rows of SQLite, the lines of the
// files, and whether they keep the guarantees of src/GUARANTEES.md to each other.
#ifndef STAGELOG_TESTS_SUPPORT_JOURNAL_EVIDENCE_H_
#define STAGELOG_TESTS_SUPPORT_JOURNAL_EVIDENCE_H_

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"

namespace stagelog {

// The bytes of a file; empty when there is none.
std::string ReadAll(const std::string& path);

struct StoredRow {
  int64_t seq = 0;
  std::string body;
};

// All events that runs_dir/stagelog.db tells of, by seq; the lines of those that it has dropped as
// they are in the files. The daemon may be running.
Result<std::vector<StoredRow>> ReadDatabase(const std::string& runs_dir);

// The lines of a text without their newlines; a last one without a newline is left out.
std::vector<std::string> SplitLines(const std::string& text);

// The lines of the job's events.jsonl, compressed or not, without their newlines; none when there
// is no file. A last line without its newline is a failure.
Result<std::vector<std::string>> ReadJobLines(const std::string& runs_dir,
                                              const std::string& job_id);

// What the job's events.jsonl holds or, where there is none, its events.jsonl.zst, read without
// heed of how it is cut into frames, as any program would; empty when there is neither. Dies of a
// file that is no zstd.
std::string ReadEvents(const std::string& runs_dir, const std::string& job_id);
std::string ExpandZstd(const std::string& compressed);

std::string EventsFileOf(const std::string& runs_dir, const std::string& job_id);

// The jobs that have a folder, in order.
std::vector<std::string> ListJobFolders(const std::string& runs_dir);

// Everything that is wrong with a journal at rest, in words; at most 20 complaints. Looked for:
// `seq` and `ts` strictly increasing over all, `job_seq` 1, 2, 3, ... and event_id unique inside a
// job, the hash chain, and SQLite and every events.jsonl holding the same bytes.
std::vector<std::string> FindDisagreements(const std::string& runs_dir);

}  // namespace stagelog

#endif  // STAGELOG_TESTS_SUPPORT_JOURNAL_EVIDENCE_H_
