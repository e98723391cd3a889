#include "core/event.h"

#include <tuple>

namespace stagelog {
namespace {

auto Content(const EventDraft& draft) {
  return std::tie(draft.type, draft.stage, draft.gate, draft.attempt, draft.status, draft.level,
                  draft.message, draft.payload);
}

}  // namespace

bool SameContent(const EventDraft& a, const EventDraft& b) { return Content(a) == Content(b); }

}  // namespace stagelog
