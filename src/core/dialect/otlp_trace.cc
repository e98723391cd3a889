#include "core/dialect/otlp_trace.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/name_uuid.h"
#include "base/text.h"
#include "base/version.h"
#include "core/event_codec.h"
#include "core/job_machine.h"
#include "core/json_value.h"

namespace stagelog {
namespace {

using OrderedJson = nlohmann::ordered_json;

// Of the protocol's enumerations (trace.proto): in JSON they are numbers.
constexpr int kInternal = 1;
constexpr int kServer = 2;
constexpr int kStatusError = 2;

constexpr size_t kMaxMarks = 10'000;

OrderedJson Text(const char* key, const std::string& value) {
  return {{"key", key}, {"value", {{"stringValue", value}}}};
}

// 64-bit numbers are texts in JSON.
OrderedJson Number(const char* key, int64_t value) {
  return {{"key", key}, {"value", {{"intValue", std::to_string(value)}}}};
}

OrderedJson TextList(const char* key, const std::vector<std::string>& values) {
  OrderedJson list = OrderedJson::array();
  for (const std::string& value : values) list.push_back({{"stringValue", value}});
  return {{"key", key}, {"value", {{"arrayValue", {{"values", list}}}}}};
}

std::string Nanos(int64_t micros) { return micros > 0 ? std::to_string(micros) + "000" : "0"; }

// 32 hex digits.
std::string HexId(const std::string& name) {
  std::string id = UuidOfName(name);
  std::erase(id, '-');
  return id;
}

class Tracer {
 public:
  Tracer(const JobState& state, const std::string& first_hash, const TraceNames& names)
      : state_(state),
        names_(names),
        trace_id_(names.trace_id.empty() ? HexId("stagelog\n" + state.job_id + "\n" + first_hash)
                                         : names.trace_id),
        root_id_(names.trace_id.empty() ? SpanId("run") : names.run_span_id) {
    for (const StageState& stage : state.stages) attempts_[stage.path].push_back(&stage);
  }

  std::string Encode(const std::vector<TraceEvent>& events, size_t dropped) {
    OrderedJson spans = OrderedJson::array();
    spans.push_back(RunSpan(events, dropped));
    for (const StageState& stage : state_.stages) spans.push_back(StageSpan(stage));
    for (const GateState& gate : state_.gates) spans.push_back(GateSpan(gate));
    const OrderedJson scope = {{"name", "stagelog"}, {"version", std::string(Version())}};
    const OrderedJson resource = {{"attributes", {Text("service.name", "stagelog")}}};
    const OrderedJson request = {
        {"resourceSpans",
         {{{"resource", resource}, {"scopeSpans", {{{"scope", scope}, {"spans", spans}}}}}}}};
    return DumpJson(request);
  }

 private:
  // 16 hex digits, not all of them 0.
  std::string SpanId(const std::string& name) const {
    return HexId(trace_id_ + "\n" + name).substr(0, 16);
  }

  std::string SpanOf(const StageState& stage) const {
    const auto known = names_.stage_span_ids.find({stage.path, stage.attempt});
    if (known != names_.stage_span_ids.end()) return known->second;
    return SpanId("stage\n" + stage.path + "\n" + std::to_string(stage.epoch) + "\n" +
                  std::to_string(stage.attempt));
  }

  OrderedJson Span(const std::string& id, const std::string& parent, const std::string& name,
                   int kind, int64_t begin, int64_t end) const {
    OrderedJson span = {{"traceId", trace_id_}, {"spanId", id}};
    if (!parent.empty()) span["parentSpanId"] = parent;
    span["name"] = name;
    span["kind"] = kind;
    span["startTimeUnixNano"] = Nanos(begin);
    span["endTimeUnixNano"] = Nanos(std::max(begin, end > 0 ? end : state_.latest_micros));
    span["attributes"] = OrderedJson::array();
    if (end == 0)
      span["attributes"].push_back(
          {{"key", "stagelog.unfinished"}, {"value", {{"boolValue", true}}}});
    return span;
  }

