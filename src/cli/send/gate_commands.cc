// stagelog gate: what waits for people, opening it, and their decisions.
#include <algorithm>
#include <charconv>
#include <memory>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/nearest.h"
#include "base/terminal_text.h"
#include "base/timestamp.h"
#include "cli/commands.h"
#include "cli/own_job.h"
#include "cli/send/emit_gate_pause.h"
#include "cli/send/field_arguments.h"
#include "cli/send/gate_wait.h"
#include "cli/time_argument.h"
#include "cli/time_text.h"
#include "client/daemon_client.h"
#include "client/json_member.h"
#include "client/receipt.h"
#include "core/identifier.h"
#include "core/job_state.h"
#include "core/json_value.h"
#include "core/payload.h"
#include "core/query.h"

namespace stagelog::cli {
namespace {

struct GateOptions {
  std::string job;
  std::string gate;
  std::string comment;
  std::string choice;
  std::string status = "pending";
  std::string timeout;  // of a wait; empty: as long as it takes
  bool all = false;
  // open
  std::string prompt;
  std::vector<std::string> choices;
  std::vector<std::string> approvers;
  std::string required;
  bool no_self = false;
  std::vector<std::string> fields;  // definitions, or answers
  std::string decide_after;
  std::string on_timeout;
  bool wait = false;
};

// The job may be left out within `stagelog run`: then the one word there is names the gate.
CliStatus TakeNames(GateOptions& options, const std::string& command) {
  const std::string usage = "stagelog gate " + command + " JOB GATE";
  if (options.gate.empty()) options.gate = std::exchange(options.job, "");
  if (options.gate.empty()) return Fail(ExitCode::kUsage, "which gate? " + usage);
  const auto job = JobOrOwn(options.job, usage);
  if (!job) return tl::unexpected(job.error());
  options.job = *job;
  if (IsName(options.gate)) return {};
  return Fail(ExitCode::kUsage, "'" + EscapeControls(Shorten(options.gate, 60)) +
                                    "' is not a gate name: " + std::string(kNameRule));
}

std::string TargetOf(const GateOptions& options) { return GateTarget(options.job, options.gate); }

std::string Words(const Json& list) {
  std::string words;
  for (const Json& word : list) {
    words += words.empty() ? "" : ", ";
    words += word.is_string() ? word.get<std::string>() : DumpJson(word);
  }
  return words;
}

Style StyleOf(const std::string& status) {
  if (status == "approved" || status == "auto_approved") return Style::kGreen;
  if (status == "rejected" || status == "expired") return Style::kRed;
  return status == "pending" ? Style::kYellow : Style::kDim;
}

// How far `time` (RFC 3339) is from now; empty for none.
std::string Distance(const std::string& time) {
  const auto micros = ParseTimestamp(time);
  if (!micros) return "";
  const int64_t now = SystemClock().WallMicros();
  return *micros <= now ? BriefDuration(now - *micros) + " ago"
                        : "in " + BriefDuration(*micros - now);
}

// "2026-11-21 07:41:02 +01:00", or as it was sent when it is no time.
std::string LocalTime(const std::string& time) {
  const auto micros = ParseTimestamp(time);
  return micros ? DateTimeText(*micros) + " " + ZoneText(*micros) : time;
}

// "1 of 2 approvals", of a gate that requires several.
std::string ApprovalsText(const Json& gate) {
  const size_t count = gate.contains("approvals") ? gate["approvals"].size() : 0;
  return std::to_string(count) + " of " + DumpJson(gate["required"]) + " approvals";
}

// --- list ---

CliStatus PrintGates(Context& context, const Json& gates) {
  if (context.flags.json) {
    for (const Json& gate : gates) {
      if (CliStatus said = context.out.WriteLine(DumpJson(gate)); !said) return said;
    }
    return {};
  }
  size_t job_width = 3;
  size_t gate_width = 4;
  for (const Json& gate : gates) {
    job_width = std::max(job_width, TextAt(gate, "job_id").size());
    gate_width = std::max(gate_width, TextAt(gate, "gate").size());
  }
  for (const Json& gate : gates) {
    const std::string status = TextAt(gate, "status");
    std::string line = PadRight(TextAt(gate, "job_id"), job_width) + "  " +
                       PadRight(TextAt(gate, "gate"), gate_width) + "  " +
                       context.out.Paint(StyleOf(status), PadRight(status, 9)) + "  " +
                       PadRight(Distance(TextAt(gate, "opened_at")), 16);
    const std::string expires = status == "pending" ? TextAt(gate, "expires_at") : "";
    if (!expires.empty()) line += "  ends " + Distance(expires);
    if (status == "pending" && gate.contains("required")) line += "  " + ApprovalsText(gate);
    const std::string prompt = TextAt(gate, "prompt");
    if (!prompt.empty()) line += "  " + EscapeControls(prompt);
    if (CliStatus said = context.out.WriteLine(line); !said) return said;
  }
  return {};
}

CliResult<ExitCode> SayNoGates(Context& context, const GateOptions& options) {
  if (context.flags.json) return ExitCode::kOk;
  const CliStatus said =
      context.out.WriteLine(options.all ? "no gates" : "no gate is " + options.status);
  if (!said) return tl::unexpected(said.error());
  return ExitCode::kOk;
}

// The gates of one job, each iteration of them.
CliResult<ExitCode> ListOfJob(Context& context, const GateOptions& options) {
  DaemonClient client(context.settings);
  const auto job = client.GetJson(JobTarget(options.job));
  if (!job) return tl::unexpected(job.error());
  const std::vector<std::string> statuses = SplitList(options.status);
  for (const std::string& status : statuses) {
    const auto& known = GateStatusNames();
    if (std::find(known.begin(), known.end(), status) != known.end()) continue;
    return Fail(ExitCode::kUsage, "--status: unknown status '" +
                                      EscapeControls(Shorten(status, 60)) + "'" +
                                      DidYouMean(status, known));
  }
  Json gates = Json::array();
  for (const Json& gate : PartAt(*job, "gates")) {
    const bool is_wanted = options.all || std::find(statuses.begin(), statuses.end(),
                                                    TextAt(gate, "status")) != statuses.end();
    if (!is_wanted) continue;
    Json listed = {{"job_id", options.job}};
    listed.update(gate);
    gates.push_back(std::move(listed));
  }
  if (gates.empty()) return SayNoGates(context, options);
  if (CliStatus said = PrintGates(context, gates); !said) return tl::unexpected(said.error());
  return ExitCode::kOk;
}

CliResult<ExitCode> List(Context& context, const GateOptions& options) {
  if (!options.job.empty()) return ListOfJob(context, options);
  DaemonClient client(context.settings);
  const std::string filter = options.all ? "" : "&status=" + EscapeParameter(options.status);
  std::string after;
  size_t count = 0;
  while (true) {
    const auto page = client.GetJson("/api/v1/gates?limit=1000" + filter + after);
    if (!page) return tl::unexpected(page.error());
    const Json& gates = page->at("gates");
    if (CliStatus said = PrintGates(context, gates); !said) return tl::unexpected(said.error());
    count += gates.size();
    const auto next = page->find("next_after");
    if (next == page->end() || next->is_null() || gates.empty()) break;
    after = "&after=" + next->dump();
  }
  return count == 0 ? SayNoGates(context, options) : ExitCode::kOk;
}

// --- show ---

Json FieldsOf(const Json& gate) { return gate.contains("fields") ? gate["fields"] : Json::array(); }

// ": ann, ben"
std::string ApprovedBy(const Json& gate) {
  std::string names;
  if (!gate.contains("approvals")) return names;
  for (const Json& approval : gate["approvals"]) {
    names += (names.empty() ? ": " : ", ") + TextAt(approval, "by");
  }
  return names;
}

// "percent, number from 0 to 100, required: How many percent?"
std::string FieldText(const Json& field) {
  std::string text = TextAt(field, "name") + ", ";
  text += field.contains("options") ? "one of " + Words(field["options"]) : TextAt(field, "type");
  if (field.contains("min")) text += " from " + DumpJson(field["min"]);
  if (field.contains("max")) text += " to " + DumpJson(field["max"]);
  if (TextAt(field, "type") == "text" && (field.contains("min") || field.contains("max"))) {
    text += " characters";
  }
  if (field.contains("required")) text += ", required";
  const std::string label = TextAt(field, "label");
  return label.empty() ? text : text + ": " + label;
}

std::string Describe(const Screen& out, const Json& gate) {
  std::string text;
  const auto add = [&](const char* label, const std::string& value) {
    if (!value.empty()) text += PadRight(label, 10) + EscapeControls(value) + "\n";
  };
  const std::string status = TextAt(gate, "status");
  add("gate", TextAt(gate, "gate") + " of " + TextAt(gate, "job_id"));
  text += PadRight("status", 10) + out.Paint(StyleOf(status), status) + "\n";
  add("prompt", TextAt(gate, "prompt"));
  if (gate.contains("options")) add("options", Words(gate["options"]));
  if (gate.contains("approvers")) add("approvers", Words(gate["approvers"]));
  if (gate.contains("required")) add("approved", ApprovalsText(gate) + ApprovedBy(gate));
  if (gate.contains("allow_self")) add("not by", TextAt(gate, "opened_by") + ", who opened it");
  for (const Json& field : FieldsOf(gate)) add("field", FieldText(field));
  add("opened", LocalTime(TextAt(gate, "opened_at")) + ", " + Distance(TextAt(gate, "opened_at")));
  if (status == "pending" && gate.contains("expires_at")) {
    add("ends", Distance(TextAt(gate, "expires_at")) + ", then: " + TextAt(gate, "on_timeout"));
  }
  if (!TextAt(gate, "decided_at").empty()) {
    add("decided",
        LocalTime(TextAt(gate, "decided_at")) +
            (TextAt(gate, "decided_by").empty() ? "" : " by " + TextAt(gate, "decided_by")));
  }
  add("choice", TextAt(gate, "choice"));
  if (gate.contains("answers")) add("answers", AnswersText(gate["answers"]));
  add("comment", TextAt(gate, "comment"));
  add("via", TextAt(gate, "via"));
  return text;
}

CliResult<ExitCode> Show(Context& context, const GateOptions& options) {
  DaemonClient client(context.settings);
  const auto gate = client.GetJson(TargetOf(options));
  if (!gate) return tl::unexpected(gate.error());
  const CliStatus said =
      context.out.Write(context.flags.json ? gate->dump() + "\n" : Describe(context.out, *gate));
  if (!said) return tl::unexpected(said.error());
  return ExitCode::kOk;
}

// --- approve, reject ---

CliResult<std::string> DecisionBody(DaemonClient& client, const GateOptions& options) {
  Json body = Json::object();
  if (!options.comment.empty()) body["comment"] = options.comment;
  if (!options.choice.empty()) body["choice"] = options.choice;
  if (options.fields.empty()) return DumpJson(body);
  const auto gate = client.GetJson(TargetOf(options));
  if (!gate) return tl::unexpected(gate.error());
  auto answers = ParseAnswers(options.fields, *gate);
  if (!answers) return tl::unexpected(answers.error());
  body["answers"] = std::move(*answers);
  return DumpJson(body);
}

CliError RefusedDecision(const DaemonClient& client, const Answer& answer) {
  CliError error = client.AsError(answer);
  if (TextAt(ObjectOf(answer.body), "code") == "choice_required") error.message += "; use --choice";
  if (TextAt(ObjectOf(answer.body), "code") == "answer_required") {
    error.message += "; use --field NAME=VALUE";
  }
  return error;
}

// " (1 of 2)": one of several approvals, which has not decided.
std::string PartialText(const Json& receipt) {
  if (TextAt(receipt, "gate_status") != "pending" || !receipt.contains("approval")) return "";
  const Json& approval = receipt["approval"];
  return " (" + DumpJson(approval["count"]) + " of " + DumpJson(approval["required"]) + ")";
}

CliResult<ExitCode> Decide(Context& context, const GateOptions& options, const char* decision) {
  DaemonClient client(context.settings);
  const auto body = DecisionBody(client, options);
  if (!body) return tl::unexpected(body.error());
  const auto answer = client.Post(TargetOf(options) + "/" + decision, *body);
  if (!answer) return tl::unexpected(answer.error());
  if (!answer->ok()) return tl::unexpected(RefusedDecision(client, *answer));
  const auto receipt = client.DocumentIn(*answer, kReceiptKey);
  if (!receipt) return tl::unexpected(receipt.error());
  const CliStatus said = context.out.WriteLine(
      context.flags.json
          ? DumpJson(*receipt)
          : options.gate + " of " + options.job + " " +
                (std::string(decision) == "approve" ? "approved" : "rejected") +
                PartialText(*receipt) + ", the job is " + TextAt(*receipt, "job_status"));
  if (!said) return tl::unexpected(said.error());
  return ExitCode::kOk;
}

// --- wait ---

CliResult<ExitCode> Wait(Context& context, const GateOptions& options) {
  int64_t timeout_seconds = 0;
  if (!options.timeout.empty()) {
    const auto parsed =
        ParseWholeSeconds("--timeout", options.timeout, 1, kMaxGateTimeoutSeconds * 100);
    if (!parsed) return tl::unexpected(parsed.error());
    timeout_seconds = *parsed;
  }
  return WaitForGate(context, options.job, options.gate, timeout_seconds);
}

// --- open ---

CliResult<int64_t> ParseCount(const std::string& option, const std::string& text) {
  int64_t count = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), count);
  const bool is_whole = error == std::errc() && end == text.data() + text.size();
  if (is_whole && count >= 1 && count <= kMaxRequiredApprovals) return count;
  return Fail(ExitCode::kUsage, option + ": '" + EscapeControls(Shorten(text, 60)) +
                                    "' is not a whole number from 1 to 64");
}

