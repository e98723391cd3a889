// Finds journals: a file, the folder of a job, a runs folder.
#ifndef STAGELOG_CLI_OFFLINE_JOURNAL_PATH_H_
#define STAGELOG_CLI_OFFLINE_JOURNAL_PATH_H_

#include <cstdint>
#include <string>
#include <vector>

#include "client/exit_code.h"

namespace stagelog::cli {

// One job's events.jsonl, or events.jsonl.zst.
struct JournalPath {
  std::string path;    // absolute, without symbolic links; of a pipe as it was given, or "-"
  std::string folder;  // the job's, where state.json would be; empty for a bare file
  std::string job_id;  // by the folder's name; empty where a file was named
  uint64_t size = 0;   // bytes, without compression; 0 for a pipe
};

// For messages: "standard input" for "-".
std::string ShownPath(const JournalPath& journal);

// The journals that `path` stands for: a file is one, a job's folder its events.jsonl (or
// events.jsonl.zst, where there is only that), a runs folder those of all its jobs, by name. A pipe
// (a FIFO, <(...), "-" for standard input) is one as well; it can be read once.
// kBadFile where there is none.
CliResult<std::vector<JournalPath>> FindJournals(const std::string& path);

// The one journal that `path` (a file or a job's folder) stands for.
CliResult<JournalPath> FindJournal(const std::string& path);

}  // namespace stagelog::cli

#endif  // STAGELOG_CLI_OFFLINE_JOURNAL_PATH_H_
