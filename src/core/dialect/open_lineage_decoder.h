// Run events of OpenLineage 2-0-2 as drafts. The rules: src/api/README.md, "OpenLineage".
#ifndef STAGELOG_CORE_DIALECT_OPEN_LINEAGE_DECODER_H_
#define STAGELOG_CORE_DIALECT_OPEN_LINEAGE_DECODER_H_

#include <string_view>
#include <tl/expected.hpp>

#include "core/draft_decoder.h"
#include "core/refusal.h"

namespace stagelog {

// One run event; its drafts are one or two, without places of their own. Refusals, beside those of
// DecodeDraft(): missing_field and invalid_field for what a run event needs.
tl::expected<DecodedBody, Refusal> DecodeOpenLineage(std::string_view body,
                                                     const DraftOrigin& origin);

}  // namespace stagelog

#endif  // STAGELOG_CORE_DIALECT_OPEN_LINEAGE_DECODER_H_
