#include "cli/run/command_run.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <set>
#include <utility>
#include <vector>

#include "base/check.h"
#include "base/clock.h"
#include "base/random.h"
#include "base/terminal_text.h"
#include "cli/run/process_tree.h"
#include "client/exit_code.h"
#include "client/run_id.h"

namespace stagelog::cli {
namespace {

constexpr int64_t kKillAfterMicros = 10'000'000;
constexpr int64_t kRemindMillis = 50;  // until then, for what is started meanwhile
// Between two looks for the foreground, while we are in the background of our terminal.
constexpr int64_t kBackgroundMillis = 200;
// The command has ended and something that it started holds its output: so long without a byte.
constexpr int64_t kQuietMicros = 2'000'000;
constexpr int64_t kDrainMicros = 30'000'000;  // and so long if it goes on talking
// A cancel comes to a run inside another one on two ways, as SIGTERM and from the daemon.
constexpr int64_t kSameCancelMicros = 2'000'000;
// What the command has started and what ends with it may end a moment later.
constexpr int kLeftMillis = 100;
constexpr size_t kMaxNamed = 5;
constexpr int kDescriptorsNeeded = 32;

std::string SpoolFolder(const std::string& job_id) {
  const std::string root = SpoolRoot(ProcessEnvironment);
  return root.empty() ? "" : root + "/" + job_id;
}

std::string MakeKey() {
  char key[20];
  std::snprintf(key, sizeof(key), "%016llx", static_cast<unsigned long long>(RandomBits()));
  return key;
}

bool IsReadable(int fd) {
  pollfd entry{fd, POLLIN, 0};
  return ::poll(&entry, 1, 0) == 1;
}

// On a terminal there is one pump for both outputs.
bool IsDrained(const std::unique_ptr<OutputPump>& pump) {
  return !pump || IsReadable(pump->done_fd());
}

// For poll(2); negative when there is nothing to wait for.
int DoneFd(const std::unique_ptr<OutputPump>& pump) {
  return IsDrained(pump) ? -1 : pump->done_fd();
}

int64_t LastMovedMicros(const std::unique_ptr<OutputPump>& pump) {
  return pump ? pump->LastMovedMicros() : 0;
}

// The key for frames when our own `fd` is a pipe of the outer run's.
std::string OuterKey(const std::optional<OuterOutput>& outer, int fd) {
  const std::string pipe = PipeIdentity(fd);
  const bool is_inside =
      outer && !pipe.empty() && (pipe == outer->stdout_pipe || pipe == outer->stderr_pipe);
  return is_inside ? outer->key : "";
}

}  // namespace

void FillStandardDescriptors() {
  int fd = 0;
  do {
    fd = ::open("/dev/null", O_RDWR);
  } while (fd >= 0 && fd <= STDERR_FILENO);
  if (fd >= 0) ::close(fd);
}

Status CheckRoomForDescriptors() {
  std::vector<UniqueFd> taken;
  while (taken.size() < kDescriptorsNeeded) {
    UniqueFd fd(::fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, STDERR_FILENO + 1));
    if (!fd.valid()) {
      const int error = errno;
      return Failure("not enough file descriptors: " + std::to_string(taken.size()) +
                         " available, " + std::to_string(kDescriptorsNeeded) + " needed (" +
                         std::strerror(error) + "; see 'ulimit -n')",
                     error);
    }
    taken.push_back(std::move(fd));
  }
  return {};
}

CommandRun::CommandRun(Context& context, RunTarget target, RunOptions options,
                       RunBeginning::Job job)
    : context_(context),
      target_(std::move(target)),
      options_(std::move(options)),
      job_(job),
      trace_(ContinueTrace(ProcessEnvironment)),
      signals_(options_.command, options_.wants_terminal),
      outside_cancel_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
      outer_(OuterOutput::FromText(ProcessEnvironment(kOutputVariable).value_or(""))),
      inner_{MakeKey(), "", ""},
      outbox_(SpoolFolder(target_.job_id), kMaxMemoryBytes, PrintError),
      sender_(context.settings, outbox_, OptionsOfSender()),
      watch_(context.settings, target_.job_id, [this] { CancelFromOutside(); }),
      recorder_(
          target_, SystemClock(),
          [this](SpoolEvents events) {
            outbox_.Add(std::move(events));
            sender_.Wake();
          },
          PrintError) {
  STAGELOG_CHECK(outside_cancel_.valid());
}

RunBeginning CommandRun::Beginning() const {
  RunBeginning beginning;
  beginning.job = job_;
  beginning.stages = options_.stages;
  beginning.trace = trace_;
  if (!options_.hides_command) beginning.command = options_.command;
  return beginning;
}

