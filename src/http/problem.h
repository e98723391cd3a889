// Refusals as application/problem+json (RFC 9457).
#ifndef STAGELOG_HTTP_PROBLEM_H_
#define STAGELOG_HTTP_PROBLEM_H_

#include <httplib.h>

#include <map>
#include <string>

#include "core/refusal.h"
#include "http/call.h"

namespace stagelog {

// The HTTP status that belongs to a refusal's code; 500 for a code that the table does not know.
int StatusOfCode(const std::string& code);

// All codes with their statuses.
std::map<std::string, int> ProblemStatuses();

// {"type":"about:blank","title":...,"status":...,"code":...,"detail":...,"field":...,"line":...},
// with "index" in place of "line" where the batch is a JSON array.
httplib::Response ProblemResponse(const Refusal& refusal);

// The result of a handler that refuses.
HandlerResult Refused(const Refusal& refusal);

// A response with a JSON body.
httplib::Response JsonResponse(int status, std::string body);

// "Not Found" for 404.
const char* ReasonPhrase(int status);

}  // namespace stagelog

#endif  // STAGELOG_HTTP_PROBLEM_H_
