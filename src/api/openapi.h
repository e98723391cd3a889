// The description of the API (OpenAPI 3.1).
#ifndef STAGELOG_API_OPENAPI_H_
#define STAGELOG_API_OPENAPI_H_

#include <string_view>

namespace stagelog {

// src/api/openapi.json, compiled in. tests/api/openapi_test.cc holds it against the route table,
// tests/e2e/openapi_test.cc against the answers of a daemon.
std::string_view OpenApiDocument();

}  // namespace stagelog

#endif  // STAGELOG_API_OPENAPI_H_
