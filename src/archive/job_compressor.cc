#include "archive/job_compressor.h"

#include <utility>

#include "log/file/job_files.h"
#include "log/file/stored_file.h"

namespace stagelog {
namespace {

constexpr size_t kBytesAtOnce = size_t{1} << 20;
// A line longer than this is cut: whole lines in a frame are a help when it is damaged, no more.
constexpr size_t kMaxPendingBytes = size_t{4} << 20;
// What is not synced on the way would make the writer wait for all of it at the end.
constexpr uint64_t kUnsyncedBytes = uint64_t{4} << 20;

}  // namespace

JobCompressor::JobCompressor(FileSystem& files, std::string runs_dir)
    : files_(files), runs_dir_(std::move(runs_dir)), temporary_(CompressingPath(runs_dir_)) {}

JobCompressor::~JobCompressor() = default;

void JobCompressor::Begin(std::string job_id, int64_t job_seq) {
  job_id_ = std::move(job_id);
  job_seq_ = job_seq;
  path_ = JobFilePath(runs_dir_, job_id_);
  stage_ = Stage::kLook;
}

void JobCompressor::Abandon() {
  const bool has_file = target_ != nullptr || written_ != nullptr;
  source_.reset();
  target_.reset();
  written_.reset();
  encoder_.reset();
  pending_.clear();
  job_id_.clear();
  // Where this fails the next file, or the next opening, has it removed.
  if (has_file) static_cast<void>(RemoveIfExists(files_, temporary_));
}

Result<JobCompressor::Progress> JobCompressor::Step(EventTable& table) {
  const Result<Progress> progress = DoStage(table);
  if (!progress || *progress != Progress::kInProgress) Abandon();
  return progress;
}

Result<JobCompressor::Progress> JobCompressor::DoStage(EventTable& table) {
  if (!MatchesStamp(table)) return Progress::kSkipped;
  Status done;
  switch (stage_) {
    case Stage::kLook:
      done = OpenFiles();
      break;
    case Stage::kWrite:
      done = WriteSome();
      break;
    case Stage::kVerify:
      done = VerifySome();
      break;
    case Stage::kReplace:
      if (done = Replace(table); done) return Progress::kDone;
      break;
  }
  if (!done) return tl::unexpected(done.error());
  return Progress::kInProgress;
}

// Whether the table and the file are what they were, and known to agree.
bool JobCompressor::MatchesStamp(EventTable& table) {
  const std::optional<JobRow> row = table.FindJob(job_id_);
  if (!row || !row->IsTerminal() || row->job_seq != job_seq_) return false;
  if (!row->file || row->file->job_seq != job_seq_) return false;
  if (stage_ == Stage::kLook) {
    first_seq_ = row->first_seq;
    stamp_ = *row->file;
  }
  const auto info = files_.Stat(path_);
  if (!info || !info->has_value() || !(*info)->is_regular) return false;
  info_ = **info;
  return info_ == stamp_.info;
}

Status JobCompressor::OpenFiles() {
  Result<std::unique_ptr<ReadFile>> source = files_.OpenRead(path_);
  if (!source) return tl::unexpected(source.error());
  // What a crash has left there, or a symbolic link, which is never written through.
  if (Status gone = RemoveIfExists(files_, temporary_); !gone) return gone;
  Result<std::unique_ptr<AppendFile>> target = files_.OpenAppend(temporary_);
  if (!target) return tl::unexpected(target.error());
  source_ = std::move(*source);
  target_ = std::move(*target);
  encoder_ = std::make_unique<FrameEncoder>();
  offset_ = unsynced_bytes_ = compressed_bytes_ = 0;
  stage_ = Stage::kWrite;
  return {};
}

Status JobCompressor::WriteSome() {
  for (size_t done = 0; done < kBytesAtOnce; done += kFrameBytes) {
    const size_t kept = pending_.size();
    pending_.resize(kept + kFrameBytes);
    const Result<size_t> got = source_->ReadAt(offset_, pending_.data() + kept, kFrameBytes);
    if (!got) return tl::unexpected(got.error());
    pending_.resize(kept + *got);
    offset_ += *got;
    const bool is_last = *got < kFrameBytes;
    if (Status written = WriteFrame(is_last); !written) return written;
    if (is_last) return FinishWriting();
  }
  return {};
}

// Of the whole lines that are pending.
Status JobCompressor::WriteFrame(bool is_last) {
  const size_t newline = pending_.rfind('\n');
  size_t size = newline == std::string::npos ? 0 : newline + 1;
  if (is_last || (size == 0 && pending_.size() > kMaxPendingBytes)) size = pending_.size();
  if (size == 0) return {};
  const Result<std::string> frame = encoder_->Encode(std::string_view(pending_).substr(0, size));
  if (!frame) return tl::unexpected(frame.error());
  pending_.erase(0, size);
  return Write(*frame);
}

Status JobCompressor::FinishWriting() {
  if (Status written = Write(encoder_->SeekTable()); !written) return written;
  if (Status synced = target_->Sync(); !synced) return synced;
  if (Status closed = target_->Close(); !closed) return closed;
  return OpenToVerify();
}

Status JobCompressor::Write(const std::string& bytes) {
  if (Status written = target_->Append(bytes); !written) return written;
  compressed_bytes_ += bytes.size();
  unsynced_bytes_ += bytes.size();
  if (unsynced_bytes_ < kUnsyncedBytes) return {};
  unsynced_bytes_ = 0;
  return target_->Sync();
}

Status JobCompressor::OpenToVerify() {
  Result<std::unique_ptr<ReadFile>> file = files_.OpenRead(temporary_);
  if (!file) return tl::unexpected(file.error());
  auto written = CompressedFile::Open(std::move(*file), compressed_bytes_, temporary_);
  if (!written) return tl::unexpected(written.error());
  written_ = std::move(*written);
  offset_ = 0;
  stage_ = Stage::kVerify;
  return {};
}

Status JobCompressor::VerifySome() {
  std::string before(kBytesAtOnce, '\0');
  std::string after(kBytesAtOnce, '\0');
  const Result<size_t> plain = source_->ReadAt(offset_, before.data(), before.size());
  if (!plain) return tl::unexpected(plain.error());
  const Result<size_t> expanded = written_->ReadAt(offset_, after.data(), after.size());
  if (!expanded) return tl::unexpected(expanded.error());
  if (before != after || *plain != *expanded) {
    return Failure("events.jsonl of " + job_id_ + " differs from its compressed copy");
  }
  offset_ += *plain;
  if (*plain == kBytesAtOnce) return {};
  if (offset_ != info_.size || written_->content_size() != info_.size) {
    return Failure("events.jsonl of " + job_id_ + " was changed by another program");
  }
  stage_ = Stage::kReplace;
  return {};
}

Status JobCompressor::Replace(EventTable& table) {
  table.ForgetFileStamp(first_seq_);
  if (Status placed = PutInPlace(); !placed) {
    TakeBack(table);
    return placed;
  }
  const auto info = files_.Stat(CompressedPath(path_));
  // Without it the next opening compares the file.
  if (info && info->has_value()) table.WriteFileStamp(first_seq_, {**info, job_seq_});
  return {};
}

Status JobCompressor::PutInPlace() {
  const std::string folder = JobDirectory(runs_dir_, job_id_);
  if (Status moved = files_.Rename(temporary_, CompressedPath(path_)); !moved) return moved;
  target_.reset();
  written_.reset();
  if (Status synced = files_.SyncDirectory(folder); !synced) return synced;
  if (Status removed = files_.Remove(path_); !removed) return removed;
  // Where this fails a power cut may bring the plain file back, and the note then tells.
  static_cast<void>(files_.SyncDirectory(folder));
  return {};
}

// The plain file is still there and as good as before, or the note is not written.
void JobCompressor::TakeBack(EventTable& table) {
  const auto info = files_.Stat(path_);
  if (!info || *info != info_) return;
  static_cast<void>(RemoveIfExists(files_, CompressedPath(path_)));
  table.WriteFileStamp(first_seq_, stamp_);
}

}  // namespace stagelog
