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
#include "base/mutex.h"

namespace stagelog::cli {
namespace {

constexpr size_t kReadBytes = size_t{64} << 10;
// What was read and not yet recorded and passed on. More would keep the order of both outputs
// longer while recording is behind, but a command whose reader has gone (`| head`) waits until it
// is recorded.
constexpr size_t kMaxOutstandingBytes = size_t{64} << 10;

void Clear(const UniqueFd& event) {
  uint64_t count = 0;
  static_cast<void>(!::read(event.get(), &count, sizeof(count)));
}

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
      arrived_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
      room_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
      done_(::eventfd(0, EFD_CLOEXEC)),
      moved_micros_(SystemClock().MonotonicMicros()) {}

Result<std::unique_ptr<OutputPump>> OutputPump::Start(PumpOptions options, RunRecorder& recorder) {
  std::unique_ptr<OutputPump> pump(new OutputPump(std::move(options), recorder));
  const bool has_all =
      pump->stop_.valid() && pump->arrived_.valid() && pump->room_.valid() && pump->done_.valid();
  if (!has_all) return Failure(std::strerror(errno), errno);
  // Before there is anything for it, on whichever thread.
  recorder.SetHandler(pump->options_.stream,
                      [raw = pump.get()](std::string_view bytes) { raw->Record(bytes); });
  try {
    pump->reader_ = std::thread([raw = pump.get()] { raw->Read(); });
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
  if (reader_.joinable()) reader_.join();
  if (thread_.joinable()) thread_.join();
  recorder_.SetHandler(options_.stream, nullptr);
}

void OutputPump::Read() {
  ::fcntl(options_.from.get(), F_SETFL, O_NONBLOCK);
  while (true) {
    Clear(room_);
    const bool has_room = outstanding_ < kMaxOutstandingBytes;
    std::array<pollfd, 3> entries = {{{has_room ? options_.from.get() : -1, POLLIN, 0},
                                      {room_.get(), POLLIN, 0},
                                      {stop_.get(), POLLIN, 0}}};
    if (::poll(entries.data(), entries.size(), -1) < 0) continue;
    if ((entries[2].revents & POLLIN) != 0) {
      // To stop: what is in the pipe now is taken, what comes later is not waited for.
      constexpr auto kOneRead = static_cast<int64_t>(kReadBytes);
      const int capacity = ::fcntl(options_.from.get(), F_GETPIPE_SZ);
      for (int64_t left = capacity > 0 ? capacity : kOneRead; left > 0 && !quits_;
           left -= kOneRead) {
        if (!ReadOnce()) break;
      }
      break;
    }
    if (entries[0].revents != 0 && !ReadOnce()) break;
  }
  options_.from.Reset();  // whoever still writes gets SIGPIPE
  reading_has_ended_ = true;
  Set(arrived_);
}

// False at the end of the output.
bool OutputPump::ReadOnce() {
  std::array<char, kReadBytes> bytes;
  const ssize_t count = ::read(options_.from.get(), bytes.data(), bytes.size());
  if (count < 0 && (errno == EINTR || errno == EAGAIN)) return true;
  if (count <= 0) return false;
  const auto size = static_cast<size_t>(count);
  recorder_.Arrived(options_.stream, std::string(bytes.data(), size));
  moved_micros_ = SystemClock().MonotonicMicros();
  outstanding_ += size;
  Set(arrived_);
  return true;
}

void OutputPump::Run() {
  do {
    WaitForArrival();
  } while (Carry());
  // Where nobody reads ours, the command shall notice: its pipe is closed.
  quits_ = true;
  Set(stop_);
  while (!reading_has_ended_) WaitForArrival();
  while (recorder_.RecordNext()) {
  }
  recorder_.SetHandler(options_.stream, nullptr);
  std::string rest;
  {
    const MutexLock lock(recorded_mutex_);
    rest.swap(recorded_);
  }
  frames_.End([&](std::string_view bytes, bool) {
    recorder_.Output(options_.stream, bytes);
    rest += bytes;
  });
  if (!rest.empty()) PassOn(rest);
  Set(done_);
}

// For poll(2); -1: for ever.
int OutputPump::MillisToUnfinished() {
  const int64_t micros = recorder_.MicrosToUnfinished(options_.stream);
  return micros < 0 ? -1 : static_cast<int>(micros / 1'000 + 1);
}

void OutputPump::WaitForArrival() {
  pollfd entry{arrived_.get(), POLLIN, 0};
  while (true) {
    const int ready = ::poll(&entry, 1, MillisToUnfinished());
    if (ready > 0) break;
    if (ready == 0) recorder_.TakeUnfinished(options_.stream);
  }
  Clear(arrived_);
}

// On the thread of either output, under the recorder's lock.
void OutputPump::Record(std::string_view bytes) {
  std::string passed_on;
  frames_.Feed(bytes, [&](std::string_view part, bool is_framed) {
    passed_on += part;
    if (!is_framed) recorder_.TakeOutput(options_.stream, part);
  });
  {
    const MutexLock lock(recorded_mutex_);
    recorded_ += passed_on;
    recorded_bytes_ += bytes.size();
  }
  Set(arrived_);
}

// False at the end of the output, and when nobody reads ours any more.
bool OutputPump::Carry() {
  const bool has_ended = reading_has_ended_;
  // First into the spool: what we have read is not lost, whatever comes next.
  const bool more_waits = recorder_.RecordNext();
  if (more_waits) Set(arrived_);
  std::string bytes;
  size_t count = 0;
  {
    const MutexLock lock(recorded_mutex_);
    bytes.swap(recorded_);
    count = std::exchange(recorded_bytes_, 0);
  }
  const bool goes_on = bytes.empty() || PassOn(bytes);
  outstanding_ -= count;
  if (count > 0) Set(room_);
  return goes_on && (more_waits || !has_ended);
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
