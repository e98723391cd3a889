// The start position of a stream, by the rules of src/api/README.md, from the request and the
// journal's head.
#ifndef STAGELOG_STREAM_STREAM_START_H_
#define STAGELOG_STREAM_STREAM_START_H_

#include <cstdint>
#include <optional>

#include "core/query.h"
#include "stream/sse_frame.h"

namespace stagelog {

struct StartPlan {
  int64_t cursor = 0;
  std::optional<int64_t> time_micros;  // the journal must be asked for the cursor at this time
  std::optional<GapFrame> gap;         // to be sent after `connected`
};

// `head_seq` is the last announced event, `visible_seq` the last one that a client can have seen,
// if that is later. Pure.
StartPlan PlanStart(const StreamStart& start, bool of_one_job, int64_t head_seq,
                    int64_t visible_seq = 0);

}  // namespace stagelog

#endif  // STAGELOG_STREAM_STREAM_START_H_
