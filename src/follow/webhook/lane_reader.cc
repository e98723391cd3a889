#include "follow/webhook/lane_reader.h"

#include <algorithm>
#include <functional>

#include "core/dialect/otlp_trace.h"
#include "core/event_codec.h"
#include "core/job_machine.h"

namespace stagelog {
namespace {

constexpr size_t kMaxLineages = 64;
constexpr int64_t kMaxReadMicros = 100'000;
constexpr size_t kPageOfJob = 1'000;
constexpr size_t kMaxLaneBytes = size_t{256} << 10;

bool IsAgain(const std::string& lane) { return lane.find('/') != std::string::npos; }

// Visits the events of a job later than `after` up to `through`, until `visit` returns false.
// Returns how far that was.
Result<int64_t> VisitJob(
    EventSource& source, const std::atomic<bool>& is_stopping, const std::string& job_id,
    int64_t after, int64_t through,
    const std::function<bool(const PageEvent& line, const Event& event)>& visit) {
  while (true) {
    if (is_stopping) return Failure("the daemon is stopping");
    ReadRequest request;
    request.job_id = job_id;
    request.after = after;
    request.max_events = kPageOfJob;
    const Result<Page> page = source.Read(request);
    if (!page) return tl::unexpected(page.error());
    for (const PageEvent& line : page->events) {
      if (line.seq > through) return through;
      const Result<Event> event = DecodeStoredEvent(line.body);
      if (!event) return tl::unexpected(event.error());
      if (!visit(line, *event)) return line.seq;
    }
    after = page->scanned_through;
    if (!page->has_more || after >= through) return through;
  }
}

}  // namespace

Result<LaneRead> LaneReader::Read(const Webhook& webhook, const std::string& lane, int64_t after,
                                  int64_t through) {
  const bool is_translated =
      webhook.format == WebhookFormat::kOpenLineage || webhook.format == WebhookFormat::kOtlp;
  if (!is_translated) {
    return ReadLines(webhook, lane, after, through, WebhookReceiver::kMaxEventsOfLane);
  }
  if (webhook.format == WebhookFormat::kOpenLineage && !IsAgain(lane)) {
    if (lineages_.size() >= kMaxLineages) lineages_.clear();
    Lineage& lineage = lineages_[{webhook.id, lane}];
    if (lineage.as_of_seq > after) lineage = Lineage();
    return ReadRunEvents(webhook, lane, lineage, after, through);
  }
  // An event at a time, each with its job as it was then.
  Result<LaneRead> lines = ReadLines(webhook, lane, after, through, 1);
  if (!lines || lines->events.empty()) return lines;
  QueuedEvent& line = lines->events.front();
  const EventView view = ViewEvent(line.line);
  const std::string job_id = line.job_id;
  const bool is_end =
      view.violations.empty() &&
      (view.type == "job_completed" || view.type == "job_failed" || view.type == "job_canceled");
  if (webhook.format == WebhookFormat::kOpenLineage) {
    Lineage lineage;
    auto events = ReadRunEvents(webhook, job_id, lineage, line.seq - 1, line.seq);
    if (!events) return events;
    return LaneRead{std::move(events->events), line.seq};
  }
  if (!is_end) return LaneRead{{}, line.seq};
  Result<std::string> trace = ReadTrace(job_id, line.seq);
  if (!trace) return tl::unexpected(trace.error());
  line.line = std::move(*trace);
  return lines;
}

Result<LaneRead> LaneReader::ReadLines(const Webhook& webhook, const std::string& lane,
                                       int64_t after, int64_t through, size_t max_events) {
  ReadRequest request;
  if (!IsAgain(lane)) request.job_id = lane;
  request.after = after;
  request.filter = webhook.filter;
  request.max_events = max_events;
  request.max_micros = kMaxReadMicros;
  request.max_bytes = kMaxLaneBytes;
  Result<Page> page = source_.Read(request);
  if (!page) return tl::unexpected(page.error());
  LaneRead read;
  read.read_through =
      page->has_more ? page->scanned_through : std::max(page->scanned_through, through);
  for (PageEvent& event : page->events) {
    read.events.push_back(QueuedLine(event.seq, std::move(event.body)));
  }
  return read;
}

Result<LaneRead> LaneReader::ReadRunEvents(const Webhook& webhook, const std::string& job_id,
                                           Lineage& lineage, int64_t after, int64_t through) {
  LaneRead read;
  const auto visit = [&](const PageEvent& line, const Event& event) {
    ApplyLine(lineage.state, line.body);
    const std::vector<std::string> made = lineage.runs.After(event, lineage.state);
    lineage.as_of_seq = line.seq;
    if (line.seq <= after || !webhook.filter.Matches(line.body)) return true;
    for (size_t part = 0; part < made.size(); ++part) {
      read.events.push_back(
          {line.seq, made[part], part, event.draft.type, job_id, event.draft.event_id});
    }
    return read.events.size() < WebhookReceiver::kMaxEventsOfLane;
  };
  const Result<int64_t> done =
      VisitJob(source_, is_stopping_, job_id, lineage.as_of_seq, through, visit);
  if (!done) return tl::unexpected(done.error());
  read.read_through = *done;
  return read;
}

Result<std::string> LaneReader::ReadTrace(const std::string& job_id, int64_t through) {
  OtlpTraceBuilder trace;
  const auto visit = [&trace](const PageEvent& line, const Event& event) {
    trace.Add(event, line.body);
    return true;
  };
  const Result<int64_t> done = VisitJob(source_, is_stopping_, job_id, 0, through, visit);
  if (!done) return tl::unexpected(done.error());
  return trace.Encode();
}

}  // namespace stagelog
