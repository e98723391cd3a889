// Copies one output of the command to ours, and passes every byte to the recorder.
#ifndef STAGELOG_CLI_RUN_OUTPUT_PUMP_H_
#define STAGELOG_CLI_RUN_OUTPUT_PUMP_H_

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <thread>

#include "base/mutex.h"
#include "base/result.h"
#include "base/unique_fd.h"
#include "cli/run/output_frame.h"
#include "cli/run/run_recorder.h"

namespace stagelog::cli {

struct PumpOptions {
  UniqueFd from;  // the reading end of the command's output
  int to = -1;    // our own
  OutputStream stream = OutputStream::kStdout;
  std::string key;        // of the frames that runs inside this one write
  std::string outer_key;  // of the run that this one is inside of and writes to; empty: none
  std::function<void(const std::string& message)> say;
};

// Two threads: one reads as soon as there is something, so that the order of both outputs is known
// (RunRecorder::Arrived()); the other records and copies, for the reader of our output may be slow.
// At most 128 KiB are between them. Start(), Stop() and the destructor on one thread.
class OutputPump {
 public:
  // Fails where there is no descriptor or no thread to be had.
  static Result<std::unique_ptr<OutputPump>> Start(PumpOptions options, RunRecorder& recorder);
  ~OutputPump();
  OutputPump(const OutputPump&) = delete;
  OutputPump& operator=(const OutputPump&) = delete;

  // Readable when everything has been copied.
  int done_fd() const { return done_.get(); }
  // Monotonic; when something was last read. While our reader is slow: now.
  int64_t LastMovedMicros() const;
  // Copies what is available and ends, even if the other end is still open. Blocks until the thread
  // has ended.
  void Stop();

 private:
  OutputPump(PumpOptions options, RunRecorder& recorder);
  void Read();
  bool ReadOnce();
  void Run();
  void WaitForArrival();
  int MillisToUnfinished();
  void Record(std::string_view bytes);
  bool Carry();
  bool PassOn(std::string_view bytes);
  bool Write(std::string_view bytes);

  PumpOptions options_;
  RunRecorder& recorder_;
  FrameReader frames_;  // under the recorder's lock
  UniqueFd stop_;       // eventfd
  UniqueFd arrived_;    // eventfd: something was read or recorded, or reading has ended
  UniqueFd room_;       // eventfd: something was passed on
  UniqueFd done_;       // eventfd
  std::atomic<size_t> outstanding_{0};  // bytes that were read and not passed on
  std::atomic<bool> reading_has_ended_{false};
  std::atomic<bool> quits_{false};  // nobody takes what could still be read
  Mutex recorded_mutex_;
  std::string recorded_ STAGELOG_GUARDED_BY(recorded_mutex_);       // to be passed on
  size_t recorded_bytes_ STAGELOG_GUARDED_BY(recorded_mutex_) = 0;  // of what was read
  std::atomic<int64_t> moved_micros_;
  std::atomic<bool> is_writing_{false};
  bool passes_on_ = true;  // our output takes bytes
  std::thread reader_;
  std::thread thread_;
};

}  // namespace stagelog::cli

#endif  // STAGELOG_CLI_RUN_OUTPUT_PUMP_H_
