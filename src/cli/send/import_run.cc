#include "cli/send/import_run.h"

#include <filesystem>
#include <memory>
#include <utility>

#include "base/clock.h"
#include "base/file_system.h"
#include "base/terminal_text.h"
#include "base/timestamp.h"
#include "cli/screen.h"
#include "cli/send/mapping_report.h"
#include "client/spool.h"
#include "core/draft_decoder.h"
#include "core/json_text.h"
#include "core/json_value.h"

namespace stagelog::cli {
namespace {

// The beginning of a JSON object at the end of a file that somebody still writes.
bool IsTornObject(const InputLine& line) {
  return !line.is_ended && !line.is_too_long && line.text.starts_with('{') &&
         !ForeignLine::Parse(line.text);
}

constexpr int64_t kSkippedShown = 5;
// The same for all imports of a job, so that it is created once however often it is imported.
constexpr const char* kCreationId = "import-created";

std::string LedgerFolder() {
  const std::string spool = SpoolRoot(ProcessEnvironment);
  return spool.empty() ? "" : ParentDirectory(spool) + "/imports";
}

// A stored line has keys of the journal's own, which do not count on the way in, but for its size.
std::string WithoutOwnKeys(std::string body) {
  if (body.size() <= kMaxEventBytes) return body;
  std::string event;
  for (JsonMembers members(body); members.Next();) {
    const std::string_view key = members.key();
    const bool is_own = key == "seq" || key == "job_seq" || key == "ts" || key == "hash" ||
                        key == "actor" || key == "violations";
    if (is_own) continue;
    event += event.empty() ? "{\"" : ",\"";
    event.append(key).append("\":").append(members.value());
  }
  return event + "}";
}

uint64_t BytesOnDisk(const std::string& path) {
  std::error_code error;
  const uint64_t bytes = std::filesystem::file_size(path, error);
  return error ? 0 : bytes;
}

}  // namespace

ImportRun::ImportRun(Context& context, const ImportOptions& options)
    : context_(context),
      options_(options),
      client_(context.settings),
      sender_(client_, "/api/v1/events", options.retry_seconds),
      mapper_(options.mapping, SystemClock().WallMicros()),
      ledger_(LedgerFolder()) {
  // A journal's own lines say themselves what was wrong with them.
  if (!options.mapping.empty()) sender_.OnFlagged(PrintError);
  if (!options.skip_invalid) return;
  mapper_.KeepUnknownLevels();
  sender_.SkipRefused([this](const OutgoingEvent& event, const std::string& reason) {
    if (!options_.mapping.empty()) mapper_.Uncount(event.counted);
    CountSkipped(sending_ + ": " + reason);
  });
}

CliResult<ExitCode> ImportRun::Run() {
  const CliStatus sent = SendAll();
  if (sent && options_.dry_run) {
    PrintError(
        "a dry run cannot check what only the daemon knows: ids and jobs that it has, the token's "
        "role, the rules of strict jobs");
  }
  Remark(sent.has_value());
  const CliStatus said = PrintSummary();
  if (!sent) return tl::unexpected(sent.error());
  if (!said) return tl::unexpected(said.error());
  if (skipped_ > 0 && skipped_ == read_)
    return Fail(ExitCode::kProblem, "no line could be imported");
  if (sender_.differing() > 0 && sender_.accepted() + sender_.duplicates() == 0) {
    return Fail(ExitCode::kProblem, "nothing was imported");
  }
  return ExitCode::kOk;
}

CliResult<std::vector<ImportRun::Input>> ImportRun::FindInputs() {
  std::vector<Input> inputs;
  for (const std::string& path : options_.paths) {
    if (IsStreamPath(path)) {
      const std::string name = path == "-" ? "standard input" : path;
      inputs.push_back({{path, "", "", 0}, name, true, {}});
      continue;
    }
    auto found = FindJournals(path);
    if (!found) return tl::unexpected(found.error());
    for (JournalPath& file : *found) {
      Input input{std::move(file), "", false, {}};
      input.name = input.file.path;
      if (!options_.mapping.empty()) input.file.size = BytesOnDisk(input.file.path);
      inputs.push_back(std::move(input));
    }
  }
  return inputs;
}

CliStatus ImportRun::SendAll() {
  auto inputs = FindInputs();
  if (!inputs) return tl::unexpected(inputs.error());
  uint64_t bytes = 0;
  for (const Input& input : *inputs) bytes += input.file.size;
  if (!options_.mapping.empty()) {
    if (CliStatus surveyed = SurveyAll(*inputs); !surveyed) return surveyed;
  }
  Progress progress(context_.err, "importing", bytes);
  progress_ = &progress;
  CliStatus sent;
  for (size_t i = 0; i < inputs->size() && sent; ++i) {
    is_last_input_ = i + 1 == inputs->size();
    sent = SendInput((*inputs)[i], progress);
  }
  progress_ = nullptr;
  // What the survey could not see of a stream.
  return sent && !options_.mapping.empty() ? CheckAllMatched(mapper_.counts()) : sent;
}

CliStatus ImportRun::CheckAllMatched(const MappingCounts& counts) const {
  return CheckMatched(options_.mapping, counts, options_.skip_invalid);
}

// Says what is wrong with the mapping before anything is sent, where all can be read twice.
CliStatus ImportRun::SurveyAll(std::vector<Input>& inputs) {
  MappingCounts counts;
  bool has_stream = false;
  for (Input& input : inputs) {
    has_stream = has_stream || input.is_stream;
    if (input.is_stream) continue;
    auto outline = Survey(input.file.path, input.name, options_.mapping, ledger_, counts);
    if (!outline) return tl::unexpected(outline.error());
    input.outline = std::move(*outline);
  }
  if (has_stream) return {};
  CliStatus matched = CheckAllMatched(counts);
  if (!matched) matched.error().message += "; nothing was sent";
  return matched;
}

CliStatus ImportRun::SendInput(const Input& input, Progress& progress) {
  // A batch is of one file, so that the line that a refusal names is known.
  sending_ = input.name;
  assumed_time_.clear();
  is_begun_alike_ = false;
  const int64_t duplicates_before = sender_.duplicates();
  const auto taken = [this] { return options_.dry_run ? read_ - skipped_ : sender_.accepted(); };
  const int64_t taken_before = taken();
  const CliStatus read =
      options_.mapping.empty() ? SendJournal(input, progress) : SendLines(input, progress);
  if (read && is_last_input_ && !sender_.has_sent() && !options_.mapping.empty()) {
    // All of a short stream is still here: better nothing than what was not meant.
    if (CliStatus matched = CheckAllMatched(mapper_.counts()); !matched) {
      return Fail(matched.error().code, matched.error().message + "; nothing was sent");
    }
  }
  const CliStatus sent = Flush();  // what came before a line that is wrong was right
  if (!assumed_time_.empty() && taken() > taken_before) {
    Say(input.name + ": no line has a time; its modification time (" + assumed_time_ +
        ") was used");
  }
  const int64_t duplicates = sender_.duplicates() - duplicates_before;
  if (is_begun_alike_ && duplicates > 0) {
    Say(input.name + ": " + std::to_string(duplicates) +
        " already stored: the input begins like one imported before and differs later; what both "
        "begin with counts as the same. Files given by name are told apart");
  }
  if (!sent) return Fail(sent.error().code, input.name + ": " + sent.error().message);
  return read;
}

// A stored line can be sent as it is: the daemon takes no heed of its place and its seal. What
// was tampered with would get a new seal there, so the old one is looked at here.
CliStatus ImportRun::SendJournal(const Input& input, Progress& progress) {
  const BytesRead advance = [&](uint64_t bytes) { progress.Advance(bytes); };
  const Trust trust = options_.unverified ? Trust::kReadable : Trust::kVerified;
  std::unique_ptr<FileEvents> events;
  if (input.is_stream) {
    auto source = OpenByteSource(input.file.path, input.name, advance);
    if (!source) return Fail(ExitCode::kBadFile, source.error().message);
    JournalPath named = input.file;
    named.path = input.name;
    events = FileEvents::Over(named, trust, SequentialFile(std::move(*source)));
  } else {
    auto opened = FileEvents::Open(input.file, trust, advance);
    if (!opened) return tl::unexpected(opened.error());
    events = std::move(*opened);
  }
  for (int64_t number = 1;; ++number) {
    auto event = events->Next();
    if (!event) {
      return Fail(event.error().code, event.error().message +
                                          " (JSON lines of other programs need --job or "
                                          "--job-field, --type-field, ...)");
    }
    if (!event->has_value()) break;
    std::string body = WithoutOwnKeys(std::move((*event)->body));
    const CliStatus judged = CheckEvent(body);
    const CliStatus taken = judged ? Send(input, {std::move(body), number})
                                   : Refuse(input.name + ":" + std::to_string(number) + ": ",
                                            judged.error(), ExitCode::kProblem);
    if (!taken) return taken;
  }
  if (const std::string remark = events->Remark(); !remark.empty()) Say(remark);
  return {};
}

CliStatus ImportRun::SendLines(const Input& input, Progress& progress) {
  auto salt = SaltOf(input);
  if (!salt) return tl::unexpected(salt.error());
  Sending sending;
  auto source =
      OpenByteSource(input.file.path, input.name, [&](uint64_t bytes) { progress.Advance(bytes); });
  if (!source) return Fail(ExitCode::kBadFile, source.error().message);
  InputLines lines(std::move(*source));
  HeldLines held;
  OutlineRecorder recorder(ledger_);
  mapper_.BeginFile(input.is_stream ? LookAhead(lines, held, recorder) : TimeOfFirstLines(input));
  sending.salt = input.is_stream ? SaltOf(recorder.Outline()) : std::move(*salt);
  while (true) {
    if (held.empty() && sender_.has_queued() && lines.WouldWait()) {
      if (CliStatus sent = Flush(); !sent) return sent;
    }
    const bool is_new = held.empty();
    auto line = is_new ? lines.Next() : std::move(held.front());
    if (!is_new) held.pop_front();
    if (!line) {
      const bool is_named = line.error().message.starts_with(input.name);
      return Fail(line.error().code, (is_named ? "" : input.name + ": ") + line.error().message);
    }
    if (!line->has_value()) {
      const bool is_known = !input.is_stream || options_.dry_run;
      is_begun_alike_ = !is_known && !ledger_.Extend(sending.salt, recorder.Outline());
      return SendJoined(input, sending.joined.Finish());
    }
    if (input.is_stream && is_new && (*line)->is_ended) recorder.Add((*line)->text);
    if (!input.is_stream && IsTornObject(**line)) {
      Say(input.name + ":" + std::to_string((*line)->number) +
          ": the last line is unfinished; import the file again when it is complete");
      return SendJoined(input, sending.joined.Finish());
    }
    if (CliStatus sent = SendLine(input, sending, **line); !sent) return sent;
  }
}

std::string ImportRun::TimeOfFirstLines(const Input& input) {
  auto source = OpenByteSource(input.file.path, input.name);
  if (!source) return "";  // who sends the file says so
  InputLines lines(std::move(*source));
  for (auto line = lines.Next(); line && line->has_value(); line = lines.Next()) {
    if (std::string time = mapper_.TimeOf((*line)->text); !time.empty()) return time;
  }
  const auto info = RealFileSystem().Stat(input.file.path);
  if (!info || !info->has_value() || (*info)->size == 0) return "";
  assumed_time_ = FormatTimestamp((*info)->mtime_ns / 1'000);
  return assumed_time_;
}

std::string ImportRun::LookAhead(InputLines& lines, HeldLines& held, OutlineRecorder& recorder) {
  constexpr size_t kMaxHeldLines = 1'000;
  constexpr size_t kMaxHeldBytes = size_t{8} << 20;
  size_t bytes = 0;
  std::string time;
  while (held.size() < kMaxHeldLines && bytes < kMaxHeldBytes) {
    // Whoever writes slowly is not to be waited for.
    if (!held.empty() && lines.WouldWait()) break;
    held.push_back(lines.Next());
    if (!held.back() || !held.back()->has_value()) break;
    const InputLine& line = **held.back();
    if (time.empty()) time = mapper_.TimeOf(line.text);
    if (line.is_ended) recorder.Add(line.text);
    bytes += line.text.size();
  }
  return time;
}

CliResult<std::string> ImportRun::SaltOf(const Input& input) {
  if (input.is_stream) return "";
  FileOutline outline = input.outline;
  if (ledger_.Needs(outline)) {  // of a file before it in this import
    MappingCounts unused;
    auto again = Survey(input.file.path, input.name, FieldMapping(), ledger_, unused);
    if (!again) return tl::unexpected(again.error());
    outline = std::move(*again);
  }
  return SaltOf(outline);
}

std::string ImportRun::SaltOf(const FileOutline& outline) {
  auto [salt, remembered] = ledger_.SaltOf(outline, options_.dry_run);
  if (!remembered) {
    Say("cannot save that this input was imported: " + remembered.error().message);
  }
  return salt;
}

CliStatus ImportRun::SendLine(const Input& input, Sending& sending, const InputLine& line) {
  const std::string id = LineEventId(sending.salt, sending.chain.Add(line.text));
  if (line.is_too_long) {
    return Refuse(input.name + ":" + std::to_string(line.number) + ": ",
                  {ExitCode::kProblem, InputLines::kTooLong}, ExitCode::kProblem);
  }
  auto container = ReadContainerLine(line.text, mapper_.reads_docker());
  if (!container) return SendMapped(input, line.number, mapper_.Map(line.text, id));
  return SendJoined(input, sending.joined.Add(std::move(*container), line.number, id));
}

CliStatus ImportRun::SendJoined(const Input& input, const std::vector<JoinedLine>& lines) {
  for (const JoinedLine& joined : lines) {
    if (CliStatus sent = SendMapped(input, joined.number, mapper_.Map(joined.line, joined.id));
        !sent) {
      return sent;
    }
  }
  return {};
}

CliStatus ImportRun::SendMapped(const Input& input, int64_t number, CliResult<MappedLine> mapped) {
  const std::string place = input.name + ":" + std::to_string(number) + ": ";
  if (!mapped) return Refuse(place, mapped.error(), ExitCode::kProblem);
  if (!mapped->unknown_level.empty() && mapper_.unknown_levels() <= kSkippedShown) {
    Say(EscapeControls(place + mapped->unknown_level) + " (kept as info)");
  }
  if (options_.create && jobs_.insert(mapped->job_id).second && mapped->type != "job_created") {
    if (CliStatus created = Create(*mapped); !created) return created;
  }
  return Send(input, {std::move(mapped->event), number, mapped->has_derived_id, mapped->counted});
}

CliStatus ImportRun::Send(const Input& input, OutgoingEvent event) {
  if (options_.dry_run) {
    if (CliStatus sound = ids_.Add(event.json); !sound) {
      if (!options_.mapping.empty()) mapper_.Uncount(event.counted);
      return Refuse(input.name + ": line " + std::to_string(event.line) + ": ", sound.error(),
                    ExitCode::kRefused);
    }
    ++read_;
    return context_.flags.json ? context_.out.WriteLine(event.json) : CliStatus();
  }
  ++read_;
  const CliStatus added = sender_.Add(std::move(event));
  return added ? added : Fail(added.error().code, input.name + ": " + added.error().message);
}

CliStatus ImportRun::Create(const MappedLine& line) {
  std::string event = "{\"job_id\":\"" + line.job_id + "\",\"event_id\":\"" + kCreationId +
                      "\",\"type\":\"job_created\"";
  if (!line.time.empty()) event += ",\"occurred_at\":\"" + line.time + "\"";
  event += "}";
  if (options_.dry_run) {
    ++created_;
    return context_.flags.json ? context_.out.WriteLine(event) : CliStatus();
  }
  const auto answer = sender_.PostTo("/api/v1/jobs", event);
  if (!answer) return tl::unexpected(answer.error());
  if (answer->status == 201) ++created_;
  const Json problem = ParseOrderedJson(answer->body);
  const bool is_there = answer->status == 409 && TextAt(problem, "code") == "job_exists";
  return answer->ok() || is_there ? CliStatus() : tl::unexpected(client_.AsError(*answer));
}

CliStatus ImportRun::Refuse(const std::string& place, CliError error, ExitCode code) {
  error.code = code;
  error.message.insert(0, place);
  if (!options_.skip_invalid) return tl::unexpected(std::move(error));
  ++read_;
  CountSkipped(error.message);
  return {};
}

void ImportRun::CountSkipped(const std::string& what) {
  if (++skipped_ <= kSkippedShown) Say(EscapeControls(what) + " (skipped)");
}

void ImportRun::Say(const std::string& message) {
  if (progress_ != nullptr) progress_->Hide();
  PrintError(message);
}

CliStatus ImportRun::Flush() { return options_.dry_run ? CliStatus() : sender_.Flush(); }

void ImportRun::Remark(bool is_read) {
  if (const int64_t lines = sender_.differing(); lines > 0) {
    PrintError(
        std::to_string(lines) +
        (lines == 1 ? " line was imported before with another mapping and was left unchanged"
                    : " lines were imported before with another mapping and were left unchanged") +
        "; stored events never change. To map them again, import into another job (--job) or "
        "delete the job first");
  }
  if (skipped_ > kSkippedShown) {
    PrintError("and " + std::to_string(skipped_ - kSkippedShown) + " more were skipped");
  }
  if (options_.mapping.empty()) return;
  for (const std::string& remark : mapper_.Remarks()) PrintError(remark);
  if (!is_read) return;  // what was not found may be behind
  for (const std::string& remark : FewMatched(options_.mapping, mapper_.counts())) {
    PrintError(remark);
  }
}

CliStatus ImportRun::PrintSummary() {
  if (options_.dry_run && context_.flags.json) return {};
  if (context_.flags.json) {
    const Json summary = {{"accepted", sender_.accepted()},
                          {"duplicates", sender_.duplicates()},
                          {"mapped_otherwise", sender_.differing()},
                          {"flagged", sender_.flagged()},
                          {"skipped", skipped_},
                          {"unknown_levels", mapper_.unknown_levels()},
                          {"last_seq", sender_.last_seq()}};
    return context_.out.WriteLine(DumpJson(summary));
  }
  std::string summary = options_.dry_run
                            ? std::to_string(read_ - skipped_) + " events could be sent"
                            : std::to_string(sender_.accepted()) + " events accepted, " +
                                  std::to_string(sender_.duplicates()) + " already stored" +
                                  (options_.mapping.empty() ? "" : sender_.FlaggedText());
  if (sender_.differing() > 0) {
    summary += ", " + std::to_string(sender_.differing()) + " already stored with another mapping";
  }
  if (skipped_ > 0) {
    summary += ", " + std::to_string(skipped_) + (skipped_ == 1 ? " line" : " lines") + " skipped";
  }
  if (created_ > 0) summary += ", jobs created: " + std::to_string(created_);
  return context_.out.WriteLine(summary);
}

}  // namespace stagelog::cli
