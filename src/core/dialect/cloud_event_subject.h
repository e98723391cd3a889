// Where a CloudEvent says which job, stage, attempt and gate it is about.
#ifndef STAGELOG_CORE_DIALECT_CLOUD_EVENT_SUBJECT_H_
#define STAGELOG_CORE_DIALECT_CLOUD_EVENT_SUBJECT_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace stagelog {

// The part of a source (a URI reference) that names a job: what follows the last "jobs/", else the
// last part of its path, or of a URN. Not checked.
std::string JobOfSource(std::string_view source);

struct CloudEventSubject {
  std::string stage;
  std::string gate;
  std::optional<int64_t> attempt;
};

// Reads "stages/<path>/attempts/<n>/gates/<gate>", each part of which may be missing, or a bare
// stage path. No value for what is neither; nothing is named by an empty one.
std::optional<CloudEventSubject> ReadSubject(std::string_view subject);

// The inverse, empty where there is nothing to name.
std::string SubjectOf(const CloudEventSubject& subject);

}  // namespace stagelog

#endif  // STAGELOG_CORE_DIALECT_CLOUD_EVENT_SUBJECT_H_
