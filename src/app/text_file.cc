#include "app/text_file.h"

#include <cerrno>
#include <cstdio>
#include <memory>
#include <system_error>

namespace stagelog {

Result<std::string> ReadTextFile(const std::string& path, size_t max_bytes) {
  const auto failure = [] { return Failure(std::generic_category().message(errno), errno); };
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(path.c_str(), "rbe"),
                                                             &std::fclose);
  if (file == nullptr) return failure();
  std::string text(max_bytes + 1, '\0');
  text.resize(std::fread(text.data(), 1, text.size(), file.get()));
  if (std::ferror(file.get()) != 0) return failure();
  return text;
}

}  // namespace stagelog
