#include "tools/cli/run/run_recorder.h"

#include <unistd.h>

#include <array>
#include <filesystem>
#include <utility>

#include "core/identifier.h"
#include "core/json_text.h"
#include "tools/cli/daemon_client.h"
#include "tools/cli/run/sound_text.h"

namespace stagelog::cli {
namespace {

constexpr size_t kMaxMarkerBytes = 1024;
// A command may have megabytes of arguments (xargs); an event may not.
constexpr size_t kMaxCommandBytes = size_t{32} << 10;
// The stage of a job's progress where the script has named none.
constexpr const char* kMainStage = "main";

std::string HostName() {
  std::array<char, 256> name{};
  return ::gethostname(name.data(), name.size() - 1) == 0 ? SoundUtf8(name.data()) : "";
}

std::string Folder() {
  std::error_code problem;
  return SoundUtf8(std::filesystem::current_path(problem).string());
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
    words.push_back(SoundUtf8(word));
  }
  return words;
}

std::string BeginPayload(const RunTarget& target, const std::vector<std::string>& command) {
  Json payload = Json::object();
  if (!target.pipeline.empty()) payload["pipeline"] = SoundUtf8(target.pipeline);
  if (!target.labels.empty()) payload["labels"] = target.labels;
  payload["command"] = CommandJson(command);
  payload["folder"] = Folder();
  payload["host"] = HostName();
  payload["pid"] = ::getpid();
  return payload.dump();
}

const char* NameOf(OutputStream stream) {
  return stream == OutputStream::kStdout ? "stdout" : "stderr";
}

std::string LogPayload(OutputStream stream, const LinePart& part, bool is_sound) {
  std::string payload = std::string("{\"stream\":\"") + NameOf(stream) + "\"";
  if (part.bytes.empty()) payload += ",\"blank\":true";
  if (!part.is_whole_line()) {
    payload += ",\"part\":" + std::to_string(part.part);
    payload += part.continues ? ",\"continues\":true" : ",\"continues\":false";
  }
  if (!is_sound) payload += ",\"raw_base64\":\"" + Base64(part.bytes) + "\"";
  return payload + "}";
}

}  // namespace

RunRecorder::RunRecorder(RunTarget target, Clock& clock, Sink sink)
    : target_(std::move(target)), clock_(clock), sink_(std::move(sink)) {}

void RunRecorder::Begin(const std::vector<std::string>& command) {
  const std::lock_guard lock(mutex_);
  began_micros_ = clock_.MonotonicMicros();
  const std::string payload = BeginPayload(target_, command);
  if (target_.is_job()) {
    Say({"job_created", "", "", payload});
    Say({"job_started", "", "", ""});
  } else {
    Say({"stage_started", target_.stage, "", payload});
  }
  HandOver();
}

void RunRecorder::Output(OutputStream stream, std::string_view bytes) {
  const std::lock_guard lock(mutex_);
  splitters_[static_cast<size_t>(stream)].Feed(
      bytes, [&](const LinePart& part) { TakePart(stream, part); });
  HandOver();
}

void RunRecorder::OutputEnded() {
  const std::lock_guard lock(mutex_);
  for (const OutputStream stream : {OutputStream::kStdout, OutputStream::kStderr}) {
    splitters_[static_cast<size_t>(stream)].End(
        [&](const LinePart& part) { TakePart(stream, part); });
  }
  HandOver();
}

void RunRecorder::End(const RunEnd& end) {
  if (end.is_canceled_outside) return;
  const std::lock_guard lock(mutex_);
  const bool is_good = end.exit_code == 0 && end.canceled_by.empty();
  const int64_t duration_ms = (end.ended_micros - began_micros_) / 1'000;
  std::string payload = "{\"exit_code\":" + std::to_string(end.exit_code) +
                        ",\"duration_ms\":" + std::to_string(duration_ms);
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
  const bool may_be_marker = stream == OutputStream::kStdout && part.is_whole_line() &&
                             part.bytes.starts_with("::") && part.bytes.size() <= kMaxMarkerBytes;
  if (!may_be_marker || !TakeMarker(part)) Log(stream, part);
}

void RunRecorder::Log(OutputStream stream, const LinePart& part) {
  const bool is_sound = IsUtf8(part.bytes);
  const std::string payload = LogPayload(stream, part, is_sound);
  const std::string stage = CurrentStage();
  if (part.bytes.empty()) return Say({"log", stage, " ", payload});  // a log needs a message
  if (is_sound) return Say({"log", stage, part.bytes, payload});
  Say({"log", stage, SoundUtf8(part.bytes), payload});
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
  LeaveStage("stage_completed", "", "");
  if (!marker->stage.empty()) EnterStage(marker->stage);
  return true;
}

void RunRecorder::EnterStage(const std::string& name) {
  open_stage_ = PathOf(name);
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
  made_.push_back(MakeSpoolEvent(target_.job_id, text, clock_.WallMicros()));
}

void RunRecorder::HandOver() {
  if (!made_.empty()) sink_(std::exchange(made_, {}));
}

}  // namespace stagelog::cli
