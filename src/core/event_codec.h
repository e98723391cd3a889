// An event as one line of JSON: the only place that writes one or reads one back.
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
  std::string_view level;
  std::string_view message;
  std::string_view payload;
  std::string_view actor;
  std::string_view violations;  // the array as it stands; empty when there is none
  std::string_view hash;
};

// `body` is a line that EncodeEvent made; it must outlive the view.
EventView ViewEvent(std::string_view body);

// The event in a stored line that may have been damaged or written by hand: a failure says what is
// wrong with it, among it names that are none. Does not check the chain.
Result<Event> DecodeStoredEvent(std::string_view line);

// The same without checking the line and without a document in memory, for folding many; event_id,
// status and level are left out. No value where it takes more than slicing.
std::optional<Event> SliceStoredEvent(std::string_view line);

// The hash that a stored line carries at its end; empty when it does not end as it should.
std::string_view CarriedHash(std::string_view line);

// True when the line's hash is that of its own bytes chained to `previous_hash`.
bool ChainHolds(std::string_view line, std::string_view previous_hash);

}  // namespace stagelog

#endif  // STAGELOG_CORE_EVENT_CODEC_H_
