// The target of a `stagelog run`: a job of its own, or a stage of a job.
#ifndef STAGELOG_CLI_RUN_RUN_TARGET_H_
#define STAGELOG_CLI_RUN_RUN_TARGET_H_

#include <cstdint>
#include <string>
#include <vector>

#include "client/exit_code.h"
#include "client/settings.h"
#include "core/labels.h"

namespace stagelog::cli {

struct RunOptions {
  std::string job;
  std::string pipeline;
  std::string stage;
  std::vector<std::string> labels;   // key=value each
  std::vector<std::string> command;  // at least one word
  std::vector<std::string> stages;   // that will come
  bool is_new = false;               // the job must not be there
  bool resumes = false;              // it runs again, even if it was canceled
  bool hides_command = false;        // its words are not journaled
  bool wants_terminal = false;       // the command gets one of its own
  bool waits_for_all = false;        // also for what the command leaves running
};

struct RunTarget {
  std::string job_id;
  std::string stage;         // path; empty: the run is the job
  std::string pipeline;      // of a job
  bool is_new_name = false;  // nobody gave the job's id, it was made
  Labels labels = {};        // of a job
  // Of the run that is the job: this one, or the one it is inside of; empty: there is none, or none
  // that is known (client/run_id.h).
  std::string run_id = {};

  bool is_job() const { return stage.empty(); }
};

// From the flags, else STAGELOG_JOB and STAGELOG_STAGE. kUsage for an invalid combination.
CliResult<RunTarget> ChooseRunTarget(const RunOptions& options, const Environment& environment,
                                     int64_t now_micros);

// A valid name (core/identifier.h) from a command's file name, with '-' for invalid characters.
std::string NameOfCommand(const std::string& command);

}  // namespace stagelog::cli

#endif  // STAGELOG_CLI_RUN_RUN_TARGET_H_
