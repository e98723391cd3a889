#include "follow/follow_cursor.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "core/job_state.h"
#include "core/json_value.h"

namespace stagelog {
namespace {

// Goes up when the documents change: every job's files are then written anew.
constexpr int64_t kVersion = kFoldVersion;
constexpr uint64_t kMaxBytes = 65'536;

std::string PathOf(const std::string& runs_dir) { return runs_dir + "/stagelog.follow.json"; }

}  // namespace

FollowCursor ReadFollowCursor(FileSystem& files, const std::string& runs_dir) {
  const Result<std::string> text = ReadWholeFile(files, PathOf(runs_dir), kMaxBytes);
  if (!text) return {};
  const nlohmann::json object = ParseJson(*text);
  if (!object.is_object() || !object.contains("version") || object["version"] != kVersion ||
      !object.contains("state_files_through") ||
      !object["state_files_through"].is_number_integer()) {
    return {};
  }
  return {std::max<int64_t>(0, object["state_files_through"].get<int64_t>())};
}

Status WriteFollowCursor(FileSystem& files, const std::string& runs_dir,
                         const FollowCursor& cursor) {
  nlohmann::ordered_json object;
  object["state_files_through"] = cursor.state_files_through;
  object["version"] = kVersion;
  return ReplaceFile(files, PathOf(runs_dir), DumpJson(object) + "\n");
}

}  // namespace stagelog
