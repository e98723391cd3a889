#include "log/journal_identity.h"

#include <nlohmann/json.hpp>

namespace stagelog {
namespace {

std::string PathOf(const std::string& runs_dir) { return runs_dir + "/journal.json"; }

}  // namespace

Result<JournalIdentity> ReadJournalIdentity(FileSystem& files, const std::string& runs_dir) {
  const std::string path = PathOf(runs_dir);
  const Result<std::optional<FileInfo>> info = files.Stat(path);
  if (!info) return tl::unexpected(info.error());
  if (!info->has_value()) return JournalIdentity();
  const Result<std::string> text = ReadWholeFile(files, path, 65536);
  if (!text) return tl::unexpected(text.error());
  const nlohmann::json object = nlohmann::json::parse(*text, nullptr, false);
  if (!object.is_object() || !object.contains("journal_id") || !object.contains("highest_seq") ||
      !object["journal_id"].is_string() || !object["highest_seq"].is_number_integer()) {
    return Failure(path + " is damaged: expected journal_id and highest_seq");
  }
  return JournalIdentity{object["journal_id"].get<std::string>(),
                         object["highest_seq"].get<int64_t>(),
                         object.contains("backup") && object["backup"] == true};
}

Status WriteJournalIdentity(FileSystem& files, const std::string& runs_dir,
                            const JournalIdentity& identity) {
  nlohmann::ordered_json object;
  object["journal_id"] = identity.journal_id;
  object["highest_seq"] = identity.highest_seq;
  if (identity.is_backup) object["backup"] = true;
  return ReplaceFile(files, PathOf(runs_dir), object.dump() + "\n");
}

}  // namespace stagelog
