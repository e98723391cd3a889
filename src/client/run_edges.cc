#include "client/run_edges.h"

#include <algorithm>
#include <array>
#include <string_view>

#include "base/text.h"
#include "core/json_value.h"

namespace stagelog::cli {
namespace {

using Lines = std::vector<std::string>;

constexpr const char* kForStage = "for_stage";

bool IsTerminal(const std::string& status) {
  return status == "completed" || status == "failed" || status == "canceled";
}

// The same event as another type, with a payload.
std::string WithType(Json event, const char* type, const Json& payload) {
  event["type"] = type;
  event.erase("payload");
  if (!payload.empty()) event["payload"] = payload;
  return DumpJson(event);
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
  return {WithType(event, "job_created", PayloadWithout(event, "new_epoch")),
          WithType(started, "job_started", Json::object())};
}

Lines AsStart(const Json& event) {
  return {WithType(event, "job_started", PayloadWithout(event, "new_epoch"))};
}

Lines AsResumption(const Json& event) {
  Json payload = PartAt(event, "payload");
  payload["new_epoch"] = true;
  return {WithType(event, "job_resumed", payload)};
}

}  // namespace

// Most lines are none, and are not parsed for it. What a payload or a message quotes is no type.
bool BeginsRun(const std::string& line) {
  const bool may_begin =
      ContainsText(line, R"("job_created")") || ContainsText(line, R"("job_resumed")");
  if (!may_begin) return false;
  const Json event = ObjectOf(line);
  const std::string type = TextAt(event, "type");
  const Json payload = PartAt(event, "payload");
  if (type == "job_created") return payload.contains("pid");
  return type == "job_resumed" && (payload.contains("pid") || payload.contains(kForStage));
}

size_t BeginningSize(const Lines& lines) {
  const auto is_of_type = [&lines](size_t i, const char* type) {
    return TextAt(ObjectOf(lines[i]), "type") == type;
  };
  const bool is_pair =
      lines.size() > 1 && is_of_type(0, "job_created") && is_of_type(1, "job_started");
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
  // Only an explicit resumption undoes a cancel.
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
  return ContainsText(line, R"("exit_code":)") && ContainsText(line, R"("duration_ms":)") &&
         std::any_of(kTypes.begin(), kTypes.end(),
                     [&](std::string_view type) { return ContainsText(line, type); });
}

}  // namespace stagelog::cli
