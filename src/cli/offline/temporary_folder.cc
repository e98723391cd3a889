#include "cli/offline/temporary_folder.h"

#include <stdlib.h>

#include <cerrno>
#include <cstring>
#include <filesystem>

#include "client/settings.h"

namespace stagelog::cli {

CliResult<std::unique_ptr<TemporaryFolder>> TemporaryFolder::Create() {
  const std::string parent = ProcessEnvironment("TMPDIR").value_or("/tmp");
  std::string path = parent + "/stagelog-replay-XXXXXX";
  if (::mkdtemp(path.data()) == nullptr) {
    return Fail(ExitCode::kProblem, parent +
                                        ": cannot create a folder in it: " + std::strerror(errno) +
                                        " (set TMPDIR to a folder that can be written)");
  }
  return std::unique_ptr<TemporaryFolder>(new TemporaryFolder(path));
}

TemporaryFolder::~TemporaryFolder() {
  std::error_code ignored;  // there is nobody left to tell
  std::filesystem::remove_all(path_, ignored);
}

}  // namespace stagelog::cli
