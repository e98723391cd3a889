// Which web origins may use the daemon from a browser (WHATWG Fetch, "CORS protocol"). Bearer
// tokens need no cookies, so credentials are never allowed.
#ifndef STAGELOG_HTTP_CORS_H_
#define STAGELOG_HTTP_CORS_H_

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace stagelog {

// Fields of a response's head: name and value.
using HeaderFields = std::vector<std::pair<std::string, std::string>>;

// True for an origin as a browser sends it: "http://localhost:5173"; scheme http or https, no path,
// and no port where it is the scheme's own. Pure.
bool IsOrigin(std::string_view text);

// What every answer carries, an SSE head and a problem included. `origin` is the request's Origin
// field, empty when there is none; `allowed_origins` holds origins, or "*" for all. Pure.
HeaderFields CorsFields(std::string_view origin, const std::vector<std::string>& allowed_origins);

// What the answer to an OPTIONS request carries: the above and, for an allowed origin, what a
// request may consist of. Pure.
HeaderFields PreflightFields(std::string_view origin,
                             const std::vector<std::string>& allowed_origins);

}  // namespace stagelog

#endif  // STAGELOG_HTTP_CORS_H_