CliResult<std::string> GatePayload(const GateOptions& options) {
  Json payload = Json::object();
  if (!options.prompt.empty()) payload["prompt"] = options.prompt;
  if (!options.choices.empty()) payload["options"] = options.choices;
  if (!options.approvers.empty()) payload["approvers"] = options.approvers;
  if (!options.required.empty()) {
    const auto count = ParseCount("--required", options.required);
    if (!count) return tl::unexpected(count.error());
    payload["required"] = *count;
  }
  if (options.no_self) payload["allow_self"] = false;
  for (const std::string& definition : options.fields) {
    auto field = ParseFieldDefinition(definition);
    if (!field) return tl::unexpected(field.error());
    payload["fields"].push_back(std::move(*field));
  }
  if (!options.decide_after.empty()) {
    const auto seconds =
        ParseWholeSeconds("--timeout", options.decide_after, 1, kMaxGateTimeoutSeconds);
    if (!seconds) return tl::unexpected(seconds.error());
    payload["timeout_seconds"] = *seconds;
  }
  if (!options.on_timeout.empty()) payload["on_timeout"] = options.on_timeout;
  return DumpJson(payload);
}

CliResult<ExitCode> Open(Context& context, const GateOptions& options) {
  const auto payload = GatePayload(options);
  if (!payload) return tl::unexpected(payload.error());
  const auto opened = EmitGatePause(context, options.job, options.gate, *payload);
  if (!opened || !options.wait) return opened;
  return WaitForGate(context, options.job, options.gate, 0);
}

