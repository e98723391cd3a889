#include "client/spool.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>

#include "base/file_system.h"
#include "client/daemon_client.h"
#include "client/spool_file.h"
#include "core/identifier.h"
#include "core/json_value.h"

namespace stagelog::cli {
namespace {

constexpr size_t kCountBytes = size_t{1} << 20;

std::string EventsPath(const std::string& folder) { return folder + "/events.ndjson"; }
std::string SentPath(const std::string& folder) { return folder + "/sent"; }
std::string LockPath(const std::string& folder) { return folder + "/sender.lock"; }
std::string RefusedPath(const std::string& folder) { return folder + "/refused.ndjson"; }

UniqueFd OpenToRead(const std::string& path) {
  return UniqueFd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
}

std::string SentText(uint64_t offset, const std::string& file) {
  return std::to_string(offset) + " " + file + "\n";
}

// The offset in `sent`; 0 (everything is sent again, which does no harm) when there is none, or one
// that lies behind the end or speaks of another file.
uint64_t ReadSent(const std::string& folder, const UniqueFd& events) {
  const UniqueFd file = OpenToRead(SentPath(folder));
  if (!file.valid()) return 0;
  const auto text = ReadAt(file.get(), 0, 128);
  if (!text) return 0;
  uint64_t offset = 0;
  const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), offset);
  const bool is_valid =
      error == std::errc() && *text == SentText(offset, FileIdentity(events.get()));
  return is_valid && offset <= SizeOf(events.get()) ? offset : 0;
}

// Takes off what a crash left of a line. The caller holds the lock on the file.
Status CutTornTail(int fd, uint64_t& size) {
  const auto end = EndOfLastLine(fd, size);
  if (!end) return tl::unexpected(end.error());
  if (*end == size) return {};
  if (::ftruncate(fd, static_cast<off_t>(*end)) != 0) return Failure(std::strerror(errno), errno);
  size = *end;
  return {};
}

uint64_t CountLines(int fd, uint64_t from) {
  uint64_t lines = 0;
  while (true) {
    const auto bytes = ReadAt(fd, from, kCountBytes);
    if (!bytes || bytes->empty()) return lines;
    lines += static_cast<uint64_t>(std::count(bytes->begin(), bytes->end(), '\n'));
    from += bytes->size();
  }
}

}  // namespace

std::string SpoolRoot(const Environment& environment) {
  const auto state = environment("XDG_STATE_HOME");
  // A relative one is to be passed over, says the XDG Base Directory Specification.
  if (state && state->starts_with('/')) return *state + "/stagelog/spool";
  if (const auto home = environment("HOME")) return *home + "/.local/state/stagelog/spool";
  return "";
}

Status SpoolWriter::Open() {
  if (file_.valid() && LockIfLinked(file_.get())) return {};
  auto opened = OpenLocked(EventsPath(folder_), true);
  if (!opened) return tl::unexpected(opened.error());
  file_ = std::move(*opened);
  return {};
}

Result<SpoolPlace> SpoolWriter::Append(std::string_view lines) {
  if (Status open = Open(); !open) return tl::unexpected(open.error());
  const int fd = file_.get();
  uint64_t size = SizeOf(fd);
  const std::string path = EventsPath(folder_);
  Status done = CutTornTail(fd, size);
  if (!done) done = Failure(path + ": " + done.error().message, done.error().error_number);
  if (done) done = WriteAll(fd, lines, path);
  // Nobody else appends before the lock is open again: what was written of them can be taken back.
  if (!done) static_cast<void>(!::ftruncate(fd, static_cast<off_t>(size)));
  ::flock(fd, LOCK_UN);
  if (!done) return tl::unexpected(done.error());
  return SpoolPlace{FileIdentity(fd), size + lines.size()};
}

Result<bool> SpoolReader::Lock() {
  if (lock_.valid()) return true;
  auto lock = OpenLocked(LockPath(folder_), false);
  if (!lock) return tl::unexpected(lock.error());
  lock_ = std::move(*lock);
  return lock_.valid();
}

Status SpoolReader::OpenEvents() {
  if (events_.valid()) return {};
  events_.Reset(::open(EventsPath(folder_).c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW));
  if (events_.valid()) {
    offset_ = ReadSent(folder_, events_);
    return {};
  }
  offset_ = 0;
  if (errno == ENOENT) return {};
  return Failure(EventsPath(folder_) + ": " + std::strerror(errno), errno);
}

// Locked, for what an appender may still take back (a full disk) must not be sent.
Status SpoolReader::OpenAndLockEvents() {
  while (true) {
    if (Status open = OpenEvents(); !open) return open;
    if (!events_.valid() || LockIfLinked(events_.get())) return {};
    events_.Reset();  // somebody has removed it by hand
  }
}

