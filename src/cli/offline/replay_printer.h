// Prints replayed events to standard output.
#ifndef STAGELOG_CLI_OFFLINE_REPLAY_PRINTER_H_
#define STAGELOG_CLI_OFFLINE_REPLAY_PRINTER_H_

#include <string>
#include <utility>
#include <vector>

#include "cli/event_line.h"
#include "cli/offline/replayer.h"
#include "core/json_value.h"

namespace stagelog::cli {

// Does not print the past. Events due together are written at once.
class ReplayPrinter : public ReplaySink {
 public:
  // `as_json`: the stored bytes, one line an event.
  ReplayPrinter(Screen& out, bool as_json) : out_(out), as_json_(as_json) {}

  CliStatus TakePast(std::vector<StoredEvent>) override { return {}; }

  CliStatus Take(std::vector<StoredEvent> events) override {
    std::string text;
    for (const StoredEvent& event : events) {
      text += as_json_ ? event.body : Line(event.body);
      text += '\n';
    }
    return out_.Write(text);
  }

 private:
  // An old run's lines bear their date.
  std::string Line(const std::string& body) const {
    EventLineOptions options;
    options.is_of_run = true;
    if (out_.is_terminal()) options.columns = out_.Width();
    return EventLine(ParseOrderedJson(body), options, out_);
  }

  Screen& out_;
  const bool as_json_;
};

}  // namespace stagelog::cli

#endif  // STAGELOG_CLI_OFFLINE_REPLAY_PRINTER_H_
