# The files of the pages, as static_files.cc: those of web and api/docs, and Swagger UI. That one is fetched by npm, by the
# digest in package-lock.json and without running anything of it. Without npm, or without a network, /docs
# is left out, and says so.
set(docs_folder ${CMAKE_CURRENT_BINARY_DIR}/docs)
set(swagger_ui ${docs_folder}/node_modules/swagger-ui-dist)
file(COPY api/docs/package.json api/docs/package-lock.json DESTINATION ${docs_folder})
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/api/docs/package-lock.json)
file(SHA256 ${CMAKE_CURRENT_SOURCE_DIR}/api/docs/package-lock.json docs_lock)
find_program(NPM_PROGRAM npm)
if(NPM_PROGRAM AND NOT STAGELOG_SANITIZER AND NOT EXISTS ${docs_folder}/${docs_lock})
  execute_process(COMMAND ${NPM_PROGRAM} ci --ignore-scripts --no-audit --no-fund --fetch-retries=1 --fetch-timeout=20000
                  TIMEOUT 60
                  WORKING_DIRECTORY ${docs_folder} RESULT_VARIABLE docs_failed OUTPUT_QUIET ERROR_VARIABLE docs_problem)
  if(docs_failed)
    message(WARNING "/docs is left out: npm cannot fetch swagger-ui-dist\n${docs_problem}")
  else()
    file(WRITE ${docs_folder}/${docs_lock} "")
  endif()
elseif(NOT NPM_PROGRAM)
  message(STATUS "/docs is left out: npm is not installed")
endif()

set(page_paths ${CMAKE_CURRENT_SOURCE_DIR}/web/page.html ${CMAKE_CURRENT_SOURCE_DIR}/web/page.css
    ${CMAKE_CURRENT_SOURCE_DIR}/web/page.js)
set(docs_paths ${CMAKE_CURRENT_SOURCE_DIR}/api/docs/index.html ${CMAKE_CURRENT_SOURCE_DIR}/api/docs/docs.css
    ${CMAKE_CURRENT_SOURCE_DIR}/api/docs/docs.js)
foreach(file swagger-ui.css swagger-ui-bundle.js)
  if(EXISTS ${docs_folder}/${docs_lock} AND EXISTS ${swagger_ui}/${file})
    list(APPEND docs_paths ${swagger_ui}/${file})
  endif()
endforeach()

set(static_labels "")
set(static_rows "")
set(static_number 0)
foreach(path IN LISTS page_paths docs_paths)
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${path})
  get_filename_component(name ${path} NAME)
  set(folder docs)
  if(path IN_LIST page_paths)
    set(folder web)
  endif()
  file(SHA256 ${path} digest)  # so that a changed file is compiled in anew
  string(APPEND static_labels "// ${digest}\nSTAGELOG_STATIC_FILE(${static_number}, \"${path}\")\n")
  string(APPEND static_rows "      {\"${folder}/${name}\", {stagelog_static_${static_number}, stagelog_static_end_${static_number}}},\n")
  math(EXPR static_number "${static_number} + 1")
endforeach()
file(CONFIGURE OUTPUT ${CMAKE_CURRENT_BINARY_DIR}/static_files.cc @ONLY CONTENT [[
#include "api/static_files.h"

#include <array>

// Bytes of files as the assembler takes them.
#define STAGELOG_STATIC_FILE(number, path)                                     \
  __asm__(".section .rodata\n"                                               \
          ".global stagelog_static_" #number "\n"                              \
          "stagelog_static_" #number ":\n"                                     \
          ".incbin \"" path "\"\n"                                           \
          ".global stagelog_static_end_" #number "\n"                          \
          "stagelog_static_end_" #number ":\n"                                 \
          ".byte 0\n"                                                        \
          ".previous\n");                                                    \
  extern "C" const char stagelog_static_##number[];                            \
  extern "C" const char stagelog_static_end_##number[];

@static_labels@
namespace stagelog {

std::span<const StaticFile> StaticFiles() {
  static const auto files = std::to_array<StaticFile>({
@static_rows@  });
  return files;
}

}  // namespace stagelog
]])
