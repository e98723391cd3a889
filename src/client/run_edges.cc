#include "client/run_edges.h"

#include <algorithm>
#include <array>
#include <string_view>

namespace stagelog::cli {
namespace {

using Lines = std::vector<std::string>;

constexpr const char* kForStage = "for_stage";

bool Holds(const std::string& line, std::string_view text) {
  return line.find(text) != std::string::npos;
}

bool IsTerminal(const std::string& status) {
  return status == "completed" || status == "failed" || status == "canceled";
}

// The same event as another type, with a payload.
std::string Told(Json event, const char* type, const Json& payload) {
  event["type"] = type;
  event.erase("payload");
  if (!payload.empty()) event["payload"] = payload;
  return event.dump();
}

Json PayloadWithout(const Json& event, const char* key) {
  Json payload = PartAt(event, "payload");
  payload.erase(key);
  return payload;
}

Lines AsNew(const Lines& lines, const Json& event) {
  if (TextAt(event, "type") == "job_created") return lines;
  Json started = event;
  started["event_id"] = TextAt(event, "event_id") + ".started";
  return {Told(event, "job_created", PayloadWithout(event, "new_epoch")),
          Told(started, "job_started", Json::object())};
}

Lines AsStart(const Json& event) {
  return {Told(event, "job_started", PayloadWithout(event, "new_epoch"))};
}

Lines AsResumption(const Json& event) {
  Json payload = PartAt(event, "payload");
  payload["new_epoch"] = true;
  return {Told(event, "job_resumed", payload)};
}

bool IsEndOfRun(const Json& event) {
  const Json& payload = PartAt(event, "payload");
  return payload.contains("exit_code") && payload.contains("duration_ms");
}

const Json* LastThatCounts(const Json& ends) {
  const Json* last = nullptr;
  for (const Json& end : ends) {
    if (PartAt(end, "violations").empty()) last = &end;
  }
  return last;
}

}  // namespace

bool BeginsRun(const std::string& line) {
  const bool begins_job = Holds(line, R"("type":"job_created")");
  const bool resumes = Holds(line, R"("type":"job_resumed")");
  if (!begins_job && !resumes) return false;
  return Holds(line, R"("pid":)") || (resumes && Holds(line, R"("for_stage":)"));
}

size_t BeginningSize(const Lines& lines) {
  const bool is_pair = lines.size() > 1 && Holds(lines[0], R"("type":"job_created")") &&
                       Holds(lines[1], R"("type":"job_started")");
  return is_pair ? 2 : 1;
}

std::vector<Lines> BeginningVariants(const Lines& lines, const std::string& status) {
  const Json event = ObjectOf(lines.front());
  if (TextAt(event, "event_id").empty()) return {lines};
  if (PartAt(event, "payload").contains(kForStage)) {
    return {IsTerminal(status) ? Lines{lines.front()} : Lines{}};
  }
  const Lines as_new = AsNew(lines, event);
  const Lines as_start = AsStart(event);
  const Lines as_resumption = AsResumption(event);
  // Only what was told to do so undoes a cancel.
  const bool resumes = TextAt(event, "type") == "job_resumed";
  if (status.empty() || (status == "canceled" && !resumes)) {
    return {as_new, as_resumption, as_start};
  }
  if (status == "created") return {as_start, as_new, as_resumption};
  return {as_resumption, as_new, as_start};
}

bool EndsRun(const std::string& line) {
  constexpr std::array<std::string_view, 3> kTypes = {
      R"("type":"job_completed")", R"("type":"job_failed")", R"("type":"job_canceled")"};
  return Holds(line, R"("exit_code":)") && Holds(line, R"("duration_ms":)") &&
         std::any_of(kTypes.begin(), kTypes.end(),
                     [&](std::string_view type) { return Holds(line, type); });
}

Lines ResendEndLines(const std::string& line, const std::string& status, const Json& ends) {
  Json event = ObjectOf(line);
  const std::string id = TextAt(event, "event_id");
  if (id.empty() || (status != "completed" && status != "failed")) return {};
  const Json* last = LastThatCounts(ends);
  const std::string last_id = last == nullptr ? "" : TextAt(*last, "event_id");
  if (last_id == id || last_id == id + ".again") return {};
  const bool is_worse = TextAt(event, "type") != "job_completed" && status == "completed";
  const bool was_other_run = last != nullptr && IsEndOfRun(*last);
  if (!was_other_run && !is_worse) return {};
  Json resumed = event;
  resumed["event_id"] = id + ".resumes";
  resumed["message"] = "another run of this job ended before this one";
  if (!was_other_run) resumed["message"] = "the job was ended before its run";
  event["event_id"] = id + ".again";
  return {Told(resumed, "job_resumed", Json::object()), event.dump()};
}

}  // namespace stagelog::cli
