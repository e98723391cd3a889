// Ids that emitters choose: what is known of them without a look into the table.
#include <gmock/gmock.h>

#include <map>
#include <random>

#include "base/random.h"
#include "tests/support/journal_fixture.h"

namespace stagelog {
namespace {

constexpr int64_t kMillis = 1'000;

TEST(UuidV7BoundTest, IsNotBelowWhatIsMadeOfThatTimeOrAnEarlierOne) {
  constexpr int64_t kTime = 1'795'246'862'123'456;
  for (int64_t earlier : {int64_t{0}, int64_t{1}, kMillis, 3'600'000 * kMillis}) {
    EXPECT_LE(MakeUuidV7(kTime - earlier), UuidV7Bound(kTime));
  }
  EXPECT_GT(MakeUuidV7(kTime + kMillis), UuidV7Bound(kTime));
}

TEST(IsUuidV7Test, OneSpellingOnly) {
  const std::string uuid = MakeForeignUuidV7(1'795'246'862'123'456);
  EXPECT_TRUE(IsUuidV7(uuid));
  EXPECT_FALSE(IsUuidV7(uuid + "0"));
  EXPECT_FALSE(IsUuidV7(uuid.substr(1)));
  for (const auto& [place, other] :
       std::map<size_t, char>{{0, 'A'}, {3, 'g'}, {8, '0'}, {14, '4'}, {20, '-'}}) {
    std::string wrong = uuid;
    wrong[place] = other;
    EXPECT_FALSE(IsUuidV7(wrong)) << wrong;
  }
}

class EventIdsTest : public JournalTest {
 protected:
  // Of a time before or after that of the test's clock.
  std::string Uuid(int64_t after_micros) {
    return MakeForeignUuidV7(clock_.WallMicros() + after_micros);
  }
  bool IsDuplicate(const std::string& id) {
    const AppendOutcome outcome = Log("a", "same", id);
    EXPECT_TRUE(outcome) << id;
    return outcome && outcome->front().duplicate;
  }
};

TEST_F(EventIdsTest, AnIdIsKnownAgainWhateverItsOrder) {
  Open();
  const std::string early = Uuid(-5'000 * kMillis);
  const std::string middle = Uuid(0);
  const std::string late = Uuid(3'600'000 * kMillis);
  for (const std::string& id : {middle, late, early}) EXPECT_FALSE(IsDuplicate(id));
  for (const std::string& id : {early, middle, late}) EXPECT_TRUE(IsDuplicate(id));
  Close();
  Open();
  for (const std::string& id : {late, early, middle}) EXPECT_TRUE(IsDuplicate(id));
  EXPECT_FALSE(IsDuplicate(Uuid(3'700'000 * kMillis)));
}

// Whoever copies events from an answer sends the ids that the journal has made.
TEST_F(EventIdsTest, AnIdThatTheJournalMadeIsKnownAgain) {
  Open();
  const std::string made = Log("a", "same")->front().event_id;
  EXPECT_FALSE(IsDuplicate(Uuid(-1)));
  EXPECT_TRUE(IsDuplicate(made));
  const std::string second = Log("a", "same")->front().event_id;
  Close();
  Open();
  EXPECT_TRUE(IsDuplicate(second));
  EXPECT_TRUE(IsDuplicate(made));
}

TEST_F(EventIdsTest, WithinOneRequest) {
  Open();
  ASSERT_TRUE(Log("b", "first"));
  const std::string low = Uuid(1 * kMillis);
  const std::string high = Uuid(2 * kMillis);
  const auto places =
      Append({LogDraft("a", "m", low), LogDraft("a", "m", high), LogDraft("b", "m", low),
              LogDraft("a", "m", low), LogDraft("a", "m", high), LogDraft("b", "m", low)});
  ASSERT_TRUE(places);
  std::vector<bool> duplicates;
  for (const AppendedEvent& place : *places) duplicates.push_back(place.duplicate);
  EXPECT_THAT(duplicates, ::testing::ElementsAre(false, false, false, true, true, true));
  const auto conflict =
      Append({LogDraft("a", "m", Uuid(3 * kMillis)), LogDraft("a", "other", high)});
  ASSERT_FALSE(conflict);
  EXPECT_EQ(conflict.error().code, "event_id_conflict");
  EXPECT_EQ(conflict.error().line, 2);
}

// What is staged while a commit is under way is not looked for in the table.
TEST_F(EventIdsTest, RandomRequestsAreAnsweredAsAModelSays) {
  options_.overlap_bytes = 0;
  options_.group_requests = 3;
  std::mt19937 random(11);
  const auto below = [&](size_t bound) { return random() % bound; };
  std::vector<std::string> ids = {"custom", "f", "0"};
  std::map<std::string, std::pair<int64_t, std::string>> stored;  // by job and id: seq, message
  Open();
  for (int round = 0; round < 120; ++round) {
    if (below(15) == 0) {
      Close();
      Open();
    }
    struct Sent {
      std::vector<EventDraft> drafts;
      std::optional<AppendOutcome> outcome;
    };
    std::vector<std::unique_ptr<Sent>> requests;
    for (size_t request = below(9) + 1; request > 0; --request) {
      auto sent = std::make_unique<Sent>();
      for (size_t event = below(4) + 1; event > 0; --event) {
        if (below(3) > 0) ids.push_back(Uuid(static_cast<int64_t>(below(2'000)) * kMillis));
        const std::string id = below(4) == 0   ? ids[below(ids.size())]
                               : below(6) == 0 ? ""
                                               : ids.back();
        sent->drafts.push_back(
            LogDraft(below(3) == 0 ? "b" : "a", below(20) == 0 ? "other" : "m", id));
      }
      clock_.AdvanceMicros(5 * kMillis);
      Sent& kept = *sent;
      logger_->Append(sent->drafts, std::nullopt,
                      [&kept](AppendOutcome outcome) { kept.outcome = std::move(outcome); });
      requests.push_back(std::move(sent));
    }
    while (!requests.back()->outcome) logger_->RunOnce(false);
    for (const auto& sent : requests) {
      ASSERT_TRUE(sent->outcome.has_value());
      auto after = stored;
      bool conflicts = false;
      std::vector<bool> known;
      for (const EventDraft& draft : sent->drafts) {
        const std::string key = draft.job_id + " " + draft.event_id;
        const auto found = after.find(key);
        known.push_back(!draft.event_id.empty() && found != after.end());
        conflicts = conflicts || (known.back() && found->second.second != draft.message);
        if (!known.back() && !draft.event_id.empty()) after[key] = {0, draft.message};
      }
      ASSERT_EQ(sent->outcome->has_value(), !conflicts);
      if (conflicts) continue;
      for (size_t i = 0; i < sent->drafts.size(); ++i) {
        const AppendedEvent& place = (**sent->outcome)[i];
        const std::string key = place.job_id + " " + place.event_id;
        ASSERT_EQ(place.duplicate, known[i]) << key;
        if (known[i] && stored.contains(key)) {
          ASSERT_EQ(place.seq, stored[key].first) << key;
        }
        if (!known[i]) stored[key] = {place.seq, sent->drafts[i].message};
        if (below(10) == 0) ids.push_back(place.event_id);
      }
    }
  }
  ExpectAgreement();
}

}  // namespace
}  // namespace stagelog
