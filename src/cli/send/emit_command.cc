// stagelog emit: one event from flags, or many from standard input.
#include <unistd.h>

#include <algorithm>
#include <memory>
#include <utility>

#include "base/clock.h"
#include "base/duration.h"
#include "base/file_system.h"
#include "base/timestamp.h"
#include "cli/commands.h"
#include "cli/own_job.h"
#include "cli/send/emit_gate_pause.h"
#include "cli/send/input_lines.h"
#include "cli/send/lone_surrogate.h"
#include "cli/time_argument.h"
#include "client/batch_sender.h"
#include "client/daemon_client.h"
#include "client/event_sender.h"
#include "client/outbox.h"
#include "client/receipt.h"
#include "core/draft_decoder.h"
#include "core/identifier.h"
#include "core/json_object_reader.h"
#include "core/json_text.h"
#include "core/json_value.h"
#include "core/text_line.h"
#include "core/vocabulary.h"

namespace stagelog::cli {
namespace {

// A daemon that hangs does not hold up a command under `stagelog run` for longer.
constexpr int kPatienceSeconds = 1;
constexpr uint64_t kMaxPayloadBytes = uint64_t{1} << 20;

struct EmitOptions {
  std::string job;
  std::string type;
  std::string stage;
  std::string gate;
  std::string status;
  std::string level;
  std::string message;
  std::string payload;
  std::string event_id;
  std::string occurred_at;
  std::string retry = "0";
  std::string own_job;  // of the `stagelog run` around, for lines that name no job
  int64_t attempt = 0;
  int retry_seconds = 0;
  bool strict = false;

