// stagelog import: a journal's events, or JSON lines of others, into a daemon.
#include <memory>

#include "base/file_system.h"
#include "journal/line_reader.h"
#include "journal/stored_file.h"
#include "tools/cli/commands.h"
#include "tools/cli/daemon_client.h"
#include "tools/cli/offline/file_events.h"
#include "tools/cli/offline/journal_path.h"
#include "tools/cli/progress.h"
#include "tools/cli/send/batch_sender.h"
#include "tools/cli/send/line_mapper.h"

namespace stagelog::cli {
namespace {

struct ImportOptions {
  std::vector<std::string> paths;
  FieldMapping mapping;
  int retry_seconds = 10;
  bool dry_run = false;
  bool unverified = false;
};

class Import {
 public:
  Import(Context& context, const ImportOptions& options)
      : context_(context),
        options_(options),
        client_(context.settings),
        sender_(client_, "/api/v1/events", options.retry_seconds) {}

  CliResult<ExitCode> Run() {
    sender_.OnFlagged(Complain);
    const CliStatus sent = SendAll();
    const CliStatus said = PrintSummary();
    if (!sent) return tl::unexpected(sent.error());
    if (!said) return tl::unexpected(said.error());
    return ExitCode::kOk;
  }

 private:
  CliStatus SendAll() {
    std::vector<JournalPath> files;
    uint64_t bytes = 0;
    for (const std::string& path : options_.paths) {
      auto found = FindJournals(path);
      if (!found) return tl::unexpected(found.error());
      for (JournalPath& file : *found) {
        bytes += file.size;
        files.push_back(std::move(file));
      }
    }
    Progress progress(context_.err, "importing", bytes);
    for (const JournalPath& file : files) {
      if (CliStatus sent = SendFile(file, progress); !sent) return sent;
    }
    return Flush();
  }

  CliStatus SendFile(const JournalPath& file, Progress& progress) {
    // A batch is of one file, so that the line that a refusal names is known.
    if (CliStatus sent = Flush(); !sent) return sent;
    const CliStatus read =
        options_.mapping.empty() ? SendJournal(file, progress) : SendLines(file.path, progress);
    const CliStatus sent = Flush();  // what came before a line that is wrong was right
    if (!sent) return Fail(sent.error().code, file.path + ": " + sent.error().message);
    return read;
  }

  // A stored line can be sent as it is: the daemon takes no heed of its place and its seal. What
  // was tampered with would get a new seal there, so the old one is looked at here.
  CliStatus SendJournal(const JournalPath& file, Progress& progress) {
    auto events = FileEvents::Open(file, options_.unverified ? Trust::kReadable : Trust::kVerified,
                                   [&](uint64_t bytes) { progress.Advance(bytes); });
    if (!events) return tl::unexpected(events.error());
    for (int64_t number = 1;; ++number) {
      auto event = (*events)->Next();
      if (!event) {
        return Fail(event.error().code, event.error().message +
                                            " (JSON lines of other programs need --job or "
                                            "--job-field, --type-field, ...)");
      }
      if (!event->has_value()) break;
      if (CliStatus sent = Send(file.path, std::move((*event)->body), number); !sent) return sent;
    }
    if (const std::string remark = (*events)->Remark(); !remark.empty()) Complain(remark);
    return {};
  }

  CliStatus SendLines(const std::string& path, Progress& progress) {
    Result<std::unique_ptr<ReadFile>> file = OpenStoredFile(RealFileSystem(), path);
    if (!file) return Fail(ExitCode::kBadFile, file.error().message);
    LineReader reader(std::move(*file));
    for (int64_t number = 1;; ++number) {
      const auto line = reader.Next();
      if (!line) return Fail(ExitCode::kBadFile, path + ": " + line.error().message);
      if (!line->has_value()) return {};
      const std::string_view text = (*line)->text;
      progress.Advance((*line)->end - (*line)->offset);
      if (text.find_first_not_of(" \t\r") == std::string_view::npos) continue;
      auto event = MapLine(options_.mapping, text, path, number);
      if (!event) {
        const bool is_too_long = text.size() == LineReader::kMaxLineBytes;
        return Fail(event.error().code,
                    path + ":" + std::to_string(number) + ": " +
                        (is_too_long ? "is longer than 4 MiB" : event.error().message));
      }
      if (CliStatus sent = Send(path, std::move(*event), number); !sent) return sent;
    }
  }

