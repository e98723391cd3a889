// A CloudEvent whose attributes and data have been read, as a draft.
#ifndef STAGELOG_CORE_DIALECT_CLOUD_EVENT_TRANSLATION_H_
#define STAGELOG_CORE_DIALECT_CLOUD_EVENT_TRANSLATION_H_

#include <string>
#include <tl/expected.hpp>
#include <vector>

#include "core/dialect/cloud_event_data.h"
#include "core/draft_decoder.h"
#include "core/event.h"
#include "core/refusal.h"

namespace stagelog {

// A context attribute; extensions are among them.
struct CloudEventAttribute {
  std::string name;
  std::string text;
  std::string json;  // as a JSON value
};

// Refusals: missing_field and invalid_field for attributes, invalid_time, duplicate_key, and those
// of DecodeDraft() in the words of CloudEvents.
tl::expected<EventDraft, Refusal> TranslateCloudEvent(
    const std::vector<CloudEventAttribute>& attributes, const CloudEventData& data,
    const DraftOrigin& origin);

}  // namespace stagelog

#endif  // STAGELOG_CORE_DIALECT_CLOUD_EVENT_TRANSLATION_H_
