// Sends the beginning of a run (run_edges.h), and again what came when another run had ended the
// job (resent_lines.h), depending on the job's status in the daemon.
#ifndef STAGELOG_CLIENT_EDGE_SENDER_H_
#define STAGELOG_CLIENT_EDGE_SENDER_H_

#include <string>
#include <vector>

#include "client/abandonable_client.h"
#include "client/send_verdict.h"

namespace stagelog::cli {

struct EdgeOutcome {
  enum class Kind {
    kDone,           // reported, now or earlier
    kNothing,        // nothing to report
    kSendUnchanged,  // not possible: send the original lines and classify the answer
    kUnavailable,    // no answer
    kLater,          // not now; retry
    kAbandoned,      // the caller may be destroyed
  };
  Kind kind = Kind::kDone;
  SendVerdict verdict = {};        // kDone, kUnavailable, kLater
  std::vector<std::string> lines;  // kDone: what was sent
  std::string status;              // of the job before it; empty: there was no such job
};

// All of `lines` describe one beginning.
EdgeOutcome SendBeginning(AbandonableClient& client, const std::string& job_id,
                          const std::vector<std::string>& lines);

// `lines` were sent when the job was over and may be sent again (resent_lines.h).
EdgeOutcome ResendLines(AbandonableClient& client, const std::string& job_id,
                        const std::vector<std::string>& lines);

}  // namespace stagelog::cli

#endif  // STAGELOG_CLIENT_EDGE_SENDER_H_
