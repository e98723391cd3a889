// The next page as a link in the head (RFC 8288), for clients that follow links.
#ifndef STAGELOG_API_NEXT_LINK_H_
#define STAGELOG_API_NEXT_LINK_H_

#include <httplib.h>

#include <cstdint>
#include <string>

#include "http/call.h"

namespace stagelog {

// Made of a request for a page; outlives it.
class NextLink {
 public:
  // `since`: a filter that all pages have, not only the first; empty: none.
  explicit NextLink(const Call& call, const std::string& since = {});

  // Adds `Link: <...>; rel="next"`: the same request from another cursor on.
  void Add(httplib::Response& response, int64_t after) const;

 private:
  std::string target_;  // ends with "after="
};

}  // namespace stagelog

#endif  // STAGELOG_API_NEXT_LINK_H_