  bool has_fields() const {
    return !(stage + gate + status + level + message + payload + event_id + occurred_at).empty() ||
           attempt != 0;
  }
};

// The JSON of --payload: itself, or what is in the file behind the '@'.
CliResult<std::string> PayloadOf(const std::string& flag) {
  if (!flag.starts_with('@')) return flag;
  Result<std::string> text = ReadWholeFile(RealFileSystem(), flag.substr(1), kMaxPayloadBytes);
  if (!text) return Fail(ExitCode::kBadFile, "--payload: " + text.error().message);
  return std::string(WithoutByteOrderMark(*text));
}

void AddText(std::string& event, const char* key, const std::string& value) {
  if (value.empty()) return;
  event += std::string(",\"") + key + "\":";
  AppendJsonString(event, value);
}

CliResult<std::string> EventOf(const EmitOptions& options) {
  std::string event = "{\"type\":";
  AppendJsonString(event, options.type);
  AddText(event, "event_id", options.event_id);
  AddText(event, "occurred_at", options.occurred_at);
  AddText(event, "stage", options.stage);
  AddText(event, "gate", options.gate);
  AddText(event, "status", options.status);
  AddText(event, "level", options.level);
  AddText(event, "message", options.message);
  if (options.attempt != 0) event += ",\"attempt\":" + std::to_string(options.attempt);
  if (!options.payload.empty()) {
    const auto payload = PayloadOf(options.payload);
    if (!payload) return tl::unexpected(payload.error());
    if (!Json::accept(*payload)) {
      return Fail(ExitCode::kUsage,
                  "--payload: not valid JSON; give an object such as '{\"n\":1}', "
                  "or @file");
    }
    event += ",\"payload\":" + *payload;
  }
  return WithEventId(event + "}");
}

// With --strict what was stored and flagged is a failure.
ExitCode CodeOf(const EmitOptions& options, int64_t flagged) {
  return options.strict && flagged > 0 ? ExitCode::kFlagged : ExitCode::kOk;
}

CliResult<ExitCode> SendOne(Context& context, const EmitOptions& options, const std::string& event,
                            int answer_seconds) {
  DaemonClient client(context.settings, answer_seconds);
  BatchSender sender(client, JobTarget(options.job) + "/events", options.retry_seconds);
  // One event is answered in full, a batch only in numbers.
  const auto answer = sender.PostOne(event);
  if (!answer) return tl::unexpected(answer.error());
  const Json json = ParseOrderedJson(answer->body);
  const Receipt receipt = ReadReceipt(json, options.job);
  for (const FlaggedEvent& flagged : receipt.events) PrintError(FlagText(flagged, event));
  const ExitCode code = CodeOf(options, receipt.flagged);
  if (context.flags.json) {
    if (CliStatus said = context.out.Write(answer->body); !said)
      return tl::unexpected(said.error());
    return code;
  }
  if (!json.is_object() || !json.contains("seq")) return ExitCode::kOk;  // a heartbeat
  const std::string line = options.job + "#" + std::to_string(json["job_seq"].get<int64_t>()) +
                           " seq " + std::to_string(json["seq"].get<int64_t>()) +
                           (json["duplicate"].get<bool>() ? " (already stored)" : "") + ", job " +
                           json["job_status"].get<std::string>();
  if (CliStatus said = context.out.WriteLine(line); !said) return tl::unexpected(said.error());
  return code;
}

CliResult<ExitCode> EmitOne(Context& context, const EmitOptions& options) {
  const auto event = EventOf(options);
  if (!event) return tl::unexpected(event.error());
  return SendOne(context, options, *event, DaemonClient::kAnswerSeconds);
}

// True within `stagelog run` of the same job: its events wait in a spool while the daemon is away,
// and this one must not overtake them.
bool IsInRunOf(const std::string& job) { return ProcessEnvironment("STAGELOG_JOB") == job; }

// Sends what waits in the spool, or lets the process that sends it do so. False when the daemon is
// away.
bool EmptySpool(Context& context, const EmitOptions& options, Outbox& outbox) {
  if (!outbox.HasUnsent()) return true;
  // Whoever sends what is in the spool may have nobody to send it to: that is not waited for.
  if (!DaemonClient(context.settings, kPatienceSeconds).Get("/healthz")) return false;
  EventSender sender(context.settings, outbox,
                     {.job_id = options.job,
                      .waits_for_others = true,
                      .patience_ms = kPatienceSeconds * 1'000,
                      .say = [](const std::string&) {}});
  sender.Start();
  static_cast<void>(sender.Finish());
  return outbox.Settle().waiting == 0;
}

// The daemon being away does not fail a command under `stagelog run`, nor a part of it.
CliResult<ExitCode> EmitInRun(Context& context, EmitOptions options) {
  if (options.occurred_at.empty()) {
    options.occurred_at = FormatTimestamp(SystemClock().WallMicros());
  }
  const auto event = EventOf(options);
  if (!event) return tl::unexpected(event.error());
  const std::string root = SpoolRoot(ProcessEnvironment);
  Outbox outbox(root.empty() ? "" : root + "/" + options.job, kMaxMemoryBytes, PrintError);
  if (EmptySpool(context, options, outbox)) {
    auto sent = SendOne(context, options, *event, kPatienceSeconds);
    if (sent || sent.error().code != ExitCode::kUnreachable) return sent;
  }
  outbox.Add({{.line = *event, .is_log = options.type == "log"}});
  const Outbox::Rest rest = outbox.Settle();
  if (rest.rescued > 0) {
    PrintError("the event is in " + rest.rescue_path + " because the spool could not be written");
    return ExitCode::kOk;
  }
  if (rest.lost > 0) {
    return Fail(ExitCode::kUnreachable, "the event could be neither sent nor spooled");
  }
  PrintError("the event waits in the spool of job " + options.job + " until the daemon answers");
  return ExitCode::kOk;
}

// `event` (compact JSON) with that job where it names none.
std::string WithJob(const std::string& event, const std::string& job) {
  if (job.empty()) return event;
  const auto members = ReadJsonObject(event, kMaxJsonDepth);
  const bool has_job =
      !members || std::any_of(members->begin(), members->end(),
                              [](const JsonMember& member) { return member.key == "job_id"; });
  return has_job ? event : "{\"job_id\":\"" + job + "\"," + event.substr(1);
}

// What the daemon would refuse because it cannot tell what the line says. All else is the daemon's
// to judge.
CliStatus CheckLine(const std::string& event, const EmitOptions& options) {
  const std::string& job = options.job.empty() ? options.own_job : options.job;
  const auto draft = DecodeDraft(event, {.job_id = job, .actor = ""});
  if (draft) return {};
  const bool is_unclear = draft.error().code == "duplicate_key" || draft.error().code == "too_deep";
  if (is_unclear) return Fail(ExitCode::kProblem, draft.error().detail);
  return {};
}

// What came before a line that is wrong was right.
CliStatus FailBehind(BatchSender& sender, CliError error) {
  if (CliStatus sent = sender.Flush(); !sent) return sent;
  return tl::unexpected(std::move(error));
}

// `repaired`: counts the lines in which U+FFFD replaced halves of characters.
CliStatus SendInput(InputLines& input, BatchSender& sender, const EmitOptions& options,
                    int64_t& repaired) {
  while (true) {
    if (sender.has_queued() && input.WouldWait()) {
      if (CliStatus sent = sender.Flush(); !sent) return sent;
    }
    auto line = input.Next();
    if (!line) return FailBehind(sender, line.error());
    if (!line->has_value()) return sender.Flush();
    const std::string place = "line " + std::to_string((*line)->number) + ": ";
    if ((*line)->is_too_long) {
      return FailBehind(sender, {ExitCode::kProblem, place + InputLines::kTooLong});
    }
    if (auto whole = WithoutLoneSurrogates((*line)->text)) {
      (*line)->text = std::move(*whole);
      ++repaired;
    }
    auto event = WithEventId((*line)->text);
    if (!event) return FailBehind(sender, {ExitCode::kProblem, place + event.error().message});
    if (CliStatus clear = CheckLine(*event, options); !clear) {
      return FailBehind(sender, {clear.error().code, place + clear.error().message});
    }
    OutgoingEvent outgoing{WithJob(*event, options.own_job), (*line)->number};
    if (CliStatus added = sender.Add(std::move(outgoing)); !added) return added;
  }
}

CliResult<ExitCode> EmitInput(Context& context, const EmitOptions& options) {
  if (::isatty(STDIN_FILENO) == 1) {
    return Fail(ExitCode::kUsage,
                "name a type (stagelog emit JOB TYPE), or pipe events in, one JSON object a line");
  }
  DaemonClient client(context.settings);
  const std::string target =
      options.job.empty() ? "/api/v1/events" : JobTarget(options.job) + "/events";
  BatchSender sender(client, target, options.retry_seconds);
  sender.OnFlagged(PrintError);
  auto source = OpenByteSource("-", "standard input");
  if (!source) return Fail(ExitCode::kBadFile, source.error().message);
  InputLines input(std::move(*source));
  int64_t repaired = 0;
  const CliStatus sent = SendInput(input, sender, options, repaired);
  if (repaired > 0) PrintError(LoneSurrogatesText(repaired));
  const Json summary = {{"accepted", sender.accepted()},
                        {"duplicates", sender.duplicates()},
                        {"flagged", sender.flagged()},
                        {"last_seq", sender.last_seq()}};
  const CliStatus said = context.out.WriteLine(
      context.flags.json
          ? DumpJson(summary)
          : std::to_string(sender.accepted()) + " events accepted, " +
                std::to_string(sender.duplicates()) + " already stored" + sender.FlaggedText());
  if (!sent) return tl::unexpected(sent.error());
  if (!said) return tl::unexpected(said.error());
  return CodeOf(options, sender.flagged());
}

tl::unexpected<CliError> Usage(const std::string& message) {
  return Fail(ExitCode::kUsage, message);
}

bool LooksLikeType(const std::string& word) {
  return word.starts_with("job_") || word.starts_with("stage_") || word.starts_with("gate_");
}

// Within `stagelog run` the job may be left out: a word that stands alone is a type where there is
// such a type, else a job.
CliStatus TakeOwnJob(EmitOptions& options) {
  if (!options.type.empty()) return {};
  auto own = OwnJob();
  if (!own) return tl::unexpected(own.error());
  const bool is_type = FindType(options.job) != nullptr;
  if (*own && is_type) {
    options.type = std::exchange(options.job, **own);
  } else if (*own && options.job.empty()) {
    options.own_job = **own;
  } else if (*own && options.job != **own && LooksLikeType(options.job)) {
    const std::string_view nearest = NearestTypeName(options.job);
    return Usage("unknown type '" + options.job + "'" +
                 (nearest.empty() ? "" : "; did you mean '" + std::string(nearest) + "'?"));
  } else if (is_type) {
    return Usage("name the job: stagelog emit JOB " + options.job + " ...");
  }
  if (options.type.empty() && options.has_fields()) {
    return Usage("name the type of the event: stagelog emit JOB TYPE ...");
  }
  return {};
}

// The options as they are sent. A time that is none of ours is the daemon's to judge.
CliResult<EmitOptions> Resolved(EmitOptions options) {
  if (CliStatus taken = TakeOwnJob(options); !taken) return tl::unexpected(taken.error());
  const auto retry_seconds = ParseWholeSeconds("--retry", options.retry, 0, 86'400);
  if (!retry_seconds) return tl::unexpected(retry_seconds.error());
  options.retry_seconds = static_cast<int>(*retry_seconds);
  const int64_t now_micros = SystemClock().WallMicros();
  if (const auto ago = ParseDuration(options.occurred_at)) {
    options.occurred_at = FormatTimestamp(now_micros - *ago);
  } else if (const auto moment = ParseMoment(options.occurred_at, now_micros)) {
    options.occurred_at = FormatTimestamp(moment->first_micros);
  }
  return options;
}

CliResult<ExitCode> Emit(Context& context, const EmitOptions& given) {
  const auto options = Resolved(given);
  if (!options) return tl::unexpected(options.error());
  if (options->type.empty()) return EmitInput(context, *options);
  return IsInRunOf(options->job) ? EmitInRun(context, *options) : EmitOne(context, *options);
}

}  // namespace

CliResult<ExitCode> EmitGatePause(Context& context, const std::string& job, const std::string& gate,
                                  const std::string& payload) {
  EmitOptions options;
  options.job = job;
  options.type = "gate_pause";
  options.gate = gate;
  options.payload = payload;
  options.strict = true;  // an event that opens no gate is a failure
  return Emit(context, options);
}

void AddEmit(CommandLine& line) {
  const Command command =
      AddCommand(line, "emit", "Send one event, or many from standard input",
                 "  stagelog emit render-42 stage_started --stage encode\n"
                 "  stagelog emit render-42 stage_progress --stage encode --payload "
                 "'{\"current\":40,\"total\":100}'\n"
                 "  stagelog emit render-42 gate_pause --gate review --payload @gate.json\n"
                 "  tool | stagelog emit render-42          (one JSON object a line)\n"
                 "  tool | stagelog emit                    (each with its job_id)\n"
                 "  stagelog emit log --message 'half way'  (within 'stagelog run': its job)");
  auto options = std::make_shared<EmitOptions>();
  command
      .AddOption("job", options->job,
                 "the job of the event; default within 'stagelog run': its own job")
      .Name(IsJobId);
  line.Offer(
      command.AddOption("type", options->type, "job_started, stage_progress, log, x-yours, ..."),
      TypeNames());
  command.AddOption("--stage", options->stage, "a stage, or a path of stages (train/epoch-3)");
  command.AddOption("--gate", options->gate, "a gate");
  command.AddOption("--attempt", options->attempt, "attempt number of the stage")
      .Between(1, 1'000'000'000);
  command.AddOption("--status", options->status, "overrides the status of the type");
  line.Offer(command.AddOption("--level", options->level,
                               "debug, info, warning, error, critical (WARN, err, ... too)"),
             AllLevels());
  command.AddOption("--message", options->message, "text of the event");
  command.AddOption("--payload", options->payload, "a JSON object, or @file");
  command.AddOption("--event-id", options->event_id, "makes retries safe; generated if omitted");
  command.AddOption(
      "--occurred-at", options->occurred_at,
      "when it happened: a time (2026-11-21 07:41:02), or how long ago (10m); default: "
      "now");
  command.AddOption(
      "--retry", options->retry,
      "how long to retry when the daemon is unreachable: seconds, or 90s, 10m (default 0)");
  command.AddFlag("--strict", options->strict,
                  "exit with 8 when an event was stored but flagged as invalid");
  command.OnSelected([&line, options] {
    line.action = [options](Context& context) { return Emit(context, *options); };
  });
}

}  // namespace stagelog::cli
