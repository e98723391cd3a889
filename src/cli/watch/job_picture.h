// A job's document as a picture made of characters: its stages on an axis of time, its gates, and
// what is to be said of it as a whole.
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
  // Now, microseconds since 1970: to there what is not over goes on. 0: to the job's last event.
  int64_t now_micros = 0;
  std::string today;     // DayText() of now: times of other days bear their date
  bool is_past = false;  // the document is that of an earlier moment, and says of which
};

// The rows, without newlines, each at most `columns` wide, in the colours of `screen`. All names
// and messages in them are harmless. Pure, but for the time zone.
std::vector<std::string> JobPicture(const Json& job, const PictureOptions& options,
                                    const Screen& screen);

}  // namespace stagelog::cli

#endif  // STAGELOG_CLI_WATCH_JOB_PICTURE_H_
