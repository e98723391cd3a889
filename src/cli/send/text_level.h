// Detects a log level at the beginning of a message.
#ifndef STAGELOG_CLI_SEND_TEXT_LEVEL_H_
#define STAGELOG_CLI_SEND_TEXT_LEVEL_H_

#include <string_view>

namespace stagelog::cli {

// One of AllLevels(); empty where `text` begins with no level.
// Understands, also behind colors and a time (text_time.h):
//  - "<3>disk failed": a priority of syslog, 0 to 191, as sd-daemon and the kernel print it;
//  - "[INFO] text", "(warn) text": a word of LevelOfWord(), or one capital letter;
//  - "WARN: text", "ERROR - text", "ERROR text", "INFO[0012] text": the last three in capitals
//  only;
//  - behind a time also a place in a program: "{subprocess.py:93} ERROR - text";
//  - "##[error]text", "::error::text": commands of workflow runners.
// Words that often begin a sentence or name something else (config, http, note, ok, ...) count in
// capitals only.
std::string_view LevelOfText(std::string_view text);

}  // namespace stagelog::cli

#endif  // STAGELOG_CLI_SEND_TEXT_LEVEL_H_
