// Sends events to the daemon in batches, idempotently, so that a batch can be retried.
#ifndef STAGELOG_CLIENT_BATCH_SENDER_H_
#define STAGELOG_CLIENT_BATCH_SENDER_H_

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "client/daemon_client.h"
#include "client/exit_code.h"

namespace stagelog::cli {

// An event on its way, with the line of the input that it came from.
struct OutgoingEvent {
  std::string json;  // one line, with an event_id
  int64_t line = 0;  // from 1
  // The event_id is derived from the place in the input: if the daemon has that id with other
  // content, the line was imported before with another mapping.
  bool has_derived_id = false;
  uint32_t counted = 0;  // of whoever made it (LineMapper::Uncount())
};

// One thread at a time.
class BatchSender {
 public:
  // `target` accepts NDJSON. Requests without an answer, or answered by 503, are retried for
  // `retry_seconds`; 0: fail at once.
  BatchSender(DaemonClient& client, std::string target, int retry_seconds)
      : client_(client), target_(std::move(target)), retry_seconds_(retry_seconds) {}

  // Passes events that the daemon refuses to `skip` and continues without them, instead of failing.
  // A refusal that names no event (a token, say) still fails.
  using Skip = std::function<void(const OutgoingEvent& event, const std::string& reason)>;
  void SkipRefused(Skip skip) { skip_ = std::move(skip); }

  // Queues an event, and sends what is queued when it is enough for a request.
  CliStatus Add(OutgoingEvent event);
  // Sends the queue. An error names the refused line of the input; of that batch, only the lines
  // before it were accepted.
  CliStatus Flush();

  // Sends one event by itself, for its full answer.
  CliResult<Answer> PostOne(const std::string& event);

  // `say` receives a line for people for each flagged event: the first twenty.
  void OnFlagged(std::function<void(const std::string& text)> say) { say_ = std::move(say); }
  // Sends a request to another address, with the same patience.
  CliResult<Answer> PostTo(const std::string& target, const std::string& body);

  bool has_queued() const { return !queued_.empty(); }
  // Something was sent, successfully or not.
  bool has_sent() const { return has_sent_; }
  int64_t accepted() const { return accepted_; }
  int64_t duplicates() const { return duplicates_; }
  // Left out: derived ids that the daemon has with other content.
  int64_t differing() const { return differing_; }
  int64_t last_seq() const { return last_seq_; }
  int64_t flagged() const { return flagged_; }  // how many were stored and flagged
  // ", 3 flagged as invalid", or nothing.
  std::string FlaggedText() const;

 private:
  CliResult<Answer> Post(const std::string& target, const std::string& body,
                         const std::string& content_type);
  // Of the first `sent` queued events the one that the answer refuses, from 1; 0: the request as a
  // whole.
  size_t RefusedEvent(const Answer& answer, size_t sent) const;
  CliError Refused(const Answer& answer, size_t event) const;
  void Count(const Answer& answer);
  void TakeReceipt(const Json& answer);

  DaemonClient& client_;
  const std::string target_;
  const int retry_seconds_;
  std::vector<OutgoingEvent> queued_;
  size_t queued_bytes_ = 0;
  int64_t accepted_ = 0;
  int64_t duplicates_ = 0;
  int64_t differing_ = 0;
  int64_t last_seq_ = 0;
  int64_t flagged_ = 0;
  int64_t reported_ = 0;  // of them, to `say_`
  std::function<void(const std::string& text)> say_;
  bool has_sent_ = false;
  Skip skip_;
};

// `event` (a JSON object) with an event_id inserted if it has none. kUsage, with the problem, if it
// is not a JSON object.
CliResult<std::string> WithEventId(std::string_view event);

}  // namespace stagelog::cli

#endif  // STAGELOG_CLIENT_BATCH_SENDER_H_
