// Obstacles in the journal are renamed, never removed or overwritten.
#ifndef STAGELOG_LOG_FILE_SET_ASIDE_H_
#define STAGELOG_LOG_FILE_SET_ASIDE_H_

#include <cstdint>
#include <string>
#include <vector>

#include "base/file_system.h"

namespace stagelog {

// 20261121T074102.123456Z: sorts by time and needs no quoting in a shell.
std::string SetAsideSuffix(int64_t wall_micros);

// Clears the place for the folder of a job unknown to the journal: a file in the place of the
// folder, or files in an existing folder with the names of our own (an events.jsonl of another
// program, say), are renamed <name>.diverged-<time_suffix>. Other files are kept. Returns the new
// names. On failure some may have been renamed.
Result<std::vector<std::string>> MakeRoomForNewJob(FileSystem& files, const std::string& runs_dir,
                                                   const std::string& job_id,
                                                   const std::string& time_suffix);

}  // namespace stagelog

#endif  // STAGELOG_LOG_FILE_SET_ASIDE_H_
