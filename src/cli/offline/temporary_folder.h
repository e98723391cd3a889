// A temporary folder, removed by its destructor.
#ifndef STAGELOG_CLI_OFFLINE_TEMPORARY_FOLDER_H_
#define STAGELOG_CLI_OFFLINE_TEMPORARY_FOLDER_H_

#include <memory>
#include <string>

#include "client/exit_code.h"

namespace stagelog::cli {

class TemporaryFolder {
 public:
  // In $TMPDIR, else /tmp, for this user only. kProblem where none can be made.
  static CliResult<std::unique_ptr<TemporaryFolder>> Create();
  ~TemporaryFolder();
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;

  const std::string& path() const { return path_; }

 private:
  explicit TemporaryFolder(std::string path) : path_(std::move(path)) {}

  const std::string path_;
};

}  // namespace stagelog::cli

#endif  // STAGELOG_CLI_OFFLINE_TEMPORARY_FOLDER_H_
