// The events of an events.jsonl or events.jsonl.zst, or of one compressed by other programs
// (packed_file.h), each checked before it is returned.
#ifndef STAGELOG_CLI_OFFLINE_FILE_EVENTS_H_
#define STAGELOG_CLI_OFFLINE_FILE_EVENTS_H_

#include <memory>
#include <optional>
#include <string>

#include "cli/offline/event_sequence.h"
#include "cli/offline/journal_path.h"
#include "cli/offline/journal_verifier.h"
#include "core/chain_check.h"
#include "log/file/line_reader.h"

namespace stagelog::cli {

enum class Trust {
  kVerified,  // a line that differs from what the journal wrote is an error
  kReadable,  // lines that are not the job's next event are skipped
};

// The job is that of the first line, so a copied file may be in any folder. Reads the file once,
// with a few lines in memory. A torn last line (a daemon may be writing it) is skipped with a
// remark. kBadFile for a file without events, for damage, and for a missing tail according to the
// state.json beside it.
class FileEvents : public EventSequence {
 public:
  // `bytes_read` may be empty.
  static CliResult<std::unique_ptr<FileEvents>> Open(const JournalPath& journal, Trust trust,
                                                     BytesRead bytes_read = nullptr);

  // The same over bytes that somebody else opened (a pipe, an unpacked file); `journal` names them.
  static std::unique_ptr<FileEvents> Over(const JournalPath& journal, Trust trust,
                                          std::unique_ptr<ReadFile> file);

  CliResult<std::optional<StoredEvent>> Next() override;
  std::string Remark() const override { return remark_; }

 private:
  FileEvents(const JournalPath& journal, Trust trust, BytesRead bytes_read, LineReader reader);

  CliResult<std::optional<StoredEvent>> TakeVerified(const FileLine& line);
  std::optional<StoredEvent> TakeReadable(const FileLine& line);
  CliResult<std::optional<StoredEvent>> End();
  CliError Damage(const ChainFinding& finding) const;

  const std::string path_;
  const Trust trust_;
  const BytesRead bytes_read_;
  LineReader reader_;
  ChainCheck check_;    // kVerified
  std::string job_id_;  // kReadable
  uint64_t size_ = 0;   // of what was read
  int64_t last_seq_ = 0;
  int64_t last_job_seq_ = 0;
  int64_t passed_over_ = 0;
  std::string remark_;
};

}  // namespace stagelog::cli

#endif  // STAGELOG_CLI_OFFLINE_FILE_EVENTS_H_
