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

// Uses a separate thread, because the reader of our output may be slow. Start(), Stop() and the
// destructor on one thread.
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
  void Run();
  bool WaitForInput();
  int MillisToUnfinished();
  void ReadAvailable();
  void ReadOnce();
  bool Carry();
  bool PassOn(std::string_view bytes);
  bool Write(std::string_view bytes);

  PumpOptions options_;
  RunRecorder& recorder_;
  // These three under the recorder's lock (RunRecorder::SetReader).
  FrameReader frames_;
  std::string recorded_;  // read, told to the recorder, and not passed on yet
  bool has_ended_ = false;
  std::thread::id own_thread_;
  std::string passing_on_;  // of this thread, as is the next
  bool output_has_ended_ = false;
  UniqueFd stop_;  // eventfd
  UniqueFd wake_;  // eventfd: the other output's thread has read for this one
  UniqueFd done_;  // eventfd
  std::atomic<int64_t> moved_micros_;
  std::atomic<bool> is_writing_{false};
  bool passes_on_ = true;  // our output takes bytes
  std::thread thread_;
};

}  // namespace stagelog::cli

#endif  // STAGELOG_CLI_RUN_OUTPUT_PUMP_H_
