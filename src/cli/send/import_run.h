// Implements `stagelog import`.
#ifndef STAGELOG_CLI_SEND_IMPORT_RUN_H_
#define STAGELOG_CLI_SEND_IMPORT_RUN_H_

#include <cstdint>
#include <deque>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "cli/commands.h"
#include "cli/offline/file_events.h"
#include "cli/offline/journal_path.h"
#include "cli/progress.h"
#include "cli/send/container_line.h"
#include "cli/send/id_conflicts.h"
#include "cli/send/input_lines.h"
#include "cli/send/line_identity.h"
#include "cli/send/line_mapper.h"
#include "client/batch_sender.h"
#include "client/daemon_client.h"

namespace stagelog::cli {

struct ImportOptions {
  std::vector<std::string> paths;
  FieldMapping mapping;  // empty: journals
  int retry_seconds = 10;
  bool dry_run = false;
  bool unverified = false;
  bool skip_invalid = false;
  bool create = false;  // a job_created first
};

// Sends files once. Lines before an invalid line are accepted; the invalid line is reported, and
// ends the import, or (skip_invalid) is skipped and counted.
class ImportRun {
 public:
  // Both must outlive it.
  ImportRun(Context& context, const ImportOptions& options);

  CliResult<ExitCode> Run();

 private:
  struct Input {
    JournalPath file;
    std::string name;  // in messages
    bool is_stream = false;
    FileOutline outline;  // of a file with lines of other programs
  };

  CliResult<std::vector<Input>> FindInputs();
  CliStatus SendAll();
  CliStatus CheckAllMatched(const MappingCounts& counts) const;
  CliStatus SurveyAll(std::vector<Input>& inputs);
  CliStatus SendInput(const Input& input, Progress& progress);
  CliStatus SendJournal(const Input& input, Progress& progress);
  CliStatus SendLines(const Input& input, Progress& progress);
  // occurred_at of the lines before the first one with a time. Of a stream the lines that were read
  // to find it, and to know the stream again, go to `held`.
  using HeldLines = std::deque<CliResult<std::optional<InputLine>>>;
  std::string TimeOfFirstLines(const Input& input);
  std::string LookAhead(InputLines& lines, HeldLines& held, OutlineRecorder& recorder);
  CliResult<std::string> SaltOf(const Input& input);
  std::string SaltOf(const FileOutline& outline);
  // What the lines of one input have in common.
  struct Sending {
    std::string salt;
    LineChain chain;
    ContainerLines joined;
  };
  CliStatus SendLine(const Input& input, Sending& sending, const InputLine& line);
  CliStatus SendJoined(const Input& input, const std::vector<JoinedLine>& lines);
  CliStatus SendMapped(const Input& input, int64_t number, CliResult<MappedLine> mapped);
  CliStatus Send(const Input& input, OutgoingEvent event);
  CliStatus Create(const MappedLine& line);
  // An invalid line ends the import, or is skipped and counted.
  CliStatus Refuse(const std::string& place, CliError error, ExitCode code);
  void CountSkipped(const std::string& what);
  // Prints a message next to the progress bar.
  void Say(const std::string& message);
  CliStatus Flush();
  // `is_read`: all lines were.
  void Remark(bool is_read);
  CliStatus PrintSummary();

  Context& context_;
  const ImportOptions& options_;
  DaemonClient client_;
  BatchSender sender_;
  LineMapper mapper_;
  ImportLedger ledger_;
  IdConflicts ids_;             // of a dry run
  std::set<std::string> jobs_;  // seen; with `create`
  std::string sending_;         // the name of the input that is being sent
  std::string assumed_time_;    // of its lines, where none has a time
  int64_t read_ = 0;
  int64_t skipped_ = 0;
  int64_t created_ = 0;
  bool is_last_input_ = false;
  bool is_begun_alike_ = false;   // the input, like another one that was imported before
  Progress* progress_ = nullptr;  // while there is one
};

}  // namespace stagelog::cli

#endif  // STAGELOG_CLI_SEND_IMPORT_RUN_H_
