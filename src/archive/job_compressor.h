// Compresses the events.jsonl of terminal jobs to events.jsonl.zst.
#ifndef STAGELOG_ARCHIVE_JOB_COMPRESSOR_H_
#define STAGELOG_ARCHIVE_JOB_COMPRESSOR_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "base/file_system.h"
#include "log/file/compressed_file.h"
#include "log/table/event_table.h"

namespace stagelog {

// One job at a time, about a mebibyte of its file a step. What is durable when:
//  1. the frames and their table are in a file of no job's, synced, and it was read through anew:
//     decompressed it is what events.jsonl is, byte for byte;
//  2. the note of what the job's file looks like is taken back, so that opening the journal after a
//     crash from here on compares the job and clears up;
//  3. the file is renamed to events.jsonl.zst and the job's folder synced;
//  4. events.jsonl is removed, the folder synced, and the new file noted.
// While events.jsonl is there it is what is read. Only a file that the table has noted as agreeing
// with it is taken, and one that is appended to meanwhile is let go of. Writer thread only.
class JobCompressor {
 public:
  enum class Progress {
    kInProgress,
    kDone,     // the plain file is gone; nobody may append to a descriptor of it any more
    kSkipped,  // the job is not, or no longer, such that its file could be compressed
  };

  JobCompressor(FileSystem& files, std::string runs_dir);
  ~JobCompressor();

  // Only if the job's last event still is that with `job_seq`.
  void Begin(std::string job_id, int64_t job_seq);
  bool HasWork() const { return !job_id_.empty(); }
  const std::string& job_id() const { return job_id_; }

  // A failure leaves events.jsonl as it was, and what is read and appended goes on: it may be tried
  // again in the next pass. Throws SQLite::Exception.
  Result<Progress> Step(EventTable& table);

  // Of the file that was Done last, before and after.
  uint64_t plain_bytes() const { return info_.size; }
  uint64_t compressed_bytes() const { return compressed_bytes_; }

  void Abandon();

 private:
  enum class Stage { kLook, kWrite, kVerify, kReplace };

  Result<Progress> DoStage(EventTable& table);
  bool MatchesStamp(EventTable& table);
  Status OpenFiles();
  Status WriteSome();
  Status WriteFrame(bool is_last);
  Status FinishWriting();
  Status Write(const std::string& bytes);
  Status OpenToVerify();
  Status VerifySome();
  Status Replace(EventTable& table);
  Status PutInPlace();
  void TakeBack(EventTable& table);

  FileSystem& files_;
  const std::string runs_dir_;
  const std::string temporary_;
  std::string job_id_;
  std::string path_;
  Stage stage_ = Stage::kLook;
  int64_t job_seq_ = 0;
  int64_t first_seq_ = 0;
  FileStamp stamp_;
  FileInfo info_;  // of the plain file
  std::unique_ptr<ReadFile> source_;
  uint64_t offset_ = 0;  // how far the source was read
  std::string pending_;  // what was read and is in no frame yet
  std::unique_ptr<FrameEncoder> encoder_;
  std::unique_ptr<AppendFile> target_;
  uint64_t unsynced_bytes_ = 0;
  uint64_t compressed_bytes_ = 0;
  std::unique_ptr<CompressedFile> written_;
};

}  // namespace stagelog

#endif  // STAGELOG_ARCHIVE_JOB_COMPRESSOR_H_
