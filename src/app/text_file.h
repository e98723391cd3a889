// Small files that belong to the configuration.
#ifndef STAGELOG_APP_TEXT_FILE_H_
#define STAGELOG_APP_TEXT_FILE_H_

#include <cstddef>
#include <string>

#include "base/result.h"

namespace stagelog {

// Returns at most `max_bytes` + 1 bytes of the file. Follows symbolic links.
Result<std::string> ReadTextFile(const std::string& path, size_t max_bytes);

}  // namespace stagelog

#endif  // STAGELOG_APP_TEXT_FILE_H_
