// What the first line of a request says.
#ifndef STAGELOG_HTTP_REQUEST_LINE_H_
#define STAGELOG_HTTP_REQUEST_LINE_H_

#include <httplib.h>

#include <optional>
#include <string>
#include <unordered_map>

#include "http/library_server.h"
#include "http/route_table.h"

namespace stagelog {

struct RequestLine {
  httplib::Request request;  // method, path and parameters, decoded
  RouteMatch match;
};

// Parses request lines with cpp-httplib and the route table. A client repeats the same line, so the
// lines of appends are cached. One thread at a time.
class RequestLineReader {
 public:
  explicit RequestLineReader(LibraryServer& library) : library_(library) {}

  // No value when the library refuses the line. `routes` is the same one each time.
  std::optional<RequestLine> Read(const std::string& line, const RouteTable& routes);

 private:
  LibraryServer& library_;
  std::unordered_map<std::string, RequestLine> appends_;
};

}  // namespace stagelog

#endif  // STAGELOG_HTTP_REQUEST_LINE_H_
