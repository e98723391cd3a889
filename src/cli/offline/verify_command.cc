// stagelog verify: are these journals as they were written?
#include <algorithm>
#include <filesystem>
#include <map>
#include <memory>
#include <set>

#include "base/file_system.h"
#include "base/terminal_text.h"
#include "cli/commands.h"
#include "cli/offline/journal_verifier.h"
#include "cli/progress.h"
#include "client/daemon_client.h"
#include "core/json_value.h"
#include "log/file/stored_file.h"

namespace stagelog::cli {
namespace {

constexpr size_t kFindingsShown = 20;
constexpr size_t kIntactShown = 20;

struct VerifyOptions {
  std::vector<std::string> paths;
  bool database = false;
  std::string database_path;
};

// As a person in this folder would write it.
std::string FromHere(const std::string& path) {
  std::error_code error;
  const std::string relative = std::filesystem::proximate(path, error).string();
  return error || relative.empty() || relative.starts_with("..") ? path : relative;
}

std::string RunText(const ChainRun& run) {
  return std::to_string(run.first_job_seq) + " to " + std::to_string(run.last_job_seq);
}

// Which events can be believed, in words.
std::string TrustText(const ChainCheck& check) {
  std::string text = "trustworthy: ";
  const auto& runs = check.runs();
  const bool has_beginning = !runs.empty() && runs.front().first_job_seq == 1;
  text += has_beginning ? "events " + RunText(runs.front()) : "none from the beginning";
  size_t shown = 0;
  for (size_t i = has_beginning ? 1 : 0; i < runs.size() && shown < 5; ++i, ++shown) {
    text += shown == 0 ? "; unbroken in themselves: " : ", ";
    text += RunText(runs[i]);
  }
  if (runs.size() > shown + 1) text += ", ...";
  return text;
}

// The file is as the journal wrote it, but for events that the daemon still has to append.
bool IsOnlyBehind(const ChainCheck& check) {
  return check.finding_count() == 1 && check.findings().front().code == kBehind;
}

bool IsIntact(const ChainCheck& check) { return check.finding_count() == 0 || IsOnlyBehind(check); }

Json FindingJson(const ChainFinding& finding) {
  return {{"line", finding.line},
          {"offset", finding.offset},
          {"code", finding.code},
          {"detail", finding.detail}};
}

Json CheckJson(const JournalPath& journal, const ChainCheck& check) {
  Json json = {{"path", journal.path},           {"job_id", check.job_id()},
               {"intact", IsIntact(check)},      {"behind", IsOnlyBehind(check)},
               {"lines", check.lines()},         {"last_job_seq", check.last_job_seq()},
               {"last_hash", check.last_hash()}, {"findings_total", check.finding_count()},
               {"findings", Json::array()},      {"unbroken", Json::array()}};
  for (const ChainFinding& finding : check.findings()) {
    json["findings"].push_back(FindingJson(finding));
  }
  for (const ChainRun& run : check.runs()) {
    json["unbroken"].push_back({{"first_line", run.first_line},
                                {"last_line", run.last_line},
                                {"first_job_seq", run.first_job_seq},
                                {"last_job_seq", run.last_job_seq}});
  }
  return json;
}

class Verification {
 public:
  Verification(Context& context, const VerifyOptions& options)
      : context_(context), options_(options) {}

  CliResult<ExitCode> Run() {
    for (const std::string& path : options_.paths) {
      auto found = FindJournals(path);
      if (!found) return tl::unexpected(found.error());
      std::move(found->begin(), found->end(), std::back_inserter(journals_));
      if (Wants()) NoteRunsFolder(path);
    }
    uint64_t total = 0;
    for (const JournalPath& journal : journals_) total += journal.size;
    Progress progress(context_.err, "verifying", total);
    for (const JournalPath& journal : journals_) {
      if (CliStatus done = Verify(journal, progress); !done) return tl::unexpected(done.error());
    }
    if (CliStatus done = LookForMissingFiles(progress); !done) return tl::unexpected(done.error());
    progress.Hide();
    if (CliStatus said = PrintSummary(); !said) return tl::unexpected(said.error());
    return wrong_ == 0 ? ExitCode::kOk : ExitCode::kProblem;
  }

 private:
  bool Wants() const { return options_.database || !options_.database_path.empty(); }

  // A whole runs folder was named: a job that only the database knows is missed there.
  void NoteRunsFolder(const std::string& path) {
    std::error_code error;
    const auto type = std::filesystem::status(path + "/stagelog.db", error).type();
    // What cannot be looked at may be one: opening it says why it cannot be read.
    const bool has_database =
        type == std::filesystem::file_type::regular || type == std::filesystem::file_type::none;
    if (has_database && options_.database_path.empty()) whole_folders_.push_back(path);
  }

  CliResult<DatabaseRows*> DatabaseOf(const JournalPath& journal) {
    std::string path = options_.database_path;
    if (path.empty() && options_.database) {
      if (journal.folder.empty()) {
        return Fail(ExitCode::kUsage, journal.path +
                                          ": is not in a runs folder; name its database with "
                                          "--database-file");
      }
      path = std::filesystem::path(journal.folder).parent_path().string() + "/stagelog.db";
    }
    if (path.empty()) return nullptr;
    auto& database = databases_[path];
    if (database != nullptr) return database.get();
    auto opened = DatabaseRows::Open(path);
    if (!opened) return tl::unexpected(opened.error());
    database = std::move(*opened);
    return database.get();
  }

