// Shared checks of query parameters.
#ifndef STAGELOG_API_PARAMETERS_H_
#define STAGELOG_API_PARAMETERS_H_

#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "core/query.h"
#include "http/call.h"

namespace stagelog {

// A refusal for a parameter that is not one of `known` (the nearest is named), for one given twice,
// and for a token that travels in the URL. Names that begin with '_' are passed over. `repeatable`
// is one of `known` that may be given more than once.
std::optional<Refusal> CheckParameters(const Call& call, std::span<const std::string_view> known,
                                       std::string_view repeatable = "");

// The parameters of a call as core/query.h reads them. `call` must outlive the result.
ParameterLookup LookupIn(const Call& call);

// "1", "true" or an empty value is true; "0", "false" and a parameter that is not there are false.
tl::expected<bool, Refusal> ParseSwitch(const Call& call, const std::string& name);

// `wait=`: 0 to 60 seconds, 0 when left out.
tl::expected<int64_t, Refusal> ParseWaitSeconds(const Call& call);

// When a wait of so many seconds ends, at the latest with the session or ticket of the call.
// Monotonic microseconds.
int64_t WaitDeadline(const Call& call, int64_t wait_seconds, Clock& clock);

// How every list ends: `"next_after":1042,"has_more":true`; `next_after` is null when this was the
// last page.
std::string PagingMembers(bool has_more, int64_t next_after);

// The job id in the path.
tl::expected<std::string, Refusal> JobOfPath(const Call& call);

}  // namespace stagelog

#endif  // STAGELOG_API_PARAMETERS_H_
