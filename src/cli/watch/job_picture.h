// Renders a job's document as text: its stages on a time axis, its gates, and a summary.
#ifndef STAGELOG_CLI_WATCH_JOB_PICTURE_H_
#define STAGELOG_CLI_WATCH_JOB_PICTURE_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "cli/screen.h"
#include "client/daemon_client.h"

namespace stagelog::cli {

struct PictureOptions {
  size_t columns = 80;      // at least 40 are used
  size_t max_stages = 200;  // attempts that are drawn; the picture says how many were left out
  size_t max_gates = 50;    // the same of gates
  // Now, microseconds since 1970: running items extend to it. 0: to the job's last event.
  int64_t now_micros = 0;
  std::string today;     // DayText() of now: times of other days bear their date
  bool is_past = false;  // the document is of an earlier moment, which it shows
};

// The rows, without newlines, each at most `columns` wide, in the colours of `screen`. Names and
// messages are escaped. Pure, except for the time zone.
std::vector<std::string> JobPicture(const Json& job, const PictureOptions& options,
                                    const Screen& screen);

}  // namespace stagelog::cli

#endif  // STAGELOG_CLI_WATCH_JOB_PICTURE_H_
