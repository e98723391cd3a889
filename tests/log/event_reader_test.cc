#include "log/table/event_reader.h"

#include <gmock/gmock.h>

#include "core/event_codec.h"
#include "tests/support/journal_fixture.h"

namespace stagelog {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

class EventReaderTest : public JournalTest {
 protected:
  void SetUp() override {
    Open();
    for (int i = 1; i <= 10; ++i) {
      clock_.AdvanceMicros(1'000'000);
      ASSERT_TRUE(Log(i % 2 == 0 ? "even" : "odd", "event " + std::to_string(i)));
    }
  }

  Page Read(const ReadRequest& request) {
    const Result<Page> page = logger_->reader().Read(request);
    EXPECT_TRUE(page);
    return page ? *page : Page();
  }

  static std::vector<int64_t> Seqs(const Page& page) {
    std::vector<int64_t> seqs;
    for (const PageEvent& event : page.events) seqs.push_back(event.seq);
    return seqs;
  }
};

TEST_F(EventReaderTest, PagesFollowEachOther) {
  ReadRequest request;
  request.max_events = 4;
  Page page = Read(request);
  EXPECT_THAT(Seqs(page), ElementsAre(1, 2, 3, 4));
  EXPECT_TRUE(page.has_more);
  EXPECT_EQ(page.scanned_through, 4);
  request.after = page.scanned_through;
  request.max_events = 6;
  page = Read(request);
  EXPECT_THAT(Seqs(page), ElementsAre(5, 6, 7, 8, 9, 10));
  EXPECT_FALSE(page.has_more);
  EXPECT_EQ(page.scanned_through, 10);
}

TEST_F(EventReaderTest, APageThatIsNotFullGoesToTheHeadOfItsSnapshot) {
  ReadRequest request;
  request.job_id = "odd";
  request.after = 9;
  const Page page = Read(request);
  EXPECT_THAT(Seqs(page), IsEmpty());
  EXPECT_TRUE(page.job_known);
  EXPECT_EQ(page.scanned_through, 10);
  EXPECT_EQ(page.head_seq, 10);
}

TEST_F(EventReaderTest, OneJobAndItsNewest) {
  ReadRequest request;
  request.job_id = "even";
  request.max_events = 2;
  request.newest = true;
  EXPECT_THAT(Seqs(Read(request)), ElementsAre(8, 10));
}

TEST_F(EventReaderTest, BytesBoundAPageButNeverToNothing) {
  ReadRequest request;
  request.max_bytes = 1;
  const Page page = Read(request);
  EXPECT_THAT(Seqs(page), ElementsAre(1));
  EXPECT_TRUE(page.has_more);
  EXPECT_EQ(page.scanned_through, 1);
}

TEST_F(EventReaderTest, AFilterLooksAtEveryEvent) {
  ReadRequest request;
  request.filter.text = "event 1";  // 1 and 10
  const Page page = Read(request);
  EXPECT_THAT(Seqs(page), ElementsAre(1, 10));
  EXPECT_FALSE(page.has_more);
}

TEST_F(EventReaderTest, ASearchForTheNewestThatRunsOutOfTimeHidesNothing) {
  ASSERT_TRUE(Log("rare", "the needle"));
  std::vector<EventDraft> drafts;
  for (int i = 0; i < 300; ++i) drafts.push_back(LogDraft("odd", "hay"));
  ASSERT_TRUE(Append(std::move(drafts)));
  ReadRequest request;
  request.filter.text = "needle";
  request.newest = true;
  request.max_micros = -1;
  Page page = Read(request);
  EXPECT_THAT(page.events, IsEmpty());
  EXPECT_TRUE(page.has_more);
  EXPECT_EQ(page.scanned_through, 0) << "whoever goes on begins at the beginning";
  request.newest = false;
  std::vector<int64_t> found;
  for (int i = 0; i < 100 && (i == 0 || page.has_more); ++i) {
    request.after = page.scanned_through;
    page = Read(request);
    for (const int64_t seq : Seqs(page)) found.push_back(seq);
  }
  EXPECT_THAT(found, ElementsAre(11));
}

TEST_F(EventReaderTest, ASearchThatNobodyWantsStopsSoon) {
  std::vector<EventDraft> drafts;
  for (int i = 0; i < 1'000; ++i) drafts.push_back(LogDraft("odd", "hay"));
  ASSERT_TRUE(Append(std::move(drafts)));
  ReadRequest request;
  request.filter.text = "needle";
  const auto canceled = std::make_shared<std::atomic<bool>>(false);
  request.canceled = canceled;
  EXPECT_FALSE(Read(request).has_more);
  *canceled = true;
  const Page page = Read(request);
  EXPECT_TRUE(page.has_more);
  EXPECT_LT(page.scanned_through, 200);
}

TEST_F(EventReaderTest, AnUnknownJobIsNotKnown) {
  ReadRequest request;
  request.job_id = "nobody";
  const Page page = Read(request);
  EXPECT_FALSE(page.job_known);
  EXPECT_THAT(page.events, IsEmpty());
}

TEST_F(EventReaderTest, HowManyEventsAJobCanHave) {
  EXPECT_EQ(*logger_->reader().MostEventsOf("odd"), 5);
  EXPECT_EQ(*logger_->reader().MostEventsOf("nobody"), 0);
}

TEST_F(EventReaderTest, SeqAtTimeIsTheLastEventNotLater) {
  EventSource& reader = logger_->reader();
  const int64_t first = ManualClock::kDefaultWallMicros + 1'000'000;
  EXPECT_EQ(*reader.SeqAtTime(first - 1), 0);
  EXPECT_EQ(*reader.SeqAtTime(first), 1);
  for (int i = 1; i <= 10; ++i) {
    EXPECT_EQ(*reader.SeqAtTime(first + (i - 1) * 1'000'000), i);
    EXPECT_EQ(*reader.SeqAtTime(first + (i - 1) * 1'000'000 + 999'999), i);
  }
  EXPECT_EQ(*reader.SeqAtTime(INT64_MAX), 10);
}

TEST_F(EventReaderTest, JobsAreListedYoungestFirst) {
  const auto jobs = logger_->reader().ListJobs({});
  ASSERT_TRUE(jobs);
  ASSERT_EQ(jobs->size(), 2u);
  EXPECT_EQ((*jobs)[0].job_id, "even");
  EXPECT_EQ((*jobs)[0].first_seq, 2);
  const auto older = logger_->reader().ListJobs({.before_first_seq = 2});
  ASSERT_EQ(older->size(), 1u);
  EXPECT_EQ((*older)[0].job_id, "odd");
}

}  // namespace
}  // namespace stagelog