  static void SetError(OrderedJson& span, const std::string& message) {
    span["attributes"].push_back(Text("error.type", "_OTHER"));
    span["status"] = {{"code", kStatusError}, {"message", message}};
  }

  OrderedJson RunSpan(const std::vector<TraceEvent>& events, size_t dropped) const {
    const std::string pipeline = state_.pipeline.empty() ? state_.job_id : state_.pipeline;
    const int64_t begin =
        state_.started_at_micros > 0 ? state_.started_at_micros : state_.created_at_micros;
    OrderedJson span = Span(root_id_, names_.parent_span_id, "RUN " + pipeline, kServer, begin,
                            state_.ended_at_micros);
    OrderedJson& attributes = span["attributes"];
    attributes.push_back(Text("cicd.pipeline.name", pipeline));
    attributes.push_back(Text("cicd.pipeline.run.id", state_.job_id));
    attributes.push_back(Text("cicd.pipeline.action.name", "RUN"));
    attributes.push_back(Number("stagelog.epoch", state_.epoch));
    attributes.push_back(Number("stagelog.violations", state_.violation_count));
    for (const auto& [key, value] : state_.labels) {
      attributes.push_back(Text(("stagelog.label." + key).c_str(), value));
    }
    if (state_.IsTerminal()) {
      attributes.push_back(Text("cicd.pipeline.result", ResultOf(state_.status)));
    } else {
      attributes.push_back(Text("cicd.pipeline.run.state",
                                state_.status == JobStatus::kCreated ? "pending" : "executing"));
    }
    if (state_.status == JobStatus::kFailed) SetError(span, state_.reason);
    span["events"] = OrderedJson::array();
    for (const TraceEvent& event : events) span["events"].push_back(EventOf(event));
    if (dropped > 0) span["droppedEventsCount"] = dropped;
    return span;
  }

  static std::string ResultOf(JobStatus status) {
    if (status == JobStatus::kCompleted) return "success";
    return status == JobStatus::kFailed ? "failure" : "cancellation";
  }

  static OrderedJson EventOf(const TraceEvent& event) {
    OrderedJson attributes = OrderedJson::array();
    if (!event.level.empty()) attributes.push_back(Text("stagelog.level", event.level));
    if (!event.message.empty()) attributes.push_back(Text("stagelog.message", event.message));
    if (!event.violations.empty()) {
      attributes.push_back(TextList("stagelog.violations", event.violations));
    }
    return {{"timeUnixNano", Nanos(event.happened_micros)},
            {"name", event.name},
            {"attributes", attributes}};
  }

  // The nearest stage above it that had begun, in its last attempt by then; else the run.
  std::string ParentOf(const StageState& stage) const {
    std::string_view path = stage.path;
    while (true) {
      const size_t slash = path.rfind('/');
      if (slash == std::string_view::npos) return root_id_;
      path = path.substr(0, slash);
      const auto attempts = attempts_.find(path);
      if (attempts == attempts_.end()) continue;
      for (auto above = attempts->second.rbegin(); above != attempts->second.rend(); ++above) {
        if ((*above)->started_micros <= stage.started_micros) return SpanOf(**above);
      }
    }
  }

  OrderedJson StageSpan(const StageState& stage) const {
    OrderedJson span = Span(SpanOf(stage), ParentOf(stage), stage.path, kInternal,
                            stage.started_micros, stage.ended_micros);
    const std::string run = state_.job_id + "/" + stage.path + "/" + std::to_string(stage.attempt);
    OrderedJson& attributes = span["attributes"];
    attributes.push_back(Text("cicd.pipeline.task.name", stage.path));
    attributes.push_back(Text("cicd.pipeline.task.run.id", run));
    attributes.push_back(Text("cicd.pipeline.task.run.url.full", "urn:stagelog:task:" + run));
    attributes.push_back(Number("stagelog.attempt", stage.attempt));
    if (stage.status == StageStatus::kCompleted) {
      attributes.push_back(Text("cicd.pipeline.task.run.result", "success"));
    }
    if (stage.status == StageStatus::kFailed) {
      attributes.push_back(Text("cicd.pipeline.task.run.result", "failure"));
      SetError(span, stage.message);
    }
    if (stage.status == StageStatus::kAbandoned) {  // the job ended before it did
      attributes.push_back(Text("cicd.pipeline.task.run.result", "cancellation"));
    }
    return span;
  }

