#include "cli/offline/journal_verifier.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/file_system.h"
#include "cli/offline/packed_file.h"
#include "cli/send/byte_source.h"
#include "core/event_codec.h"
#include "core/json_value.h"
#include "core/text_line.h"
#include "log/file/line_reader.h"
#include "log/file/stored_file.h"
#include "log/journal_identity.h"
#include "log/table/file_events.h"

namespace stagelog::cli {
namespace {

constexpr uint64_t kMaxStateBytes = uint64_t{1} << 28;
// A file whose first lines are all no events is no journal.
constexpr int64_t kLinesToGiveUpAfter = 10;

class Verifier {
 public:
  Verifier(const JournalPath& journal, DatabaseRows* database, const BytesRead& bytes_read)
      : journal_(journal), database_(database), bytes_read_(bytes_read), check_(journal.job_id) {}

  CliResult<ChainCheck> Run() {
    // Both are written after the line they speak of, or before it and then looked at last: what
    // they know now is in the file when it is read.
    if (const std::string job = JobOfFirstLines(); !job.empty()) check_ = ChainCheck(job);
    if (!journal_.folder.empty()) ReadState();
    Result<std::unique_ptr<ReadFile>> file = OpenJournalFile(journal_.path);
    if (!file && !IsDamaged(file.error())) {
      return Fail(ExitCode::kBadFile, file.error().message);
    }
    if (!file) {
      AddDamage(file.error());
      return std::move(check_);
    }
    constexpr uint64_t kMaxUnbrokenBytes = uint64_t{64} << 20;  // of a pipe, which may have no end
    LineReader reader(std::move(*file),
                      IsStreamPath(journal_.path) ? kMaxUnbrokenBytes : UINT64_MAX);
    if (CliStatus read = ReadLines(reader); !read) return tl::unexpected(read.error());
    if (size_ == 0 && !gave_up_) check_.Add({1, 0, "empty", "the file contains no events"});
    if (!gave_up_) check_.Finish(size_);
    if (!journal_.job_id.empty() && check_.job_id() != journal_.job_id) {
      check_.Add({1, 0, "foreign_job",
                  "the folder is named " + journal_.job_id + ", but its events are of job " +
                      check_.job_id() + "; rename it, or name the file to check that alone"});
    }
    if (database_ != nullptr && !gave_up_) LookForMissingTail();
    return std::move(check_);
  }

  // A last line that is torn while the file grows is being written.
  bool SawAWriterAtWork(const ChainCheck& check) const {
    const auto& findings = check.findings();
    const bool is_torn = std::any_of(findings.begin(), findings.end(),
                                     [](const auto& f) { return f.code == "torn_tail"; });
    if (!is_torn) return false;
    const auto size = ContentSizeOf(RealFileSystem(), journal_.path);
    return size && *size > size_;
  }

 private:
  // The job that the first two events agree on; one of them may have come from elsewhere. Empty
  // where they do not, or are none. A folder that was copied or renamed is one finding, not one for
  // every line.
  std::string JobOfFirstLines() const {
    if (journal_.job_id.empty()) return "";
    Result<std::unique_ptr<ReadFile>> file = OpenJournalFile(journal_.path);
    if (!file) return "";
    LineReader reader(std::move(*file));
    std::string job;
    for (int i = 0; i < 2; ++i) {
      const auto line = reader.Next();
      if (!line) return "";
      if (!line->has_value()) break;
      const Result<Event> event = DecodeStoredEvent((*line)->text);
      if (!event || (i > 0 && event->draft.job_id != job)) return "";
      job = event->draft.job_id;
    }
    return job;
  }

  void ReadState() {
    auto anchor = ReadStateAnchor(journal_.folder + "/state.json");
    if (!anchor) {
      check_.Add({0, 0, "state_unreadable", anchor.error().message});
    } else if (*anchor) {
      check_.SetAnchor(std::move(**anchor));
    }
  }

  // Of a compressed file. What it holds behind the damage is not looked at.
  static bool IsDamaged(const Error& error) { return error.error_number == kDamagedFile; }

  void AddDamage(const Error& error) {
    check_.Add({check_.lines() + 1, size_, "damaged_file", error.message});
  }

  CliStatus ReadLines(LineReader& reader) {
    while (true) {
      const auto line = reader.Next();
      if (!line && IsDamaged(line.error())) {
        AddDamage(line.error());
        gave_up_ = true;
        return {};
      }
      if (!line) return Fail(ExitCode::kBadFile, ShownPath(journal_) + ": " + line.error().message);
      if (!line->has_value()) return {};
      TakeLine(**line);
      if (check_.finding_count() == check_.lines() && check_.lines() >= kLinesToGiveUpAfter &&
          check_.last_job_seq() == 0) {
        check_.Add({1, 0, "not_a_journal", "first lines are not events; the rest was not read"});
        gave_up_ = true;
        return {};
      }
    }
  }

