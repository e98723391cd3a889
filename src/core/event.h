// An event before and after it was accepted by the journal.
#ifndef STAGELOG_CORE_EVENT_H_
#define STAGELOG_CORE_EVENT_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/vocabulary.h"

namespace stagelog {

inline constexpr int64_t kMaxAttempt = 1'000'000'000;

// The actor of events that the daemon itself appends: gates whose time is over.
inline constexpr const char* kOwnActor = "stagelog";

// What an emitter sent, checked and with the defaults of its type filled in. Empty text stands for
// "left out".
struct EventDraft {
  EventType kind = EventType::kLog;
  std::string job_id;
  std::string event_id;                       // empty: the journal makes one
  std::optional<int64_t> occurred_at_micros;  // since 1970; none: the journal's own time
  std::string type;
  std::string stage;
  std::string gate;
  std::optional<int64_t> attempt;
  std::string status;
  std::string level;
  std::string message;
  std::string payload;  // compact JSON object, the emitter's own bytes
  std::string actor;    // name of the token that sent it
};

// A draft with its place in the journal.
struct Event {
  EventDraft draft;  // event_id and occurred_at_micros are set
  int64_t seq = 0;
  int64_t job_seq = 0;
  int64_t ts_micros = 0;  // the journal's own time, since 1970
  std::vector<std::string> violations;
  // Of a gate_approved that counts for a gate which requires several: this is approval number
  // `approval_count`, and the last of `approvals_required` decides. Both 0 of every other event.
  int64_t approval_count = 0;
  int64_t approvals_required = 0;
};

// When an event happened: the client's time, but not later than `ts_micros`, the time of acceptance
// (a client's clock may be ahead). A time before 3 January 1970 comes from an unset clock or a zero
// value and is ignored. Microseconds since 1970.
int64_t EffectiveMicros(std::optional<int64_t> occurred_at_micros, int64_t ts_micros);
int64_t EffectiveMicros(const Event& event);

// True when both say the same thing: type, stage, gate, attempt, status, level, message, payload.
// Times and actor do not count, nor does what
// the payload keeps of a CloudEvent's own attributes (guarantee 6 in src/GUARANTEES.md).
bool SameContent(const EventDraft& a, const EventDraft& b);

}  // namespace stagelog

#endif  // STAGELOG_CORE_EVENT_H_
