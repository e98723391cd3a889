// runs/stagelog.follow.json: how far the followers have come, as far as the disk knows.
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

// The beginning when the file is missing, cannot be read or understood, or is of another version:
// everything is then written anew, which is never wrong.
FollowCursor ReadFollowCursor(FileSystem& files, const std::string& runs_dir);

// Whole and synced, or not at all.
Status WriteFollowCursor(FileSystem& files, const std::string& runs_dir,
                         const FollowCursor& cursor);

}  // namespace stagelog

#endif  // STAGELOG_FOLLOW_FOLLOW_CURSOR_H_
