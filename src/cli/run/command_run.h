// Executes one `stagelog run`.
#ifndef STAGELOG_CLI_RUN_COMMAND_RUN_H_
#define STAGELOG_CLI_RUN_COMMAND_RUN_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <string>

#include "cli/commands.h"
#include "cli/run/cancel_watch.h"
#include "cli/run/child_command.h"
#include "cli/run/output_frame.h"
#include "cli/run/output_pump.h"
#include "cli/run/passed_signals.h"
#include "cli/run/process_tree.h"
#include "cli/run/pseudo_terminal.h"
#include "cli/run/run_recorder.h"
#include "cli/run/run_target.h"
#include "client/event_sender.h"
#include "client/outbox.h"

namespace stagelog::cli {

// Opens /dev/null in place of a closed stdin, stdout or stderr: our own files must not get these
// descriptors, because the command's output would be written there.
void FillStandardDescriptors();

// Fails unless enough file descriptors for a run can still be opened.
Status CheckRoomForDescriptors();

// Created and run on the main thread, before any other thread.
class CommandRun {
 public:
  CommandRun(Context& context, RunTarget target, RunOptions options, RunBeginning::Job job);

  // Runs the command to its end. Its exit code: 128 + n when signal n ended it, 126 or 127 when it
  // cannot be started.
  int Run();

 private:
  RunBeginning Beginning() const;
  SenderOptions OptionsOfSender();
  RunEnd Start();
  Status StartChild();
  Status StartOnTerminal();
  Status StartWith(ChildStreams streams);
  RunEnd Follow();
  ChildOptions OptionsOfChild() const;
  Status StartPump(std::unique_ptr<OutputPump>& pump, UniqueFd from, int to, OutputStream stream);
  int PollTimeoutMs() const;
  void RecordCancel(const PassedSignal& signal);
  void TakeSignals();
  void PassSignalsOn();
  void StopWithCommand();
  void TakeCancel();
  void EscalateTermination();
  void KillDescendants();
  RunEnd EndOf(int wait_status) const;
  bool AwaitsDescendants() const;
  bool AwaitsAll();
  void Drain(RunEnd& end);
  int64_t DrainUntil(int64_t ended_micros) const;
  void EndBySignal(const RunEnd& end);
  pid_t Session() const;
  std::set<pid_t> Ours() const;
  std::string Left();
  void ReportRemaining(RunEnd& end, bool holds_output);
  void CancelFromOutside();
  void OnJobStatus(const std::string& status);
  void FinishSending();

  Context& context_;
  const RunTarget target_;
  const RunOptions options_;
  const RunBeginning::Job job_;
  const TraceContext trace_;
  PassedSignals signals_;
  UniqueFd outside_cancel_;  // eventfd
  std::optional<OuterOutput> outer_;
  OuterOutput inner_;  // for the runs inside this one
  Outbox outbox_;
  EventSender sender_;
  CancelWatch watch_;
  RunRecorder recorder_;
  std::optional<ChildCommand> child_;
  std::optional<PseudoTerminal> terminal_;
  std::unique_ptr<OutputPump> stdout_pump_;
  std::unique_ptr<OutputPump> stderr_pump_;
  std::string canceled_by_;  // name of the first signal that asked for the end
  bool is_canceled_outside_ = false;
  int64_t canceled_micros_ = 0;  // monotonic, since when that is so
  bool has_ended_ = false;       // the command
  int64_t kill_at_micros_ = 0;   // monotonic; 0: not
  int64_t escalated_micros_ = 0;
  DescendantsToEnd descendants_;
  std::atomic<bool> is_ending_{false};
  bool has_reported_terminal_ = false;  // on the sender's thread
};

}  // namespace stagelog::cli

#endif  // STAGELOG_CLI_RUN_COMMAND_RUN_H_