SenderOptions CommandRun::OptionsOfSender() {
  SenderOptions options;
  options.job_id = target_.job_id;
  options.has_heartbeats = true;
  options.on_job_status = [this](const std::string& status) { OnJobStatus(status); };
  options.on_other_sends = [this] { watch_.Arm(); };
  options.say = PrintError;
  return options;
}

int CommandRun::Run() {
  if (target_.is_new_name) PrintError("job " + target_.job_id);
  sender_.Start();
  recorder_.Begin(Beginning());
  // So that what the command leaves running can be found, and named.
  KeepOrphans();
  RunEnd end = Start();
  if (child_) Drain(end);
  if (terminal_) terminal_->Restore();
  recorder_.OutputEnded();
  is_ending_ = true;
  recorder_.End(end);
  // From here on a signal ends us at once: all there is to lose is in the spool.
  signals_.Restore();
  FinishSending();
  // As the command without us: a shell goes on with its script unless the signal ended what it
  // waits for.
  if (end.signal_to_pass_on != 0) ::raise(end.signal_to_pass_on);
  return end.exit_code;
}

RunEnd CommandRun::Start() {
  const Status started = StartChild();
  if (started) return Follow();
  const Error& problem = started.error();
  RunEnd end;
  end.ended_micros = SystemClock().MonotonicMicros();
  end.exit_code = problem.error_number == ENOENT ? kExitNotFound : kExitCannotExecute;
  end.message = "cannot start '" + options_.command.front() + "': " + problem.message;
  PrintError(EscapeControls(end.message));
  return end;
}

// All that can fail comes before the command: it is not started and then left alone.
Status CommandRun::StartChild() {
  if (options_.wants_terminal) return StartOnTerminal();
  auto output = Pipe::Make();
  if (!output) return tl::unexpected(output.error());
  auto errors = Pipe::Make();
  if (!errors) return tl::unexpected(errors.error());
  inner_.stdout_pipe = PipeIdentity(output->writing.get());
  inner_.stderr_pipe = PipeIdentity(errors->writing.get());
  if (Status pump =
          StartPump(stdout_pump_, std::move(output->reading), STDOUT_FILENO, OutputStream::kStdout);
      !pump) {
    return pump;
  }
  if (Status pump =
          StartPump(stderr_pump_, std::move(errors->reading), STDERR_FILENO, OutputStream::kStderr);
      !pump) {
    return pump;
  }
  return StartWith({UniqueFd(), std::move(output->writing), std::move(errors->writing)});
}

Status CommandRun::StartOnTerminal() {
  auto terminal = PseudoTerminal::Open();
  if (!terminal) return tl::unexpected(terminal.error());
  terminal_.emplace(std::move(*terminal));
  ChildStreams streams;
  streams.is_terminal = true;
  for (UniqueFd* fd : {&streams.input, &streams.output, &streams.errors}) {
    auto end = terminal_->CommandEnd();
    if (!end) return tl::unexpected(end.error());
    *fd = std::move(*end);
  }
  auto output = terminal_->OurEnd();
  if (!output) return tl::unexpected(output.error());
  if (Status pump =
          StartPump(stdout_pump_, std::move(*output), STDOUT_FILENO, OutputStream::kStdout);
      !pump) {
    return pump;
  }
  terminal_->Enter();  // before the command prints
  if (Status started = StartWith(std::move(streams)); !started) {
    terminal_->Restore();
    return started;
  }
  terminal_->CommandHasStarted(child_->pid());
  return {};
}

Status CommandRun::StartWith(ChildStreams streams) {
  // Whoever these were sent to, there was no command to reach.
  for (const PassedSignal& signal : signals_.Read(false)) RecordCancel(signal);
  auto child = ChildCommand::Start(OptionsOfChild(), std::move(streams));
  if (!child) return tl::unexpected(child.error());
  child_.emplace(std::move(*child));
  return {};
}

ChildOptions CommandRun::OptionsOfChild() const {
  ChildOptions options;
  options.words = options_.command;
  options.signal_mask = signals_.mask_before();
  options.handling = signals_.handling_before();
  auto& environment = options.environment;
  environment["STAGELOG_JOB"] = target_.job_id;
  environment["STAGELOG_STAGE"] = std::nullopt;
  if (!target_.is_job()) environment["STAGELOG_STAGE"] = target_.stage;
  environment[kRunVariable] = std::nullopt;
  if (!target_.run_id.empty()) environment[kRunVariable] = target_.run_id;
  environment[kOutputVariable] = inner_.Text();
  environment["TRACEPARENT"] = trace_.Traceparent();
  // What a trace that begins here cannot have. BAGGAGE is handed on as it is.
  if (trace_.parent_span_id.empty()) environment["TRACESTATE"] = std::nullopt;
  if (!context_.flags.url.empty()) environment["STAGELOG_URL"] = context_.flags.url;
  if (!context_.flags.token.empty()) environment["STAGELOG_TOKEN"] = context_.flags.token;
  return options;
}

