// A journal with retention, and what every kind of reader is given of it.
#ifndef STAGELOG_TESTS_ARCHIVE_RETENTION_FIXTURE_H_
#define STAGELOG_TESTS_ARCHIVE_RETENTION_FIXTURE_H_

#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <vector>

#include "core/event_codec.h"
#include "tests/support/journal_fixture.h"
#include "tests/support/time_units.h"

namespace stagelog {

inline constexpr int64_t kMicrosPerDay = 24 * kMicrosPerHour;

class RetentionTest : public JournalTest {
 protected:
  using Outcome = tl::expected<RetentionReport, Refusal>;

  RetentionTest() {
    retention_.events_days = 30;
    retention_.max_events_per_job = 3;
  }

  Outcome Retain(bool dry_run = false) {
    std::optional<Outcome> outcome;
    archiver_->RunRetention(dry_run, [&](Outcome answer) { outcome = std::move(answer); });
    while (!outcome) logger_->RunOnce(false);
    return std::move(*outcome);
  }

  int64_t Drop() {
    const Outcome outcome = Retain();
    EXPECT_TRUE(outcome) << outcome.error().detail;
    return outcome ? outcome->events_dropped : -1;
  }

  void End(const std::string& job_id) { ASSERT_TRUE(Append(TypedDraft(job_id, "job_completed"))); }

  // Two jobs whose events come in turn; both end.
  void AppendToTwo(int each) {
    for (int i = 0; i < each; ++i) {
      ASSERT_TRUE(Log("even", "m" + std::to_string(i), "even-" + std::to_string(i)));
      ASSERT_TRUE(Log("odd", "m" + std::to_string(i), "odd-" + std::to_string(i)));
    }
    End("even");
    End("odd");
  }

  std::vector<std::string> Read(ReadRequest request) {
    request.max_bytes = SIZE_MAX;
    const Result<Page> page = logger_->reader().Read(request);
    EXPECT_TRUE(page) << page.error().message;
    std::vector<std::string> bodies;
    if (page) {
      for (const PageEvent& event : page->events) bodies.push_back(event.body);
    }
    return bodies;
  }

  // What every kind of reader is given, to be compared before and after.
  std::vector<std::string> Everything() {
    std::vector<std::string> all;
    const auto add = [&](const std::vector<std::string>& bodies) {
      all.push_back("--");
      all.insert(all.end(), bodies.begin(), bodies.end());
    };
    const int64_t head = logger_->GetStatus().head_seq;
    for (const int64_t after : {int64_t{0}, int64_t{3}, head / 2, head - 1}) {
      for (const bool newest : {false, true}) {
        add(Read({.after = after, .max_events = 1'000, .newest = newest}));
        add(Read({.after = after, .max_events = 4, .newest = newest}));
        add(Read({.job_id = "even", .after = after, .max_events = 5, .newest = newest}));
      }
    }
    ReadRequest search;
    search.filter.text = "m1";
    search.max_events = 1'000;
    add(Read(search));
    for (int64_t seq = 1; seq <= head; ++seq) {
      const auto state = logger_->reader().FindJob("even", seq);
      EXPECT_TRUE(state) << state.error().message;
      if (state && *state) all.push_back((*state)->last_hash);
    }
    for (const std::string& body : Read({.max_events = 1'000})) {
      const Result<Event> event = DecodeStoredEvent(body);
      all.push_back(std::to_string(*logger_->reader().SeqAtTime(event->ts_micros)));
    }
    return all;
  }

  int64_t RowCount() {
    SQLite::Database database(runs_ + "/stagelog.db", SQLite::OPEN_READONLY, 5'000,
                              files_.SqliteVfs());
    return database.execAndGet("SELECT count(*) FROM events").getInt64();
  }
};

}  // namespace stagelog

#endif  // STAGELOG_TESTS_ARCHIVE_RETENTION_FIXTURE_H_
