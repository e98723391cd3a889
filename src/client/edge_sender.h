// Sends what begins a run, and once more what ends one, by what the daemon says of the job
// (run_edges.h).
#ifndef STAGELOG_CLIENT_EDGE_SENDER_H_
#define STAGELOG_CLIENT_EDGE_SENDER_H_

#include <string>
#include <vector>

#include "client/abandonable_client.h"
#include "client/send_verdict.h"

namespace stagelog::cli {

struct EdgeOutcome {
  enum class Kind {
    kDone,       // told, now or before
    kNothing,    // nothing is to be told
    kAsItIs,     // this way is not possible: the lines themselves are to be sent and judged
    kAway,       // no answer
    kLater,      // not now; soon perhaps
    kAbandoned,  // whoever asked may be gone
  };
  Kind kind = Kind::kDone;
  SendVerdict verdict = {};        // kDone, kAway, kLater
  std::vector<std::string> lines;  // kDone: what was sent
  std::string status;              // of the job before it; empty: there was no such job
};

// All of `lines` tells one beginning.
EdgeOutcome SendBeginning(AbandonableClient& client, const std::string& job_id,
                          const std::vector<std::string>& lines);

// `line` ends a run, and the job was over when it came.
EdgeOutcome SendEndAnew(AbandonableClient& client, const std::string& job_id,
                        const std::string& line);

}  // namespace stagelog::cli

#endif  // STAGELOG_CLIENT_EDGE_SENDER_H_
