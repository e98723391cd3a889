#include "tests/core/job_story.h"

#include <stdexcept>

namespace stagelog {

EventDraft DraftOf(const std::string& type, const EventParts& parts) {
  EventDraft draft;
  draft.kind = FindType(type)->type;
  draft.job_id = "a";
  draft.type = type;
  draft.stage = parts.stage;
  draft.gate = parts.gate;
  draft.attempt = parts.attempt;
  draft.message = parts.message;
  draft.payload = parts.payload;
  draft.actor = parts.actor;
  draft.occurred_at_micros = parts.occurred_at_micros;
  return draft;
}

Event JobStory::Next(const std::string& type, const EventParts& parts) const {
  Event event;
  event.draft = DraftOf(type, parts);
  event.seq = state_.as_of_seq + 10;
  event.job_seq = state_.job_seq + 1;
  event.ts_micros = now_micros_ + kSecond;
  event.draft.event_id = "event-" + std::to_string(event.seq);
  event.draft.occurred_at_micros = parts.occurred_at_micros.value_or(event.ts_micros);
  JudgeEvent(state_, event);
  return event;
}

JobStory& JobStory::Tell(const std::string& type, const EventParts& parts) {
  const Event event = Next(type, parts);
  changes_ = {};
  Apply(state_, event, "hash-" + std::to_string(event.seq), &changes_);
  now_micros_ = event.ts_micros;
  violations_ = event.violations;
  return *this;
}

JobStory& JobStory::Wait(int64_t seconds) {
  now_micros_ += seconds * kSecond;
  return *this;
}

const StageState& JobStory::stage(const std::string& path) const {
  const StageState* found = state_.FindStage(path);
  if (found == nullptr) throw std::out_of_range("no stage " + path);
  return *found;
}

const GateState& JobStory::gate(const std::string& name) const {
  const GateState* found = state_.FindGate(name);
  if (found == nullptr) throw std::out_of_range("no gate " + name);
  return *found;
}

JobStory RunningJob() {
  JobStory story;
  story.Tell("job_created").Tell("job_started");
  return story;
}

JobStory PausedJob() {
  JobStory story = RunningJob();
  story.Tell("gate_pause", {.gate = "g"});
  return story;
}

}  // namespace stagelog
