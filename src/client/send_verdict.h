// What a daemon's answer to a batch of events means for the events.
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
    kTaken,    // the daemon has them all
    kRefused,  // none was taken, and one of them never will be
    kAway,     // none will be taken before somebody does something: token, URL
    kLater,    // not now; soon perhaps
  };
  Kind kind = Kind::kLater;
  std::string job_status;         // kTaken, where the answer has it
  Receipt receipt;                // kTaken
  std::optional<size_t> culprit;  // kRefused: which one of the batch, from 0, where it is known
  std::string reason;             // kRefused: a JSON object; else words for people
  std::string text;               // kRefused: the same in words
};

SendVerdict JudgeAnswer(const DaemonClient& client, const Answer& answer, size_t batch_size);

}  // namespace stagelog::cli

#endif  // STAGELOG_CLIENT_SEND_VERDICT_H_
