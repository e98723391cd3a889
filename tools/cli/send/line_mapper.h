// JSON lines that other programs wrote, as events.
#ifndef STAGELOG_TOOLS_CLI_SEND_LINE_MAPPER_H_
#define STAGELOG_TOOLS_CLI_SEND_LINE_MAPPER_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "tools/cli/exit_code.h"

namespace stagelog::cli {

// Which of a line's members stands for which part of an event; empty: none does. `job` and `type`
// are what an event is given that has no such member.
struct FieldMapping {
  std::string job_field;
  std::string job;
  std::string type_field;
  std::string type;
  std::string time_field;
  std::string stage_field;
  std::string gate_field;
  std::string level_field;
  std::string message_field;
  std::string id_field;

  // A journal's own lines need none of it.
  bool empty() const {
    return (job_field + job + type_field + type + time_field + stage_field + gate_field +
            level_field + message_field + id_field)
        .empty();
  }
};

// The event, as JSON for the daemon, that `line` (JSON) stands for:
//  - a type that is none of ours becomes x-<type>, in lower case and with '-' for what may not
//  stand
//    there;
//  - a level may be spelled as others do (warn, ERROR, 30);
//  - a time may be RFC 3339, or Unix seconds or milliseconds;
//  - members that stand for nothing go into the payload, as they are spelled;
//  - without an id of its own it gets one made from its bytes, `source` and `line_number`: the same
//    line of the same file is the same event whenever it is imported.
// kUsage, with what is wrong, when it cannot be an event.
CliResult<std::string> MapLine(const FieldMapping& mapping, std::string_view line,
                               std::string_view source, int64_t line_number);

}  // namespace stagelog::cli

#endif  // STAGELOG_TOOLS_CLI_SEND_LINE_MAPPER_H_