Status CommandRun::StartPump(std::unique_ptr<OutputPump>& pump, UniqueFd from, int to,
                             OutputStream stream) {
  PumpOptions options;
  options.from = std::move(from);
  options.to = to;
  options.stream = stream;
  options.key = inner_.key;
  options.outer_key = OuterKey(outer_, to);
  options.say = PrintError;
  auto started = OutputPump::Start(std::move(options), recorder_);
  if (!started) return tl::unexpected(started.error());
  pump = std::move(*started);
  return {};
}

RunEnd CommandRun::Follow() {
  while (true) {
    PassSignalsOn();
    std::array<pollfd, 5> entries = {{{child_->pidfd(), POLLIN, 0},
                                      {signals_.fd(), POLLIN, 0},
                                      {outside_cancel_.get(), POLLIN, 0},
                                      {-1, 0, 0},
                                      {-1, 0, 0}}};
    if (terminal_) {
      terminal_->Enter();
      const std::array<pollfd, 2> typed = terminal_->Entries();
      std::copy(typed.begin(), typed.end(), entries.begin() + 3);
    }
    const int ready = ::poll(entries.data(), entries.size(), PollTimeoutMs());
    if (ready < 0) continue;
    if (terminal_) terminal_->Move({entries[3], entries[4]});
    StopWithCommand();
    if ((entries[1].revents & POLLIN) != 0) TakeSignals();
    if ((entries[2].revents & POLLIN) != 0) TakeCancel();
    if (ready == 0 && kill_at_micros_ != 0) EscalateTermination();
    if ((entries[0].revents & POLLIN) == 0) continue;
    TakeSignals();  // what has ended the command may have been sent to us as well
    has_ended_ = true;
    return EndOf(child_->Wait());
  }
}

