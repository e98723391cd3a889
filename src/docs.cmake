# The files of /docs, as docs.cc: those of api/docs, and Swagger UI. That one is fetched by npm, by the
# digest in package-lock.json and without running anything of it. Without npm, or without a network, the page
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

set(docs_paths ${CMAKE_CURRENT_SOURCE_DIR}/api/docs/index.html ${CMAKE_CURRENT_SOURCE_DIR}/api/docs/docs.css
    ${CMAKE_CURRENT_SOURCE_DIR}/api/docs/docs.js)
foreach(file swagger-ui.css swagger-ui-bundle.js)
  if(EXISTS ${docs_folder}/${docs_lock} AND EXISTS ${swagger_ui}/${file})
    list(APPEND docs_paths ${swagger_ui}/${file})
  endif()
endforeach()

set(docs_labels "")
set(docs_rows "")
set(docs_number 0)
foreach(path IN LISTS docs_paths)
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${path})
  get_filename_component(name ${path} NAME)
  file(SHA256 ${path} digest)  # so that a changed file is compiled in anew
  string(APPEND docs_labels "// ${digest}\nSTAGELOG_DOCS_FILE(${docs_number}, \"${path}\")\n")
  string(APPEND docs_rows "      {\"${name}\", {stagelog_docs_${docs_number}, stagelog_docs_end_${docs_number}}},\n")
  math(EXPR docs_number "${docs_number} + 1")
endforeach()
file(CONFIGURE OUTPUT ${CMAKE_CURRENT_BINARY_DIR}/docs.cc @ONLY CONTENT [[
#include "api/docs.h"

#include <array>

// Bytes of files as the assembler takes them.
#define STAGELOG_DOCS_FILE(number, path)                                     \
  __asm__(".section .rodata\n"                                               \
          ".global stagelog_docs_" #number "\n"                              \
          "stagelog_docs_" #number ":\n"                                     \
          ".incbin \"" path "\"\n"                                           \
          ".global stagelog_docs_end_" #number "\n"                          \
          "stagelog_docs_end_" #number ":\n"                                 \
          ".byte 0\n"                                                        \
          ".previous\n");                                                    \
  extern "C" const char stagelog_docs_##number[];                            \
  extern "C" const char stagelog_docs_end_##number[];

@docs_labels@
namespace stagelog {

std::span<const DocsFile> DocsFiles() {
  static const auto files = std::to_array<DocsFile>({
@docs_rows@  });
  return files;
}

}  // namespace stagelog
]])