  CliStatus Send(const std::string& path, std::string event, int64_t line) {
    ++read_;
    if (options_.dry_run) {
      return context_.flags.json ? context_.out.WriteLine(event) : CliStatus();
    }
    const CliStatus added = sender_.Add({std::move(event), line});
    return added ? added : Fail(added.error().code, path + ": " + added.error().message);
  }

  CliStatus Flush() { return options_.dry_run ? CliStatus() : sender_.Flush(); }

  CliStatus PrintSummary() {
    if (options_.dry_run) {
      return context_.flags.json
                 ? CliStatus()
                 : context_.out.WriteLine(std::to_string(read_) + " events could be sent");
    }
    if (context_.flags.json) {
      const Json summary = {{"accepted", sender_.accepted()},
                            {"duplicates", sender_.duplicates()},
                            {"flagged", sender_.flagged()},
                            {"last_seq", sender_.last_seq()}};
      return context_.out.WriteLine(summary.dump());
    }
    return context_.out.WriteLine(std::to_string(sender_.accepted()) + " events taken, " +
                                  std::to_string(sender_.duplicates()) + " were there already" +
                                  sender_.FlaggedText());
  }

  Context& context_;
  const ImportOptions& options_;
  DaemonClient client_;
  BatchSender sender_;
  int64_t read_ = 0;
};

void DeclareMapping(CLI::App& command, FieldMapping& mapping) {
  const auto field = [&command](const char* name, std::string& target, const char* what) {
    command.add_option(name, target, what)->group("JSON lines of other programs");
  };
  field("--job", mapping.job, "the job of every line that names none");
  field("--type", mapping.type, "the type of every line that names none (log)");
  field("--job-field", mapping.job_field, "the member that names the job");
  field("--type-field", mapping.type_field,
        "the member that names the type; others become x-<type>");
  field("--time-field", mapping.time_field, "the member that says when");
  field("--stage-field", mapping.stage_field, "the member that names the stage");
  field("--gate-field", mapping.gate_field, "the member that names the gate");
  field("--level-field", mapping.level_field, "the member that says how bad it is");
  field("--message-field", mapping.message_field, "the member that people read");
  field("--id-field", mapping.id_field, "the member that is unique in its job");
}

}  // namespace

void AddImport(CommandLine& line) {
  CLI::App* command =
      AddCommand(line, "import", "Put a journal's events, or JSON lines of others, into the daemon",
                 "  stagelog import old-runs/render-42\n"
                 "  stagelog import old-runs --url http://journal:8008\n"
                 "  stagelog import app.log --job app --type-field event --time-field time \\\n"
                 "      --level-field level --message-field msg");
  auto options = std::make_shared<ImportOptions>();
  command->add_option("path", options->paths, "files, folders of jobs, or runs folders")
      ->required();
  DeclareMapping(*command, options->mapping);
  command->add_flag("--unverified", options->unverified,
                    "take what can be read of a damaged journal");
  command->add_flag("--dry-run", options->dry_run, "send nothing; with --json print the events");
  command
      ->add_option("--retry", options->retry_seconds,
                   "for how many seconds to try again when nobody answers (10)")
      ->check(CLI::Range(0, 86'400));
  command->callback([&line, options] {
    line.action = [options](Context& context) { return Import(context, *options).Run(); };
  });
}

}  // namespace stagelog::cli
