#include "core/job_state_json.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <stdexcept>

#include "base/timestamp.h"
#include "core/json_value.h"

namespace stagelog {
namespace {

using OrderedJson = nlohmann::ordered_json;

void PutText(OrderedJson& object, const char* key, const std::string& text) {
  if (!text.empty()) object[key] = text;
}

void PutTime(OrderedJson& object, const char* key, int64_t micros) {
  if (micros != 0) object[key] = FormatTimestamp(micros);
}

// A whole number is written as one.
OrderedJson Exact(double figure) {
  if (std::abs(figure) < 9e15 && std::floor(figure) == figure) return static_cast<int64_t>(figure);
  return figure;
}

// Six digits are plenty for what was worked out.
OrderedJson Rounded(double figure) {
  char text[32];
  std::snprintf(text, sizeof(text), "%.5e", figure);
  return Exact(std::strtod(text, nullptr));
}

void PutFigure(OrderedJson& object, const char* key, const std::optional<double>& figure) {
  if (!figure) return;
  object[key] = Exact(*figure);
}

int64_t Millis(int64_t micros) { return micros / 1000; }

// Rate per second and seconds left, from the first report with a figure to the last.
void PutRate(OrderedJson& object, const Progress& progress, StageStatus status) {
  const std::optional<double>& figure = progress.current ? progress.current : progress.percent;
  if (!figure || !progress.first_figure || progress.last_micros <= progress.first_micros) return;
  const double seconds = static_cast<double>(progress.last_micros - progress.first_micros) / 1e6;
  const double rate = (*figure - *progress.first_figure) / seconds;
  if (rate <= 0) return;
  object["rate_per_second"] = Rounded(rate);
  const std::optional<double> goal =
      progress.current ? progress.total : std::optional<double>(100.0);
  if (!goal || status != StageStatus::kRunning) return;
  const double seconds_left = std::max(0.0, *goal - *figure) / rate;
  if (std::isfinite(seconds_left)) object["seconds_left"] = Rounded(seconds_left);
}

OrderedJson ProgressJson(const Progress& progress, StageStatus status) {
  OrderedJson object = OrderedJson::object();
  PutFigure(object, "current", progress.current);
  PutFigure(object, "total", progress.total);
  if (progress.percent) object["percent"] = Rounded(*progress.percent);
  PutText(object, "unit", progress.unit);
  PutRate(object, progress, status);
  return object;
}

OrderedJson StageJson(const StageState& stage, int64_t latest_micros) {
  OrderedJson object;
  object["stage"] = stage.path;
  object["attempt"] = stage.attempt;
  object["epoch"] = stage.epoch;
  object["status"] = StatusName(stage.status);
  PutTime(object, "started_at", stage.started_micros);
  PutTime(object, "ended_at", stage.ended_micros);
  const int64_t end = stage.ended_micros == 0 ? latest_micros : stage.ended_micros;
  object["duration_ms"] = Millis(end - stage.started_micros);
  PutText(object, "message", stage.message);
  OrderedJson progress = ProgressJson(stage.progress, stage.status);
  if (!progress.empty()) object["progress"] = std::move(progress);
  return object;
}

OrderedJson ApprovalsJson(const std::vector<GateApproval>& approvals) {
  OrderedJson list = OrderedJson::array();
  for (const GateApproval& approval : approvals) {
    OrderedJson& object = list.emplace_back();
    PutText(object, "by", approval.actor);
    object["seq"] = approval.seq;
    PutTime(object, "at", approval.micros);
    PutText(object, "comment", approval.comment);
    PutText(object, "via", approval.via);
  }
  return list;
}

// What a gate asks beyond one decision of an approver.
void PutRules(OrderedJson& object, const GateState& gate) {
  if (gate.required > 1) object["required"] = gate.required;
  if (!gate.allow_self) object["allow_self"] = false;
  if (!gate.fields.empty()) object["fields"] = ParseOrderedJson(gate.fields);
  PutText(object, "opened_by", gate.opened_by);
  if (gate.required > 1) object["approvals"] = ApprovalsJson(gate.approvals);
}

OrderedJson GateJson(const GateState& gate) {
  OrderedJson object;
  object["gate"] = gate.name;
  object["iteration"] = gate.iteration;
  object["status"] = StatusName(gate.status);
  PutText(object, "prompt", gate.prompt);
  if (!gate.options.empty()) object["options"] = ParseOrderedJson(gate.options);
  if (!gate.approvers.empty()) object["approvers"] = gate.approvers;
  PutRules(object, gate);
  object["opened_seq"] = gate.opened_seq;
  PutTime(object, "opened_at", gate.opened_micros);
  if (gate.timeout_seconds) {
    object["timeout_seconds"] = *gate.timeout_seconds;
    object["on_timeout"] = gate.on_timeout;
    PutTime(object, "expires_at", gate.ExpiresAtMicros());
  }
  if (gate.status == GateStatus::kPending) {
    PutText(object, "choice", gate.choice);
    if (!gate.answers.empty()) object["answers"] = ParseOrderedJson(gate.answers);
    return object;
  }
  object["decided_seq"] = gate.decided_seq;
  PutTime(object, "decided_at", gate.decided_micros);
  object["waited_ms"] = Millis(gate.decided_micros - gate.opened_micros);
  PutText(object, "decided_by", gate.decided_by);
  PutText(object, "comment", gate.comment);
  PutText(object, "choice", gate.choice);
  if (!gate.answers.empty()) object["answers"] = ParseOrderedJson(gate.answers);
  PutText(object, "via", gate.via);
  return object;
}

// Until when a duration runs that has not ended: the latest time of the job's events, or now. A job
// that has not started (nothing but logs of a run of the past, say) does not go on until now.
int64_t NowOf(const JobState& state, int64_t live_micros) {
  const bool goes_on = !state.IsTerminal() && state.status != JobStatus::kCreated;
  return !goes_on ? state.latest_micros : std::max(live_micros, state.latest_micros);
}

OrderedJson PendingStageJson(std::string_view path) {
  return {{"stage", path}, {"status", "pending"}};
}

OrderedJson SummaryJson(const JobState& state, std::optional<int64_t> done, int64_t live_micros) {
  OrderedJson object;
  object["job_id"] = state.job_id;
  object["status"] = StatusName(state.status);
  PutText(object, "reason", state.reason);
  PutText(object, "pipeline", state.pipeline);
  if (!state.labels.empty()) object["labels"] = state.labels;
  if (state.implicit_create) object["implicit_create"] = true;
  object["epoch"] = state.epoch;
  if (state.strict) object["strict"] = true;
  PutTime(object, "created_at", state.created_at_micros);
  PutTime(object, "started_at", state.started_at_micros);
  PutTime(object, "ended_at", state.ended_at_micros);
  PutTime(object, "updated_at", state.updated_at_micros);
  const bool is_live =
      live_micros != 0 && !state.IsTerminal() && state.status != JobStatus::kCreated;
  if (is_live) {
    object["live"] = true;
    PutTime(object, "as_of", NowOf(state, live_micros));
  }
  const int64_t end =
      state.ended_at_micros == 0 ? NowOf(state, live_micros) : state.ended_at_micros;
  int64_t waited = state.waited_micros;
  if (state.status == JobStatus::kPaused) waited += end - state.paused_since_micros;
  const int64_t duration = end - state.created_at_micros;
  object["duration_ms"] = Millis(duration);
  object["waited_ms"] = Millis(waited);
  object["stopped_ms"] = Millis(state.stopped_micros);
  object["worked_ms"] = Millis(duration - waited - state.stopped_micros);
  if (done) {
    object["progress"]["percent"] = Rounded(static_cast<double>(*done) * 100 / StageTree::kWhole);
  }
  object["events"] = state.job_seq;
  object["violations"] = state.violation_count;
  return object;
}

void PutEnd(OrderedJson& object, const JobState& state) {
  object["first_seq"] = state.first_seq;
  object["as_of_seq"] = state.as_of_seq;
  object["last_hash"] = state.last_hash;
  object["fold_version"] = kFoldVersion;
}

// --- Snapshots ---

// Optional figures as null, so that every key is always there.
template <typename T>
OrderedJson OrNull(const std::optional<T>& value) {
  return value ? OrderedJson(*value) : OrderedJson(nullptr);
}

template <typename T>
std::optional<T> FromNull(const OrderedJson& value) {
  if (value.is_null()) return std::nullopt;
  return value.get<T>();
}

template <typename Status>
Status StatusFrom(const OrderedJson& value, Status last) {
  const int status = value.get<int>();
  if (status < 0 || status > static_cast<int>(last)) throw std::out_of_range("no such status");
  return static_cast<Status>(status);
}

OrderedJson SnapshotOf(const StageState& s) {
  const Progress& p = s.progress;
  return {s.path,           s.attempt,         s.epoch,   static_cast<int>(s.status),
          s.started_micros, s.ended_micros,    s.message, OrNull(p.current),
          OrNull(p.total),  OrNull(p.percent), p.unit,    OrNull(p.first_figure),
          p.first_micros,   p.last_micros};
}

StageState StageOf(const OrderedJson& j) {
  StageState s;
  s.path = j.at(0);
  s.attempt = j.at(1);
  s.epoch = j.at(2);
  s.status = StatusFrom(j.at(3), StageStatus::kAbandoned);
  s.started_micros = j.at(4);
  s.ended_micros = j.at(5);
  s.message = j.at(6);
  s.progress.current = FromNull<double>(j.at(7));
  s.progress.total = FromNull<double>(j.at(8));
  s.progress.percent = FromNull<double>(j.at(9));
  s.progress.unit = j.at(10);
  s.progress.first_figure = FromNull<double>(j.at(11));
  s.progress.first_micros = j.at(12);
  s.progress.last_micros = j.at(13);
  return s;
}

OrderedJson SnapshotOf(const GateApproval& a) {
  return {a.actor, a.seq, a.micros, a.comment, a.via};
}

GateApproval ApprovalOf(const OrderedJson& j) {
  return {.actor = j.at(0), .seq = j.at(1), .micros = j.at(2), .comment = j.at(3), .via = j.at(4)};
}

// Behind the members that every gate has, of one with rules or answers. Snapshots of before have
// none of them.
void AddRules(OrderedJson& json, const GateState& g) {
  if (!g.NeedsPeople() && g.fields.empty() && g.answers.empty()) return;
  OrderedJson approvals = OrderedJson::array();
  for (const GateApproval& approval : g.approvals) approvals.push_back(SnapshotOf(approval));
  json.push_back({g.required, g.allow_self, g.opened_by, g.fields, g.answers, approvals});
}

void ReadRules(const OrderedJson& j, GateState& g) {
  g.required = j.at(0);
  g.allow_self = j.at(1);
  g.opened_by = j.at(2);
  g.fields = j.at(3);
  g.answers = j.at(4);
  for (const OrderedJson& approval : j.at(5)) g.approvals.push_back(ApprovalOf(approval));
}

OrderedJson SnapshotOf(const GateState& g) {
  OrderedJson json = {g.name,
                      g.iteration,
                      static_cast<int>(g.status),
                      g.opened_seq,
                      g.opened_micros,
                      g.decided_seq,
                      g.decided_micros,
                      g.prompt,
                      g.options,
                      OrNull(g.timeout_seconds),
                      g.on_timeout,
                      OrderedJson(g.approvers),
                      g.decided_by,
                      g.comment,
                      g.choice,
                      g.via,
                      g.opened_ts_micros};
  AddRules(json, g);
  return json;
}

GateState GateOf(const OrderedJson& j) {
  GateState g;
  g.name = j.at(0);
  g.iteration = j.at(1);
  g.status = StatusFrom(j.at(2), GateStatus::kCanceled);
  g.opened_seq = j.at(3);
  g.opened_micros = j.at(4);
  g.decided_seq = j.at(5);
  g.decided_micros = j.at(6);
  g.prompt = j.at(7);
  g.options = j.at(8);
  g.timeout_seconds = FromNull<int64_t>(j.at(9));
  g.on_timeout = j.at(10);
  g.approvers = j.at(11).get<std::vector<std::string>>();
  g.decided_by = j.at(12);
  g.comment = j.at(13);
  g.choice = j.at(14);
  g.via = j.at(15);
  g.opened_ts_micros = j.at(16);
  if (j.size() > 17) ReadRules(j.at(17), g);
  return g;
}

JobState StateOf(const OrderedJson& j) {
  JobState s;
  s.job_id = j.at("job_id");
  s.status = StatusFrom(j.at("status"), JobStatus::kCanceled);
  s.job_seq = j.at("job_seq");
  s.first_seq = j.at("first_seq");
  s.as_of_seq = j.at("as_of_seq");
  s.created_at_micros = j.at("created_at");
  s.started_at_micros = j.at("started_at");
  s.ended_at_micros = j.at("ended_at");
  s.updated_at_micros = j.at("updated_at");
  s.latest_micros = j.at("latest");
  s.turned_micros = j.at("turned");
  s.epoch = j.at("epoch");
  s.violation_count = j.at("violations");
  s.last_hash = j.at("last_hash");
  s.pipeline = j.at("pipeline");
  s.strict = j.at("strict");
  s.implicit_create = j.at("implicit_create");
  s.labels = j.at("labels").get<Labels>();
  s.declared_stages = j.at("declared_stages").get<std::vector<std::string>>();
  s.status_before_pause = StatusFrom(j.at("before_pause"), JobStatus::kCanceled);
  s.reason = j.at("reason");
  s.paused_since_micros = j.at("paused_since");
  s.blocking_gates = j.at("blocking_gates").get<std::vector<std::string>>();
  s.waited_micros = j.at("waited");
  s.stopped_micros = j.at("stopped");
  s.may_resume_again = j.at("may_resume_again");
  for (const OrderedJson& stage : j.at("stages")) s.stages.push_back(StageOf(stage));
  for (const OrderedJson& gate : j.at("gates")) s.gates.push_back(GateOf(gate));
  for (const std::string& path : s.declared_stages) s.tree.Declare(path);
  for (size_t i = 0; i < s.stages.size(); ++i) {
    s.tree.SetLastAttempt(s.stages[i].path, i);
    s.tree.SetDone(s.stages[i].path, DoneOf(s.stages[i]));
  }
  return s;
}

}  // namespace

std::string EncodeJobState(const JobState& state, int64_t live_micros) {
  OrderedJson object = SummaryJson(state, state.Done(), live_micros);
  object["stages"] = OrderedJson::array();
  for (const StageState& stage : state.stages) {
    object["stages"].push_back(StageJson(stage, NowOf(state, live_micros)));
  }
  for (const std::string_view path : state.PendingStages()) {
    object["stages"].push_back(PendingStageJson(path));
  }
  object["gates"] = OrderedJson::array();
  for (const GateState& gate : state.gates) {
    object["gates"].push_back(GateJson(gate));
  }
  PutEnd(object, state);
  return DumpJson(object);
}

std::string EncodeJobSummary(const JobState& state, std::optional<int64_t> done,
                             int64_t live_micros) {
  OrderedJson object = SummaryJson(state, done, live_micros);
  PutEnd(object, state);
  return DumpJson(object);
}

// The last of `all` in full (or `otherwise`), then all of them.
std::string EncodeHistory(const JobState& state, const char* key, OrderedJson all,
                          const OrderedJson& otherwise = OrderedJson()) {
  if (all.empty() && otherwise.empty()) return "";
  OrderedJson object;
  object["job_id"] = state.job_id;
  object.update(all.empty() ? otherwise : all.back());
  object[key] = std::move(all);
  object["job_status"] = StatusName(state.status);
  object["as_of_seq"] = state.as_of_seq;
  return DumpJson(object);
}

std::string EncodeStage(const JobState& state, std::string_view path, int64_t live_micros) {
  OrderedJson attempts = OrderedJson::array();
  for (const StageState& stage : state.stages) {
    if (stage.path == path) attempts.push_back(StageJson(stage, NowOf(state, live_micros)));
  }
  const auto& declared = state.declared_stages;
  const bool is_declared = std::find(declared.begin(), declared.end(), path) != declared.end();
  return EncodeHistory(state, "attempts", std::move(attempts),
                       is_declared ? PendingStageJson(path) : OrderedJson());
}

std::string EncodeGate(const JobState& state, std::string_view name) {
  OrderedJson iterations = OrderedJson::array();
  for (const GateState& gate : state.gates) {
    if (gate.name == name) iterations.push_back(GateJson(gate));
  }
  return EncodeHistory(state, "iterations", std::move(iterations));
}

std::string EncodeGateIteration(const std::string& job_id, const GateState& gate) {
  OrderedJson object;
  object["job_id"] = job_id;
  object.update(GateJson(gate));
  return DumpJson(object);
}

std::string EncodeSnapshot(const JobState& s) {
  OrderedJson j;
  j["job_id"] = s.job_id;
  j["status"] = static_cast<int>(s.status);
  j["job_seq"] = s.job_seq;
  j["first_seq"] = s.first_seq;
  j["as_of_seq"] = s.as_of_seq;
  j["created_at"] = s.created_at_micros;
  j["started_at"] = s.started_at_micros;
  j["ended_at"] = s.ended_at_micros;
  j["updated_at"] = s.updated_at_micros;
  j["latest"] = s.latest_micros;
  j["turned"] = s.turned_micros;
  j["epoch"] = s.epoch;
  j["violations"] = s.violation_count;
  j["last_hash"] = s.last_hash;
  j["pipeline"] = s.pipeline;
  j["strict"] = s.strict;
  j["implicit_create"] = s.implicit_create;
  j["labels"] = s.labels;
  j["declared_stages"] = s.declared_stages;
  j["before_pause"] = static_cast<int>(s.status_before_pause);
  j["reason"] = s.reason;
  j["paused_since"] = s.paused_since_micros;
  j["blocking_gates"] = s.blocking_gates;
  j["waited"] = s.waited_micros;
  j["stopped"] = s.stopped_micros;
  j["may_resume_again"] = s.may_resume_again;
  j["stages"] = OrderedJson::array();
  for (const StageState& stage : s.stages) j["stages"].push_back(SnapshotOf(stage));
  j["gates"] = OrderedJson::array();
  for (const GateState& gate : s.gates) j["gates"].push_back(SnapshotOf(gate));
  return DumpJson(j);
}

std::optional<JobState> DecodeSnapshot(std::string_view text) {
  try {
    return StateOf(ParseOrderedJson(text));
  } catch (const std::exception&) {
    return std::nullopt;
  }
}

}  // namespace stagelog