  OrderedJson GateSpan(const GateState& gate) const {
    OrderedJson span =
        Span(SpanId("gate\n" + gate.name + "\n" + std::to_string(gate.iteration)), root_id_,
             "wait for " + gate.name, kInternal, gate.opened_micros, gate.decided_micros);
    OrderedJson& attributes = span["attributes"];
    attributes.push_back(Text("stagelog.gate.name", gate.name));
    attributes.push_back(Number("stagelog.gate.iteration", gate.iteration));
    attributes.push_back(Text("stagelog.gate.status", std::string(StatusName(gate.status))));
    if (!gate.prompt.empty()) attributes.push_back(Text("stagelog.gate.prompt", gate.prompt));
    if (!gate.decided_by.empty()) {
      attributes.push_back(Text("stagelog.gate.decided_by", gate.decided_by));
    }
    return span;
  }

  const JobState& state_;
  const TraceNames& names_;
  const std::string trace_id_;
  const std::string root_id_;
  std::map<std::string_view, std::vector<const StageState*>> attempts_;  // by path, oldest first
};

}  // namespace

void TakeTraceNames(const Event& event, const JobState& state, TraceNames& names) {
  const EventDraft& draft = event.draft;
  const bool begins_job = draft.type == "job_created" || draft.type == "job_started";
  if (!begins_job && draft.type != "stage_started") return;
  if (!ContainsText(draft.payload, "\"trace_id\"")) return;
  const nlohmann::json payload = ParseJson(draft.payload);
  const auto id = [&payload](const char* key, size_t digits) {
    const auto member = payload.find(key);
    if (member == payload.end() || !member->is_string()) return std::string();
    std::string text = member->get<std::string>();
    return text.size() == digits && text.find_first_not_of("0123456789abcdef") == text.npos
               ? text
               : std::string();
  };
  const std::string trace_id = id("trace_id", 32);
  const std::string span_id = id("span_id", 16);
  if (trace_id.empty() || span_id.empty()) return;
  if (begins_job && names.trace_id.empty()) {
    names.trace_id = trace_id;
    names.run_span_id = span_id;
    names.parent_span_id = id("parent_span_id", 16);
  }
  const StageState* stage = state.FindStage(draft.stage);
  if (!begins_job && stage != nullptr && trace_id == names.trace_id) {
    names.stage_span_ids[{stage->path, stage->attempt}] = span_id;
  }
}

std::string EncodeOtlpTrace(const JobState& state, const std::string& first_hash,
                            const TraceNames& names, const std::vector<TraceEvent>& events,
                            size_t dropped) {
  return Tracer(state, first_hash, names).Encode(events, dropped);
}

bool IsWorthAMark(const EventDraft& draft) {
  return draft.level == "warning" || draft.level == "error" || draft.level == "critical" ||
         draft.type.starts_with("job_");
}

void OtlpTraceBuilder::Add(const Event& event, std::string_view line) {
  ApplyLine(state_, line);
  if (first_hash_.empty()) first_hash_ = StoredHash(line);
  TakeTraceNames(event, state_, names_);
  const bool is_plain = event.violations.empty() && !IsWorthAMark(event.draft);
  if (is_plain && event.draft.type != "log") return;
  // What is worth a mark has room of its own: a flood of lines must not hide how the job ended.
  size_t& count = is_plain ? plain_ : marked_;
  if (count >= kMaxMarks) {
    ++dropped_;
    return;
  }
  ++count;
  events_.push_back({EffectiveMicros(event), event.draft.type, event.draft.level,
                     event.draft.message, event.violations});
}

}  // namespace stagelog
