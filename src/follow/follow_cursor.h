// runs/stagelog.follow.json: how far the followers have durably come.
#ifndef STAGELOG_FOLLOW_FOLLOW_CURSOR_H_
#define STAGELOG_FOLLOW_FOLLOW_CURSOR_H_

#include <cstdint>
#include <string>

#include "base/file_system.h"

namespace stagelog {

// Every job whose last event is not later than `state_files_through` has files that say so, synced.
struct FollowCursor {
  int64_t state_files_through = 0;
};

// Returns the beginning if the file is missing, invalid or of another version: everything is then
// rewritten, which is always safe.
FollowCursor ReadFollowCursor(FileSystem& files, const std::string& runs_dir);

// Atomic and synced.
Status WriteFollowCursor(FileSystem& files, const std::string& runs_dir,
                         const FollowCursor& cursor);

}  // namespace stagelog

#endif  // STAGELOG_FOLLOW_FOLLOW_CURSOR_H_
