#include "log/file/set_aside.h"

#include "base/timestamp.h"
#include "log/file/job_files.h"
#include "log/file/stored_file.h"

namespace stagelog {
namespace {

// A name that nothing has: a clock that was set back may give the same time again.
Result<std::string> FreeName(FileSystem& files, const std::string& wanted) {
  for (int number = 1;; ++number) {
    std::string name = number == 1 ? wanted : wanted + "-" + std::to_string(number);
    const auto info = files.Stat(name);
    if (!info) return tl::unexpected(info.error());
    if (!info->has_value()) return name;
  }
}

Status MoveAside(FileSystem& files, const std::string& path, const std::string& time_suffix,
                 std::vector<std::string>& moved) {
  const auto info = files.Stat(path);
  if (!info) return tl::unexpected(info.error());
  if (!info->has_value()) return {};
  const Result<std::string> name = FreeName(files, path + ".diverged-" + time_suffix);
  if (!name) return tl::unexpected(name.error());
  if (Status renamed = files.Rename(path, *name); !renamed) return renamed;
  moved.push_back(*name);
  return {};
}

}  // namespace

std::string SetAsideSuffix(int64_t wall_micros) {
  std::string text = FormatTimestamp(wall_micros);
  std::erase_if(text, [](char c) { return c == '-' || c == ':'; });
  return text;
}

Result<std::vector<std::string>> MakeRoomForNewJob(FileSystem& files, const std::string& runs_dir,
                                                   const std::string& job_id,
                                                   const std::string& time_suffix) {
  std::vector<std::string> moved;
  const std::string folder = JobDirectory(runs_dir, job_id);
  const auto info = files.Stat(folder);
  if (!info) return tl::unexpected(info.error());
  if (!info->has_value()) return moved;
  Status cleared;
  if (!(*info)->is_directory) {
    cleared = MoveAside(files, folder, time_suffix, moved);
  } else {
    const std::string events = JobFilePath(runs_dir, job_id);
    for (const std::string& path : {events, CompressedPath(events), events + ".tmp",
                                    folder + "/state.json", folder + "/gates"}) {
      if (cleared) cleared = MoveAside(files, path, time_suffix, moved);
    }
  }
  if (!cleared) return tl::unexpected(cleared.error());
  return moved;
}

}  // namespace stagelog
