#include "log/journal_identity.h"

#include <nlohmann/json.hpp>
#include <optional>
#include <utility>
#include <vector>

#include "core/json_value.h"

namespace stagelog {
namespace {

// Obstructed files of jobs: 1,000 of them at most.
constexpr uint64_t kMaxBytes = uint64_t{1} << 20;

std::string PathOf(const std::string& runs_dir) { return runs_dir + "/journal.json"; }

constexpr const char* kOwedFiles = "obstructed";

// No value where the list is damaged.
std::optional<std::vector<OwedFile>> ReadOwedFiles(const nlohmann::json& identity) {
  std::vector<OwedFile> owed;
  if (!identity.contains(kOwedFiles)) return owed;
  if (!identity[kOwedFiles].is_array()) return std::nullopt;
  for (const nlohmann::json& entry : identity[kOwedFiles]) {
    const bool is_entry = entry.is_object() && entry.contains("job_id") &&
                          entry["job_id"].is_string() && entry.contains("first_missing_job_seq") &&
                          entry["first_missing_job_seq"].is_number_integer();
    if (!is_entry) return std::nullopt;
    owed.push_back(
        {entry["job_id"].get<std::string>(), entry["first_missing_job_seq"].get<int64_t>()});
  }
  return owed;
}

}  // namespace

Result<JournalIdentity> ReadJournalIdentity(FileSystem& files, const std::string& runs_dir) {
  const std::string path = PathOf(runs_dir);
  const Result<std::optional<FileInfo>> info = files.Stat(path);
  if (!info) return tl::unexpected(info.error());
  if (!info->has_value()) return JournalIdentity();
  const Result<std::string> text = ReadWholeFile(files, path, kMaxBytes);
  if (!text) return tl::unexpected(text.error());
  const nlohmann::json object = ParseJson(*text);
  if (!object.is_object() || !object.contains("journal_id") || !object.contains("highest_seq") ||
      !object["journal_id"].is_string() || !object["highest_seq"].is_number_integer()) {
    return Failure(path + " is damaged: expected journal_id and highest_seq");
  }
  std::optional<std::vector<OwedFile>> owed = ReadOwedFiles(object);
  if (!owed) {
    return Failure(path +
                   " is damaged: 'obstructed' is not a list of job_id with "
                   "first_missing_job_seq");
  }
  return JournalIdentity{object["journal_id"].get<std::string>(),
                         object["highest_seq"].get<int64_t>(),
                         object.contains("backup") && object["backup"] == true, std::move(*owed)};
}

Status WriteJournalIdentity(FileSystem& files, const std::string& runs_dir,
                            const JournalIdentity& identity) {
  nlohmann::ordered_json object;
  object["journal_id"] = identity.journal_id;
  object["highest_seq"] = identity.highest_seq;
  if (identity.is_backup) object["backup"] = true;
  for (const OwedFile& file : identity.owed_files) {
    object[kOwedFiles].push_back(
        {{"job_id", file.job_id}, {"first_missing_job_seq", file.first_missing_job_seq}});
  }
  return ReplaceFile(files, PathOf(runs_dir), DumpJson(object) + "\n");
}

}  // namespace stagelog
