#include "client/edge_sender.h"

#include <optional>
#include <utility>

#include "client/resent_lines.h"
#include "client/run_edges.h"

namespace stagelog::cli {
namespace {

using Kind = EdgeOutcome::Kind;
using Lines = std::vector<std::string>;

constexpr int kNotFound = 404;
constexpr const char* kEndsQuery = "/events?type=job_completed,job_failed,job_canceled&limit=20";

EdgeOutcome Away(SendVerdict::Kind kind, std::string reason) {
  EdgeOutcome outcome;
  outcome.kind = kind == SendVerdict::Kind::kLater ? Kind::kLater : Kind::kUnavailable;
  outcome.verdict.kind = kind;
  outcome.verdict.reason = std::move(reason);
  return outcome;
}

// What an answer that is no document means: kSendUnchanged where it is for the lines to be refused.
EdgeOutcome Failed(const AbandonableClient& client, const Answer& answer) {
  if (answer.status >= 500) {
    return Away(SendVerdict::Kind::kLater, client.client().AsError(answer).message);
  }
  EdgeOutcome outcome;
  outcome.kind = Kind::kSendUnchanged;
  return outcome;
}

std::string CodeOf(const Answer& answer) { return TextAt(ObjectOf(answer.body), "code"); }

// The job (empty: there is none), or how the asking ended.
std::optional<EdgeOutcome> AskJob(AbandonableClient& client, const std::string& target, Json& job) {
  const auto asked = client.Get(target);
  if (!asked) {
    EdgeOutcome outcome;
    outcome.kind = Kind::kAbandoned;
    return outcome;
  }
  if (!*asked) return Away(SendVerdict::Kind::kUnavailable, asked->error().message);
  const Answer& answer = **asked;
  if (answer.status == kNotFound && CodeOf(answer) == "unknown_job") return std::nullopt;
  if (!answer.ok()) return Failed(client, answer);
  job = ObjectOf(answer.body);
  if (!TextAt(job, "status").empty()) return std::nullopt;
  EdgeOutcome outcome;
  outcome.kind = Kind::kSendUnchanged;
  return outcome;
}

// kSendUnchanged where the lines are refused; `is_conflict`: because their ids stand for other
// content.
EdgeOutcome Send(AbandonableClient& client, const std::string& target, const Lines& lines,
                 bool& is_conflict) {
  std::string body;
  for (const std::string& line : lines) body.append(line).append(1, '\n');
  const auto sent = client.Post(target + "/events", body, "application/x-ndjson");
  EdgeOutcome outcome;
  outcome.kind = Kind::kAbandoned;
  if (!sent) return outcome;
  if (!*sent) return Away(SendVerdict::Kind::kUnavailable, sent->error().message);
  const Answer& answer = **sent;
  SendVerdict verdict = ClassifyAnswer(client.client(), answer, lines.size());
  if (verdict.kind == SendVerdict::Kind::kLater) return Away(verdict.kind, verdict.reason);
  if (verdict.kind != SendVerdict::Kind::kTaken) {
    is_conflict = CodeOf(answer) == "event_id_conflict";
    outcome.kind = Kind::kSendUnchanged;
    return outcome;
  }
  outcome.kind = Kind::kDone;
  outcome.verdict = std::move(verdict);
  outcome.lines = lines;
  return outcome;
}

}  // namespace

EdgeOutcome SendBeginning(AbandonableClient& client, const std::string& job_id,
                          const Lines& lines) {
  const std::string target = JobTarget(job_id);
  Json job;
  if (auto outcome = AskJob(client, target, job)) return *outcome;
  const std::string status = TextAt(job, "status");
  EdgeOutcome outcome;
  for (const Lines& way : BeginningVariants(lines, status)) {
    bool is_conflict = false;
    outcome.kind = Kind::kNothing;
    if (!way.empty()) outcome = Send(client, target, way, is_conflict);
    if (!is_conflict) break;
  }
  outcome.status = status;
  return outcome;
}

EdgeOutcome ResendLines(AbandonableClient& client, const std::string& job_id, const Lines& lines) {
  const std::string target = JobTarget(job_id);
  EdgeOutcome nothing;
  nothing.kind = Kind::kNothing;
  Json job;
  if (auto outcome = AskJob(client, target, job)) {
    return outcome->kind == Kind::kSendUnchanged ? nothing : *outcome;
  }
  const auto asked = client.Get(target + kEndsQuery);
  if (!asked) return {.kind = Kind::kAbandoned, .lines = {}, .status = {}};
  if (!*asked) return Away(SendVerdict::Kind::kUnavailable, asked->error().message);
  if ((*asked)->status >= 500) return Failed(client, **asked);
  const Json page = ObjectOf((*asked)->body);
  const Lines resent = LinesToResend(lines, job, PartAt(page, "events"));
  if (resent.empty()) return nothing;
  bool is_conflict = false;
  EdgeOutcome outcome = Send(client, target, resent, is_conflict);
  outcome.status = TextAt(job, "status");
  return outcome.kind == Kind::kSendUnchanged ? nothing : outcome;
}

}  // namespace stagelog::cli
