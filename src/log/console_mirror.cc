#include "log/console_mirror.h"

#include <fmt/core.h>

#include <nlohmann/json.hpp>

#include "base/logging.h"
#include "base/terminal_text.h"
#include "core/event_codec.h"
#include "core/job_machine.h"
#include "core/json_value.h"

namespace stagelog {
namespace {

LogLevel LevelOf(std::string_view level) { return ParseLogLevel(level).value_or(LogLevel::kInfo); }

// Escapes what JSON leaves as it is and terminals obey or display misleadingly: DEL, C1 controls
// (U+0080 to U+009F), line separators and marks that change the direction of writing.
std::string EscapeControls(std::string_view text) {
  std::string out;
  for (size_t at = 0; at < text.size(); ++at) {
    const auto byte = [&](size_t ahead) {
      return at + ahead < text.size() ? static_cast<unsigned char>(text[at + ahead]) : 0U;
    };
    unsigned code = 0;
    size_t size = 1;
    if (byte(0) == 0x7f) {
      code = 0x7f;
    } else if (byte(0) == 0xc2 && byte(1) >= 0x80 && byte(1) <= 0x9f) {
      code = byte(1);
      size = 2;
    } else if (byte(0) == 0xd8 && byte(1) == 0x9c) {
      code = 0x61c;
      size = 2;
    } else if (byte(0) == 0xe2 && (byte(1) == 0x80 || byte(1) == 0x81)) {
      code = 0x2000 + (byte(1) - 0x80) * 64 + (byte(2) - 0x80);
      size = 3;
      const bool acts = (code >= 0x2028 && code <= 0x202e) || (code >= 0x2066 && code <= 0x2069) ||
                        code == 0x200e || code == 0x200f;
      if (!acts) code = 0;
    }
    if (code == 0) {
      out += text[at];
      continue;
    }
    out += fmt::format("\\u{:04x}", code);
    at += size - 1;
  }
  return out;
}

// " !gate_decided": an event that changes nothing must not read as if it did.
std::string UncountedText(const EventView& view) {
  std::string text;
  if (view.violations.empty()) return text;
  const auto codes = ParseJson(view.violations);
  if (!codes.is_array()) return text;
  for (const auto& code : codes) {
    if (!code.is_string()) continue;
    const auto& word = code.get_ref<const std::string&>();
    const bool is_known = !ViolationMeaning(word).empty();
    if (is_known && !ViolationCounts(word)) text += " !" + word;
  }
  return text;
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
  line += PartialApprovalText(view);
  line += UncountedText(view);
  if (!view.message.empty()) line.append(" \"").append(EscapeControls(view.message)).append("\"");
  return line;
}

}  // namespace

std::string ConsoleLine(std::string_view body) { return Format(ViewEvent(body)); }

void MirrorToConsole(std::string_view level_name, std::string_view body) {
  const LogLevel level = LevelOf(level_name);
  if (IsLogged(level)) LogText(level, Format(ViewEvent(body)));
}

}  // namespace stagelog
