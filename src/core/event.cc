#include "core/event.h"

#include <algorithm>
#include <tuple>

namespace stagelog {
namespace {

auto Content(const EventDraft& draft) {
  return std::tie(draft.type, draft.stage, draft.gate, draft.attempt, draft.status, draft.level,
                  draft.message, draft.payload);
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

bool SameContent(const EventDraft& a, const EventDraft& b) { return Content(a) == Content(b); }

}  // namespace stagelog
