// Entity tags of states, by which a client that polls is told that nothing has changed (RFC 9110,
// sections 8.8.3 and 13.1.2).
#ifndef STAGELOG_API_ENTITY_TAG_H_
#define STAGELOG_API_ENTITY_TAG_H_

#include <httplib.h>

#include <string>
#include <string_view>

#include "core/job_state.h"
#include "http/call.h"

namespace stagelog {

// The tag of what a job's events have made of it: it stays until the job's next event, or until its
// worker's `liveness` changes. A weak one, since the times of what is running go on meanwhile.
std::string StateTag(const JobState& job, std::string_view liveness = {});

// The condition of a request; empty where it has none.
std::string IfNoneMatch(const Call& call);

// `response`, a 200, with the tag; or a 304 where `if_none_match` names it.
httplib::Response WithTag(httplib::Response response, const std::string& tag,
                          std::string_view if_none_match);

}  // namespace stagelog

#endif  // STAGELOG_API_ENTITY_TAG_H_
