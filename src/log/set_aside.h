// What is in the journal's way is renamed, never removed or written over.
#ifndef STAGELOG_LOG_SET_ASIDE_H_
#define STAGELOG_LOG_SET_ASIDE_H_

#include <cstdint>
#include <string>
#include <vector>

#include "base/file_system.h"

namespace stagelog {

// 20261121T074102.123456Z: sorts by time and needs no quoting in a shell.
std::string SetAsideSuffix(int64_t wall_micros);

// Makes room for the folder of a job of which the journal knows nothing: what has the place of the
// folder, and in a folder that is there already what has the place of a file of ours (an
// events.jsonl that another program has put there, say), is renamed <name>.diverged-<time_suffix>.
// Other files stay. Returns the new names. A failure may come after some were renamed.
Result<std::vector<std::string>> MakeRoomForNewJob(FileSystem& files, const std::string& runs_dir,
                                                   const std::string& job_id,
                                                   const std::string& time_suffix);

}  // namespace stagelog

#endif  // STAGELOG_LOG_SET_ASIDE_H_