using GateAction = CliResult<ExitCode> (*)(Context& context, const GateOptions& options);

// A command about one gate.
Command AddGateCommand(CommandLine& line, const Command& parent, const std::string& name,
                       const std::string& description, const std::string& examples,
                       const std::shared_ptr<GateOptions>& options, GateAction action) {
  const Command command = AddCommand(line, parent, name, description, examples);
  command.AddOption("job", options->job,
                    "the job of the gate; may be omitted within 'stagelog run'");
  command.AddOption("gate", options->gate, "the gate");
  command.OnSelected([&line, options, name, action] {
    line.action = [options, name, action](Context& context) -> CliResult<ExitCode> {
      GateOptions named = *options;
      if (CliStatus taken = TakeNames(named, name); !taken) return tl::unexpected(taken.error());
      return action(context, named);
    };
  });
  return command;
}

CliResult<ExitCode> Approve(Context& context, const GateOptions& options) {
  return Decide(context, options, "approve");
}

CliResult<ExitCode> Reject(Context& context, const GateOptions& options) {
  return Decide(context, options, "reject");
}

void AddOpen(CommandLine& line, const Command& gate, const std::shared_ptr<GateOptions>& options) {
  const Command open = AddGateCommand(
      line, gate, "open", "Open a gate: the job waits until it is decided",
      "  stagelog gate open release-7 deploy --prompt 'Ship it?' --option eu --option us\n"
      "  stagelog gate open release-7 deploy --timeout 1h --on-timeout reject --wait && "
      "./deploy.sh\n"
      "  stagelog gate open release-7 deploy --required 2 --no-self \\\n"
      "      --field 'percent:number,required,min=0,max=100' --field "
      "'region:choice,options=eu|us'\n"
      "  stagelog gate open deploy --wait        (within 'stagelog run': a gate of its job)",
      options, Open);
  open.AddOption("--prompt", options->prompt, "question for the approver");
  open.AddOption("--option", options->choices, "one of the choices; repeatable").Repeatable();
  open.AddOption("--approver", options->approvers,
                 "name of a token that may decide; repeatable; default: any approver")
      .Repeatable();
  open.AddOption("--required", options->required,
                 "how many different approvers must approve (default: 1)");
  open.AddFlag("--no-self", options->no_self, "whoever opens the gate may not decide it");
  open.AddOption("--field", options->fields,
                 "a question for the approver: NAME:TYPE[,required][,min=N][,max=N]"
                 "[,options=A|B][,label=TEXT]; TYPE is text, number, choice or boolean; repeatable")
      .Repeatable();
  const Option timeout =
      open.AddOption("--timeout", options->decide_after,
                     "decide automatically after this time: 1h, 1h30m, or seconds");
  open.AddOption("--on-timeout", options->on_timeout, "the automatic decision (default: expire)")
      .OneOf({"approve", "reject", "expire"})
      .Needs(timeout);
  open.AddFlag("--wait", options->wait, "wait for the decision, as 'gate wait' does");
}

