// The files of the pages, compiled in: src/web and src/api/docs, and Swagger UI where npm was there
// to fetch it.
#ifndef STAGELOG_API_STATIC_FILES_H_
#define STAGELOG_API_STATIC_FILES_H_

#include <span>
#include <string_view>

namespace stagelog {

struct StaticFile {
  std::string_view path;  // "web/page.js", "docs/docs.css"
  std::string_view bytes;
};

std::span<const StaticFile> StaticFiles();

}  // namespace stagelog

#endif  // STAGELOG_API_STATIC_FILES_H_