  void TakeLine(const FileLine& line) {
    const uint64_t bytes = line.end - line.offset;
    const std::optional<Event> event = check_.Take(line.text, line.offset, line.terminated);
    if (event && database_ != nullptr) Compare(*event, line);
    size_ = line.end;
    bytes_read_(bytes);
  }

  void Compare(const Event& event, const FileLine& line) {
    const std::string_view content = LineContent(line.text);
    const std::optional<std::string> body = database_->BodyOf(event.seq);
    if (body && *body == content) return;
    const auto digest = body ? std::nullopt : database_->DigestOfDropped(event.seq);
    if (digest == DigestOf(content)) return;
    check_.Add({check_.lines(), line.offset, "differs_from_database",
                body || digest
                    ? "the database has different content for seq " + std::to_string(event.seq)
                    : "the database has no event with seq " + std::to_string(event.seq)});
  }

  void LookForMissingTail() {
    const DatabaseRows::Last last = database_->LastOf(check_.job_id());
    if (last.job_seq == 0 && check_.last_job_seq() > 0) {
      check_.Add({1, 0, "differs_from_database", "the database has no job " + check_.job_id()});
    }
    if (last.job_seq <= check_.last_job_seq() || HasReached(last.body)) return;
    if (IsOwed(check_.last_job_seq() + 1)) {
      return check_.Add({check_.lines() + 1, size_, kBehind,
                         "the file cannot be written now; the daemon still has to append events " +
                             std::to_string(check_.last_job_seq() + 1) + " to " +
                             std::to_string(last.job_seq)});
    }
    check_.Add({check_.lines() + 1, size_, "missing_tail",
                "the database has event " + std::to_string(last.job_seq) +
                    ", but the file ends with event " + std::to_string(check_.last_job_seq())});
  }

  // The daemon has noted that the file lacks the events from here on, or from an earlier one.
  bool IsOwed(int64_t job_seq) const {
    if (journal_.folder.empty()) return false;
    const auto identity = ReadJournalIdentity(RealFileSystem(), ParentDirectory(journal_.folder));
    if (!identity) return false;
    return std::any_of(
        identity->owed_files.begin(), identity->owed_files.end(), [&](const OwedFile& owed) {
          return owed.job_id == check_.job_id() && owed.first_missing_job_seq <= job_seq;
        });
  }

  // A running daemon writes the file after the database: the event may have come since.
  bool HasReached(const std::string& body) const {
    Result<std::unique_ptr<ReadFile>> file = OpenStoredFile(RealFileSystem(), journal_.path);
    if (!file) return false;
    std::string tail(16 << 20, '\0');
    const Result<size_t> count = (*file)->ReadAt(size_, tail.data(), tail.size());
    return count && std::string_view(tail).substr(0, *count).find(body) != std::string_view::npos;
  }

  const JournalPath& journal_;
  DatabaseRows* const database_;
  const BytesRead& bytes_read_;
  ChainCheck check_;
  uint64_t size_ = 0;
  bool gave_up_ = false;
};

}  // namespace

CliResult<std::optional<ChainAnchor>> ReadStateAnchor(const std::string& path) {
  FileSystem& files = RealFileSystem();
  const auto info = files.Stat(path);
  if (!info || !info->has_value()) return std::nullopt;
  const Result<std::string> text = ReadWholeFile(files, path, kMaxStateBytes);
  if (!text) return Fail(ExitCode::kBadFile, text.error().message);
  const nlohmann::json state = ParseJson(*text);
  const bool is_state = state.is_object() && state.contains("events") &&
                        state["events"].is_number_integer() && state.contains("last_hash") &&
                        state["last_hash"].is_string();
  if (!is_state) return Fail(ExitCode::kProblem, "the state.json next to it is invalid");
  return ChainAnchor{state["events"].get<int64_t>(), state["last_hash"].get<std::string>(),
                     "state.json"};
}

CliResult<ChainCheck> VerifyJournal(const JournalPath& journal, DatabaseRows* database,
                                    const BytesRead& bytes_read) {
  constexpr int kAttempts = 3;
  try {
    for (int attempt = 1;; ++attempt) {
      Verifier verifier(journal, database, bytes_read);
      auto check = verifier.Run();
      if (attempt == kAttempts || !check || !verifier.SawAWriterAtWork(*check)) return check;
    }
  } catch (const SQLite::Exception& problem) {
    return Fail(ExitCode::kBadFile, std::string("the database cannot be read: ") + problem.what());
  }
}

}  // namespace stagelog::cli
