// A folder that lives as long as the test.
#ifndef STAGELOG_TESTS_SUPPORT_TEMPORARY_DIRECTORY_H_
#define STAGELOG_TESTS_SUPPORT_TEMPORARY_DIRECTORY_H_

#include <cstdlib>
#include <filesystem>
#include <string>
#include <system_error>

#include "base/check.h"

namespace stagelog {

// Makes an empty folder in the system's folder for temporary files; removes it with all it holds.
class TemporaryDirectory {
 public:
  TemporaryDirectory() {
    // Resolved, for SQLite resolves the links in its paths too.
    const std::filesystem::path parent =
        std::filesystem::canonical(std::filesystem::temp_directory_path());
    path_ = (parent / "stagelog-test-XXXXXX").string();
    STAGELOG_CHECK(::mkdtemp(path_.data()) != nullptr);
  }

  ~TemporaryDirectory() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }

  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;

  const std::string& path() const { return path_; }

  // The path of `name` inside the folder.
  std::string Path(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

}  // namespace stagelog

#endif  // STAGELOG_TESTS_SUPPORT_TEMPORARY_DIRECTORY_H_
