#include "tools/cli/run/command_run.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <set>

#include "base/check.h"
#include "base/clock.h"
#include "base/random.h"
#include "tools/cli/run/process_tree.h"

namespace stagelog::cli {
namespace {

constexpr int64_t kKillAfterMicros = 10'000'000;
constexpr int64_t kRemindMillis = 50;  // until then, for what is started meanwhile
// The command has ended and something that it started holds its output: so long without a byte.
constexpr int64_t kQuietMicros = 2'000'000;
constexpr int64_t kDrainMicros = 30'000'000;  // and so long if it goes on talking
constexpr int kCannotExecute = 126;
constexpr int kNotFound = 127;

int64_t Now() { return SystemClock().MonotonicMicros(); }

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

bool IsDrained(const OutputPump& pump) { return IsReadable(pump.done_fd()); }

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

CommandRun::CommandRun(Context& context, RunTarget target, std::vector<std::string> command)
    : context_(context),
      target_(std::move(target)),
      command_(std::move(command)),
      outside_cancel_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
      outer_(OuterOutput::FromText(ProcessEnvironment(kOutputVariable).value_or(""))),
      inner_{MakeKey(), "", ""},
      outbox_(SpoolFolder(target_.job_id), kMaxMemoryBytes, Complain),
      sender_(context.settings, outbox_, OptionsOfSender()),
      watch_(context.settings, target_.job_id, [this] { CancelFromOutside(); }),
      recorder_(target_, SystemClock(), [this](SpoolEvents events) {
        outbox_.Add(std::move(events));
        sender_.Wake();
      }) {
  STAGELOG_CHECK(outside_cancel_.valid());
}

SenderOptions CommandRun::OptionsOfSender() {
  SenderOptions options;
  options.job_id = target_.job_id;
  options.has_heartbeats = true;
  options.on_job_status = [this](const std::string& status) { OnJobStatus(status); };
  options.on_other_sends = [this] { watch_.Arm(); };
  options.say = Complain;
  return options;
}

int CommandRun::Run() {
  if (target_.is_new_name) Complain("job " + target_.job_id);
  sender_.Start();
  recorder_.Begin(command_);
  const RunEnd end = Start();
  if (child_) Drain(end);
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
  auto output = Pipe::Make();
  auto errors = Pipe::Make();
  if (output && errors) {
    inner_.stdout_pipe = PipeIdentity(output->writing.get());
    inner_.stderr_pipe = PipeIdentity(errors->writing.get());
    auto child = ChildCommand::Start(OptionsOfChild(), std::move(output->writing),
                                     std::move(errors->writing));
    if (child) {
      child_.emplace(std::move(*child));
      stdout_pump_ = MakePump(std::move(output->reading), STDOUT_FILENO, OutputStream::kStdout);
      stderr_pump_ = MakePump(std::move(errors->reading), STDERR_FILENO, OutputStream::kStderr);
      return Follow();
    }
    output = tl::unexpected(child.error());
  }
  const Error& problem = output ? errors.error() : output.error();
  RunEnd end;
  end.ended_micros = Now();
  end.exit_code = problem.error_number == ENOENT ? kNotFound : kCannotExecute;
  end.message = "cannot start '" + command_.front() + "': " + problem.message;
  Complain(Harmless(end.message));
  return end;
}

ChildOptions CommandRun::OptionsOfChild() const {
  ChildOptions options;
  options.words = command_;
  options.signal_mask = signals_.mask_before();
  options.default_signals = signals_.ignored_here();
  auto& environment = options.environment;
  environment["STAGELOG_JOB"] = target_.job_id;
  environment["STAGELOG_STAGE"] = std::nullopt;
  if (!target_.is_job()) environment["STAGELOG_STAGE"] = target_.stage;
  environment[kOutputVariable] = inner_.Text();
  if (!context_.flags.url.empty()) environment["STAGELOG_URL"] = context_.flags.url;
  if (!context_.flags.token.empty()) environment["STAGELOG_TOKEN"] = context_.flags.token;
  return options;
}

std::unique_ptr<OutputPump> CommandRun::MakePump(UniqueFd from, int to, OutputStream stream) {
  PumpOptions options;
  options.from = std::move(from);
  options.to = to;
  options.stream = stream;
  options.key = inner_.key;
  options.outer_key = OuterKey(outer_, to);
  options.say = Complain;
  return std::make_unique<OutputPump>(std::move(options), recorder_);
}

RunEnd CommandRun::Follow() {
  while (true) {
    std::array<pollfd, 3> entries = {{{child_->pidfd(), POLLIN, 0},
                                      {signals_.fd(), POLLIN, 0},
                                      {outside_cancel_.get(), POLLIN, 0}}};
    const int ready = ::poll(entries.data(), entries.size(), PollTimeoutMs());
    if (ready < 0) continue;
    if ((entries[1].revents & POLLIN) != 0) TakeSignals();
    if ((entries[2].revents & POLLIN) != 0) TakeCancel();
    if (ready == 0) RemindOrPressOn();
    if ((entries[0].revents & POLLIN) == 0) continue;
    has_ended_ = true;
    return EndOf(child_->Wait());
  }
}

int CommandRun::PollTimeoutMs() const {
  if (kill_at_micros_ == 0) return -1;
  const int64_t left = (kill_at_micros_ - Now()) / 1'000 + 1;
  return static_cast<int>(std::clamp<int64_t>(left, 0, kRemindMillis));
}

void CommandRun::TakeSignals() {
  while (const auto signal = signals_.Take()) {
    if (!signal->reached_command) child_->Signal(signal->number);
    if (signal->is_cancel && canceled_by_.empty()) canceled_by_ = SignalName(signal->number);
  }
}

void CommandRun::TakeCancel() {
  uint64_t count = 0;
  static_cast<void>(!::read(outside_cancel_.get(), &count, sizeof(count)));
  if (is_canceled_outside_) return;
  is_canceled_outside_ = true;
  Complain("job " + target_.job_id + " is canceled; the command is sent SIGTERM");
  KeepOrphans();
  child_->Signal(SIGTERM);
  descendants_.Ask();
  kill_at_micros_ = Now() + kKillAfterMicros;
}

void CommandRun::RemindOrPressOn() {
  if (Now() >= kill_at_micros_) return PressOn();
  descendants_.Ask();
}

void CommandRun::PressOn() {
  kill_at_micros_ = 0;
  pressed_on_micros_ = Now();
  Complain(has_ended_ ? "what the command has started has not ended; it is sent SIGKILL"
                      : "the command has not ended; it is sent SIGKILL");
  DescendantsToEnd::Kill();
}

RunEnd CommandRun::EndOf(int wait_status) const {
  RunEnd end;
  end.ended_micros = Now();
  end.is_canceled_outside = is_canceled_outside_;
  end.canceled_by = canceled_by_;
  if (WIFSIGNALED(wait_status)) {
    end.exit_code = 128 + WTERMSIG(wait_status);
    end.message = "ended by " + SignalName(WTERMSIG(wait_status));
    const bool was_ours = canceled_by_ == SignalName(WTERMSIG(wait_status));
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
  return kill_at_micros_ != 0 && DescendantsToEnd::AreLeft();
}

// What the command has written may still be in the pipes, and our reader may be slow. What it has
// started may hold the pipes open for ever: that is not waited for, but after a cancel.
void CommandRun::Drain(const RunEnd& end) {
  const int64_t ended = end.ended_micros;
  while (!IsDrained(*stdout_pump_) || !IsDrained(*stderr_pump_) || AwaitsDescendants()) {
    const int64_t left = DrainUntil(ended) - Now();
    if (kill_at_micros_ != 0) {
      RemindOrPressOn();
    } else if (left <= 0) {
      Complain(
          "the command has ended, but something it started still holds its output; that is "
          "not waited for");
      break;
    }
    std::array<pollfd, 3> entries = {{{signals_.fd(), POLLIN, 0},
                                      {stdout_pump_->done_fd(), POLLIN, 0},
                                      {stderr_pump_->done_fd(), POLLIN, 0}}};
    for (size_t i = 1; i < entries.size(); ++i) {
      if (IsReadable(entries[i].fd)) entries[i].fd = -1;
    }
    const int64_t wait = std::max<int64_t>(left, 0) / 1'000 + 1;
    const int timeout =
        static_cast<int>(kill_at_micros_ != 0 ? std::min(wait, kRemindMillis) : wait);
    if (::poll(entries.data(), entries.size(), timeout) <= 0) continue;
    if ((entries[0].revents & POLLIN) != 0) EndBySignal(end);
  }
  stdout_pump_->Stop();
  stderr_pump_->Stop();
}

// Monotonic. A reader of our output may take its time.
int64_t CommandRun::DrainUntil(int64_t ended_micros) const {
  if (kill_at_micros_ != 0) return kill_at_micros_;
  const int64_t now = Now();
  ended_micros = std::max(ended_micros, pressed_on_micros_);
  const int64_t moved =
      std::max({ended_micros, stdout_pump_->LastMovedMicros(), stderr_pump_->LastMovedMicros()});
  if (moved >= now) return now + kQuietMicros;
  return std::min(moved + kQuietMicros, ended_micros + kDrainMicros);
}

// The command is over, nobody is left to pass it on to: the end is journaled, then it ends us.
void CommandRun::EndBySignal(const RunEnd& end) {
  const auto signal = signals_.Take();
  if (!signal || !signal->is_cancel) return;
  recorder_.End(end);
  signals_.Restore();
  ::raise(signal->number);
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
  if (!is_over || is_ending_ || std::exchange(has_said_over_, true)) return;
  Complain("job " + target_.job_id + " was " + status +
           " before: what comes is kept and flagged; give a new --job");
}

void CommandRun::FinishSending() {
  const EventSender::Result result = sender_.Finish();
  const Outbox::Rest rest = outbox_.Settle();
  if (rest.rescued > 0) {
    Complain(std::to_string(rest.rescued) + " events of job " + target_.job_id + " are in " +
             rest.rescue_path + ", for the spool did not take them; 'stagelog emit " +
             target_.job_id + " < " + rest.rescue_path + "' sends them");
  }
  if (rest.lost > 0) {
    Complain(std::to_string(rest.lost) + " events of job " + target_.job_id +
             " are lost: they could be neither sent nor spooled");
  }
  if (result == EventSender::Result::kAway && rest.waiting > 0) {
    Complain(std::to_string(rest.waiting) + " events of job " + target_.job_id +
             " wait in the spool; 'stagelog spool flush' sends them");
  }
}

}  // namespace stagelog::cli
