#include "core/event.h"

#include <algorithm>
#include <tuple>

#include "base/text.h"
#include "core/json_text.h"

namespace stagelog {
namespace {

auto Content(const EventDraft& draft) {
  return std::tie(draft.type, draft.stage, draft.gate, draft.attempt, draft.status, draft.level,
                  draft.message, draft.payload);
}

// What a broker adds to an event on its way, and how another program spells what it sends, differ
// from one delivery to the next: the event_id says which event it is.
bool IsOrigin(std::string_view key) { return key == "x-cloudevent" || key == "x-openlineage"; }

std::string WithoutOrigin(std::string_view payload) {
  std::string rest;
  for (JsonMembers members(payload); members.Next();) {
    if (IsOrigin(members.key())) continue;
    rest += std::string(members.key()) + ":" + std::string(members.value()) + ",";
  }
  return rest;
}

// 3 January 1970: what is earlier is a zero in any zone, or a clock that began to count from there.
constexpr int64_t kFirstCredibleMicros = int64_t{2} * 86'400 * 1'000'000;

}  // namespace

int64_t EffectiveMicros(std::optional<int64_t> occurred_at_micros, int64_t ts_micros) {
  if (!occurred_at_micros || *occurred_at_micros < kFirstCredibleMicros) return ts_micros;
  return std::min(*occurred_at_micros, ts_micros);
}

int64_t EffectiveMicros(const Event& event) {
  return EffectiveMicros(event.draft.occurred_at_micros, event.ts_micros);
}

bool SameContent(const EventDraft& a, const EventDraft& b) {
  if (Content(a) == Content(b)) return true;
  const auto has_one = [](const std::string& payload) {
    return ContainsText(payload, "\"x-cloudevent\"") || ContainsText(payload, "\"x-openlineage\"");
  };
  const bool has_origin = has_one(a.payload) && has_one(b.payload);
  if (!has_origin) return false;
  EventDraft plain_a = a;
  EventDraft plain_b = b;
  plain_a.payload = WithoutOrigin(a.payload);
  plain_b.payload = WithoutOrigin(b.payload);
  return Content(plain_a) == Content(plain_b);
}

}  // namespace stagelog