int CommandRun::PollTimeoutMs() const {
  int64_t until = signals_.NextDueMicros();
  if (kill_at_micros_ != 0) until = until == 0 ? kill_at_micros_ : std::min(until, kill_at_micros_);
  const bool is_in_background = terminal_ && terminal_->IsInBackground();
  if (until == 0 && !is_in_background) return -1;
  int64_t left = until == 0
                     ? kBackgroundMillis
                     : std::max<int64_t>(0, (until - SystemClock().MonotonicMicros()) / 1'000 + 1);
  if (kill_at_micros_ != 0) left = std::min(left, kRemindMillis);
  return static_cast<int>(is_in_background ? std::min(left, kBackgroundMillis) : left);
}

void CommandRun::RecordCancel(const PassedSignal& signal) {
  if (signal.is_cancel && canceled_by_.empty()) canceled_by_ = SignalName(signal.number);
}

void CommandRun::TakeSignals() {
  for (const PassedSignal& signal : signals_.Read(child_->SharesGroup())) RecordCancel(signal);
  if (signals_.TakeChildChange()) {
    ReapAdopted(Ours());
    StopWithCommand();
  }
  if (signals_.TakeWindowChange() && terminal_) terminal_->CopySize();
  if (signals_.TakeContinued() && terminal_) terminal_->Continue();
  PassSignalsOn();
}

// Without a terminal between, ^Z stops us with the command.
void CommandRun::StopWithCommand() {
  if (terminal_ && (terminal_->TakeStop() || child_->HasStopped())) terminal_->StopWithCommand();
}

void CommandRun::PassSignalsOn() {
  for (const int signal : signals_.TakeDue(child_->SharesGroup())) {
    const bool was_sent = signal == SIGTERM && is_canceled_outside_ &&
                          SystemClock().MonotonicMicros() - canceled_micros_ < kSameCancelMicros;
    if (!was_sent) child_->Signal(signal);
  }
}

void CommandRun::TakeCancel() {
  uint64_t count = 0;
  static_cast<void>(!::read(outside_cancel_.get(), &count, sizeof(count)));
  if (is_canceled_outside_) return;
  is_canceled_outside_ = true;
  canceled_micros_ = SystemClock().MonotonicMicros();
  PrintError("job " + target_.job_id + " is canceled; sending SIGTERM to the command");
  std::set<pid_t> spared = AdoptedDaemons(Ours(), Session());
  spared.insert(signals_.witness_pid());
  descendants_.Spare(std::move(spared));
  // Each is asked once, the command too.
  if (canceled_by_ != SignalName(SIGTERM)) child_->Signal(SIGTERM);
  descendants_.MarkSignaled(child_->pid());
  descendants_.SignalNew();
  kill_at_micros_ = SystemClock().MonotonicMicros() + kKillAfterMicros;
}

void CommandRun::EscalateTermination() {
  if (SystemClock().MonotonicMicros() >= kill_at_micros_) return KillDescendants();
  descendants_.SignalNew();
}

void CommandRun::KillDescendants() {
  kill_at_micros_ = 0;
  escalated_micros_ = SystemClock().MonotonicMicros();
  PrintError(has_ended_ ? "background processes of the command are still running; sending SIGKILL"
                        : "the command is still running; sending SIGKILL");
  descendants_.Kill();
}

RunEnd CommandRun::EndOf(int wait_status) const {
  RunEnd end;
  end.ended_micros = SystemClock().MonotonicMicros();
  end.is_canceled_outside = is_canceled_outside_;
  end.canceled_by = canceled_by_;
  // As without a terminal between, where the signal comes to us too.
  const int typed = terminal_ ? terminal_->TypedSignal() : 0;
  if (typed != 0 && canceled_by_.empty()) end.canceled_by = SignalName(typed);
  if (WIFSIGNALED(wait_status)) {
    end.exit_code = 128 + WTERMSIG(wait_status);
    end.message = "ended by " + SignalName(WTERMSIG(wait_status));
    const bool was_ours = end.canceled_by == SignalName(WTERMSIG(wait_status));
    if (was_ours && WTERMSIG(wait_status) != SIGQUIT) {  // which would leave our core
      end.signal_to_pass_on = WTERMSIG(wait_status);
    }
  } else {
    end.exit_code = WEXITSTATUS(wait_status);
    if (end.exit_code != 0) end.message = "exit code " + std::to_string(end.exit_code);
  }
  return end;
}

// What a cancel has asked to end may outlive the command.
bool CommandRun::AwaitsDescendants() const {
  return kill_at_micros_ != 0 && descendants_.AnyRemaining();
}

bool CommandRun::AwaitsAll() {
  return options_.waits_for_all && kill_at_micros_ == 0 &&
         !ProcessesLeft(Ours(), Session()).empty();
}

// Of the command, where it is not ours.
pid_t CommandRun::Session() const { return options_.wants_terminal && child_ ? child_->pid() : 0; }

std::set<pid_t> CommandRun::Ours() const {
  std::set<pid_t> ours = {signals_.witness_pid()};
  if (child_ && !has_ended_) ours.insert(child_->pid());
  return ours;
}

// What the command has written may still be in the pipes, and our reader may be slow. What it has
// started may hold the pipes open for ever: that is not waited for, but after a cancel and where it
// was asked for.
void CommandRun::Drain(RunEnd& end) {
  const int64_t ended = end.ended_micros;
  bool holds_output = false;
  bool has_said_waiting = false;
  while (true) {
    const bool awaits_all = AwaitsAll();
    const bool is_drained = IsDrained(stdout_pump_) && IsDrained(stderr_pump_);
    if (is_drained && !AwaitsDescendants() && !awaits_all) break;
    if (awaits_all && !std::exchange(has_said_waiting, true)) {
      PrintError("the command has ended; waiting for its background processes: " + Left());
    }
    const int64_t left = DrainUntil(ended) - SystemClock().MonotonicMicros();
    if (kill_at_micros_ != 0) {
      EscalateTermination();
    } else if (left <= 0 && !awaits_all) {
      holds_output = true;
      break;
    }
    std::array<pollfd, 4> entries = {{{signals_.fd(), POLLIN, 0},
                                      {outside_cancel_.get(), POLLIN, 0},
                                      {DoneFd(stdout_pump_), POLLIN, 0},
                                      {DoneFd(stderr_pump_), POLLIN, 0}}};
    if (!awaits_all) entries[1].fd = -1;
    const int64_t wait = std::max<int64_t>(left, 0) / 1'000 + 1;
    int timeout = static_cast<int>(kill_at_micros_ != 0 ? std::min(wait, kRemindMillis) : wait);
    if (awaits_all) timeout = -1;  // the end of a child of ours comes as a signal
    if (::poll(entries.data(), entries.size(), timeout) <= 0) continue;
    if ((entries[0].revents & POLLIN) != 0) EndBySignal(end);
    if ((entries[1].revents & POLLIN) != 0) {
      TakeCancel();
      end.is_canceled_outside = is_canceled_outside_;
    }
  }
  if (stdout_pump_) stdout_pump_->Stop();
  if (stderr_pump_) stderr_pump_->Stop();
  if (!is_canceled_outside_) ReportRemaining(end, holds_output);
}

// "2: sleep (pid 12), make (pid 14)".
std::string CommandRun::Left() {
  const std::vector<RunningProcess> left = ProcessesLeft(Ours(), Session());
  std::string text = std::to_string(left.size()) + ": ";
  for (size_t i = 0; i < std::min(left.size(), kMaxNamed); ++i) {
    if (i > 0) text += ", ";
    text += EscapeControls(left[i].name) + " (pid " + std::to_string(left[i].pid) + ")";
  }
  return left.size() > kMaxNamed ? text + ", ..." : text;
}

void CommandRun::ReportRemaining(RunEnd& end, bool holds_output) {
  const int64_t until = SystemClock().MonotonicMicros() + int64_t{kLeftMillis} * 1'000;
  std::vector<RunningProcess> left = ProcessesLeft(Ours(), Session());
  while (!left.empty() && !holds_output && SystemClock().MonotonicMicros() < until) {
    pollfd entry{signals_.fd(), POLLIN, 0};
    if (::poll(&entry, 1, static_cast<int>((until - SystemClock().MonotonicMicros()) / 1'000) + 1) >
        0)
      EndBySignal(end);
    left = ProcessesLeft(Ours(), Session());
  }
  end.left_running = static_cast<int>(left.size());
  if (holds_output) {
    PrintError(
        "the command has ended; not waiting for a background process that still has its output "
        "open" +
        (left.empty() ? "" : " (" + Left() + "; use --wait-all to wait)"));
  } else if (!left.empty()) {
    PrintError("the command has ended; not waiting for its background processes (" + Left() +
               "; use --wait-all to wait)");
  }
}

// Monotonic. A reader of our output may take its time.
int64_t CommandRun::DrainUntil(int64_t ended_micros) const {
  if (kill_at_micros_ != 0) return kill_at_micros_;
  const int64_t now = SystemClock().MonotonicMicros();
  ended_micros = std::max(ended_micros, escalated_micros_);
  const int64_t moved =
      std::max({ended_micros, LastMovedMicros(stdout_pump_), LastMovedMicros(stderr_pump_)});
  if (moved >= now) return now + kQuietMicros;
  return std::min(moved + kQuietMicros, ended_micros + kDrainMicros);
}

// The command is over, nobody is left to pass it on to: the end is journaled, then it ends us.
void CommandRun::EndBySignal(const RunEnd& end) {
  const std::vector<PassedSignal> signals = signals_.Read(false);
  if (signals_.TakeChildChange()) ReapAdopted(Ours());
  for (const PassedSignal& signal : signals) {
    if (!signal.is_cancel) continue;
    recorder_.End(end);
    if (terminal_) terminal_->Restore();
    signals_.Restore();
    ::raise(signal.number);
  }
}

void CommandRun::CancelFromOutside() {
  const uint64_t one = 1;
  static_cast<void>(!::write(outside_cancel_.get(), &one, sizeof(one)));
}

// On the sender's thread.
void CommandRun::OnJobStatus(const std::string& status) {
  watch_.Arm();
  if (status == "canceled") CancelFromOutside();
  const bool is_over = status == "completed" || status == "failed";
  if (!is_over || is_ending_ || std::exchange(has_reported_terminal_, true)) return;
  PrintError("job " + target_.job_id + " was " + status + " meanwhile: " +
             (target_.run_id.empty()
                  ? "its stages are stored and flagged as invalid; use a new --job"
                  : "if another run ended it, it is resumed for what this one reports"));
}

void CommandRun::FinishSending() {
  const EventSender::Result result = sender_.Finish();
  const Outbox::Rest rest = outbox_.Settle();
  if (rest.rescued > 0) {
    PrintError(std::to_string(rest.rescued) + " events of job " + target_.job_id + " are in " +
               rest.rescue_path +
               " because the spool could not be written; send them with 'stagelog emit " +
               target_.job_id + " < " + rest.rescue_path + "'");
  }
  if (rest.lost > 0) {
    PrintError(std::to_string(rest.lost) + " events of job " + target_.job_id +
               " are lost: they could not be sent or spooled");
  }
  if (result == EventSender::Result::kUnavailable && rest.waiting > 0) {
    PrintError(std::to_string(rest.waiting) + " events of job " + target_.job_id +
               " are waiting in the spool; send them with 'stagelog spool flush'");
  }
}

}  // namespace stagelog::cli
