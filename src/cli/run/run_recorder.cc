#include "cli/run/run_recorder.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <utility>

#include "base/base64.h"
#include "base/utf8.h"
#include "client/daemon_client.h"
#include "core/identifier.h"
#include "core/json_text.h"
#include "core/json_value.h"

namespace stagelog::cli {
namespace {

constexpr size_t kMaxMarkerBytes = 1024;
// A command may have megabytes of arguments (xargs); an event may not.
constexpr size_t kMaxCommandBytes = size_t{32} << 10;
constexpr int64_t kUnfinishedMicros = 500'000;
constexpr int64_t kHeldBackMicros = 5'000'000;
constexpr int64_t kBetweenFramesMicros = 5'000'000;
// About what a thread needs to wake up. A program that is started needs longer to print something.
constexpr int64_t kSameTimeMicros = 400;
// The stage of a job's progress where the script has named none.
constexpr const char* kMainStage = "main";

std::string HostName() {
  std::array<char, 256> name{};
  return ::gethostname(name.data(), name.size() - 1) == 0 ? SanitizeUtf8(name.data()) : "";
}

std::string Folder() {
  std::error_code problem;
  return SanitizeUtf8(std::filesystem::current_path(problem).string());
}

Json CommandJson(const std::vector<std::string>& command) {
  Json words = Json::array();
  size_t bytes = 0;
  for (const std::string& word : command) {
    bytes += word.size();
    if (bytes > kMaxCommandBytes) {
      words.push_back("...");
      break;
    }
    words.push_back(SanitizeUtf8(word));
  }
  return words;
}

std::string BeginPayload(const RunTarget& target, const RunBeginning& beginning) {
  Json payload = Json::object();
  if (!target.pipeline.empty()) payload["pipeline"] = SanitizeUtf8(target.pipeline);
  if (!target.labels.empty()) payload["labels"] = target.labels;
  if (!beginning.stages.empty()) payload["stages"] = beginning.stages;
  if (!beginning.command.empty()) payload["command"] = CommandJson(beginning.command);
  if (beginning.job == RunBeginning::Job::kResumed && target.is_job()) payload["new_epoch"] = true;
  if (beginning.trace) {
    payload["trace_id"] = beginning.trace->trace_id;
    payload["span_id"] = beginning.trace->span_id;
    if (!beginning.trace->parent_span_id.empty()) {
      payload["parent_span_id"] = beginning.trace->parent_span_id;
    }
  }
  payload["folder"] = Folder();
  payload["host"] = HostName();
  payload["pid"] = ::getpid();
  return DumpJson(payload);
}

const char* StreamName(OutputStream stream) {
  return stream == OutputStream::kStdout ? "stdout" : "stderr";
}

std::string LogPayload(OutputStream stream, const LinePart& part, bool is_valid) {
  std::string payload = std::string("{\"stream\":\"") + StreamName(stream) + "\"";
  if (part.bytes.empty()) payload += ",\"blank\":true";
  if (part.frames > 0) payload += ",\"frames\":" + std::to_string(part.frames);
  if (part.is_frame) {
    payload += ",\"continues\":true";
  } else if (!part.is_whole_line()) {
    payload += ",\"part\":" + std::to_string(part.part);
    payload += part.continues ? ",\"continues\":true" : ",\"continues\":false";
  }
  if (!is_valid) payload += ",\"raw_base64\":\"" + Base64(part.bytes) + "\"";
  return payload + "}";
}

// The beginning of a marker is no prompt.
bool MayBecomeMarker(std::string_view line) {
  constexpr std::array<std::string_view, 2> kMarkers = {"::stage", "::progress"};
  if (line.size() < 2 || line.size() > kMaxMarkerBytes) return false;
  return std::any_of(kMarkers.begin(), kMarkers.end(), [&](std::string_view marker) {
    return line.substr(0, marker.size()) == marker.substr(0, line.size());
  });
}

}  // namespace

RunRecorder::RunRecorder(RunTarget target, Clock& clock, Sink sink, MarkerWarnings::Say warn)
    : target_(std::move(target)),
      clock_(clock),
      sink_(std::move(sink)),
      warnings_(std::move(warn)) {}

void RunRecorder::Begin(const RunBeginning& beginning) {
  const MutexLock lock(mutex_);
  began_micros_ = clock_.MonotonicMicros();
  declared_stages_ = beginning.stages;
  const bool resumes = beginning.job == RunBeginning::Job::kResumed;
  const std::string payload = BeginPayload(target_, beginning);
  if (!target_.is_job()) {
    if (resumes) Say({"job_resumed", "", "", DumpJson(Json{{"for_stage", target_.stage}})});
    Say({"stage_started", target_.stage, "", payload});
  } else if (resumes) {
    Say({"job_resumed", "", "", payload});
  } else if (beginning.job == RunBeginning::Job::kCreated) {
    Say({"job_started", "", "", payload});
  } else {
    Say({"job_created", "", "", payload});
    Say({"job_started", "", "", ""});
  }
  HandOver();
}

void RunRecorder::Output(OutputStream stream, std::string_view bytes) {
  const MutexLock lock(mutex_);
  TakeOutput(stream, bytes);
  HandOver();
}

void RunRecorder::SetHandler(OutputStream stream, Handler handler) {
  const MutexLock lock(mutex_);
  handlers_[static_cast<size_t>(stream)] = std::move(handler);
}

void RunRecorder::Arrived(OutputStream stream, std::string bytes) {
  const MutexLock lock(arrivals_mutex_);
  arrivals_.push_back({stream, std::move(bytes), clock_.MonotonicMicros()});
}

bool RunRecorder::RecordNext() {
  const MutexLock lock(mutex_);
  const auto arrival = NextArrival();
  if (!arrival) return false;
  Handle(*arrival);
  HandOver();
  const MutexLock arrivals_lock(arrivals_mutex_);
  return !arrivals_.empty();
}

std::optional<RunRecorder::Arrival> RunRecorder::NextArrival() {
  std::optional<int64_t> first_micros;  // of standard error outside of any stage
  {
    const MutexLock lock(arrivals_mutex_);
    if (arrivals_.empty()) return std::nullopt;
    const Arrival& first = arrivals_.front();
    if (first.stream == OutputStream::kStderr && open_stage_.empty())
      first_micros = first.at_micros;
  }
  if (first_micros) {
    auto marker = NextOf(OutputStream::kStdout, *first_micros + kSameTimeMicros);
    if (marker) return marker;
  }
  const MutexLock lock(arrivals_mutex_);
  Arrival arrival = std::move(arrivals_.front());
  arrivals_.pop_front();
  return arrival;
}

// The next of that output, if it arrived by then.
std::optional<RunRecorder::Arrival> RunRecorder::NextOf(OutputStream stream, int64_t until_micros) {
  const MutexLock lock(arrivals_mutex_);
  const auto found = std::find_if(arrivals_.begin(), arrivals_.end(), [&](const Arrival& arrival) {
    return arrival.stream == stream || arrival.at_micros > until_micros;
  });
  if (found == arrivals_.end() || found->at_micros > until_micros) return std::nullopt;
  Arrival arrival = std::move(*found);
  arrivals_.erase(found);
  return arrival;
}

void RunRecorder::Handle(const Arrival& arrival) {
  const Handler& handler = handlers_[static_cast<size_t>(arrival.stream)];
  const int64_t outer_micros = std::exchange(handled_micros_, arrival.at_micros);
  if (handler) handler(arrival.bytes);
  handled_micros_ = outer_micros;
}

void RunRecorder::TakeOutput(OutputStream stream, std::string_view bytes) {
  Lines& lines = LinesOf(stream);
  lines.moved_micros = clock_.MonotonicMicros();
  lines.splitter.Feed(bytes, [&](const LinePart& part) STAGELOG_REQUIRES(mutex_) {
    TakePart(stream, part);
    lines.unfinished_micros = -1;
    if (!part.continues) lines.frame_micros = -1;
  });
  if (!lines.splitter.HasUnfinished()) {
    lines.unfinished_micros = -1;
  } else if (lines.unfinished_micros < 0) {
    lines.unfinished_micros = lines.moved_micros;
  }
}

// Monotonic.
std::optional<int64_t> RunRecorder::UnfinishedDue(OutputStream stream) {
  const Lines& lines = LinesOf(stream);
  if (lines.unfinished_micros < 0) return std::nullopt;
  const bool is_stdout = stream == OutputStream::kStdout;
  if (is_stdout && MayBecomeMarker(lines.splitter.Beginning())) return std::nullopt;
  int64_t due =
      std::min(lines.moved_micros + kUnfinishedMicros, lines.unfinished_micros + kHeldBackMicros);
  const bool is_shown_before = lines.splitter.IsFramed() && lines.frame_micros >= 0;
  if (is_shown_before) due = std::max(due, lines.frame_micros + kBetweenFramesMicros);
  return due;
}

int64_t RunRecorder::MicrosToUnfinished(OutputStream stream) {
  const MutexLock lock(mutex_);
  const auto due = UnfinishedDue(stream);
  return due ? std::max<int64_t>(0, *due - clock_.MonotonicMicros()) : -1;
}

void RunRecorder::TakeUnfinished(OutputStream stream) {
  const MutexLock lock(mutex_);
  const auto due = UnfinishedDue(stream);
  const int64_t now = clock_.MonotonicMicros();
  if (!due || *due > now) return;
  Lines& lines = LinesOf(stream);
  lines.unfinished_micros = -1;
  if (lines.splitter.IsFramed()) lines.frame_micros = now;
  lines.splitter.HandOutUnfinished([&](const LinePart& part)
                                       STAGELOG_REQUIRES(mutex_) { TakePart(stream, part); });
  HandOver();
}

void RunRecorder::OutputEnded() {
  const MutexLock lock(mutex_);
  for (const OutputStream stream : {OutputStream::kStdout, OutputStream::kStderr}) {
    LinesOf(stream).splitter.End([&](const LinePart& part)
                                     STAGELOG_REQUIRES(mutex_) { TakePart(stream, part); });
    LinesOf(stream).unfinished_micros = -1;
  }
  warnings_.End();
  HandOver();
}

void RunRecorder::End(const RunEnd& end) {
  if (end.is_canceled_outside) return;
  const MutexLock lock(mutex_);
  const bool is_good = end.exit_code == 0 && end.canceled_by.empty();
  const int64_t duration_ms = (end.ended_micros - began_micros_) / 1'000;
  std::string payload = "{\"exit_code\":" + std::to_string(end.exit_code) +
                        ",\"duration_ms\":" + std::to_string(duration_ms);
  if (end.left_running > 0) payload += ",\"left_running\":" + std::to_string(end.left_running);
  if (!end.canceled_by.empty()) payload += ",\"signal\":\"" + end.canceled_by + "\"";
  payload += "}";
  const std::string message =
      end.canceled_by.empty() ? end.message : "canceled by " + end.canceled_by;
  const std::string stage_type = is_good ? "stage_completed" : "stage_failed";
  LeaveStage(stage_type, message, "{\"exit_code\":" + std::to_string(end.exit_code) + "}");
  const std::string job_type = is_good                   ? "job_completed"
                               : end.canceled_by.empty() ? "job_failed"
                                                         : "job_canceled";
  Say({target_.is_job() ? job_type : stage_type, target_.stage, message, payload});
  HandOver();
}

void RunRecorder::TakePart(OutputStream stream, const LinePart& part) {
  const bool is_whole = part.is_whole_line() || part.is_frame;
  const bool may_be_marker = stream == OutputStream::kStdout && is_whole &&
                             part.bytes.starts_with("::") && part.bytes.size() <= kMaxMarkerBytes;
  if (may_be_marker && TakeMarker(part)) return;
  if (is_whole && part.bytes.find("::") != std::string_view::npos) Warn(stream, part.bytes);
  Log(stream, part);
}

void RunRecorder::Warn(OutputStream stream, std::string_view line) {
  const bool is_marker = line.starts_with("::") && ParseRunMarker(line).has_value();
  if (!is_marker)
    return warnings_.Warn(DescribeMarkerProblem(line.substr(0, kMaxMarkerBytes)), line);
  if (stream == OutputStream::kStderr) {
    return warnings_.Warn({"stderr", "markers are only recognized on standard output"}, line);
  }
  warnings_.Warn({"stage", "the path of the stage is too long"}, line);
}

void RunRecorder::Log(OutputStream stream, const LinePart& part) {
  const bool is_valid = IsUtf8(part.bytes);
  const std::string payload = LogPayload(stream, part, is_valid);
  const std::string stage = CurrentStage();
  if (part.bytes.empty()) return Say({"log", stage, " ", payload});  // a log needs a message
  if (is_valid) return Say({"log", stage, part.bytes, payload});
  Say({"log", stage, SanitizeUtf8(part.bytes), payload});
}

bool RunRecorder::TakeMarker(const LinePart& part) {
  const auto marker = ParseRunMarker(part.bytes);
  if (!marker) return false;
  if (marker->kind == RunMarker::Kind::kProgress) {
    if (CurrentStage().empty()) EnterStage(kMainStage);
    Say({"stage_progress", CurrentStage(), "", marker->payload});
    return true;
  }
  if (!marker->stage.empty() && !IsStagePath(PathOf(marker->stage))) return false;
  if (!open_stage_.empty()) {
    const int64_t until = handled_micros_ + kSameTimeMicros;
    while (const auto errors = NextOf(OutputStream::kStderr, until)) Handle(*errors);
  }
  LeaveStage("stage_completed", "", "");
  if (!marker->stage.empty()) EnterStage(marker->stage);
  return true;
}

void RunRecorder::EnterStage(const std::string& name) {
  open_stage_ = PathOf(name);
  const bool is_declared =
      declared_stages_.empty() ||
      std::find(declared_stages_.begin(), declared_stages_.end(), name) != declared_stages_.end();
  if (!is_declared) warnings_.WarnOfStage(name);
  Say({"stage_started", open_stage_, "", ""});
}

void RunRecorder::LeaveStage(const std::string& type, const std::string& message,
                             const std::string& payload) {
  if (open_stage_.empty()) return;
  Say({type, open_stage_, message, payload});
  open_stage_.clear();
}

std::string RunRecorder::PathOf(const std::string& name) const {
  return target_.stage.empty() ? name : target_.stage + "/" + name;
}

std::string RunRecorder::CurrentStage() const {
  return open_stage_.empty() ? target_.stage : open_stage_;
}

void RunRecorder::Say(const EventText& text) {
  made_.push_back(MakeSpoolEvent(target_.job_id, text, clock_.WallMicros(), target_.run_id));
}

void RunRecorder::HandOver() {
  if (!made_.empty()) sink_(std::exchange(made_, {}));
}

}  // namespace stagelog::cli
