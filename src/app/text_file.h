// Small files that belong to the configuration.
#ifndef STAGELOG_APP_TEXT_FILE_H_
#define STAGELOG_APP_TEXT_FILE_H_

#include <cstddef>
#include <string>

#include "base/result.h"

namespace stagelog {

// The whole file; of a longer one the first `max_bytes` and one. Follows symbolic links.
Result<std::string> ReadTextFile(const std::string& path, size_t max_bytes);

}  // namespace stagelog

#endif  // STAGELOG_APP_TEXT_FILE_H_
