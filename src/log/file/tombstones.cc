#include "log/file/tombstones.h"

#include <cerrno>
#include <nlohmann/json.hpp>

#include "base/timestamp.h"
#include "core/identifier.h"
#include "core/json_value.h"
#include "log/file/job_files.h"
#include "log/file/line_reader.h"

namespace stagelog {
namespace {

// Begins with a dot: no job can be called so.
constexpr std::string_view kTrashPrefix = ".deleted-";
// A large file is shortened by so much at a time: to unlink gigabytes at once would take the disk
// away from the writer for too long.
constexpr uint64_t kPortionBytes = uint64_t{64} << 20;

std::optional<Tombstone> DecodeTombstone(std::string_view line) {
  const nlohmann::json object = ParseJson(line);
  if (!object.is_object()) return std::nullopt;
  Tombstone tombstone;
  const auto number = [&object](const char* key, int64_t& value) {
    const auto member = object.find(key);
    if (member == object.end() || !member->is_number_integer()) return false;
    value = member->get<int64_t>();
    return value >= 0;
  };
  const auto time = [&object](const char* key, int64_t& value) {
    const auto member = object.find(key);
    if (member == object.end() || !member->is_string()) return false;
    const auto micros = ParseTimestamp(member->get<std::string>());
    value = micros.value_or(0);
    return micros.has_value();
  };
  const auto own_seq = [&] {
    tombstone.seq = tombstone.last_seq;
    const bool is_whole = !object.contains("seq") || number("seq", tombstone.seq);
    return is_whole && tombstone.seq >= tombstone.last_seq && tombstone.seq <= kMaxSeq;
  };
  const auto job_id = object.find("job_id");
  if (job_id == object.end() || !job_id->is_string()) return std::nullopt;
  tombstone.job_id = job_id->get<std::string>();
  if (const auto actor = object.find("actor"); actor != object.end() && actor->is_string()) {
    tombstone.actor = actor->get<std::string>();
  }
  const bool is_whole = IsJobId(tombstone.job_id) && number("first_seq", tombstone.first_seq) &&
                        number("last_seq", tombstone.last_seq) &&
                        number("events", tombstone.event_count) &&
                        time("last_ts", tombstone.last_ts_micros) &&
                        time("deleted_at", tombstone.deleted_at_micros) && own_seq();
  return is_whole ? std::optional(tombstone) : std::nullopt;
}

}  // namespace

std::string TombstoneFilePath(const std::string& runs_dir) {
  return runs_dir + "/stagelog.deleted.jsonl";
}

std::string EncodeTombstone(const Tombstone& tombstone) {
  nlohmann::ordered_json object;
  object["seq"] = tombstone.seq;
  object["job_id"] = tombstone.job_id;
  object["first_seq"] = tombstone.first_seq;
  object["last_seq"] = tombstone.last_seq;
  object["last_ts"] = FormatTimestamp(tombstone.last_ts_micros);
  object["events"] = tombstone.event_count;
  object["deleted_at"] = FormatTimestamp(tombstone.deleted_at_micros);
  if (!tombstone.actor.empty()) object["actor"] = tombstone.actor;
  return DumpJson(object);
}

Status CheckTombstoneFile(FileSystem& files, const std::string& runs_dir) {
  const std::string path = TombstoneFilePath(runs_dir);
  const auto info = files.Stat(path);
  if (!info) return tl::unexpected(info.error());
  if (!info->has_value()) return {};
  Result<std::unique_ptr<AppendFile>> file = files.OpenAppend(path);
  return file ? (*file)->Close() : Status(tl::unexpected(file.error()));
}

Status AppendTombstone(FileSystem& files, const std::string& runs_dir, const Tombstone& tombstone) {
  const std::string path = TombstoneFilePath(runs_dir);
  const auto info = files.Stat(path);
  if (!info) return tl::unexpected(info.error());
  Result<std::unique_ptr<AppendFile>> file = files.OpenAppend(path);
  if (!file) return tl::unexpected(file.error());
  Status done = (*file)->Append(EncodeTombstone(tombstone) + "\n");
  if (done) done = (*file)->Sync();
  if (done) done = (*file)->Close();
  if (done && !info->has_value()) done = files.SyncDirectory(runs_dir);
  return done;
}

Result<TombstoneFile> ReadTombstones(FileSystem& files, const std::string& runs_dir) {
  TombstoneFile result;
  const std::string path = TombstoneFilePath(runs_dir);
  const auto info = files.Stat(path);
  if (!info) return tl::unexpected(info.error());
  if (!info->has_value()) return result;
  Result<std::unique_ptr<ReadFile>> file = files.OpenRead(path);
  if (!file) return tl::unexpected(file.error());
  result.size_bytes = (*info)->size;
  LineReader reader(std::move(*file));
  while (true) {
    const Result<std::optional<FileLine>> line = reader.Next();
    if (!line) return tl::unexpected(line.error());
    if (!line->has_value()) return result;
    std::optional<Tombstone> tombstone = DecodeTombstone((*line)->text);
    result.is_torn |= !(*line)->terminated;
    result.is_damaged |= (*line)->terminated && !tombstone;
    if (tombstone) result.tombstones.push_back(std::move(*tombstone));
  }
}

Status WriteTombstones(FileSystem& files, const std::string& runs_dir,
                       const std::vector<Tombstone>& tombstones) {
  std::string text;
  for (const Tombstone& tombstone : tombstones) text += EncodeTombstone(tombstone) + "\n";
  return ReplaceFile(files, TombstoneFilePath(runs_dir), text);
}

std::string TrashPath(const std::string& runs_dir, int64_t first_seq) {
  return runs_dir + "/" + std::string(kTrashPrefix) + std::to_string(first_seq);
}

Status MoveToTrash(FileSystem& files, const std::string& runs_dir, const std::string& job_id,
                   int64_t first_seq) {
  const std::string folder = JobDirectory(runs_dir, job_id);
  const auto info = files.Stat(folder);
  if (!info) return tl::unexpected(info.error());
  if (info->has_value()) {
    if (Status moved = files.Rename(folder, TrashPath(runs_dir, first_seq)); !moved) return moved;
  }
  // Where it is not there, the run that has moved it may not have got as far as this.
  return files.SyncDirectory(runs_dir);
}

Result<std::vector<std::string>> ListTrash(FileSystem& files, const std::string& runs_dir) {
  return files.List(runs_dir).map([](std::vector<std::string> names) {
    std::erase_if(names, [](const std::string& name) { return !name.starts_with(kTrashPrefix); });
    return names;
  });
}

Result<bool> RemoveSome(FileSystem& files, const std::string& path) {
  const auto info = files.Stat(path);
  if (!info) return tl::unexpected(info.error());
  if (!info->has_value()) return true;
  Status done;
  if ((*info)->is_directory) {
    const auto names = files.List(path);
    if (!names) return tl::unexpected(names.error());
    if (!names->empty()) {
      const Result<bool> removed = RemoveSome(files, path + "/" + names->front());
      if (!removed) return removed;
      return false;
    }
    done = files.RemoveDirectory(path);
  } else if ((*info)->is_regular && (*info)->size > kPortionBytes) {
    done = files.Truncate(path, (*info)->size - kPortionBytes);
    if (done) return false;
  } else {
    done = files.Remove(path);
  }
  if (!done) return tl::unexpected(done.error());
  return true;
}

}  // namespace stagelog
