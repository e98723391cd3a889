#include "cli/run/output_pump.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <system_error>
#include <utility>

#include "base/clock.h"

namespace stagelog::cli {
namespace {

constexpr size_t kReadBytes = size_t{64} << 10;
// What the other output's thread may read for this one while its reader is slow.
constexpr size_t kMaxRecordedBytes = size_t{1} << 20;

void Set(const UniqueFd& event) {
  const uint64_t one = 1;
  static_cast<void>(!::write(event.get(), &one, sizeof(one)));
}

const char* NameOf(OutputStream stream) {
  return stream == OutputStream::kStdout ? "standard output" : "standard error";
}

}  // namespace

OutputPump::OutputPump(PumpOptions options, RunRecorder& recorder)
    : options_(std::move(options)),
      recorder_(recorder),
      frames_(options_.key),
      stop_(::eventfd(0, EFD_CLOEXEC)),
      wake_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
      done_(::eventfd(0, EFD_CLOEXEC)),
      moved_micros_(SystemClock().MonotonicMicros()) {}

Result<std::unique_ptr<OutputPump>> OutputPump::Start(PumpOptions options, RunRecorder& recorder) {
  std::unique_ptr<OutputPump> pump(new OutputPump(std::move(options), recorder));
  if (!pump->stop_.valid() || !pump->wake_.valid() || !pump->done_.valid())
    return Failure(std::strerror(errno), errno);
  try {
    pump->thread_ = std::thread([raw = pump.get()] { raw->Run(); });
  } catch (const std::system_error& problem) {
    return Failure(std::string("cannot start a thread: ") + problem.what(), problem.code().value());
  }
  return pump;
}

OutputPump::~OutputPump() { Stop(); }

int64_t OutputPump::LastMovedMicros() const {
  return is_writing_ ? SystemClock().MonotonicMicros() : moved_micros_.load();
}

void OutputPump::Stop() {
  Set(stop_);
  if (thread_.joinable()) thread_.join();
}

void OutputPump::Run() {
  own_thread_ = std::this_thread::get_id();
  // Whichever thread reads must not wait: the other one may have read what it was woken for.
  ::fcntl(options_.from.get(), F_SETFL, O_NONBLOCK);
  recorder_.SetReader(options_.stream, [this] { ReadAvailable(); });
  while (WaitForInput() && Carry()) {
  }
  recorder_.SetReader(options_.stream, nullptr);
  frames_.End([&](std::string_view bytes, bool) {
    recorder_.Output(options_.stream, bytes);
    recorded_ += bytes;
  });
  if (!recorded_.empty()) PassOn(recorded_);
  options_.from.Reset();  // whoever still writes is told by SIGPIPE
  Set(done_);
}

// For poll(2); -1: for ever.
int OutputPump::MillisToUnfinished() {
  const int64_t micros = recorder_.MicrosToUnfinished(options_.stream);
  return micros < 0 ? -1 : static_cast<int>(micros / 1'000 + 1);
}

// False when it is time to end and nothing is left to read.
bool OutputPump::WaitForInput() {
  std::array<pollfd, 3> entries = {
      {{options_.from.get(), POLLIN, 0}, {wake_.get(), POLLIN, 0}, {stop_.get(), POLLIN, 0}}};
  while (true) {
    const int ready = ::poll(entries.data(), entries.size(), MillisToUnfinished());
    if (ready > 0) break;
    if (ready == 0) recorder_.TakeUnfinished(options_.stream);
  }
  if ((entries[2].revents & POLLIN) == 0) return true;
  // Told to stop: what is in the pipe now is taken, what comes later is not waited for.
  constexpr auto kOneRead = static_cast<int64_t>(kReadBytes);
  const int capacity = ::fcntl(options_.from.get(), F_GETPIPE_SZ);
  for (int64_t left = capacity > 0 ? capacity : kOneRead; left > 0; left -= kOneRead) {
    if (!Carry()) break;
  }
  return false;
}

// On the thread of either output, under the recorder's lock.
void OutputPump::ReadAvailable() {
  const bool is_own = std::this_thread::get_id() == own_thread_;
  if (is_own || recorded_.size() < kMaxRecordedBytes) ReadOnce();
  if (is_own) {
    passing_on_ += std::exchange(recorded_, {});
    output_has_ended_ = has_ended_;
  } else {
    Set(wake_);
  }
}

void OutputPump::ReadOnce() {
  std::array<char, kReadBytes> bytes;
  const ssize_t count = ::read(options_.from.get(), bytes.data(), bytes.size());
  if (count < 0 && (errno == EINTR || errno == EAGAIN)) return;
  if (count <= 0) {
    has_ended_ = true;
    return;
  }
  moved_micros_ = SystemClock().MonotonicMicros();
  frames_.Feed({bytes.data(), static_cast<size_t>(count)},
               [&](std::string_view part, bool is_framed) {
                 recorded_ += part;
                 if (!is_framed) recorder_.TakeOutput(options_.stream, part);
               });
}

// False at the end of the output, and when nobody reads ours any more.
bool OutputPump::Carry() {
  uint64_t wakes = 0;
  static_cast<void>(!::read(wake_.get(), &wakes, sizeof(wakes)));
  // First into the spool: what we have read is not lost, whatever comes next.
  recorder_.Carry(options_.stream);
  const std::string bytes = std::exchange(passing_on_, {});
  if (!bytes.empty() && !PassOn(bytes)) return false;
  return !output_has_ended_;
}

// False when nobody reads our output: the command shall notice, as it would without us.
bool OutputPump::PassOn(std::string_view bytes) {
  if (!passes_on_) return true;
  is_writing_ = true;
  bool goes_on = true;
  if (options_.outer_key.empty()) {
    goes_on = Write(bytes);
  } else {
    for (const std::string& frame : InFrames(options_.outer_key, bytes)) {
      if (!(goes_on = Write(frame))) break;
    }
  }
  moved_micros_ = SystemClock().MonotonicMicros();
  is_writing_ = false;
  return goes_on;
}

bool OutputPump::Write(std::string_view bytes) {
  while (!bytes.empty() && passes_on_) {
    const ssize_t written = ::write(options_.to, bytes.data(), bytes.size());
    if (written >= 0) {
      bytes.remove_prefix(static_cast<size_t>(written));
    } else if (errno == EAGAIN) {
      pollfd entry{options_.to, POLLOUT, 0};
      ::poll(&entry, 1, -1);
    } else if (errno == EPIPE) {
      passes_on_ = false;
      return false;
    } else if (errno != EINTR) {
      passes_on_ = false;
      options_.say(std::string("cannot write to ") + NameOf(options_.stream) + ": " +
                   std::strerror(errno) + "; output now goes to the journal only");
    }
  }
  return true;
}

}  // namespace stagelog::cli