  CliStatus Verify(const JournalPath& journal, Progress& progress) {
    const auto database = DatabaseOf(journal);
    if (!database) return tl::unexpected(database.error());
    const auto check =
        VerifyJournal(journal, *database, [&](uint64_t bytes) { progress.Advance(bytes); });
    if (check) return Tell(journal, *check, progress);
    if (journals_.size() == 1) return tl::unexpected(check.error());
    // The others are to be looked at all the same.
    ChainCheck unread(journal.job_id);
    unread.Add({0, 0, "unreadable_file", check.error().message});
    return Tell(journal, unread, progress);
  }

  CliStatus Tell(const JournalPath& journal, const ChainCheck& check, Progress& progress) {
    events_ += check.lines();
    if (!IsIntact(check)) ++wrong_;
    if (context_.flags.json) return context_.out.WriteLine(DumpJson(CheckJson(journal, check)));
    const bool is_silent = check.finding_count() == 0 && journals_.size() > kIntactShown;
    if (is_silent) return {};
    progress.Hide();
    return context_.out.Write(Describe(journal, check));
  }

  std::string Describe(const JournalPath& journal, const ChainCheck& check) const {
    const Screen& out = context_.out;
    const std::string path =
        EscapeControls(journal.path == "-" ? ShownPath(journal) : FromHere(journal.path));
    if (check.finding_count() == 0) {
      return out.Paint(Style::kGreen, "intact") + "  " + path + ": " +
             std::to_string(check.lines()) + " events, last hash " +
             check.last_hash().substr(0, 12) + "\n";
    }
    if (IsOnlyBehind(check)) {
      return out.Paint(Style::kYellow, "behind") + "  " + path + ": " +
             std::to_string(check.lines()) + " events; " + check.findings().front().detail + "\n";
    }
    std::string text = out.Paint(Style::kRed, "WRONG") + "   " + path + "\n";
    for (size_t i = 0; i < check.findings().size() && i < kFindingsShown; ++i) {
      const ChainFinding& finding = check.findings()[i];
      text += "        line " + std::to_string(finding.line) + " (byte " +
              std::to_string(finding.offset) + "): " + out.Paint(Style::kBold, finding.code) +
              ": " + EscapeControls(finding.detail) + "\n";
    }
    const int64_t more = check.finding_count() - static_cast<int64_t>(kFindingsShown);
    if (more > 0) text += "        and " + std::to_string(more) + " more\n";
    return text + "        " + TrustText(check) + "\n";
  }

  CliStatus LookForMissingFiles(Progress& progress) {
    std::set<std::string> seen;
    for (const JournalPath& journal : journals_) seen.insert(journal.folder);
    for (const std::string& folder : whole_folders_) {
      auto database = DatabaseRows::Open(folder + "/stagelog.db");
      if (!database) return tl::unexpected(database.error());
      std::error_code error;
      const std::string whole = std::filesystem::canonical(folder, error).string();
      if (error) return Fail(ExitCode::kBadFile, folder + ": " + error.message());
      for (const std::string& job_id : (*database)->JobIds()) {
        JournalPath journal{whole + "/" + job_id + "/events.jsonl", whole + "/" + job_id, job_id,
                            0};
        if (seen.contains(journal.folder)) continue;
        // A job that has just begun.
        const auto stored = FindStoredFile(RealFileSystem(), journal.path);
        const bool is_there = stored && stored->has_value();
        if (is_there && (*stored)->info.is_regular) continue;
        ChainCheck check(job_id);
        if (!stored) {
          check.Add({0, 0, "unreadable_file", stored.error().message});
        } else if (is_there) {
          check.Add({0, 0, "unreadable_file", "not a regular file"});
        } else {
          check.Add({0, 0, "missing_file", "the database has this job, but its file is missing"});
        }
        if (CliStatus said = Tell(journal, check, progress); !said) return said;
      }
    }
    return {};
  }

  CliStatus PrintSummary() {
    if (context_.flags.json || journals_.size() < 2) return {};
    const std::string all =
        std::to_string(journals_.size()) + " journals, " + std::to_string(events_) + " events: ";
    return context_.out.WriteLine(
        wrong_ == 0 ? all + context_.out.Paint(Style::kGreen, "all intact")
                    : all + context_.out.Paint(Style::kRed, std::to_string(wrong_) + " wrong"));
  }

  Context& context_;
  const VerifyOptions& options_;
  std::vector<JournalPath> journals_;
  std::vector<std::string> whole_folders_;
  std::map<std::string, std::unique_ptr<DatabaseRows>> databases_;
  int64_t events_ = 0;
  int64_t wrong_ = 0;
};

}  // namespace

void AddVerify(CommandLine& line) {
  const Command command =
      AddCommand(line, "verify", "Check journals offline: chain, order, encoding, torn tail",
                 "  stagelog verify runs/render-42\n"
                 "  stagelog verify runs --database\n"
                 "  stagelog verify old/events.jsonl --json | jq .findings");
  auto options = std::make_shared<VerifyOptions>();
  command.AddOption("path", options->paths, "files, folders of jobs, runs folders, or - for a pipe")
      .Required();
  command.AddFlag("--database", options->database,
                  "also compare with the stagelog.db of the runs folder");
  command.AddOption("--database-file", options->database_path, "compare with this database");
  command.OnSelected([&line, options] {
    line.action = [options](Context& context) { return Verification(context, *options).Run(); };
  });
}

}  // namespace stagelog::cli
