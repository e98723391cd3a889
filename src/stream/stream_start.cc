#include "stream/stream_start.h"

#include <algorithm>
#include <string>

namespace stagelog {
namespace {

// The gap that `start` leaves; empty when it can be served exactly.
std::string_view GapReason(const StreamStart& start, int64_t visible_seq) {
  const bool is_cursor = start.position && start.position->kind == Position::Kind::kCursor;
  if (start.foreign_journal && (is_cursor || !start.unreadable.empty())) return "other_journal";
  if (!start.unreadable.empty()) return "unreadable";
  if (is_cursor && start.position->value > visible_seq) return "beyond_head";
  return "";
}

std::string Requested(const StreamStart& start) {
  if (!start.unreadable.empty()) return JsonTextOfAnyBytes(start.unreadable);
  return std::to_string(start.position->value);
}

int64_t CursorOf(const Position& position, int64_t head_seq) {
  if (position.kind == Position::Kind::kCursor) return position.value;
  return position.kind == Position::Kind::kNow ? head_seq : 0;
}

}  // namespace

StartPlan PlanStart(const StreamStart& start, bool of_one_job, int64_t head_seq,
                    int64_t visible_seq) {
  StartPlan plan;
  plan.cursor = of_one_job ? 0 : head_seq;
  const std::string_view reason = GapReason(start, std::max(head_seq, visible_seq));
  if (!reason.empty()) {
    if (reason == "beyond_head") plan.cursor = head_seq;
    plan.gap = GapFrame{.requested = Requested(start),
                        .oldest = head_seq > 0 ? 1 : 0,
                        .head = head_seq,
                        .reason = reason,
                        .resumed_after = plan.cursor};
    return plan;
  }
  if (!start.position) return plan;
  plan.cursor = CursorOf(*start.position, head_seq);
  if (start.position->kind == Position::Kind::kTime) plan.time_micros = start.position->value;
  return plan;
}

}  // namespace stagelog
