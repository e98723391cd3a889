// The files of /docs, compiled in: src/api/docs, and Swagger UI where npm was there to fetch it.
#ifndef STAGELOG_API_DOCS_H_
#define STAGELOG_API_DOCS_H_

#include <span>
#include <string_view>

namespace stagelog {

struct DocsFile {
  std::string_view name;
  std::string_view bytes;
};

std::span<const DocsFile> DocsFiles();

}  // namespace stagelog

#endif  // STAGELOG_API_DOCS_H_
