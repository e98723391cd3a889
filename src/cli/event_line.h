// Formats an event as one line for people.
#ifndef STAGELOG_CLI_EVENT_LINE_H_
#define STAGELOG_CLI_EVENT_LINE_H_

#include <cstddef>
#include <string>
#include <string_view>

#include "cli/screen.h"
#include "client/daemon_client.h"

namespace stagelog::cli {

struct EventLineOptions {
  size_t columns = 0;      // the line is cut to so many; 0: it is not cut
  size_t job_columns = 0;  // columns for the job's name; 0: the name is left out
  std::string today;       // DayText() of now: events of other days show their date
  bool is_of_run = false;  // the time is when it happened, and not when the journal took it
};

// `event` is the document of a stored line. Text from clients is made safe for terminals; the
// colours of a `log` message are kept if `screen` has colours. Without a newline. Pure, except for
// the time zone.
std::string EventLine(const Json& event, const EventLineOptions& options, const Screen& screen);

// "train/epoch-3", with " #2" for an attempt after the first.
std::string StageText(const Json& event);

// "4500/9000 frames", "50 %", or empty: what a `stage_progress` or a stage's `progress` says.
std::string FiguresText(const Json& progress);

// A figure with no more digits than it needs.
std::string FigureText(double figure);

}  // namespace stagelog::cli

#endif  // STAGELOG_CLI_EVENT_LINE_H_
