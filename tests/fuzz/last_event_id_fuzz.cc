// A cursor as any client may send it: it is read, or told of in the stream, and never breaks out of
// its frame.
#include <nlohmann/json.hpp>

#include "base/check.h"
#include "core/query.h"
#include "stream/sse_frame.h"
#include "stream/stream_start.h"
#include "tests/fuzz/fuzz_target.h"
#include "tests/support/sse_client.h"

namespace stagelog {
namespace {

constexpr int64_t kRequestMicros = 1'795'246'862'000'000;  // 2026-11-21T07:41:02Z
constexpr int64_t kHeadSeq = 1042;

std::deque<SseFrame> FramesOf(const std::string& bytes) {
  SseParser parser;
  std::deque<SseFrame> frames;
  parser.Feed(bytes, frames);
  STAGELOG_CHECK(parser.AtFrameEnd() && !parser.retry_ms());
  STAGELOG_CHECK(parser.last_event_id().empty());
  return frames;
}

void CheckGap(const GapFrame& gap, const StartPlan& plan) {
  std::string bytes;
  AppendGapFrame(bytes, gap);
  CheckIsUtf8("gap", bytes);
  const std::deque<SseFrame> frames = FramesOf(bytes);
  STAGELOG_CHECK(frames.size() == 1 && frames.front().event == "gap" && !frames.front().has_id);
  const nlohmann::json data = nlohmann::json::parse(frames.front().data);
  STAGELOG_CHECK(data.size() == 5 && data.at("resumed_after") == plan.cursor);
  STAGELOG_CHECK(data.at("head") == kHeadSeq && data.at("oldest") == 1);
}

}  // namespace

// The first byte says by which door the cursor comes, and what for.
STAGELOG_FUZZ_TARGET(last_event_id) {
  FuzzInput bytes(input);
  const uint8_t shape = bytes.TakeByte();
  const std::string text(bytes.rest());
  const bool one_job = (shape & 1) != 0;
  const bool foreign = (shape & 2) != 0;
  const bool by_header = (shape & 4) != 0;
  const char* const names[] = {"last_event_id", "lastEventId", "evs_last_event_id", "after",
                               "since"};
  const std::string name = names[(shape >> 3) % 5];
  const ParameterLookup lookup = [&](const std::string& wanted) -> std::optional<std::string> {
    if (wanted == "journal") return foreign ? "another" : "this";
    if (!by_header && wanted == name) return text;
    return std::nullopt;
  };
  const std::optional<std::string> header = by_header ? std::optional(text) : std::nullopt;
  const StreamStart start = ParseStreamStart(header, lookup, "this", kRequestMicros);
  STAGELOG_CHECK(start.foreign_journal == foreign);
  STAGELOG_CHECK(start.position.has_value() == start.unreadable.empty());
  CheckIsUtf8("unreadable", start.unreadable);
  const StartPlan plan = PlanStart(start, one_job, kHeadSeq);
  STAGELOG_CHECK(plan.cursor >= 0 && plan.cursor <= kHeadSeq);
  if (plan.gap) CheckGap(*plan.gap, plan);
  // What is no gap is served exactly.
  const bool is_cursor = start.position && start.position->kind == Position::Kind::kCursor;
  if (!plan.gap && is_cursor) STAGELOG_CHECK(start.position->value == plan.cursor);
  if (!start.unreadable.empty()) STAGELOG_CHECK(plan.gap.has_value());
}

}  // namespace stagelog
