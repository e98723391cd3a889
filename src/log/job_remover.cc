#include "log/job_remover.h"

#include <algorithm>
#include <map>
#include <utility>

namespace stagelog {
namespace {

constexpr int kRowsAtOnce = 1'000;

}  // namespace

Status JobRemover::Begin(EventTable& table, Tombstone tombstone) {
  if (Status decided = AppendTombstone(files_, runs_dir_, tombstone); !decided) return decided;
  try {
    table.Begin();
    table.InsertTombstone(tombstone);
    table.DeleteJobRows(tombstone.first_seq);
    table.SetTablesThrough(tombstone.seq);
    table.Commit();
  } catch (const SQLite::Exception& problem) {
    return Failure(problem.what());
  }
  removals_.push_back({std::move(tombstone)});
  return {};
}

Result<std::optional<JobRemover::Removed>> JobRemover::Step(EventTable& table) {
  Removal& removal = removals_.front();
  const Tombstone& tombstone = removal.tombstone;
  Removed removed;
  try {
    if (removal.stage == Stage::kRows) {
      table.Begin();
      const bool more = table.DeleteEvents(tombstone.first_seq, kRowsAtOnce);
      table.Commit();
      if (!more) removal.stage = Stage::kFolder;
      return std::nullopt;
    }
    const Result<bool> gone = RemoveSomeOfFolder(removal);
    if (gone && !*gone) return std::nullopt;
    if (gone) table.CompleteTombstone(tombstone.job_id);
    if (!gone) removed.folder_problem = gone.error().message;
  } catch (const SQLite::Exception& problem) {
    return Failure(problem.what());
  }
  removed.tombstone = std::move(removal.tombstone);
  removals_.pop_front();
  return std::optional(std::move(removed));
}

// True when nothing is left of it.
Result<bool> JobRemover::RemoveSomeOfFolder(Removal& removal) {
  const Tombstone& tombstone = removal.tombstone;
  if (removal.stage == Stage::kFiles) {
    return RemoveSome(files_, TrashPath(runs_dir_, tombstone.first_seq));
  }
  removal.stage = Stage::kFiles;
  const Status moved = MoveToTrash(files_, runs_dir_, tombstone.job_id, tombstone.first_seq);
  if (!moved) return tl::unexpected(moved.error());
  return false;
}

Status JobRemover::FinishAll(EventTable& table, const std::string& time_suffix,
                             std::vector<std::string>& set_aside,
                             std::vector<std::string>& folder_problems) {
  // First what an earlier run has left there, or its names would be in the way.
  if (const Status emptied = EmptyTrash(); !emptied) {
    folder_problems.push_back(emptied.error().message);
  }
  if (Status same = Reconcile(table, time_suffix, set_aside); !same) return same;
  for (const Tombstone& tombstone : table.PendingTombstones()) {
    table.Begin();
    table.DeleteJobRows(tombstone.first_seq);
    while (table.DeleteEvents(tombstone.first_seq, kRowsAtOnce)) {
    }
    table.Commit();
    if (const Status gone = RemoveFolder(tombstone); !gone) {
      folder_problems.push_back(gone.error().message);
    } else {
      table.CompleteTombstone(tombstone.job_id);
    }
  }
  return {};
}

Status JobRemover::EmptyTrash() {
  const auto trash = ListTrash(files_, runs_dir_);
  if (!trash) return tl::unexpected(trash.error());
  for (const std::string& name : *trash) {
    for (Result<bool> gone = false; !*gone;) {
      gone = RemoveSome(files_, runs_dir_ + "/" + name);
      if (!gone) return tl::unexpected(gone.error());
    }
  }
  return {};
}

// One that cannot be removed is in nobody's way: no job gets the name again.
Status JobRemover::RemoveFolder(const Tombstone& tombstone) {
  Removal removal{tombstone, Stage::kFolder};
  while (true) {
    const Result<bool> gone = RemoveSomeOfFolder(removal);
    if (!gone) return tl::unexpected(gone.error());
    if (*gone) return {};
  }
}

// What is in the file alone was decided and not finished, or the database was lost or is an older
// one: it is pending. What is in the table alone goes back into the file. Where the two differ the
// greater seq counts, for somebody may have seen it, and for all else the table.
Status JobRemover::Reconcile(EventTable& table, const std::string& time_suffix,
                             std::vector<std::string>& set_aside) {
  const auto file = ReadTombstones(files_, runs_dir_);
  if (!file) return tl::unexpected(file.error());
  std::map<std::string, Tombstone> lacking;  // in the file, by job
  for (Tombstone& tombstone : table.AllTombstones()) {
    lacking.emplace(tombstone.job_id, std::move(tombstone));
  }
  bool differs = false;
  table.Begin();
  for (Tombstone tombstone : file->tombstones) {
    const auto known = lacking.find(tombstone.job_id);
    if (known == lacking.end()) {
      if (!table.IsDeleted(tombstone.job_id)) table.InsertTombstone(tombstone);
      continue;
    }
    tombstone.is_pending = known->second.is_pending;
    if (!(tombstone == known->second)) {
      differs = true;
      table.SetTombstoneSeq(tombstone.job_id, std::max(tombstone.seq, known->second.seq));
    }
    lacking.erase(known);
  }
  table.Commit();
  if (lacking.empty() && !differs && !file->is_torn && !file->is_damaged) return {};
  const std::string path = TombstoneFilePath(runs_dir_);
  if (file->is_damaged) {
    // Renamed only once the new one is there in full: this file may be all there is.
    const std::string name = path + ".damaged-" + time_suffix;
    const Result<std::string> text = ReadWholeFile(files_, path);
    if (!text) return tl::unexpected(text.error());
    if (Status kept = ReplaceFile(files_, name, *text); !kept) return kept;
    set_aside.push_back(name);
  }
  return WriteTombstones(files_, runs_dir_, table.AllTombstones());
}

}  // namespace stagelog
