// The description of the API, served.
#include <string>

#include "api/api.h"
#include "api/openapi.h"
#include "http/problem.h"

namespace stagelog {

HandlerResult ShowOpenApi(const ApiServices&, Call, const Responder&) {
  // On the pool, where large answers are compressed.
  return {RunOnPool{
      []() -> HandlerResult { return {JsonResponse(200, std::string(OpenApiDocument()))}; }}};
}

}  // namespace stagelog
