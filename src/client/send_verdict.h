// Classifies a daemon's answer to a batch of events.
#ifndef STAGELOG_CLIENT_SEND_VERDICT_H_
#define STAGELOG_CLIENT_SEND_VERDICT_H_

#include <cstddef>
#include <optional>
#include <string>

#include "client/daemon_client.h"
#include "client/receipt.h"

namespace stagelog::cli {

struct SendVerdict {
  enum class Kind {
    kTaken,        // all were accepted
    kRefused,      // none was accepted, and one never will be
    kUnavailable,  // none will be accepted until the configuration is fixed: token, URL
    kLater,        // not now; retry
  };
  Kind kind = Kind::kLater;
  std::string job_status;         // kTaken, where the answer has it
  Receipt receipt;                // kTaken
  std::optional<size_t> culprit;  // kRefused: which one of the batch, from 0, where it is known
  std::string reason;             // kRefused: a JSON object; else words for people
  std::string text;               // kRefused: the same in words
};

SendVerdict ClassifyAnswer(const DaemonClient& client, const Answer& answer, size_t batch_size);

}  // namespace stagelog::cli

#endif  // STAGELOG_CLIENT_SEND_VERDICT_H_
