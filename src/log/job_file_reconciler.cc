#include "log/job_file_reconciler.h"

#include "core/event_codec.h"
#include "core/job_machine.h"
#include "log/file/job_files.h"
#include "log/file/stored_file.h"

namespace stagelog {
namespace {

constexpr size_t kWriteChunkBytes = size_t{1} << 20;
constexpr size_t kFileEventsAtOnce = 1'000;

// Could a text without an end be the beginning of an event?
bool BeginsLikeOurs(std::string_view text) {
  constexpr std::string_view kBeginning = "{\"seq\":";
  return text.starts_with(kBeginning) || kBeginning.starts_with(text);
}

Error Cancelled() { return {"the journal is being closed", 0}; }

// For good, as the file in it is about to be.
Status EnsureSyncedJobDirectory(FileSystem& files, const std::string& runs_dir,
                                const std::string& job_id) {
  const Result<bool> is_new = EnsureJobDirectory(files, runs_dir, job_id);
  if (!is_new) return tl::unexpected(is_new.error());
  return *is_new ? files.SyncDirectory(runs_dir) : Status();
}

}  // namespace

JobFileReconciler::JobFileReconciler(FileSystem& files, EventTable& table, std::string runs_dir,
                                     std::string job_id, std::string time_suffix,
                                     int64_t max_ts_micros)
    : files_(files),
      table_(table),
      runs_dir_(std::move(runs_dir)),
      job_id_(std::move(job_id)),
      path_(JobFilePath(runs_dir_, job_id_)),
      time_suffix_(std::move(time_suffix)),
      max_ts_micros_(max_ts_micros) {}

Result<JobRepair> JobFileReconciler::Run() {
  if (std::optional<JobState> state = table_.LoadState(job_id_)) state_ = std::move(*state);
  if (Status cleared = SetAsideObstacle(); !cleared) return tl::unexpected(cleared.error());
  if (Status finished = FinishInterruptedRewrite(); !finished) {
    return tl::unexpected(finished.error());
  }
  if (Status expanded = ExpandWithoutTable(); !expanded) return tl::unexpected(expanded.error());
  const Result<Verdict> verdict = Compare();
  if (!verdict) return tl::unexpected(verdict.error());
  if (repair_.lines_taken > 0) table_.WriteState(state_, changes_, state_.job_seq);
  Status repaired;
  if (*verdict == Verdict::kFileIsBehind) repaired = AppendMissing();
  // A file that differs may be one that was put back, with lines that were lost.
  if (*verdict == Verdict::kDiverged && HasFileEvents()) repaired = RelocateLines();
  if (*verdict == Verdict::kDiverged && repaired) repaired = Rewrite();
  if (repaired) repaired = CleanUpCompressed();
  if (!repaired) return tl::unexpected(repaired.error());
  return repair_;
}

// Something that is no folder, a symbolic link for one, has the place of the job's folder: set
// aside, for one bad name must not keep the other jobs from being served.
Status JobFileReconciler::SetAsideObstacle() {
  const std::string folder = JobDirectory(runs_dir_, job_id_);
  const auto info = files_.Stat(folder);
  if (!info) return tl::unexpected(info.error());
  if (!info->has_value() || (*info)->is_directory || state_.job_seq == 0) return {};
  return MoveAside(folder);
}

// Rewrite() renames the old file away before it renames the new one into its place. A new file that
// is whole and alone was left by a crash between the two.
Status JobFileReconciler::FinishInterruptedRewrite() {
  const auto file = FindStoredFile(files_, path_);
  if (!file) return tl::unexpected(file.error());
  const auto rewritten = files_.Stat(path_ + ".tmp");
  if (!rewritten) return tl::unexpected(rewritten.error());
  if (file->has_value() || !rewritten->has_value()) return {};
  return files_.Rename(path_ + ".tmp", path_);
}

// The frames of a compressed file whose table is damaged or missing are looked for one by one.
Status JobFileReconciler::ExpandWithoutTable() {
  const auto stored = FindStoredFile(files_, path_);
  if (!stored) return tl::unexpected(stored.error());
  const bool is_plain = !stored->has_value() || !(*stored)->is_compressed();
  if (is_plain || !(*stored)->info.is_regular) return {};
  const auto opened = OpenStoredFile(files_, (*stored)->path);
  if (opened || opened.error().error_number != kDamagedFile) return {};
  const std::string temporary = path_ + ".tmp";
  if (Status expanded =
          ExpandFile(files_, (*stored)->path, temporary, CompressedFile::Damage::kIsBlankLines);
      !expanded) {
    return expanded;
  }
  if (Status moved = MoveAside((*stored)->path); !moved) return moved;
  if (Status moved = files_.Rename(temporary, path_); !moved) return moved;
  return files_.SyncDirectory(JobDirectory(runs_dir_, job_id_));
}

Result<JobFileReconciler::Verdict> JobFileReconciler::Compare() {
  const auto stored = FindStoredFile(files_, path_);
  if (!stored) return tl::unexpected(stored.error());
  if (!stored->has_value()) {
    if (HasFileEvents()) return Verdict::kDiverged;
    return state_.job_seq == 0 ? Verdict::kAgrees : Verdict::kFileIsBehind;
  }
  if (!(*stored)->info.is_regular) return Verdict::kDiverged;
  const auto judge = [](Result<Verdict> verdict) -> Result<Verdict> {
    const bool is_damaged = !verdict && verdict.error().error_number == kDamagedFile;
    return is_damaged ? Verdict::kDiverged : std::move(verdict);
  };
  Result<std::unique_ptr<ReadFile>> file = OpenStoredFile(files_, (*stored)->path);
  if (!file) return judge(tl::unexpected(file.error()));
  LineReader reader(std::move(*file));
  return judge(CompareLines(reader));
}

Result<JobFileReconciler::Verdict> JobFileReconciler::CompareLines(LineReader& reader) {
  if (state_.job_seq > 0) {
    const Result<bool> in_place = FileEventsAreInPlace(reader);
    if (!in_place) return tl::unexpected(in_place.error());
    if (!*in_place) return Verdict::kDiverged;
    const Result<Verdict> verdict = CompareRows(reader);
    if (!verdict || *verdict != Verdict::kAgrees) return verdict;
  }
  return TakeFurtherLines(reader);
}

// Reads over the lines that the table has dropped. One that was lost may be back in a file that
// differs otherwise.
Result<bool> JobFileReconciler::FileEventsAreInPlace(LineReader& reader) {
  int64_t seq = 0;
  while (true) {
    const std::vector<FileEvent> events =
        table_.FileEvents(state_.first_seq, seq, kFileEventsAtOnce);
    if (IsCancelled()) return tl::unexpected(Cancelled());
    for (const FileEvent& event : events) {
      seq = event.seq;
      if (event.place.offset == kLostOffset) continue;
      const Result<std::optional<FileLine>> line = reader.Next();
      if (!line) return tl::unexpected(line.error());
      const bool is_it = line->has_value() && (*line)->terminated &&
                         (*line)->offset == static_cast<uint64_t>(event.place.offset) &&
                         DigestOf((*line)->text) == event.place.digest;
      if (!is_it) return false;
      matched_job_seq_ = event.job_seq;
      good_bytes_ = (*line)->end;
    }
    if (events.size() < kFileEventsAtOnce) return true;
  }
}

// kAgrees: every row has its line; what follows in the file is still to be looked at.
Result<JobFileReconciler::Verdict> JobFileReconciler::CompareRows(LineReader& reader) {
  Verdict verdict = Verdict::kAgrees;
  std::optional<Error> error;
  const int64_t dropped = table_.FileJobSeq(state_.first_seq);
  table_.VisitJobEvents(state_.first_seq, dropped, [&](int64_t seq, std::string_view body) {
    if (seq > state_.as_of_seq) return false;
    if (IsCancelled()) {
      error = Cancelled();
      return false;
    }
    const Result<std::optional<FileLine>> line = reader.Next();
    if (!line) {
      error = line.error();
      return false;
    }
    if (line->has_value() && (*line)->terminated && (*line)->text == body) {
      ++matched_job_seq_;
      good_bytes_ = (*line)->offset + body.size() + 1;
      return true;
    }
    const bool ends_here = !line->has_value();
    const bool torn = !ends_here && !(*line)->terminated && body.starts_with((*line)->text);
    repair_.tail_cut = torn;
    verdict = ends_here || torn ? Verdict::kFileIsBehind : Verdict::kDiverged;
    return false;
  });
  if (error) return tl::unexpected(*error);
  return verdict;
}

Result<JobFileReconciler::Verdict> JobFileReconciler::TakeFurtherLines(LineReader& reader) {
  while (true) {
    const Result<std::optional<FileLine>> next = reader.Next();
    if (!next) return tl::unexpected(next.error());
    if (!next->has_value()) return Verdict::kAgrees;
    const FileLine& line = **next;
    const bool taken = TakeLine(line.text);
    if (taken && line.terminated) {
      good_bytes_ = line.offset + line.text.size() + 1;
      matched_job_seq_ = state_.job_seq;
      continue;
    }
    // A last line without its end was torn. Where it is whole but for its newline it has been
    // taken, and is written anew with one.
    if (line.terminated || (!taken && !BeginsLikeOurs(line.text))) return Verdict::kDiverged;
    repair_.tail_cut = !taken;
    return Verdict::kFileIsBehind;
  }
}

// Takes a line that is the job's next event by its content, its place and its chain.
bool JobFileReconciler::TakeLine(std::string_view line) {
  const Result<Event> event = DecodeStoredEvent(line);
  if (!event || event->draft.job_id != job_id_) return false;
  if (event->job_seq != state_.job_seq + 1 || event->seq <= state_.as_of_seq) return false;
  if (!VerifyHash(line, state_.last_hash) || table_.HasSeq(event->seq)) return false;
  // seq and ts grow together over all jobs: searches by time rely on it, and a time far ahead would
  // drag the whole journal's along.
  if (event->ts_micros > max_ts_micros_) return false;
  if (!table_.WouldBeInOrder(event->seq, event->ts_micros)) return false;
  const int64_t first_seq = state_.job_seq == 0 ? event->seq : state_.first_seq;
  // It would be in order: no event has its ts.
  if (table_.FindEventById(first_seq, event->draft.event_id, event->ts_micros)) return false;
  Apply(state_, *event, StoredHash(line), &changes_);
  // The job's row comes before the events that refer to it.
  if (state_.job_seq == 1) table_.WriteState(state_, {}, 0);
  table_.WriteSnapshotWhenDue(state_, state_.job_seq - 1);
  table_.InsertEvent(event->seq, first_seq, event->job_seq, event->ts_micros, event->draft.event_id,
                     std::string(line));
  table_.ListEvents(first_seq, {event->seq});
  ++repair_.lines_taken;
  return true;
}

Status JobFileReconciler::AppendMissing() {
  if (Status there = EnsureSyncedJobDirectory(files_, runs_dir_, job_id_); !there) return there;
  const auto stored = FindStoredFile(files_, path_);
  if (!stored) return tl::unexpected(stored.error());
  if (stored->has_value() && (*stored)->is_compressed()) {
    // The writer may be expanding another file at the one place that is for that.
    const std::string temporary = is_live_ ? path_ + ".tmp" : ExpandingPath(runs_dir_);
    if (Status plain = ExpandJobFile(files_, runs_dir_, job_id_, temporary); !plain) return plain;
  }
  const auto info = files_.Stat(path_);
  if (!info) return tl::unexpected(info.error());
  if (info->has_value() && (*info)->size > good_bytes_) {
    if (Status cut = files_.Truncate(path_, good_bytes_); !cut) return cut;
  }
  return WriteRows(path_, matched_job_seq_, &repair_.lines_appended, nullptr);
}

// Looks through the file for the lines that it alone has, wherever they are in it now. From here on
// the places are those in this file, until Rewrite() has made them those in the new one.
Status JobFileReconciler::RelocateLines() {
  std::unordered_map<int64_t, int64_t> offsets;  // by seq
  const auto stored = FindStoredFile(files_, path_);
  if (!stored) return tl::unexpected(stored.error());
  if (stored->has_value() && (*stored)->info.is_regular) {
    auto file = OpenStoredFile(files_, (*stored)->path, CompressedFile::Damage::kIsBlankLines);
    const bool is_damaged = !file && file.error().error_number == kDamagedFile;
    if (!file && !is_damaged) return tl::unexpected(file.error());
    LineReader reader(is_damaged ? nullptr : std::move(*file));
    while (!is_damaged) {
      if (IsCancelled()) return tl::unexpected(Cancelled());
      const Result<std::optional<FileLine>> line = reader.Next();
      if (!line) return tl::unexpected(line.error());
      if (!line->has_value()) break;
      if ((*line)->text.empty()) continue;  // there are many in place of a damaged frame
      const Result<Event> event = DecodeStoredEvent((*line)->text);
      if (!event || event->draft.job_id != job_id_ || !(*line)->terminated) continue;
      for (const FileEvent& known : table_.FileEvents(state_.first_seq, event->seq - 1, 1)) {
        const bool is_it = known.seq == event->seq && known.place.digest == DigestOf((*line)->text);
        if (is_it) offsets[known.seq] = static_cast<int64_t>((*line)->offset);
      }
    }
  }
  MovePlaces(offsets);
  return {};
}

// Lines without an offset are lost.
void JobFileReconciler::MovePlaces(const std::unordered_map<int64_t, int64_t>& offsets) {
  int64_t seq = 0;
  repair_.lines_lost = 0;
  for (size_t count = kFileEventsAtOnce; count == kFileEventsAtOnce;) {
    const std::vector<FileEvent> events =
        table_.FileEvents(state_.first_seq, seq, kFileEventsAtOnce);
    count = events.size();
    if (is_live_) table_.Begin();
    for (const FileEvent& event : events) {
      const auto found = offsets.find(event.seq);
      const bool is_lost = found == offsets.end();
      table_.MovePlace(event.seq, is_lost ? kLostOffset : found->second);
      repair_.lines_lost += is_lost ? 1 : 0;
      seq = event.seq;
    }
    if (is_live_) table_.Commit();
  }
}

// The new file is complete and synced before the old one leaves its place: a crash at any point
// leaves one of them whole.
Status JobFileReconciler::Rewrite() {
  const std::string temporary = path_ + ".tmp";
  // What a crash has left there, or a symbolic link, which is never written through.
  if (Status gone = RemoveIfExists(files_, temporary); !gone) return gone;
  if (Status there = EnsureSyncedJobDirectory(files_, runs_dir_, job_id_); !there) return there;
  if (Status created = files_.WriteFile(temporary, ""); !created) return created;
  int64_t count = 0;
  good_bytes_ = 0;
  std::unordered_map<int64_t, int64_t> offsets;  // of lines that the table has dropped, by seq
  if (Status written = WriteRows(temporary, 0, &count, &offsets); !written) return written;
  repair_.tail_cut = false;
  const auto old = FindStoredFile(files_, path_);
  if (!old) return tl::unexpected(old.error());
  if (old->has_value()) {
    if (Status moved = MoveAside((*old)->path); !moved) return moved;
  }
  if (Status moved = files_.Rename(temporary, path_); !moved) return moved;
  // Not before: until now reads went to the old file.
  if (HasFileEvents()) MovePlaces(offsets);
  return files_.SyncDirectory(JobDirectory(runs_dir_, job_id_));
}

Status JobFileReconciler::MoveAside(const std::string& path) {
  repair_.set_aside.push_back(path + ".diverged-" + time_suffix_);
  return files_.Rename(path, repair_.set_aside.back());
}

// A crash while the file was compressed or made plain leaves both, and the plain one is whole. What
// is not in that is kept under another name.
Status JobFileReconciler::CleanUpCompressed() {
  const std::string compressed = CompressedPath(path_);
  const auto plain = files_.Stat(path_);
  const auto other = files_.Stat(compressed);
  if (!plain) return tl::unexpected(plain.error());
  if (!other) return tl::unexpected(other.error());
  if (!plain->has_value() || !other->has_value()) return {};
  const Result<bool> is_beginning = (*other)->is_regular ? IsPrefixOfPlain() : false;
  if (!is_beginning) return tl::unexpected(is_beginning.error());
  return *is_beginning ? files_.Remove(compressed) : MoveAside(compressed);
}

Result<bool> JobFileReconciler::IsPrefixOfPlain() {
  const auto compressed = OpenStoredFile(files_, CompressedPath(path_));
  const auto plain = files_.OpenRead(path_);
  if (!plain) return tl::unexpected(plain.error());
  std::string here(kWriteChunkBytes, '\0');
  std::string there(kWriteChunkBytes, '\0');
  Result<size_t> count = compressed ? Result<size_t>(0) : tl::unexpected(compressed.error());
  for (uint64_t offset = 0; count; offset += *count) {
    count = (*compressed)->ReadAt(offset, here.data(), here.size());
    if (!count) break;
    if (*count == 0) return true;
    const Result<size_t> got = (*plain)->ReadAt(offset, there.data(), *count);
    if (!got) return tl::unexpected(got.error());
    if (here.compare(0, *count, there, 0, *got) != 0) return false;
  }
  if (count.error().error_number == kDamagedFile) return false;
  return tl::unexpected(count.error());
}

Status JobFileReconciler::WriteRows(const std::string& path, int64_t after_job_seq, int64_t* count,
                                    std::unordered_map<int64_t, int64_t>* offsets) {
  Result<std::unique_ptr<AppendFile>> file = files_.OpenAppend(path);
  if (!file) return tl::unexpected(file.error());
  Status status;
  std::string chunk;
  const int64_t dropped =
      offsets != nullptr && HasFileEvents() ? table_.LastInFile(state_.first_seq) : 0;
  int64_t offset = 0;
  const auto flush = [&] {
    status = (*file)->Append(chunk);
    chunk.clear();
    return status.has_value();
  };
  if (state_.job_seq > 0) {
    table_.VisitJobEvents(state_.first_seq, after_job_seq, [&](int64_t seq, std::string_view body) {
      if (seq > state_.as_of_seq) return false;
      if (IsCancelled()) status = tl::unexpected(Cancelled());
      if (!status) return false;
      if (seq <= dropped) (*offsets)[seq] = offset;
      offset += static_cast<int64_t>(body.size()) + 1;
      good_bytes_ += body.size() + 1;
      chunk += body;
      chunk += '\n';
      ++*count;
      return chunk.size() < kWriteChunkBytes || flush();
    });
  }
  if (status && !chunk.empty()) flush();
  if (!status) return status;
  if (Status synced = (*file)->Sync(); !synced) return synced;
  return (*file)->Close();
}

}  // namespace stagelog