void AddWait(CommandLine& line, const Command& gate, const std::shared_ptr<GateOptions>& options) {
  const Command wait = AddGateCommand(
      line, gate, "wait", "Wait for a decision; 0 approved, 3 rejected, 4 expired or not in time",
      "  stagelog gate wait release-7 deploy && ./deploy.sh\n"
      "  stagelog gate wait release-7 deploy --timeout 1h || exit $?\n"
      "  percent=$(stagelog gate wait release-7 deploy --json | jq .answers.percent)\n"
      "Also waits for a gate, or a job, that does not exist yet.",
      options, Wait);
  wait.AddOption("--timeout", options->timeout,
                 "how long to wait: 1h, 1h30m, or seconds; default: forever");
}

}  // namespace

void AddGate(CommandLine& line) {
  const Command gate = AddGroup(line, "gate", "Open, show, decide and wait for gates");
  auto options = std::make_shared<GateOptions>();
  const Command list =
      AddCommand(line, gate, "list", "List gates that wait for approval, of all jobs or of one",
                 "  stagelog gate list\n"
                 "  stagelog gate list release-7 --all\n"
                 "  stagelog gate list --status rejected,expired");
  list.AddOption("job", options->job, "only gates of this job").Name(IsJobId);
  line.Offer(list.AddOption("--status", options->status, "pending, approved, rejected, ..."),
             GateStatusNames(), true);
  list.AddFlag("--all", options->all, "gates of any status");
  list.OnSelected([&line, options] {
    line.action = [options](Context& context) { return List(context, *options); };
  });
  AddGateCommand(line, gate, "show", "Show a gate, its prompt and its decision",
                 "  stagelog gate show release-7 deploy", options, Show);
  AddOpen(line, gate, options);
  const Command approve = AddGateCommand(
      line, gate, "approve", "Approve a gate (role: approver)",
      "  stagelog gate approve release-7 deploy --comment 'looks good' --choice eu\n"
      "  stagelog gate approve release-7 deploy --field percent=25 --field dry-run=no",
      options, Approve);
  const Command reject = AddGateCommand(
      line, gate, "reject", "Reject a gate (role: approver)",
      "  stagelog gate reject release-7 deploy --comment 'tests fail'", options, Reject);
  approve.AddOption("--comment", options->comment, "why");
  reject.AddOption("--comment", options->comment, "why").Required();
  for (const Command& command : {approve, reject}) {
    command.AddOption("--choice", options->choice,
                      "one of the gate's options; required for an approval if it has any");
    command
        .AddOption("--field", options->fields,
                   "an answer to a field of the gate: NAME=VALUE; repeatable")
        .Repeatable();
  }
  AddWait(line, gate, options);
}

}  // namespace stagelog::cli
