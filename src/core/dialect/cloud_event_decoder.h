// CloudEvents 1.0.2 as drafts. The rules of the translation: src/api/README.md, "CloudEvents".
#ifndef STAGELOG_CORE_DIALECT_CLOUD_EVENT_DECODER_H_
#define STAGELOG_CORE_DIALECT_CLOUD_EVENT_DECODER_H_

#include <span>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <utility>

#include "core/draft_decoder.h"
#include "core/event.h"
#include "core/refusal.h"

namespace stagelog {

// One event in the JSON format, "structured mode". Refusals, beside those of DecodeDraft():
// missing_field and invalid_field for attributes, named in `field`.
tl::expected<EventDraft, Refusal> DecodeCloudEvent(std::string_view json,
                                                   const DraftOrigin& origin);
tl::expected<DecodedBody, Refusal> DecodeCloudEventBody(std::string_view body,
                                                        const DraftOrigin& origin);

// The JSON batch format: an array of them, which may be empty.
tl::expected<DecodedBody, Refusal> DecodeCloudEventBatch(std::string_view body,
                                                         const DraftOrigin& origin);

// "Binary mode" of the HTTP binding: attributes are the fields of the head that begin with "ce-",
// percent-coded, and `body` is the data, of the type `content_type`.
inline constexpr std::string_view kCloudEventFieldPrefix = "ce-";
using HeadFields = std::span<const std::pair<std::string, std::string>>;
bool IsBinaryCloudEvent(HeadFields fields);
tl::expected<DecodedBody, Refusal> DecodeBinaryCloudEvent(HeadFields fields,
                                                          std::string_view content_type,
                                                          std::string_view body,
                                                          const DraftOrigin& origin);

}  // namespace stagelog

#endif  // STAGELOG_CORE_DIALECT_CLOUD_EVENT_DECODER_H_
