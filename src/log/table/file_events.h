// Events that SQLite no longer holds: their lines are in events.jsonl alone, and the table
// `file_events` knows where. (The offsets are those before it was compressed, if it was.) SQLite
// then holds a suffix of the file, never less than its last line.
#ifndef STAGELOG_LOG_TABLE_FILE_EVENTS_H_
#define STAGELOG_LOG_TABLE_FILE_EVENTS_H_

#include <SQLiteCpp/SQLiteCpp.h>

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/file_system.h"

namespace stagelog {

// The place of a line. `digest` detects a line that is not the committed one any more.
struct FilePlace {
  int64_t offset = 0;  // of its first byte; kLostOffset when the line is gone
  int64_t size = 0;    // bytes, without its newline
  int64_t digest = 0;  // DigestOf(line)
};

inline constexpr int64_t kLostOffset = -1;

// The first eight bytes of SHA-256.
int64_t DigestOf(std::string_view text);

// A file lacks a line that was committed. Does not mean that the database is damaged.
class MissingLineError : public SQLite::Exception {
 public:
  MissingLineError(std::string job_id, int64_t seq, const std::string& why);

  const std::string& job_id() const { return job_id_; }

 private:
  std::string job_id_;
};

// Reads single lines of events.jsonl files, compressed ones too. Holds some files open until
// Close(). One thread at a time.
class FileLines {
 public:
  FileLines(FileSystem& files, std::string runs_dir);
  ~FileLines();

  // Valid until the next call. Throws MissingLineError.
  std::string_view Read(const std::string& job_id, int64_t seq, const FilePlace& place);

  // The bytes from `offset` on, fewer only at the end of the file; valid until the next call. A
  // file that is not there is empty.
  Result<std::string_view> ReadBytes(const std::string& job_id, uint64_t offset, size_t size);

  void Close();

 private:
  struct OpenFile;

  Result<OpenFile*> Open(const std::string& job_id);

  FileSystem& files_;
  const std::string runs_dir_;
  std::map<std::string, std::unique_ptr<OpenFile>> open_;
};

// The events of one database in order, wherever their lines are. For one transaction.
class StoredEvents {
 public:
  // Both outlive this object.
  StoredEvents(SQLite::Database& database, FileLines& lines) : database_(database), lines_(lines) {}

  // SQL that gives (seq, body, job, offset, size, digest) of the events for which `condition`
  // holds, in the order of seq. `condition` uses columns that both tables have (seq, job, job_seq,
  // ts) and numbered parameters (?1). The second table is left out where the caller knows, by
  // LastInFile(), that it has nothing to add.
  static std::string Select(const std::string& condition, bool with_files, bool newest_first);

  // The greatest seq whose line is in the file alone, of all jobs or of that with `first_seq`; 0
  // where there is none.
  int64_t LastInFile(std::optional<int64_t> first_seq = std::nullopt);
  static const char* LastInFileSql(bool of_one_job);

  // The body of a row of Select(), valid until the next call or step; none when the line was lost,
  // or its job is being deleted. Throws MissingLineError.
  std::optional<std::string_view> BodyOf(SQLite::Statement& row);

 private:
  const std::string& NameOf(int64_t first_seq);

  SQLite::Database& database_;
  FileLines& lines_;
  std::map<int64_t, std::string> names_;
};

}  // namespace stagelog

#endif  // STAGELOG_LOG_TABLE_FILE_EVENTS_H_
