#include "cli/offline/journal_path.h"

#include <algorithm>
#include <filesystem>
#include <optional>
#include <system_error>

#include "base/file_system.h"
#include "core/identifier.h"
#include "log/file/stored_file.h"

namespace stagelog::cli {
namespace {

namespace fs = std::filesystem;

constexpr const char* kFileName = "events.jsonl";

// For the progress that is shown: who reads the file says what is wrong with it.
uint64_t SizeOf(const fs::path& file) {
  return ContentSizeOf(RealFileSystem(), file.string()).value_or(0);
}

JournalPath InFolder(const fs::path& file) {
  const fs::path folder = file.parent_path();
  return {file.string(), folder.string(), folder.filename().string(), SizeOf(file)};
}

std::optional<JournalPath> JournalIn(const fs::path& folder) {
  for (const std::string& name : {std::string(kFileName), CompressedPath(kFileName)}) {
    std::error_code error;
    const fs::file_type type = fs::status(folder / name, error).type();
    // What cannot be looked at is there for all that is known: who opens it says why he cannot.
    if (type == fs::file_type::regular || type == fs::file_type::none) {
      return InFolder(folder / name);
    }
  }
  return std::nullopt;
}

// "runs/job/" and "." name their folder too.
fs::path Canonical(const std::string& path) {
  std::error_code error;
  fs::path canonical = fs::canonical(path, error);
  return error ? fs::path(path) : canonical;
}

JournalPath OfFile(const std::string& path) {
  const fs::path whole = Canonical(path);
  const bool is_named_so =
      whole.filename() == kFileName || whole.filename() == CompressedPath(kFileName);
  if (is_named_so && IsJobId(whole.parent_path().filename().string())) {
    JournalPath journal = InFolder(whole);
    journal.job_id.clear();  // a copy may stand in any folder
    return journal;
  }
  return {whole.string(), "", "", SizeOf(whole)};
}

}  // namespace

std::string ShownPath(const JournalPath& journal) {
  return journal.path == "-" ? "standard input" : journal.path;
}

CliResult<std::vector<JournalPath>> FindJournals(const std::string& path) {
  if (path == "-") return std::vector<JournalPath>{{path, "", "", 0}};
  std::error_code error;
  const fs::file_status status = fs::status(path, error);
  if (status.type() == fs::file_type::not_found) {
    return Fail(ExitCode::kBadFile, path + ": no such file or folder");
  }
  if (error) return Fail(ExitCode::kBadFile, path + ": " + error.message());
  const bool is_device = status.type() == fs::file_type::character ||
                         status.type() == fs::file_type::block ||
                         status.type() == fs::file_type::socket;
  if (is_device) return Fail(ExitCode::kBadFile, path + ": a device or socket, not a journal");
  // Its name may lead to nothing that has a path: /dev/fd/63.
  if (status.type() == fs::file_type::fifo) return std::vector<JournalPath>{{path, "", "", 0}};
  if (status.type() != fs::file_type::directory) return std::vector<JournalPath>{OfFile(path)};
  const fs::path folder = Canonical(path);
  if (auto journal = JournalIn(folder)) return std::vector<JournalPath>{std::move(*journal)};
  std::vector<JournalPath> journals;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end;
       entry.increment(error)) {
    if (!IsJobId(entry->path().filename().string())) continue;
    if (auto journal = JournalIn(entry->path())) journals.push_back(std::move(*journal));
  }
  if (error) return Fail(ExitCode::kBadFile, path + ": " + error.message());
  if (journals.empty()) {
    return Fail(ExitCode::kBadFile, path + ": no events.jsonl in it, nor in the folders below it");
  }
  std::sort(journals.begin(), journals.end(),
            [](const JournalPath& a, const JournalPath& b) { return a.path < b.path; });
  return journals;
}

CliResult<JournalPath> FindJournal(const std::string& path) {
  auto journals = FindJournals(path);
  if (!journals) return tl::unexpected(journals.error());
  if (journals->size() > 1) {
    return Fail(ExitCode::kUsage, path + ": contains " + std::to_string(journals->size()) +
                                      " jobs; name the folder of one, such as " +
                                      journals->front().folder);
  }
  return std::move(journals->front());
}

}  // namespace stagelog::cli
