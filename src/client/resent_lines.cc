#include "client/resent_lines.h"

#include <map>
#include <set>
#include <string_view>

#include "base/text.h"
#include "client/run_edges.h"
#include "client/run_id.h"
#include "core/json_value.h"

namespace stagelog::cli {
namespace {

bool IsOfStage(const Json& event) { return TextAt(event, "type").starts_with("stage_"); }

bool IsEndOfRun(const Json& event) {
  const Json& payload = PartAt(event, "payload");
  return payload.contains("exit_code") && payload.contains("duration_ms");
}

// Follows the job through the events that are sent again.
class Resender {
 public:
  Resender(const Json& job, const Json& ends) : status_(TextAt(job, "status")) {
    for (const Json& stage : PartAt(job, "stages")) {
      Stage& last = stages_[TextAt(stage, "stage")];
      last.runs = false;
      last.is_abandoned = TextAt(stage, "status") == "abandoned";
      last.started_at = TextAt(stage, "started_at");
    }
    for (const Json& end : ends) {
      if (PartAt(end, "violations").empty()) TakeEnd(end);
    }
  }

  void Take(const Json& event) {
    if (TextAt(event, "event_id").empty()) return;
    if (is_over_ && !Resume(event)) return;
    if (IsOfStage(event)) {
      AddStage(event);
    } else {
      Add(event);
      status_ = TextAt(event, "type").substr(std::string_view("job_").size());
      TakeEnd(event);
    }
  }

  std::vector<std::string> TakeLines() { return std::move(resent_); }

 private:
  struct Stage {
    bool runs = false;
    bool is_abandoned = false;
    std::string started_at;
  };

  void TakeEnd(const Json& end) {
    const std::string id = TextAt(end, "event_id");
    ends_.insert(id);
    if (const std::string run = RunIdOf(id); !run.empty()) ended_runs_.insert(run);
    was_ended_by_run_ = IsEndOfRun(end);
    is_over_ = true;
    for (auto& [path, stage] : stages_) {
      stage.is_abandoned = stage.is_abandoned || stage.runs;
      stage.runs = false;
    }
  }

  bool MayResume(const Json& event) const {
    if (status_ != "completed" && status_ != "failed") return false;
    const std::string id = TextAt(event, "event_id");
    if (IsOfStage(event)) {
      const std::string run = RunIdOf(id);
      return was_ended_by_run_ && !run.empty() && !ended_runs_.contains(run);
    }
    if (ends_.contains(id) || ends_.contains(id + ".again")) return false;
    const bool is_worse = TextAt(event, "type") != "job_completed" && status_ == "completed";
    return was_ended_by_run_ || is_worse;
  }

  bool Resume(const Json& event) {
    if (!MayResume(event)) return false;
    const char* why = "the job was ended before its run";
    if (was_ended_by_run_) {
      why = IsOfStage(event) ? "another run of this job ended while this one went on"
                             : "another run of this job ended before this one";
    }
    Json resumed = event;
    resumed["event_id"] = TextAt(event, "event_id") + ".resumes";
    resumed["type"] = "job_resumed";
    resumed["message"] = why;
    for (const char* key : {"stage", "attempt", "payload"}) resumed.erase(key);
    resent_.push_back(DumpJson(resumed));
    is_over_ = false;
    return true;
  }

  void AddStage(const Json& event) {
    Stage& stage = stages_[TextAt(event, "stage")];
    const std::string type = TextAt(event, "type");
    if (type != "stage_started" && stage.is_abandoned) AddStart(event, stage);
    if (type == "stage_started") stage.started_at = TextAt(event, "occurred_at");
    stage.is_abandoned = false;
    stage.runs = type == "stage_started" || type == "stage_progress";
    Add(event);
  }

  void AddStart(const Json& event, const Stage& stage) {
    Json started = event;
    started["event_id"] = TextAt(event, "event_id") + ".starts";
    started["type"] = "stage_started";
    if (!stage.started_at.empty()) started["occurred_at"] = stage.started_at;
    for (const char* key : {"message", "payload"}) started.erase(key);
    resent_.push_back(DumpJson(started));
  }

  void Add(Json event) {
    event["event_id"] = TextAt(event, "event_id") + ".again";
    resent_.push_back(DumpJson(event));
  }

  std::string status_;
  std::map<std::string, Stage> stages_;  // the last attempt of each
  std::set<std::string> ends_;           // ids of those that count
  std::set<std::string> ended_runs_;
  bool was_ended_by_run_ = false;
  bool is_over_ = true;
  std::vector<std::string> resent_;
};

}  // namespace

bool MayBeResent(const std::string& line) {
  if (EndsRun(line)) return true;
  if (!ContainsText(line, R"("event_id":"run-)") || !ContainsText(line, R"("type":"stage_)"))
    return false;
  const Json event = ObjectOf(line);
  return IsOfStage(event) && !RunIdOf(TextAt(event, "event_id")).empty();
}

std::vector<std::string> LinesToResend(const std::vector<std::string>& lines, const Json& job,
                                       const Json& ends) {
  Resender resender(job, ends);
  for (const std::string& line : lines) resender.Take(ObjectOf(line));
  return resender.TakeLines();
}

}  // namespace stagelog::cli
