// Preconditions as JSON, for a process that is to check one that another has made.
#ifndef STAGELOG_CORE_PRECONDITION_JSON_H_
#define STAGELOG_CORE_PRECONDITION_JSON_H_

#include <string>
#include <string_view>

#include "base/result.h"
#include "core/precondition.h"

namespace stagelog {

// One compact object: `kind` ("may_cancel_job"), then a member for each field of the struct, named
// as it is there, always all of them; a type of event by its name. Texts are UTF-8. Equal values
// have equal texts.
//   {"kind":"gate_still_pending","job_id":"render-42","gate":"review","opened_seq":17}
std::string EncodePrecondition(const Precondition& precondition);

// Reads what EncodePrecondition() has written. What is not exactly that is an error, whose message
// names the kind and the key: an unknown kind; a missing, unknown or repeated key; a value of
// another type or out of its bounds. A precondition that is only half understood must not be
// checked. The order of the keys does not matter.
Result<Precondition> DecodePrecondition(std::string_view json);

}  // namespace stagelog

#endif  // STAGELOG_CORE_PRECONDITION_JSON_H_
