// The only code that encodes and decodes an event as a line of JSON.
#ifndef STAGELOG_CORE_EVENT_CODEC_H_
#define STAGELOG_CORE_EVENT_CODEC_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "core/event.h"

namespace stagelog {

// A line and the hash that ends it.
struct SealedLine {
  std::string body;  // without newline
  std::string hash;  // 64 hex digits
};

// The canonical line of `event`: compact, keys in the order of src/api/README.md, keys without a
// value left out, chained to the job's previous event by `previous_hash` (empty for the first).
SealedLine EncodeEvent(const Event& event, std::string_view previous_hash);

// The parts of a stored line that readers look at, as slices of it. Text is still escaped.
struct EventView {
  int64_t seq = 0;
  int64_t job_seq = 0;
  std::string_view job_id;
  std::string_view ts;
  std::string_view occurred_at;
  std::string_view event_id;
  std::string_view type;
  std::string_view stage;
  std::string_view gate;
  int64_t attempt = 0;  // 0 when there is none
  std::string_view status;
  std::string_view level;
  std::string_view message;
  std::string_view payload;
  std::string_view actor;
  std::string_view violations;  // the array as it stands; empty when there is none
  std::string_view approval;    // the object as it stands; empty when there is none
  std::string_view hash;
};

// " (1 of 2)" for an approval that has not decided its gate, which requires more; else empty.
std::string PartialApprovalText(const EventView& view);

// `body` is a line that EncodeEvent made; it must outlive the view.
EventView ViewEvent(std::string_view body);

// Decodes a stored line that may be damaged or edited by hand, validating names too; a failure says
// what is wrong. Does not verify the chain.
Result<Event> DecodeStoredEvent(std::string_view line);

// A fast version for folding many lines: no validation and no DOM; event_id, status and level are
// left out. No value if the line needs the full decoder.
std::optional<Event> SliceStoredEvent(std::string_view line);

// The hash at the end of a stored line; empty if the line does not end with one.
std::string_view StoredHash(std::string_view line);

// The line up to the member with its hash; all of it if it carries none.
std::string_view WithoutHash(std::string_view line);

// The hash computed from the line's bytes and `previous_hash`; empty if the line carries none.
std::string ComputeHash(std::string_view line, std::string_view previous_hash);

// True if the line's hash is the one computed from its bytes and `previous_hash`.
bool VerifyHash(std::string_view line, std::string_view previous_hash);

}  // namespace stagelog

#endif  // STAGELOG_CORE_EVENT_CODEC_H_
