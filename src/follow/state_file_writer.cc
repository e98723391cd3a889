#include "follow/state_file_writer.h"

#include <cerrno>
#include <utility>

#include "core/identifier.h"
#include "core/job_state_json.h"

namespace stagelog {
namespace {

std::string GatesFolder(const std::string& job_folder) { return job_folder + "/gates"; }

std::string GatePath(const std::string& job_folder, const std::string& gate) {
  return GatesFolder(job_folder) + "/" + gate + ".json";
}

// A name that is no name comes from an events.jsonl written by hand, and could lead anywhere.
std::set<std::string> GateNames(const JobState& state, const StateChanges& changes) {
  std::set<std::string> names;
  for (const size_t index : changes.gates) {
    const std::string& name = state.gates[index].name;
    if (IsName(name)) names.insert(name);
  }
  return names;
}

// Succeeds when `path` is a folder. A symbolic link is none: it could lead out of the runs folder.
Status ExpectFolder(FileSystem& files, const std::string& path) {
  const Result<std::optional<FileInfo>> info = files.Stat(path);
  if (!info) return tl::unexpected(info.error());
  if (!info->has_value()) return Failure("no such folder: " + path, ENOENT);
  if (!(*info)->is_directory) return Failure(path + " exists and is not a folder", ENOTDIR);
  return {};
}

Status EnsureFolder(FileSystem& files, const std::string& path) {
  const Status there = ExpectFolder(files, path);
  if (there || there.error().error_number != ENOENT) return there;
  return files.CreateDirectory(path);
}

Status UnlessGone(Status status) {
  return !status && status.error().error_number == ENOENT ? Status() : status;
}

void KeepFirstFailure(Status& kept, Status next) {
  if (kept && !next) kept = std::move(next);
}

}  // namespace

StateFileWriter::StateFileWriter(FileSystem& files, std::string runs_dir)
    : files_(files), runs_dir_(std::move(runs_dir)) {}

// The gates go first: who sees a state.json finds in gates/ nothing older than it.
Status StateFileWriter::Write(const JobState& state, const StateChanges& changes) {
  if (!IsJobId(state.job_id)) return Failure("'" + state.job_id + "' is not a valid folder name");
  const std::string folder = FolderOf(state.job_id);
  if (Status there = ExpectFolder(files_, folder); !there) return there;
  std::set<std::string> gates = GateNames(state, changes);
  Status result = gates.empty() ? Status() : WriteGates(state, gates);
  KeepFirstFailure(result, WriteDocument(folder + "/state.json", EncodeJobState(state)));
  Unsynced& unsynced = unsynced_[state.job_id];
  unsynced.as_of_seq = state.as_of_seq;
  unsynced.gates.merge(gates);
  return result;
}

Status StateFileWriter::WriteGates(const JobState& state, const std::set<std::string>& names) {
  const std::string folder = FolderOf(state.job_id);
  Status result = EnsureFolder(files_, GatesFolder(folder));
  if (!result) return result;
  for (const std::string& name : names) {
    KeepFirstFailure(result, WriteDocument(GatePath(folder, name), EncodeGate(state, name)));
  }
  return result;
}

Status StateFileWriter::WriteDocument(const std::string& path, std::string_view document) {
  const std::string temporary = path + ".tmp";
  // What a crash has left there.
  if (Status gone = RemoveIfExists(files_, temporary); !gone) return gone;
  Status result = [&]() -> Status {
    Result<std::unique_ptr<AppendFile>> file = files_.OpenAppend(temporary);
    if (!file) return tl::unexpected(file.error());
    if (Status written = (*file)->Append(std::string(document) + "\n"); !written) return written;
    return (*file)->Close();
  }();
  if (result) result = files_.Rename(temporary, path);
  // On a full disk every block counts.
  if (!result) static_cast<void>(files_.Remove(temporary));
  return result;
}

std::vector<std::string> StateFileWriter::UnsyncedThrough(int64_t seq) const {
  std::vector<std::string> jobs;
  for (const auto& [job_id, unsynced] : unsynced_) {
    if (unsynced.as_of_seq <= seq) jobs.push_back(job_id);
  }
  return jobs;
}

Status StateFileWriter::Sync(const std::string& job_id) {
  const auto entry = unsynced_.find(job_id);
  if (entry == unsynced_.end()) return {};
  const std::string folder = FolderOf(job_id);
  Status result = SyncFile(folder + "/state.json");
  for (const std::string& gate : entry->second.gates) {
    if (result) result = SyncFile(GatePath(folder, gate));
  }
  if (result && !entry->second.gates.empty()) {
    result = UnlessGone(files_.SyncDirectory(GatesFolder(folder)));
  }
  if (result) result = UnlessGone(files_.SyncDirectory(folder));
  if (result) unsynced_.erase(entry);
  return result;
}

// Opening would create a file where there is none, so it looks first.
Status StateFileWriter::SyncFile(const std::string& path) {
  const Result<std::optional<FileInfo>> info = files_.Stat(path);
  if (!info) return tl::unexpected(info.error());
  if (!info->has_value() || !(*info)->is_regular) return {};
  Result<std::unique_ptr<AppendFile>> file = files_.OpenAppend(path);
  if (!file) return UnlessGone(tl::unexpected(file.error()));
  if (Status synced = (*file)->Sync(); !synced) return synced;
  return (*file)->Close();
}

}  // namespace stagelog
