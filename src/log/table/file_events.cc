#include "log/table/file_events.h"

#include <algorithm>
#include <cerrno>

#include "base/sha256.h"
#include "log/file/job_files.h"
#include "log/file/stored_file.h"

namespace stagelog {
namespace {

constexpr size_t kMaxOpenFiles = 64;
constexpr size_t kWindowBytes = size_t{32} << 10;

}  // namespace

int64_t DigestOf(std::string_view text) {
  const std::string hex = Sha256Hex(text);
  return static_cast<int64_t>(std::stoull(hex.substr(0, 16), nullptr, 16));
}

MissingLineError::MissingLineError(std::string job_id, int64_t seq, const std::string& why)
    : SQLite::Exception("events.jsonl of " + job_id + " does not contain event " +
                        std::to_string(seq) + " as committed: " + why),
      job_id_(std::move(job_id)) {}

// A file and the part of it that was read last.
struct FileLines::OpenFile {
  std::unique_ptr<ReadFile> file;
  std::string window;
  uint64_t window_offset = 0;

  bool Holds(uint64_t offset, size_t size) const {
    return offset >= window_offset && offset + size <= window_offset + window.size();
  }
};

FileLines::FileLines(FileSystem& files, std::string runs_dir)
    : files_(files), runs_dir_(std::move(runs_dir)) {}

FileLines::~FileLines() = default;

void FileLines::Close() { open_.clear(); }

Result<FileLines::OpenFile*> FileLines::Open(const std::string& job_id) {
  if (const auto found = open_.find(job_id); found != open_.end()) return found->second.get();
  Result<std::unique_ptr<ReadFile>> file = OpenStoredFile(files_, JobFilePath(runs_dir_, job_id));
  if (!file) return tl::unexpected(file.error());
  if (open_.size() >= kMaxOpenFiles) open_.clear();
  auto opened = std::make_unique<OpenFile>();
  opened->file = std::move(*file);
  return open_.emplace(job_id, std::move(opened)).first->second.get();
}

// Reads more than is asked for: what follows when the reader goes forward, what comes before when
// it goes back.
Result<std::string_view> FileLines::ReadBytes(const std::string& job_id, uint64_t offset,
                                              size_t size) {
  const Result<OpenFile*> opened = Open(job_id);
  if (!opened && opened.error().error_number == ENOENT) return std::string_view();
  if (!opened) return tl::unexpected(opened.error());
  OpenFile& file = **opened;
  if (!file.Holds(offset, size)) {
    const bool goes_back = offset < file.window_offset;
    const size_t count = std::max(size, kWindowBytes);
    const uint64_t end = offset + size;
    file.window_offset = goes_back ? end - std::min<uint64_t>(end, count) : offset;
    file.window.resize(count);
    Result<size_t> got = file.file->ReadAt(file.window_offset, file.window.data(), count);
    if (!got && count > size) {  // what is asked for may be sound though its neighbour is not
      file.window_offset = offset;
      file.window.resize(size);
      got = file.file->ReadAt(offset, file.window.data(), size);
    }
    file.window.resize(got.value_or(0));
    if (!got) return tl::unexpected(got.error());
  }
  const uint64_t from = std::min<uint64_t>(offset - file.window_offset, file.window.size());
  return std::string_view(file.window).substr(from, size);
}

std::string_view FileLines::Read(const std::string& job_id, int64_t seq, const FilePlace& place) {
  const auto size = static_cast<size_t>(place.size);
  const auto bytes = ReadBytes(job_id, static_cast<uint64_t>(place.offset), size + 1);
  if (!bytes) throw MissingLineError(job_id, seq, bytes.error().message);
  const bool is_line = bytes->size() == size + 1 && bytes->back() == '\n';
  if (!is_line || DigestOf(bytes->substr(0, size)) != place.digest) {
    throw MissingLineError(job_id, seq, "the file was changed");
  }
  return bytes->substr(0, size);
}

std::string StoredEvents::Select(const std::string& condition, bool with_files, bool newest_first) {
  std::string sql = "SELECT seq, body, job, 0, 0, 0 FROM events WHERE " + condition;
  if (with_files) {
    sql += " UNION ALL SELECT seq, NULL, job, offset, size, digest FROM file_events WHERE ";
    sql += condition;
  }
  return sql + (newest_first ? " ORDER BY 1 DESC" : " ORDER BY 1");
}

const char* StoredEvents::LastInFileSql(bool of_one_job) {
  return of_one_job ? "SELECT max(seq) FROM file_events WHERE job = ?"
                    : "SELECT max(seq) FROM file_events";
}

int64_t StoredEvents::LastInFile(std::optional<int64_t> first_seq) {
  SQLite::Statement query(database_, LastInFileSql(first_seq.has_value()));
  if (first_seq) query.bind(1, *first_seq);
  query.executeStep();
  return query.getColumn(0).getInt64();
}

std::optional<std::string_view> StoredEvents::BodyOf(SQLite::Statement& row) {
  const SQLite::Column body = row.getColumn(1);
  if (!body.isNull()) {
    return std::string_view(body.getText(), static_cast<size_t>(body.getBytes()));
  }
  const FilePlace place{row.getColumn(3).getInt64(), row.getColumn(4).getInt64(),
                        row.getColumn(5).getInt64()};
  const std::string& job_id = NameOf(row.getColumn(2).getInt64());
  if (job_id.empty() || place.offset == kLostOffset) return std::nullopt;
  return lines_.Read(job_id, row.getColumn(0).getInt64(), place);
}

const std::string& StoredEvents::NameOf(int64_t first_seq) {
  const auto [entry, is_new] = names_.try_emplace(first_seq);
  if (is_new) {
    SQLite::Statement query(database_, "SELECT job_id FROM jobs WHERE first_seq = ?");
    query.bind(1, first_seq);
    if (query.executeStep()) entry->second = query.getColumn(0).getString();
  }
  return entry->second;
}

}  // namespace stagelog
