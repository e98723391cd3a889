// stagelog gate: what waits for people, and their decisions.
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <thread>

#include "base/clock.h"
#include "base/timestamp.h"
#include "core/identifier.h"
#include "core/json_text.h"
#include "tools/cli/commands.h"
#include "tools/cli/daemon_client.h"
#include "tools/cli/json_member.h"
#include "tools/cli/run/spool.h"
#include "tools/cli/time_text.h"

namespace stagelog::cli {
namespace {

constexpr int kLongestWaitSeconds = 60;
constexpr auto kFirstRetryWait = std::chrono::milliseconds(250);
constexpr auto kLongestRetryWait = std::chrono::milliseconds(10'000);

struct GateOptions {
  std::string job;
  std::string gate;
  std::string comment;
  std::string choice;
  std::string status = "pending";
  int64_t timeout_seconds = 0;  // 0: as long as it takes
  bool all = false;
};

std::string GateTarget(const GateOptions& options) {
  return JobTarget(options.job) + "/gates/" + EscapeParameter(options.gate);
}

std::string Words(const Json& list) {
  std::string words;
  for (const Json& word : list) {
    words += words.empty() ? "" : ", ";
    words += word.is_string() ? word.get<std::string>() : word.dump();
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

// --- list ---

CliStatus PrintGates(Context& context, const Json& gates) {
  if (context.flags.json) {
    for (const Json& gate : gates) {
      if (CliStatus said = context.out.WriteLine(gate.dump()); !said) return said;
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
    const std::string prompt = TextAt(gate, "prompt");
    if (!prompt.empty()) line += "  " + Harmless(prompt);
    if (CliStatus said = context.out.WriteLine(line); !said) return said;
  }
  return {};
}

CliResult<ExitCode> List(Context& context, const GateOptions& options) {
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
  if (count == 0 && !context.flags.json) {
    const CliStatus said =
        context.out.WriteLine(options.all ? "no gates" : "no gate is " + options.status);
    if (!said) return tl::unexpected(said.error());
  }
  return ExitCode::kOk;
}

// --- show ---

std::string Describe(const Screen& out, const Json& gate) {
  std::string text;
  const auto add = [&](const char* label, const std::string& value) {
    if (!value.empty()) text += PadRight(label, 10) + Harmless(value) + "\n";
  };
  const std::string status = TextAt(gate, "status");
  add("gate", TextAt(gate, "gate") + " of " + TextAt(gate, "job_id"));
  text += PadRight("status", 10) + out.Paint(StyleOf(status), status) + "\n";
  add("prompt", TextAt(gate, "prompt"));
  if (gate.contains("options")) add("options", Words(gate["options"]));
  if (gate.contains("approvers")) add("approvers", Words(gate["approvers"]));
  add("opened", TextAt(gate, "opened_at") + ", " + Distance(TextAt(gate, "opened_at")));
  if (status == "pending" && gate.contains("expires_at")) {
    add("ends", Distance(TextAt(gate, "expires_at")) + ", then: " + TextAt(gate, "on_timeout"));
  }
  if (!TextAt(gate, "decided_at").empty()) {
    add("decided",
        TextAt(gate, "decided_at") +
            (TextAt(gate, "decided_by").empty() ? "" : " by " + TextAt(gate, "decided_by")));
  }
  add("choice", TextAt(gate, "choice"));
  add("comment", TextAt(gate, "comment"));
  add("via", TextAt(gate, "via"));
  return text;
}

CliResult<ExitCode> Show(Context& context, const GateOptions& options) {
  DaemonClient client(context.settings);
  const auto gate = client.GetJson(GateTarget(options));
  if (!gate) return tl::unexpected(gate.error());
  const CliStatus said =
      context.out.Write(context.flags.json ? gate->dump() + "\n" : Describe(context.out, *gate));
  if (!said) return tl::unexpected(said.error());
  return ExitCode::kOk;
}

// --- approve, reject ---

std::string DecisionBody(const GateOptions& options) {
  Json body = Json::object();
  if (!options.comment.empty()) body["comment"] = options.comment;
  if (!options.choice.empty()) body["choice"] = options.choice;
  return body.dump(-1, ' ', false, Json::error_handler_t::replace);
}

CliResult<ExitCode> Decide(Context& context, const GateOptions& options, const char* decision) {
  DaemonClient client(context.settings);
  const auto answer = client.PostJson(GateTarget(options) + "/" + decision, DecisionBody(options));
  if (!answer) return tl::unexpected(answer.error());
  const CliStatus said = context.out.WriteLine(
      context.flags.json ? answer->dump()
                         : options.gate + " of " + options.job + " " +
                               (std::string(decision) == "approve" ? "approved" : "rejected") +
                               ", the job is " + TextAt(*answer, "job_status"));
  if (!said) return tl::unexpected(said.error());
  return ExitCode::kOk;
}

// --- wait ---

class GateWait {
 public:
  GateWait(Context& context, const GateOptions& options)
      : context_(context),
        options_(options),
        client_(context.settings),
        is_in_run_(ProcessEnvironment("STAGELOG_JOB") == options.job) {
    if (options.timeout_seconds > 0) {
      give_up_at_ = Now() + options.timeout_seconds * 1'000'000;
    }
  }

  CliResult<ExitCode> Run() {
    while (true) {
      const int64_t left = (give_up_at_ - Now()) / 1'000'000 + 1;  // never a wait of nothing
      // The first answer comes at once: it says that the gate is there, and what it asks.
      const int64_t longest = has_answered_ ? kLongestWaitSeconds : 0;
      const int wait = static_cast<int>(std::clamp<int64_t>(left, 0, longest));
      const auto gate =
          client_.GetJson(GateTarget(options_) + "?wait=" + std::to_string(wait), wait);
      if (gate && TextAt(*gate, "status") != "pending") return Tell(*gate);
      if (gate) {
        SayOnce("gate " + options_.gate + " of " + options_.job +
                " is pending: " + TextAt(*gate, "prompt"));
        has_answered_ = true;
        away_wait_ = kFirstRetryWait;
      } else if (MayComeYet(gate.error())) {
        WaitForDaemon(gate.error());
      } else {
        return tl::unexpected(gate.error());
      }
      if (Now() >= give_up_at_) {
        return Fail(ExitCode::kUndecided, "gate " + options_.gate + " of " + options_.job +
                                              " was not decided in " +
                                              std::to_string(options_.timeout_seconds) + " s");
      }
    }
  }

 private:
  static int64_t Now() { return SystemClock().MonotonicMicros(); }

  // A daemon that was there comes back. Within `stagelog run` it may also be away at first, and the
  // event that opens the gate still be on its way.
  bool MayComeYet(const CliError& error) const {
    if (error.code == ExitCode::kUnreachable) return has_answered_ || is_in_run_;
    const std::string root = SpoolRoot(ProcessEnvironment);
    return is_in_run_ && !root.empty() && SpoolReader(root + "/" + options_.job).HasUnsent();
  }

  void SayOnce(const std::string& text) {
    if (std::exchange(has_spoken_, true) || context_.flags.json) return;
    Complain(Harmless(text));
  }

  // The gate is still there when the daemon is back.
  void WaitForDaemon(const CliError& error) {
    if (!std::exchange(said_away_, true)) Complain(error.message + "; waiting for it");
    std::this_thread::sleep_for(away_wait_);
    away_wait_ = std::min(away_wait_ * 2, kLongestRetryWait);
  }

  CliResult<ExitCode> Tell(const Json& gate) {
    const std::string status = TextAt(gate, "status");
    std::string line = status;
    if (!TextAt(gate, "decided_by").empty()) line += " by " + TextAt(gate, "decided_by");
    if (!TextAt(gate, "choice").empty()) line += ", choice " + TextAt(gate, "choice");
    if (!TextAt(gate, "comment").empty()) line += ": " + TextAt(gate, "comment");
    const CliStatus said =
        context_.out.WriteLine(context_.flags.json ? gate.dump() : Harmless(line));
    if (!said) return tl::unexpected(said.error());
    if (status == "approved" || status == "auto_approved") return ExitCode::kOk;
    return status == "rejected" ? ExitCode::kRejected : ExitCode::kUndecided;
  }

  Context& context_;
  const GateOptions& options_;
  DaemonClient client_;
  int64_t give_up_at_ = INT64_MAX;
  std::chrono::milliseconds away_wait_ = kFirstRetryWait;
  const bool is_in_run_;
  bool has_answered_ = false;
  bool has_spoken_ = false;
  bool said_away_ = false;
};

CLI::App* AddGateCommand(CommandLine& line, CLI::App& parent, const std::string& name,
                         const std::string& description, const std::string& examples,
                         GateOptions& options) {
  CLI::App* command = AddCommand(line, parent, name, description, examples);
  command->add_option("job", options.job, "whose gate it is")
      ->required()
      ->check(NameCheck(IsJobId));
  command->add_option("gate", options.gate, "the gate")->required()->check(NameCheck(IsName));
  return command;
}

}  // namespace

void AddGate(CommandLine& line) {
  CLI::App* gate = line.app.add_subcommand("gate", "See, decide and wait for gates");
  gate->require_subcommand(1);
  auto options = std::make_shared<GateOptions>();
  CLI::App* list =
      AddCommand(line, *gate, "list", "What waits for people, in all jobs",
                 "  stagelog gate list\n  stagelog gate list --status rejected,expired");
  list->add_option("--status", options->status, "pending, approved, rejected, ... (pending)");
  list->add_flag("--all", options->all, "whatever their status");
  list->callback([&line, options] {
    line.action = [options](Context& context) { return List(context, *options); };
  });
  CLI::App* show = AddGateCommand(line, *gate, "show", "One gate, its prompt and its decision",
                                  "  stagelog gate show release-7 deploy", *options);
  show->callback([&line, options] {
    line.action = [options](Context& context) { return Show(context, *options); };
  });
  CLI::App* approve = AddGateCommand(
      line, *gate, "approve", "Approve a gate (role: approver)",
      "  stagelog gate approve release-7 deploy --comment 'looks good' --choice eu", *options);
  CLI::App* reject =
      AddGateCommand(line, *gate, "reject", "Reject a gate (role: approver)",
                     "  stagelog gate reject release-7 deploy --comment 'tests fail'", *options);
  approve->add_option("--comment", options->comment, "why");
  reject->add_option("--comment", options->comment, "why")->required();
  for (CLI::App* command : {approve, reject}) {
    command->add_option("--choice", options->choice, "one of the gate's options");
  }
  approve->callback([&line, options] {
    line.action = [options](Context& context) { return Decide(context, *options, "approve"); };
  });
  reject->callback([&line, options] {
    line.action = [options](Context& context) { return Decide(context, *options, "reject"); };
  });
  CLI::App* wait = AddGateCommand(
      line, *gate, "wait", "Wait for a decision; 0 approved, 3 rejected, 4 expired or not in time",
      "  stagelog gate wait release-7 deploy && ./deploy.sh\n"
      "  stagelog gate wait release-7 deploy --timeout 3600 || exit $?",
      *options);
  wait->add_option("--timeout", options->timeout_seconds, "seconds to wait; for ever if left out")
      ->check(CLI::Range(int64_t{1}, int64_t{1} << 32));
  wait->callback([&line, options] {
    line.action = [options](Context& context) { return GateWait(context, *options).Run(); };
  });
}

}  // namespace stagelog::cli
