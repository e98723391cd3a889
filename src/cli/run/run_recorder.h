// Records a run as events: its beginning and end, the lines of its output, and the stages and
// progress reported by its markers.
#ifndef STAGELOG_CLI_RUN_RUN_RECORDER_H_
#define STAGELOG_CLI_RUN_RUN_RECORDER_H_

#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/mutex.h"
#include "cli/run/line_splitter.h"
#include "cli/run/marker_warnings.h"
#include "cli/run/run_marker.h"
#include "cli/run/run_target.h"
#include "client/spool_event.h"
#include "client/trace_context.h"

namespace stagelog::cli {

enum class OutputStream { kStdout, kStderr };

// How a run begins.
struct RunBeginning {
  // The state of the job before the run.
  enum class Job {
    kAny,      // decided when it is sent (run_edges.h); a canceled job stays so
    kCreated,  // just created, and waits for this run
    kResumed,  // resumed, even if it was canceled
  };
  std::vector<std::string> command;  // empty: not recorded
  Job job = Job::kAny;
  std::vector<std::string> stages;  // that will come
  std::optional<TraceContext> trace;
};

// How a command ended.
struct RunEnd {
  int exit_code = 0;                 // 128 + the signal's number when one ended it
  std::string message;               // "exit code 3", "ended by SIGSEGV"; empty when all is well
  std::string canceled_by;           // the signal that we were given ("SIGTERM")
  int signal_to_pass_on = 0;         // a signal that ended the command and shall end us; 0: none
  int64_t ended_micros = 0;          // monotonic
  bool is_canceled_outside = false;  // the job is terminal: do not report its end
  int left_running = 0;              // processes that it started and that go on
};

// Safe from any thread. Events reach `sink` in order of occurrence.
class RunRecorder {
 public:
  using Sink = std::function<void(SpoolEvents events)>;

  // `warn`: of lines that resemble markers but are invalid.
  RunRecorder(RunTarget target, Clock& clock, Sink sink, MarkerWarnings::Say warn = nullptr);

  void Begin(const RunBeginning& beginning);
  // Bytes as the command wrote them; whole lines become events at once.
  void Output(OutputStream stream, std::string_view bytes);

  // The same in two steps, so that the lines of both outputs are recorded in the order of their
  // arrival even if recording is slower than the command. Arrived() is called as soon as bytes were
  // read. RecordNext() takes them in that order and calls the handler of the output, which passes
  // what is to be recorded to TakeOutput(). Bytes that arrive at nearly the same time have no
  // order: there standard error comes before a marker that ends a stage, and after one that begins
  // the first stage.
  using Handler = std::function<void(std::string_view bytes)>;
  void SetHandler(OutputStream stream, Handler handler);  // null: drops the bytes
  void Arrived(OutputStream stream, std::string bytes);
  bool RecordNext();  // true while more wait
  // For handlers only, which run within RecordNext() (the mutex is held).
  void TakeOutput(OutputStream stream, std::string_view bytes) STAGELOG_UNCHECKED;

  // Time until an unfinished line is due (TakeUnfinished()) if nothing is received; -1: there is
  // none.
  int64_t MicrosToUnfinished(OutputStream stream);
  // Makes an event of an unfinished line that is due: half a second after its last byte or five
  // seconds after its first; frames of a progress bar every five seconds at most.
  void TakeUnfinished(OutputStream stream);
  // No more output: last lines without a newline are lines.
  void OutputEnded();
  void End(const RunEnd& end);

 private:
  struct Lines {
    LineSplitter splitter;
    int64_t moved_micros = 0;        // monotonic: the last byte
    int64_t unfinished_micros = -1;  // since when a line is not finished; -1: none is
    int64_t frame_micros = -1;       // of the last recorded frame of this line
  };

  struct Arrival {
    OutputStream stream = OutputStream::kStdout;
    std::string bytes;
    int64_t at_micros = 0;  // monotonic
  };
  std::optional<Arrival> NextArrival() STAGELOG_REQUIRES(mutex_);
  std::optional<Arrival> NextOf(OutputStream stream, int64_t until_micros);
  void Handle(const Arrival& arrival) STAGELOG_REQUIRES(mutex_);
  Lines& LinesOf(OutputStream stream) { return lines_[static_cast<size_t>(stream)]; }
  std::optional<int64_t> UnfinishedDue(OutputStream stream);
  void Warn(OutputStream stream, std::string_view line) STAGELOG_REQUIRES(mutex_);
  void TakePart(OutputStream stream, const LinePart& part) STAGELOG_REQUIRES(mutex_);
  void Log(OutputStream stream, const LinePart& part) STAGELOG_REQUIRES(mutex_);
  bool TakeMarker(const LinePart& part) STAGELOG_REQUIRES(mutex_);
  void EnterStage(const std::string& name) STAGELOG_REQUIRES(mutex_);
  void LeaveStage(const std::string& type, const std::string& message, const std::string& payload)
      STAGELOG_REQUIRES(mutex_);
  std::string PathOf(const std::string& name) const;
  std::string CurrentStage() const STAGELOG_REQUIRES(mutex_);
  void Say(const EventText& text) STAGELOG_REQUIRES(mutex_);
  void HandOver() STAGELOG_REQUIRES(mutex_);

  const RunTarget target_;
  Clock& clock_;
  const Sink sink_;
  Mutex mutex_;
  int64_t began_micros_ STAGELOG_GUARDED_BY(mutex_) = 0;  // monotonic
  Lines lines_[2] STAGELOG_GUARDED_BY(mutex_);
  Handler handlers_[2] STAGELOG_GUARDED_BY(mutex_);
  int64_t handled_micros_ STAGELOG_GUARDED_BY(mutex_) = 0;  // when arrived what is being handled
  Mutex arrivals_mutex_;                                    // taken after mutex_
  std::deque<Arrival> arrivals_ STAGELOG_GUARDED_BY(arrivals_mutex_);
  MarkerWarnings warnings_ STAGELOG_GUARDED_BY(mutex_);
  std::vector<std::string> declared_stages_ STAGELOG_GUARDED_BY(mutex_);
  std::string open_stage_ STAGELOG_GUARDED_BY(mutex_);  // of a ::stage marker, a path; empty: none
  SpoolEvents made_ STAGELOG_GUARDED_BY(mutex_);        // not handed over yet
};

}  // namespace stagelog::cli

#endif  // STAGELOG_CLI_RUN_RUN_RECORDER_H_
