// Stored events as CloudEvents 1.0.2. The rules of the translation: src/api/README.md,
// "CloudEvents".
#ifndef STAGELOG_CORE_DIALECT_CLOUD_EVENT_ENCODER_H_
#define STAGELOG_CORE_DIALECT_CLOUD_EVENT_ENCODER_H_

#include <string>
#include <string_view>

namespace stagelog {

// The JSON format of one event, on one line. `body` is a line that EncodeEvent() made; its source
// is
// "/<journal_id>/jobs/<job_id>".
std::string EncodeCloudEvent(std::string_view body, std::string_view journal_id);

// The same, with a CDEvent 0.6 as its data where the event has an equivalent among them: runs of
// pipelines (jobs) and tasks (stages), and approvals (gates).
std::string EncodeCdEvent(std::string_view body, std::string_view journal_id);

}  // namespace stagelog

#endif  // STAGELOG_CORE_DIALECT_CLOUD_EVENT_ENCODER_H_