Result<SpoolLines> SpoolReader::Next(size_t max_lines, size_t max_bytes) {
  SpoolLines taken;
  if (Status open = OpenAndLockEvents(); !open) return tl::unexpected(open.error());
  taken.end = offset_;
  if (!events_.valid()) return taken;
  auto bytes = ReadAt(events_.get(), offset_, max_bytes);
  // A line that is longer comes alone, whatever its length.
  while (bytes && bytes->size() >= max_bytes && bytes->find('\n') == std::string::npos) {
    max_bytes *= 2;
    const size_t before = bytes->size();
    bytes = ReadAt(events_.get(), offset_, max_bytes);
    if (bytes && bytes->size() == before) break;
  }
  ::flock(events_.get(), LOCK_UN);
  if (!bytes) return tl::unexpected(bytes.error());
  size_t start = 0;
  while (taken.lines.size() < max_lines) {
    const size_t newline = bytes->find('\n', start);
    if (newline == std::string::npos) break;
    taken.lines.push_back(bytes->substr(start, newline - start));
    start = newline + 1;
  }
  taken.end = offset_ + start;
  return taken;
}

Status SpoolReader::MarkSent(uint64_t offset) {
  offset_ = offset;
  return ReplaceSmallFile(SentPath(folder_), SentText(offset, FileIdentity(events_.get())), false);
}

Status SpoolReader::Refuse(std::string_view line, std::string_view reason) {
  auto file = OpenLocked(RefusedPath(folder_), true);
  if (!file) return tl::unexpected(file.error());
  std::string entry = "{\"reason\":" + std::string(reason) + ",\"event\":";
  // What is no JSON (a damaged disk) is kept as text.
  entry += Json::accept(line) ? std::string(line) : DumpJson(Json(line));
  return WriteAll(file->get(), entry + "}\n", RefusedPath(folder_));
}

bool SpoolReader::RemoveIfSent() {
  if (!events_.valid()) return true;
  if (!LockIfLinked(events_.get())) return true;
  uint64_t size = SizeOf(events_.get());
  const bool is_sent = CutTornTail(events_.get(), size) && size <= offset_;
  if (is_sent) {
    ::unlink(SentPath(folder_).c_str());
    ::unlink(EventsPath(folder_).c_str());
  }
  ::flock(events_.get(), LOCK_UN);
  if (is_sent) {
    events_.Reset();
    offset_ = 0;
  }
  return is_sent;
}

void SpoolReader::Unlock() {
  if (!lock_.valid()) return;
  struct stat info {};
  const bool is_empty = ::lstat(EventsPath(folder_).c_str(), &info) != 0 && errno == ENOENT;
  if (is_empty) ::unlink(LockPath(folder_).c_str());
  events_.Reset();
  lock_.Reset();
  if (is_empty) ::rmdir(folder_.c_str());  // stays where something was refused
}

bool SpoolReader::HasUnsent() const {
  const UniqueFd file = OpenToRead(EventsPath(folder_));
  if (!file.valid()) return false;
  return ReadSent(folder_, file) < SizeOf(file.get());
}

bool SpoolReader::IsSent(const SpoolPlace& place) const {
  const UniqueFd file = OpenToRead(EventsPath(folder_));
  if (!file.valid() || FileIdentity(file.get()) != place.file) return true;
  return ReadSent(folder_, file) >= place.offset;
}

SpoolSummary SummarizeSpool(const std::string& root, const std::string& job_id) {
  const std::string folder = root + "/" + job_id;
  SpoolSummary summary;
  summary.job_id = job_id;
  const auto open = [&summary](const std::string& path) {
    UniqueFd file = OpenToRead(path);
    if (!file.valid() && errno != ENOENT) {
      summary.problem = "cannot open " + path + ": " + std::strerror(errno);
    }
    return file;
  };
  if (const UniqueFd file = open(EventsPath(folder)); file.valid()) {
    const uint64_t size = SizeOf(file.get());
    const uint64_t sent = ReadSent(folder, file);
    summary.events = CountLines(file.get(), sent);
    summary.bytes = size - sent;
    const auto first = ReadAt(file.get(), sent, 4096);
    constexpr std::string_view kKey = "\"occurred_at\":\"";
    const size_t key = first ? first->find(kKey) : std::string::npos;
    if (key != std::string::npos) {
      const size_t start = key + kKey.size();
      summary.oldest = first->substr(start, first->find('"', start) - start);
    }
  }
  if (const UniqueFd file = open(RefusedPath(folder)); file.valid()) {
    summary.refused = CountLines(file.get(), 0);
  }
  return summary;
}

CliResult<std::vector<std::string>> SpooledJobs(const std::string& root) {
  Result<std::vector<std::string>> names = RealFileSystem().List(root);
  if (!names && names.error().error_number == ENOENT) return std::vector<std::string>();
  if (!names) return Fail(ExitCode::kBadFile, names.error().message);
  std::vector<std::string> jobs = std::move(*names);
  std::erase_if(jobs, [](const std::string& name) { return !IsJobId(name); });
  std::sort(jobs.begin(), jobs.end());
  return jobs;
}

}  // namespace stagelog::cli
