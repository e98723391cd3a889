#include "tests/crash/crash_subscriber.h"

#include <cerrno>
#include <functional>

#include "core/event_codec.h"

namespace stagelog {
namespace {

// Heartbeats come every five seconds: a stream that is silent for so long has been forgotten.
constexpr std::chrono::seconds kSilence(60);

}  // namespace

CrashSubscriber::CrashSubscriber(std::string job_id, const std::vector<std::string>& jobs,
                                 DaemonAddress& address, Violations& violations)
    : job_id_(std::move(job_id)), address_(address), violations_(violations) {
  if (job_id_.empty()) {
    unfinished_jobs_.insert(jobs.begin(), jobs.end());
  } else {
    unfinished_jobs_.insert(job_id_);
  }
}

void CrashSubscriber::Run() {
  while (!unfinished_jobs_.empty() && !violations_.Any()) {
    const std::optional<uint16_t> port = address_.Wait();
    if (!port) return ReportFailure("has not seen the last event");
    std::optional<SseClient> stream = Connect(*port);
    if (stream) ReadToTheEndOf(*stream);
  }
}

std::optional<SseClient> CrashSubscriber::Connect(uint16_t port) {
  const std::string target = job_id_.empty() ? "/api/v1/events/stream?after=0"
                                             : "/api/v1/jobs/" + job_id_ + "/events/stream";
  HttpHeaders headers;
  if (!last_event_id_.empty()) headers.emplace_back("Last-Event-ID", last_event_id_);
  auto stream = SseClient::Open(port, target, kAdminToken, headers);
  if (!stream) return std::nullopt;
  if (stream->head().status != 200) {
    ReportFailure("was answered " + std::to_string(stream->head().status) + " " +
                  stream->head().body);
    return std::nullopt;
  }
  ++connects_;
  return std::move(*stream);
}

void CrashSubscriber::ReadToTheEndOf(SseClient& stream) {
  while (!unfinished_jobs_.empty() && !violations_.Any()) {
    const auto frame = stream.Next(kSilence);
    if (frame) {
      TakeFrame(*frame);
    } else if (frame.error().error_number == ETIMEDOUT) {
      return ReportFailure("heard nothing for a minute");
    } else if (frame.error().error_number == EPROTO) {
      return ReportFailure("got what is no stream: " + frame.error().message);
    } else {
      return;
    }
  }
}

void CrashSubscriber::TakeFrame(const SseFrame& frame) {
  if (frame.event == "message") return TakeEvent(frame);
  if (frame.event == "connected") {
    if (!last_event_id_.empty() && frame.last_event_id != last_event_id_) {
      ReportFailure("resumes at " + frame.last_event_id + " instead of " + last_event_id_);
    }
    last_event_id_ = frame.last_event_id;
  } else if (frame.event != "heartbeat") {
    ReportFailure("got a frame '" + frame.event + "': " + frame.data);
  }
}

void CrashSubscriber::TakeEvent(const SseFrame& frame) {
  const EventView event = ViewEvent(frame.data);
  if (frame.last_event_id != std::to_string(event.seq)) {
    return ReportFailure("got id " + frame.last_event_id + " with " + frame.data.substr(0, 300));
  }
  if (!seen_.empty() && event.seq <= seen_.back().seq) {
    return ReportFailure("got seq " + std::to_string(event.seq) + " after " +
                         std::to_string(seen_.back().seq));
  }
  last_event_id_ = frame.last_event_id;
  seen_.push_back({.seq = event.seq, .body_hash = std::hash<std::string>()(frame.data)});
  if (event.type == kLastEventType) unfinished_jobs_.erase(std::string(event.job_id));
}

void CrashSubscriber::ReportFailure(const std::string& what) {
  violations_.Add("the subscriber of " + (job_id_.empty() ? "all jobs" : job_id_) + " " + what);
}

}  // namespace stagelog
