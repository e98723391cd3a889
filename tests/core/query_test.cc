#include "core/query.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <nlohmann/json.hpp>
#include <string>

#include "core/event_codec.h"
#include "tests/support/time_units.h"

namespace stagelog {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

constexpr int64_t kNow = 1'795'246'862 * kSecond;  // 2026-11-21T07:41:02Z

using Parameters = std::map<std::string, std::string>;

ParameterLookup LookupIn(Parameters parameters) {
  return [parameters = std::move(parameters)](const std::string& name) {
    const auto found = parameters.find(name);
    return found == parameters.end() ? std::nullopt : std::optional(found->second);
  };
}

Position Cursor(int64_t seq) { return {Position::Kind::kCursor, seq}; }
Position Time(int64_t micros) { return {Position::Kind::kTime, micros}; }
constexpr Position kBeginning{Position::Kind::kBeginning, 0};
constexpr Position kAtNow{Position::Kind::kNow, 0};

TEST(ParseCursorTest, IsAWholeNumber) {
  EXPECT_EQ(ParseCursor("0"), 0);
  EXPECT_EQ(ParseCursor("1042"), 1042);
  EXPECT_EQ(ParseCursor("9223372036854775807"), INT64_MAX);
  for (const std::string& text :
       {std::string(), std::string("-1"), std::string("-0"), std::string("+1"), std::string(" 1"),
        std::string("1 "), std::string("1.0"), std::string("1e3"), std::string("0x1"),
        std::string("9223372036854775808"), std::string("abc"), std::string("1\0", 2)}) {
    EXPECT_EQ(ParseCursor(text), std::nullopt) << text;
  }
}

struct GoodSince {
  const char* text;
  Position position;
};

class GoodSinceTest : public testing::TestWithParam<GoodSince> {};

TEST_P(GoodSinceTest, IsRead) {
  const auto position = ParseSince(GetParam().text, kNow);
  ASSERT_TRUE(position) << GetParam().text << ": " << position.error().detail;
  EXPECT_EQ(*position, GetParam().position) << GetParam().text << " " << position->value;
}

INSTANTIATE_TEST_SUITE_P(
    Since, GoodSinceTest,
    testing::Values(
        GoodSince{"all", kBeginning}, GoodSince{"now", kAtNow},
        GoodSince{"2026-11-21T07:41:02Z", Time(kNow)},
        GoodSince{"2026-11-21T07:41:02.123456Z", Time(kNow + 123'456)},
        GoodSince{"2026-11-21 07:41:02Z", Time(kNow)},
        GoodSince{"2026-11-21T09:41:02+02:00", Time(kNow)},
        // A '+' in a query arrives as a blank.
        GoodSince{"2026-11-21T09:41:02 02:00", Time(kNow)},
        GoodSince{"2026-11-21T09:41:02.5 02:00", Time(kNow + 500'000)},
        GoodSince{"2026-11-21 09:41:02 02:00", Time(kNow)},
        GoodSince{"2026-11-20T23:41:02-08:00", Time(kNow)},
        // Unix times in each unit.
        GoodSince{"1795246862", Time(kNow)}, GoodSince{"1795246862.5", Time(kNow + 500'000)},
        GoodSince{"1000000000", Time(1'000'000'000 * kSecond)},
        GoodSince{"9999999999", Time(9'999'999'999 * kSecond)},
        GoodSince{"631152000000", Time(631'152'000 * kSecond)},
        GoodSince{"20261121T074102Z", Time(kNow)}, GoodSince{"20261121T084102 0100", Time(kNow)},
        GoodSince{"1795246862123", Time(kNow + 123'000)},
        GoodSince{"1795246862123456", Time(kNow + 123'456)},
        GoodSince{"1795246862123456000", Time(kNow + 123'456)},
        GoodSince{"2026-11-21 08:41:02,5+0100", Time(kNow + 500'000)},
        // Durations back from now.
        GoodSince{"500ms", Time(kNow - 500'000)}, GoodSince{"90s", Time(kNow - 90 * kSecond)},
        GoodSince{"10m", Time(kNow - 600 * kSecond)},
        GoodSince{"1.5h", Time(kNow - 5'400 * kSecond)},
        GoodSince{"7d", Time(kNow - 604'800 * kSecond)},
        GoodSince{"2w", Time(kNow - 1'209'600 * kSecond)}, GoodSince{"0s", Time(kNow)},
        GoodSince{"1h30m", Time(kNow - 5'400 * kSecond)},
        GoodSince{"1w", Time(kNow - 604'800 * kSecond)},
        // As people are shown them, with a blank before the zone.
        GoodSince{"2026-11-21 07:41:02 UTC", Time(kNow)},
        GoodSince{"2026-11-21 09:41:02 +02:00", Time(kNow)},
        GoodSince{"2026-11-21 09:41:02  02:00", Time(kNow)},
        GoodSince{"2026-11-20 23:41:02.5 -08:00", Time(kNow + 500'000)}));

TEST(ParseSinceTest, ASmallNumberIsTakenForACursor) {
  for (const char* text : {"0", "42", "1042", "999999999"}) {
    const auto position = ParseSince(text, kNow);
    ASSERT_FALSE(position);
    EXPECT_EQ(position.error().code, "invalid_parameter");
    EXPECT_EQ(position.error().field, "since");
    EXPECT_THAT(position.error().detail, HasSubstr("did you mean after=" + std::string(text)));
  }
}

TEST(ParseSinceTest, RefusesAllElse) {
  for (const std::string& text : {std::string(),
                                  std::string(" "),
                                  std::string("All"),
                                  std::string("yesterday"),
                                  std::string("2026-11-21"),
                                  std::string("2026-11-21T07:41:02"),
                                  std::string("20261121"),
                                  std::string("20261121T074102"),
                                  std::string("20261121074102"),
                                  std::string("638355968000000000"),
                                  std::string("99999999999"),
                                  std::string("2026-11-21T07:41:02 Z"),
                                  std::string("10"),
                                  std::string("10 m"),
                                  std::string("10y"),
                                  std::string("m"),
                                  std::string("-5m"),
                                  std::string("-5"),
                                  std::string("1e300"),
                                  std::string("1e10"),
                                  std::string("nan"),
                                  std::string("nanm"),
                                  std::string("inf"),
                                  std::string("-inf"),
                                  std::string("infs"),
                                  std::string("99999999999999999999999999"),
                                  std::string("99999999w"),
                                  std::string("10m\0", 4),
                                  std::string("\xff\xfe")}) {
    const auto position = ParseSince(text, kNow);
    ASSERT_FALSE(position) << text;
    EXPECT_EQ(position.error().code, "invalid_parameter");
    EXPECT_EQ(position.error().field, "since");
    EXPECT_NO_THROW(nlohmann::json(position.error().detail).dump());
  }
}

TEST(ParseFilterTest, LevelsMayBeSpelledInAnyWay) {
  const auto filter = ParseFilter([](const std::string& name) -> std::optional<std::string> {
    return name == "level" ? std::optional<std::string>("WARN,err,Fatal") : std::nullopt;
  });
  ASSERT_TRUE(filter);
  EXPECT_THAT(filter->levels, ElementsAre("warning", "error", "critical"));
}

TEST(ParseLimitTest, Is1To10000And100WhenLeftOut) {
  EXPECT_EQ(*ParseLimit(std::nullopt), 100U);
  EXPECT_EQ(*ParseLimit("1"), 1U);
  EXPECT_EQ(*ParseLimit("10000"), 10'000U);
  for (const char* text : {"", "0", "10001", "-1", "1.5", "ten", "99999999999999999999"}) {
    const auto limit = ParseLimit(text);
    ASSERT_FALSE(limit) << text;
    EXPECT_EQ(limit.error().code, "invalid_parameter");
    EXPECT_EQ(limit.error().field, "limit");
  }
}

TEST(ParseFilterTest, ReadsLists) {
  const auto filter = ParseFilter(LookupIn({{"type", "log,x-mine"},
                                            {"stage", "encode,train/epoch-3"},
                                            {"level", "error,critical"},
                                            {"job", "a,b"},
                                            {"q", "FRAMES"}}));
  ASSERT_TRUE(filter);
  EXPECT_THAT(filter->types, ElementsAre("log", "x-mine"));
  EXPECT_THAT(filter->stages, ElementsAre("encode", "train/epoch-3"));
  EXPECT_THAT(filter->levels, ElementsAre("error", "critical"));
  EXPECT_THAT(filter->jobs, ElementsAre("a", "b"));
  EXPECT_EQ(filter->text, "frames");
  EXPECT_FALSE(filter->empty());
  EXPECT_TRUE(ParseFilter(LookupIn({}))->empty());
}

TEST(ParseFilterTest, RefusesAndNamesTheParameter) {
  const auto refused = [](const std::string& name, const std::string& value) {
    const auto filter = ParseFilter(LookupIn({{name, value}}));
    if (filter) return std::string("taken");
    EXPECT_EQ(filter.error().code, "invalid_parameter");
    EXPECT_EQ(filter.error().field, name);
    EXPECT_NO_THROW(nlohmann::json(filter.error().detail).dump());
    return filter.error().detail;
  };
  EXPECT_THAT(refused("type", "log,job_complete"), HasSubstr("'job_completed'"));
  EXPECT_THAT(refused("level", "wraning"), HasSubstr("'warning'"));
  for (const char* name : {"type", "stage", "level", "job"}) {
    EXPECT_NE(refused(name, ""), "taken");
    EXPECT_NE(refused(name, "a,"), "taken");
    EXPECT_NE(refused(name, "../x"), "taken");
    EXPECT_NE(refused(name, "\xff"), "taken");
    EXPECT_NE(refused(name, std::string(100'000, ',')), "taken");
  }
  std::string hundred = "a";
  for (int i = 1; i < 100; ++i) hundred += ",a";
  EXPECT_TRUE(ParseFilter(LookupIn({{"stage", hundred}})));
  EXPECT_THAT(refused("stage", hundred + ",a"), HasSubstr("more than 100"));
  EXPECT_NE(refused("q", std::string(1025, 'x')), "taken");
  EXPECT_TRUE(ParseFilter(LookupIn({{"q", std::string(1024, 'x')}})));
}

// A stored line of a job's stage.
std::string Line(const std::string& message = "Encoded 9000 frames",
                 const std::string& payload = R"({"codec":"AV1"})") {
  Event event;
  event.draft.job_id = "render-42";
  event.draft.event_id = "e-1";
  event.draft.type = "stage_completed";
  event.draft.stage = "encode";
  event.draft.gate = "review";
  event.draft.level = "info";
  event.draft.message = message;
  event.draft.payload = payload;
  event.draft.actor = "secret-actor";
  event.seq = 1;
  event.job_seq = 1;
  return EncodeEvent(event, "").body;
}

bool Matches(Parameters parameters, const std::string& line = Line()) {
  const auto filter = ParseFilter(LookupIn(std::move(parameters)));
  EXPECT_TRUE(filter);
  return filter->Matches(line);
}

TEST(EventFilterTest, AllConditionsMustHold) {
  EXPECT_TRUE(Matches({}));
  EXPECT_TRUE(Matches({{"type", "log,stage_completed"}}));
  EXPECT_FALSE(Matches({{"type", "log"}}));
  EXPECT_TRUE(Matches({{"stage", "encode"}}));
  EXPECT_FALSE(Matches({{"stage", "encode/x"}}));
  EXPECT_TRUE(Matches({{"level", "info"}}));
  EXPECT_FALSE(Matches({{"level", "error"}}));
  EXPECT_TRUE(Matches({{"job", "a,render-42"}}));
  EXPECT_FALSE(Matches({{"job", "render"}}));
  EXPECT_TRUE(Matches({{"type", "stage_completed"}, {"level", "info"}, {"q", "frames"}}));
  EXPECT_FALSE(Matches({{"type", "stage_completed"}, {"level", "error"}, {"q", "frames"}}));
}

TEST(EventFilterTest, TextIsFoundInFivePlacesWithoutRegardToCase) {
  for (const char* text : {"ENCODED 9000", "frames", "stage_comp", "review", "av1", "codec"}) {
    EXPECT_TRUE(Matches({{"q", text}})) << text;
  }
  for (const char* text : {"nowhere", "secret-actor", "render-42", "e-1"}) {
    EXPECT_FALSE(Matches({{"q", text}})) << text;
  }
  EXPECT_TRUE(Matches({{"q", "\"quoted\""}}, Line("it is \"Quoted\"")));
  EXPECT_TRUE(Matches({{"q", "a\nb"}}, Line("A\nB")));
  EXPECT_TRUE(Matches({{"q", "\xc3\xa9t\xc3\xa9"}}, Line("\xc3\xa9T\xc3\xa9")));
}

// --- Where a stream starts

const std::string kJournal = "journal-1";

StreamStart Start(const std::optional<std::string>& header, Parameters parameters) {
  return ParseStreamStart(header, LookupIn(std::move(parameters)), kJournal, kNow);
}

TEST(ParseStreamStartTest, WithoutAnythingItIsTheDefault) {
  const StreamStart start = Start(std::nullopt, {});
  EXPECT_EQ(start.position, std::nullopt);
  EXPECT_EQ(start.unreadable, "");
  EXPECT_FALSE(start.foreign_journal);
}

// The order of src/api/README.md: each wins over all that follow it.
TEST(ParseStreamStartTest, TheFirstThatIsPresentWins) {
  Parameters parameters = {{"last_event_id", "2"},
                           {"lastEventId", "3"},
                           {"evs_last_event_id", "4"},
                           {"after", "5"},
                           {"since", "all"}};
  EXPECT_EQ(Start("1", parameters).position, Cursor(1));
  EXPECT_EQ(Start(std::nullopt, parameters).position, Cursor(2));
  parameters.erase("last_event_id");
  EXPECT_EQ(Start(std::nullopt, parameters).position, Cursor(3));
  parameters.erase("lastEventId");
  EXPECT_EQ(Start(std::nullopt, parameters).position, Cursor(4));
  parameters.erase("evs_last_event_id");
  EXPECT_EQ(Start(std::nullopt, parameters).position, Cursor(5));
  parameters.erase("after");
  EXPECT_EQ(Start(std::nullopt, parameters).position, kBeginning);
}

TEST(ParseStreamStartTest, SinceTakesAllItsForms) {
  EXPECT_EQ(Start(std::nullopt, {{"since", "now"}}).position, kAtNow);
  EXPECT_EQ(Start(std::nullopt, {{"since", "10m"}}).position, Time(kNow - 600 * kSecond));
  EXPECT_EQ(Start(std::nullopt, {{"since", "2026-11-21T09:41:02 02:00"}}).position, Time(kNow));
}

TEST(ParseStreamStartTest, WhatCannotBeReadIsKeptForTheGapAndStillWins) {
  const StreamStart start = Start("abc", {{"after", "5"}, {"since", "all"}});
  EXPECT_EQ(start.position, std::nullopt);
  EXPECT_EQ(start.unreadable, "abc");
  EXPECT_EQ(Start(std::nullopt, {{"after", "-1"}}).unreadable, "-1");
  EXPECT_EQ(Start(std::nullopt, {{"since", "soon"}}).unreadable, "soon");
  EXPECT_EQ(Start("", {}).unreadable, "(empty)");
  EXPECT_EQ(Start(std::nullopt, {{"since", ""}}).unreadable, "(empty)");
}

TEST(ParseStreamStartTest, WhatCannotBeReadIsBoundedAndUtf8) {
  const StreamStart start = Start("\xff" + std::string(100'000, 'x'), {});
  EXPECT_EQ(start.unreadable.size(), 128U);
  EXPECT_NO_THROW(nlohmann::json(start.unreadable).dump());
}

TEST(ParseStreamStartTest, KnowsAnotherJournalsCursor) {
  EXPECT_FALSE(Start("7", {{"journal", kJournal}}).foreign_journal);
  const StreamStart start = Start("7", {{"journal", "journal-2"}});
  EXPECT_TRUE(start.foreign_journal);
  EXPECT_EQ(start.position, Cursor(7));
  EXPECT_TRUE(Start("7", {{"journal", ""}}).foreign_journal);
}

}  // namespace
}  // namespace stagelog
