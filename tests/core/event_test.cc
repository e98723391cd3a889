#include "core/event.h"

#include <gtest/gtest.h>

namespace stagelog {
namespace {

// Guarantee 6 in src/GUARANTEES.md: type, stage, gate, attempt, status, level, message and payload;
// not times, not actor.
TEST(SameContentTest, ComparesWhatCounts) {
  const EventDraft draft;
  const auto differs = [&](auto&& change) {
    EventDraft other = draft;
    change(other);
    return !SameContent(draft, other);
  };
  EXPECT_TRUE(SameContent(draft, draft));
  EXPECT_TRUE(differs([](EventDraft& d) { d.type = "x"; }));
  EXPECT_TRUE(differs([](EventDraft& d) { d.stage = "x"; }));
  EXPECT_TRUE(differs([](EventDraft& d) { d.gate = "x"; }));
  EXPECT_TRUE(differs([](EventDraft& d) { d.attempt = 1; }));
  EXPECT_TRUE(differs([](EventDraft& d) { d.status = "x"; }));
  EXPECT_TRUE(differs([](EventDraft& d) { d.level = "x"; }));
  EXPECT_TRUE(differs([](EventDraft& d) { d.message = "x"; }));
  EXPECT_TRUE(differs([](EventDraft& d) { d.payload = "{}"; }));
  EXPECT_FALSE(differs([](EventDraft& d) { d.occurred_at_micros = 1; }));
  EXPECT_FALSE(differs([](EventDraft& d) { d.actor = "x"; }));
  EXPECT_FALSE(differs([](EventDraft& d) { d.event_id = "x"; }));
}

}  // namespace
}  // namespace stagelog
