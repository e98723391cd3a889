#include "client/spool_event.h"

#include "base/random.h"
#include "base/timestamp.h"
#include "core/json_text.h"

namespace stagelog::cli {
namespace {

void AppendMember(std::string& out, std::string_view key, std::string_view text) {
  if (text.empty()) return;
  out += out.size() == 1 ? "\"" : ",\"";
  out.append(key).append("\":");
  AppendJsonString(out, text);
}

}  // namespace

SpoolEvent MakeSpoolEvent(std::string_view job_id, const EventText& text, int64_t now_micros,
                          std::string_view run_id) {
  std::string event_id(run_id);
  if (!event_id.empty()) event_id += '-';
  event_id += MakeForeignUuidV7(now_micros);
  std::string line = "{";
  AppendMember(line, "job_id", job_id);
  AppendMember(line, "event_id", event_id);
  AppendMember(line, "occurred_at", FormatTimestamp(now_micros));
  AppendMember(line, "type", text.type);
  AppendMember(line, "stage", text.stage);
  AppendMember(line, "message", text.message);
  if (!text.payload.empty()) line.append(",\"payload\":").append(text.payload);
  line += '}';
  return {std::move(line), text.type == "log"};
}

}  // namespace stagelog::cli
