// Decodes what clients send into drafts, by the input rules of src/api/README.md.
#ifndef STAGELOG_CORE_DRAFT_DECODER_H_
#define STAGELOG_CORE_DRAFT_DECODER_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <vector>

#include "core/event.h"
#include "core/refusal.h"

namespace stagelog {

inline constexpr size_t kMaxEventBytes = size_t{256} << 10;
inline constexpr int kMaxJsonDepth = 128;
inline constexpr size_t kMaxBatchEvents = 100'000;

// What is known about an event apart from the event's own bytes.
struct DraftOrigin {
  std::string job_id;  // from the URL; empty: each event names its job
  std::string actor;   // the name of the token
};

// event_too_large for what is too long to be an event; to be asked before it is parsed.
std::optional<Refusal> CheckEventSize(std::string_view text);

// One JSON object. A level may be any word that LevelOfWord() knows, a time whatever
// ParseForeignTime() reads with a zone. Refusals: malformed_json, event_too_large, too_deep,
// duplicate_key, unknown_key, unknown_type, missing_field, invalid_field, invalid_id, invalid_time,
// job_mismatch.
tl::expected<EventDraft, Refusal> DecodeDraft(std::string_view json, const DraftOrigin& origin);

// Where the drafts of a batch stand in the body that they were read from.
struct BatchPlaces {
  bool is_array = false;
  std::vector<int64_t> places;  // an index in the array, from 0, or a line, from 1

  // A refusal whose `line` says which draft it is about, counted from 1, as one that says where the
  // draft stands, and begins with that.
  Refusal Locate(Refusal refusal) const;
};

// The drafts of a JSON body: one object, or an array of them. A refusal of an array's element bears
// its index. An empty array is refused (empty_batch).
struct DecodedBody {
  std::vector<EventDraft> drafts;
  bool is_batch = false;
  BatchPlaces where;  // as many as there are drafts; none where it is no batch
};
tl::expected<DecodedBody, Refusal> DecodeJsonBody(std::string_view body, const DraftOrigin& origin);

// The drafts of a JSON array (it begins with '['), each element read by `decode`.
using ElementDecoder = tl::expected<EventDraft, Refusal> (*)(std::string_view json,
                                                             const DraftOrigin& origin);
tl::expected<DecodedBody, Refusal> DecodeJsonArray(std::string_view array,
                                                   const DraftOrigin& origin,
                                                   ElementDecoder decode);

// The drafts of an NDJSON body: an object a line, blank lines passed over (as are a byte order mark
// and carriage returns, core/text_line.h). A refusal bears its line; all lines count.
tl::expected<DecodedBody, Refusal> DecodeNdjsonBody(std::string_view body,
                                                    const DraftOrigin& origin);

}  // namespace stagelog

#endif  // STAGELOG_CORE_DRAFT_DECODER_H_
