#include "journal/console_mirror.h"

#include "base/logging.h"
#include "core/event_codec.h"

namespace stagelog {
namespace {

spdlog::level::level_enum LevelOf(std::string_view level) {
  return ParseLogLevel(level).value_or(spdlog::level::info);
}

std::string Format(const EventView& view) {
  std::string line = "[events] ";
  line += view.ts;
  line += ' ';
  line += view.job_id;
  line += '#';
  line += std::to_string(view.job_seq);
  line += ' ';
  line += view.type;
  if (!view.stage.empty()) line.append(" ").append(view.stage);
  if (!view.gate.empty() && view.gate != view.stage) line.append(" ").append(view.gate);
  if (!view.message.empty()) line.append(" \"").append(view.message).append("\"");
  return line;
}

}  // namespace

std::string ConsoleLine(std::string_view body) { return Format(ViewEvent(body)); }

void MirrorToConsole(std::string_view body) {
  const EventView view = ViewEvent(body);
  const spdlog::level::level_enum level = LevelOf(view.level);
  spdlog::logger* logger = spdlog::default_logger_raw();
  if (logger->should_log(level)) logger->log(level, "{}", Format(view));
}

}  // namespace stagelog
