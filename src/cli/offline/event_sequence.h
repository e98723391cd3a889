// A job's stored events in order, from any source: a file, a daemon, a test.
#ifndef STAGELOG_CLI_OFFLINE_EVENT_SEQUENCE_H_
#define STAGELOG_CLI_OFFLINE_EVENT_SEQUENCE_H_

#include <optional>
#include <string>

#include "client/exit_code.h"
#include "core/event.h"

namespace stagelog::cli {

struct StoredEvent {
  Event event;
  std::string body;  // its line, as it is stored, without the newline
};

// One thread at a time.
class EventSequence {
 public:
  virtual ~EventSequence() = default;

  // The next event; none at the end. Nothing follows an error.
  virtual CliResult<std::optional<StoredEvent>> Next() = 0;

  // What a person should know of the events although it is no failure; empty when there is nothing.
  // After the end.
  virtual std::string Remark() const { return ""; }
};

}  // namespace stagelog::cli

#endif  // STAGELOG_CLI_OFFLINE_EVENT_SEQUENCE_H_
