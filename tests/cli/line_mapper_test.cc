// Lines of other programs as events.
#include "cli/send/line_mapper.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "base/base64.h"
#include "base/utf8.h"

namespace stagelog {
namespace {

using cli::FieldMapping;
using cli::Part;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::MatchesRegex;
using ::testing::Not;
using OrderedJson = nlohmann::ordered_json;

constexpr int64_t kMappedAt = 1'772'355'600'000'000;  // 2026-03-01T09:00:00Z

FieldMapping Mapping(std::vector<std::pair<Part, std::string>> paths) {
  FieldMapping mapping;
  mapping.job = "a";
  for (const auto& [part, path] : paths) mapping.Of(part).push_back(path);
  return mapping;
}

// The event of one line, or what is wrong with it.
std::string MapOne(const FieldMapping& mapping, const std::string& line) {
  cli::LineMapper mapper(mapping, kMappedAt);
  const auto mapped = mapper.Map(line, "own-id");
  return mapped ? mapped->event : mapped.error().message;
}

OrderedJson EventOf(const FieldMapping& mapping, const std::string& line) {
  const std::string event = MapOne(mapping, line);
  const OrderedJson json = OrderedJson::parse(event, nullptr, false);
  EXPECT_TRUE(json.is_object()) << line << ": " << event;
  return json.is_object() ? json : OrderedJson::object();
}

// --- Times ---

TEST(LineMapperTest, ATimeIsReadInWhateverUnitItIs) {
  const FieldMapping mapping = Mapping({{Part::kTime, "t"}});
  for (const char* time :
       {"1764363600", "\"1764363600\"", "1764363600.0", "\"1764363600.000\"", "1764363600000",
        "\"1764363600000000\"", "1764363600000000000", "\"2025-11-28T22:00:00+0100\"",
        "\"2025-11-28 21:00:00,000Z\"", "\"2025-11-28t21:00:00z\"", "\"2025-11-28T22:00:00+01\"",
        "\"2025-11-28 21:00:00\""}) {
    const OrderedJson event = EventOf(mapping, "{\"t\":" + std::string(time) + "}");
    EXPECT_EQ(event["occurred_at"], "2025-11-28T21:00:00.000000Z") << time;
  }
  EXPECT_EQ(EventOf(mapping, R"({"t":1})")["occurred_at"], "1970-01-01T00:00:01.000000Z");
  EXPECT_EQ(EventOf(mapping, R"({"t":-1})")["occurred_at"], "1969-12-31T23:59:59.000000Z");
  EXPECT_THAT(MapOne(mapping, R"({"t":"noon"})"), HasSubstr("invalid time 'noon'"));
}

TEST(LineMapperTest, ADateInDigitsIsNoUnixTime) {
  const FieldMapping mapping = Mapping({{Part::kTime, "t"}});
  for (const char* time : {"20251128210000", "\"20251128T210000Z\"", "\"20251128 2100\"",
                           "\"20251128T220000.000+01\"", "20251128210000000"}) {
    const OrderedJson event = EventOf(mapping, "{\"t\":" + std::string(time) + "}");
    EXPECT_EQ(event["occurred_at"], "2025-11-28T21:00:00.000000Z") << time;
  }
  EXPECT_EQ(EventOf(mapping, R"({"t":20251128})")["occurred_at"], "2025-11-28T00:00:00.000000Z");
  for (const auto& [time, what] :
       {std::pair("638355968000000000", ".NET ticks"), std::pair("133444736000000000", "FILETIME"),
        std::pair("45244", "spreadsheet"), std::pair("231114", "--time-format")}) {
    EXPECT_THAT(MapOne(mapping, "{\"t\":" + std::string(time) + "}"), HasSubstr(what));
  }
}

TEST(LineMapperTest, ATimeMayBeAnObject) {
  const FieldMapping mapping = Mapping({{Part::kTime, "a.t"}});
  for (const char* time :
       {R"({"epochSecond":1764363600,"nanoOfSecond":123456789})",
        R"({"seconds":"1764363600","nanos":123456789})",
        R"({"_seconds":1764363600,"_nanoseconds":123456789})",
        R"({"sec":1764363600,"usec":123456})", R"({"$date":"2025-11-28T22:00:00.123456+01:00"})"}) {
    const std::string line = "{\"a\":{\"t\":" + std::string(time) + "}}";
    const OrderedJson event = EventOf(mapping, line);
    EXPECT_EQ(event["occurred_at"], "2025-11-28T21:00:00.123456Z") << time;
    EXPECT_EQ(event["payload"], OrderedJson::parse(line)) << "objects stay whole";
  }
  for (const char* time :
       {R"({"$date":1764363600123})", R"({"$date":{"$numberLong":"1764363600123"}})"}) {
    const OrderedJson event = EventOf(mapping, "{\"a.t\":" + std::string(time) + "}");
    EXPECT_EQ(event["occurred_at"], "2025-11-28T21:00:00.123000Z") << time;
  }
  for (const char* other : {R"({"seconds":5})", R"({"$date":"noon"})", R"({"epochSecond":true})",
                            R"({"seconds":1764363600,"nanos":1000000000})", "{}", "[1764363600]"}) {
    EXPECT_FALSE(EventOf(mapping, "{\"a.t\":" + std::string(other) + "}").contains("occurred_at"))
        << other;
  }
}

TEST(LineMapperTest, AZoneThatIsAssumedIsSaidAndTheTextKept) {
  const FieldMapping mapping = Mapping({{Part::kTime, "t"}});
  cli::LineMapper mapper(mapping, kMappedAt);
  const auto mapped = mapper.Map(R"({"t":"2026-03-01 09:00:00"})", "id");
  ASSERT_TRUE(mapped);
  EXPECT_THAT(mapped->event, HasSubstr(R"("payload":{"t":"2026-03-01 09:00:00"})"));
  EXPECT_THAT(mapper.Remarks(), ElementsAre(HasSubstr("1 time has no zone; assumed UTC")));
}

TEST(LineMapperTest, ALineWithoutATimeHasThatOfTheLineBeforeIt) {
  const FieldMapping mapping = Mapping({{Part::kTime, "t"}});
  cli::LineMapper mapper(mapping, kMappedAt);
  EXPECT_EQ(mapper.Map("first", "1")->time, "");
  EXPECT_EQ(mapper.Map(R"({"t":1})", "2")->time, "1970-01-01T00:00:01.000000Z");
  EXPECT_EQ(mapper.Map("  at Main.java:7", "3")->time, "1970-01-01T00:00:01.000000Z");
  EXPECT_EQ(mapper.Map("{}", "4")->time, "1970-01-01T00:00:01.000000Z");
  mapper.BeginFile();
  EXPECT_EQ(mapper.Map("first", "5")->time, "");
  mapper.BeginFile("2026-03-01T09:00:00.000000Z");
  EXPECT_EQ(mapper.Map("first", "6")->time, "2026-03-01T09:00:00.000000Z");
  EXPECT_EQ(mapper.TimeOf(R"({"t":1})"), "1970-01-01T00:00:01.000000Z");
  EXPECT_EQ(mapper.TimeOf("first"), "");
}

TEST(LineMapperTest, AZeroTimeIsNoTime) {
  const FieldMapping mapping = Mapping({{Part::kTime, "a"}, {Part::kTime, "b"}});
  for (const char* zero :
       {"0", "\"0\"", "0.0", "\"\"", "\"-\"", "\"0001-01-01T00:00:00Z\"", "\"0001-01-01T00:00:00\"",
        "\"0001-01-01T00:00:00.0000000+01:00\"", "\"0001-01-01 00:00:00 +0000 UTC\"",
        "\"0000-00-00 00:00:00\"", "-62135596800", "-62135596800000", "-6795364578871345152",
        R"({"seconds":"0","nanos":0})", R"({"$date":"0001-01-01T00:00:00Z"})"}) {
    const std::string field = "{\"a\":" + std::string(zero);
    const OrderedJson next = EventOf(mapping, field + R"(,"b":1764363600})");
    EXPECT_EQ(next["occurred_at"], "2025-11-28T21:00:00.000000Z") << zero;
    EXPECT_EQ(next["payload"].dump(), OrderedJson::parse(field + "}").dump()) << "it is kept";
    EXPECT_FALSE(EventOf(mapping, field + "}").contains("occurred_at")) << zero;
    cli::LineMapper mapper(mapping, kMappedAt);
    ASSERT_TRUE(mapper.Map(R"({"a":1764363600})", "1"));
    EXPECT_EQ(mapper.Map(field + "}", "2")->time, "2025-11-28T21:00:00.000000Z")
        << "that of the line before";
  }
}

TEST(LineMapperTest, AZoneWithoutAnOffsetIsRefusedByName) {
  const FieldMapping mapping = Mapping({{Part::kTime, "t"}});
  EXPECT_THAT(MapOne(mapping, R"({"t":"2026-11-20T09:15:00[Europe/Berlin]"})"),
              HasSubstr("zone 'Europe/Berlin' has no offset"));
  EXPECT_EQ(EventOf(mapping, R"({"t":"2026-11-20T09:15:00+01:00[Europe/Berlin]"})")["occurred_at"],
            "2026-11-20T08:15:00.000000Z");
}

TEST(LineMapperTest, TheFormatThatDoesNotFitIsShown) {
  FieldMapping mapping = Mapping({{Part::kTime, "t"}});
  mapping.time_format = *cli::TimeFormat::Make("%d.%m.%Y %H:%M");
  EXPECT_THAT(MapOne(mapping, R"({"t":"noon"})"),
              HasSubstr("expected '%d.%m.%Y %H:%M' (--time-format), RFC 3339"));
  mapping.time_format = *cli::TimeFormat::Make("%a %b %d %H:%M:%S.%f %Z %Y");
  EXPECT_EQ(EventOf(mapping, R"({"t":"Wed Jul 15 11:13:07.315 UTC 2020"})")["occurred_at"],
            "2020-07-15T11:13:07.315000Z");
  EXPECT_THAT(MapOne(mapping, R"({"t":"Wed Jul 15 11:13:07.315 CEST 2020"})"),
              HasSubstr("%Z reads the zones UTC, GMT and Z only"));
}

TEST(LineMapperTest, ATimeWithoutAZoneIsOfTheOneThatWasNamed) {
  FieldMapping mapping = Mapping({{Part::kTime, "t"}});
  const auto time_in = [&](const char* zone, const std::string& time) {
    auto made = cli::LocalZone::Make(zone);
    if (!made) return made.error().message;
    mapping.time_zone = std::move(*made);
    cli::LineMapper mapper(mapping, kMappedAt);
    const auto mapped = mapper.Map("{\"t\":\"" + time + "\"}", "id");
    EXPECT_THAT(mapper.Remarks(), IsEmpty()) << "nothing is assumed";
    return mapped ? mapped->time : mapped.error().message;
  };
  EXPECT_EQ(time_in("+02:00", "2026-07-01 09:00:00"), "2026-07-01T07:00:00.000000Z");
  EXPECT_EQ(time_in("-0530", "2026-07-01 09:00:00.25"), "2026-07-01T14:30:00.250000Z");
  EXPECT_EQ(time_in("UTC", "2026-07-01 09:00:00"), "2026-07-01T09:00:00.000000Z");
  EXPECT_EQ(time_in("+02:00", "2026-07-01 09:00:00Z"), "2026-07-01T09:00:00.000000Z")
      << "it names its own";
  EXPECT_THAT(time_in("CEST", "x"), HasSubstr("unknown zone 'CEST'"));
  EXPECT_THAT(time_in("../../../etc/passwd", "x"), HasSubstr("unknown zone"));
  EXPECT_THAT(time_in("", "x"), HasSubstr("unknown zone"));
  if (!cli::LocalZone::Make("Europe/Prague")) GTEST_SKIP() << "no database of time zones";
  for (const auto& [local, utc] :
       {std::pair("2026-07-01 09:00:00", "2026-07-01T07:00:00.000000Z"),
        std::pair("2026-01-01 09:00:00", "2026-01-01T08:00:00.000000Z"),
        std::pair("1970-01-01 00:30:00", "1969-12-31T23:30:00.000000Z"),
        std::pair("2026-10-25 01:59:59", "2026-10-24T23:59:59.000000Z"),
        std::pair("2026-10-25 02:15:00", "2026-10-25T00:15:00.000000Z"),
        std::pair("2026-10-25 03:00:00", "2026-10-25T02:00:00.000000Z"),
        std::pair("2026-03-29 02:30:00", "2026-03-29T01:30:00.000000Z"),
        std::pair("2026-03-29 03:00:00", "2026-03-29T01:00:00.000000Z")}) {
    EXPECT_EQ(time_in("Europe/Prague", local), utc) << local;
  }
}

TEST(LineMapperTest, ATextThatBeginsWithATimeHasIt) {
  const FieldMapping mapping = Mapping({{Part::kMessage, "m"}, {Part::kTime, "t"}});
  const std::pair<const char*, const char*> texts[] = {
      {"2026-11-20T09:15:01.1234567Z ##[error]x", "error"},
      {"2026-11-20 09:15:01.123456Z ##[warning]x", "warning"},
      {"[2026-11-20T09:15:01.123456Z] ERROR x", "error"},
      {"(2026-11-20 10:15:01.123456 +0100) [warn] x", "warning"},
      {"2026/11/20 09:15:01.123456 x", "none"},
      {"2026-11-20 09:15:01,123456 | ERROR    | x", "error"},
      {"2026-11-20T09:15:01.123456Z - WARNING - x", "warning"},
      {"\x1b[2m2026-11-20T09:15:01.123456Z\x1b[0m \x1b[31mERROR\x1b[0m x", "error"},
      {"<163>1 2026-11-20T09:15:01.123456Z host app - - - x", "error"},
      {"2026-11-20T10:15:01.123456+01:00[Europe/Berlin] [WARN] x", "warning"},
      {"[2026-11-20, 09:15:01.123456 UTC] x", "none"},
      {"[2026-11-20, 10:15:01.123456 +0100] WARNING - x", "warning"},
      {"[2026-11-20 09:15:01,123456] {ssh_hook.py:472} ERROR - x", "error"},
      {"[2026-11-20 09:15:01,123456] {{ssh_hook.py:472}} WARNING - x", "warning"},
      {"[2026-11-20 09:15:01,123456] {a: ERROR - x", "none"},
      {"[2026-11-20 09:15:01,123456] {a.py:1 ERROR - x", "none"},
      {"2026-11-20T09:15:01.123456Z", "none"}};
  for (const auto& [text, level] : texts) {
    for (const std::string& line : {std::string(text), OrderedJson{{"m", text}}.dump()}) {
      const OrderedJson event = EventOf(mapping, line);
      EXPECT_EQ(event["occurred_at"], "2026-11-20T09:15:01.123456Z") << line;
      EXPECT_EQ(event["message"], text) << "the text stays as it is";
      EXPECT_EQ(event.value("level", "none"), level) << line;
      EXPECT_EQ(cli::LineMapper(mapping, kMappedAt).TimeOf(line), "2026-11-20T09:15:01.123456Z");
    }
  }
  for (const char* text : {"x 2026-11-20T09:15:01Z", "2026-11-20, 09:15:01 x", "[2026-11-20, 9] x",
                           "2026-11-20 x", "2026-11-20T09:15:01Zx", "2026-13-20 09:15:01 x",
                           "<163>1 - host app - - - x", "0001-01-01T00:00:00Z x",
                           "12026-11-20T09:15:01Z", "2026-11-20T09:15:01[Europe/Berlin] x"}) {
    EXPECT_FALSE(EventOf(mapping, text).contains("occurred_at")) << text;
  }
  EXPECT_EQ(EventOf(mapping, R"({"t":1764363600,"m":"2026-11-20T09:15:01Z x"})")["occurred_at"],
            "2025-11-28T21:00:00.000000Z")
      << "the field counts";
}

// --- Levels ---

std::string LevelOf(const FieldMapping& mapping, const std::string& line) {
  const std::string event = MapOne(mapping, line);
  const OrderedJson json = OrderedJson::parse(event, nullptr, false);
  return json.is_object() ? json.value("level", "none") : event;
}

TEST(LineMapperTest, NumbersAreReadOnTheScaleThatWasNamed) {
  FieldMapping mapping = Mapping({{Part::kLevel, "l"}});
  EXPECT_THAT(LevelOf(mapping, R"({"l":40})"), HasSubstr("choose one with --level-scale"));
  mapping.level_scale = FindLevelScale("pino");
  EXPECT_EQ(LevelOf(mapping, R"({"l":40})"), "warning");
  EXPECT_EQ(LevelOf(mapping, R"({"l":"40"})"), "warning");
  EXPECT_EQ(LevelOf(mapping, R"({"l":"ERROR"})"), "error");
  mapping.level_scale = FindLevelScale("python");
  EXPECT_EQ(LevelOf(mapping, R"({"l":40})"), "error");
  mapping.level_scale = FindLevelScale("syslog");
  EXPECT_THAT(LevelOf(mapping, R"({"l":40})"), HasSubstr("is not a level of the scale 'syslog'"));
  EXPECT_THAT(LevelOf(mapping, R"({"l":"loud"})"), HasSubstr("unknown level 'loud'"));
}

TEST(LineMapperTest, LevelsByTable) {
  FieldMapping mapping = Mapping({{Part::kLevel, "l"}});
  ASSERT_TRUE(cli::AddLevels("MYERROR=error,system=INFO,35=warn,info=debug", mapping));
  const OrderedJson event = EventOf(mapping, R"({"l":"MYERROR"})");
  EXPECT_EQ(event["level"], "error");
  EXPECT_EQ(event["payload"]["l"], "MYERROR");
  EXPECT_EQ(LevelOf(mapping, R"({"l":"system"})"), "info");
  EXPECT_EQ(LevelOf(mapping, R"({"l":35})"), "warning") << "without a scale";
  EXPECT_EQ(LevelOf(mapping, R"({"l":"info"})"), "debug");
  EXPECT_EQ(LevelOf(mapping, R"({"l":"WARN"})"), "warning");
  EXPECT_THAT(cli::AddLevels("a=loud", mapping).error().message, HasSubstr("'loud'"));
  EXPECT_THAT(cli::AddLevels("system=error", mapping).error().message,
              HasSubstr("'system' is mapped twice"));
  EXPECT_FALSE(cli::AddLevels("a", mapping));
}

TEST(LineMapperTest, GuessesOnlyWhereTheLineSaysItAndSaysSo) {
  const auto guess = [](const std::string& path, const std::string& line) {
    const FieldMapping mapping = Mapping({{Part::kLevel, path}});
    cli::LineMapper mapper(mapping, kMappedAt);
    const auto mapped = mapper.Map(line, "id");
    if (!mapped) return std::string("none");
    EXPECT_THAT(mapper.Remarks(), ElementsAre(HasSubstr("--level-scale"))) << line;
    return OrderedJson::parse(mapped->event).value("level", "");
  };
  EXPECT_EQ(guess("levelno", R"({"levelno":40,"levelname":"ERROR"})"), "error");
  EXPECT_EQ(guess("levelno", R"({"levelno":40})"), "error");
  EXPECT_EQ(guess("PRIORITY", R"({"__REALTIME_TIMESTAMP":"1","PRIORITY":"3"})"), "error");
  EXPECT_EQ(guess("level", R"({"level":40,"time":1,"pid":1,"hostname":"h"})"), "warning");
  EXPECT_EQ(guess("level", R"({"version":"1.1","host":"h","short_message":"m","level":3})"),
            "error");
  EXPECT_EQ(
      guess("r.levelno", R"({"levelname":"DEBUG","r":{"levelno":50,"levelname":"CRITICAL"}})"),
      "critical");
  EXPECT_EQ(guess("level", R"({"level":40})"), "none");
  EXPECT_EQ(guess("PRIORITY", R"({"PRIORITY":"3"})"), "none");
}

TEST(LineMapperTest, ATextThatBeginsWithALevelHasIt) {
  const FieldMapping mapping = Mapping({{Part::kMessage, "m"}, {Part::kLevel, "l"}});
  const std::pair<const char*, const char*> texts[] = {
      {"[INFO] x", "info"},     {"[ERROR]x", "error"},
      {"[warn] x", "warning"},  {"<3>x", "error"},
      {"<134>x", "info"},       {"WARN: x", "warning"},
      {"error: x", "error"},    {"ERROR - x", "error"},
      {"FATAL x", "critical"},  {"DEBUG2: x", "debug"},
      {"FINE: x", "debug"},     {"[E] x", "error"},
      {"##[error]x", "error"},  {"::warning file=a.c::x", "warning"},
      {"INFO[0012] x", "info"}, {"\x1b[31mERROR\x1b[0m x", "error"}};
  for (const auto& [text, level] : texts) {
    EXPECT_EQ(LevelOf(mapping, text), level) << text;
    const std::string line = OrderedJson{{"m", text}}.dump();
    EXPECT_EQ(LevelOf(mapping, line), level) << line;
    EXPECT_EQ(EventOf(mapping, line)["message"], text) << "the text stays as it is";
  }
  for (const char* text : {"x [ERROR]", "Config: x", "note: x", "Errors: 3", "error in x", "C: x",
                           "[d] x", "<192>x", "<x>", "ok: [host]", "[INFORMED] x", "[", "ERROR",
                           "##[group]x", "::group::x", "DETAIL: x", "Assert: x"}) {
    EXPECT_EQ(LevelOf(mapping, text), "none") << text;
  }
  EXPECT_EQ(LevelOf(mapping, R"({"l":"debug","m":"[ERROR] x"})"), "debug") << "the field counts";
  cli::LineMapper mapper(mapping, kMappedAt);
  ASSERT_TRUE(mapper.Map("<3>x", "id"));
  EXPECT_THAT(mapper.Remarks(), ElementsAre(HasSubstr("from message prefixes")));
}

TEST(LineMapperTest, NumbersBelowPinosOwnAreDebugAndSaid) {
  FieldMapping mapping = Mapping({{Part::kLevel, "level"}});
  mapping.level_scale = FindLevelScale("pino");
  cli::LineMapper mapper(mapping, kMappedAt);
  const auto mapped = mapper.Map(R"({"level":5})", "id");
  ASSERT_TRUE(mapped);
  EXPECT_THAT(mapped->event, HasSubstr(R"("level":"debug")"));
  EXPECT_THAT(mapper.Remarks(), ElementsAre(HasSubstr("numbers below 10 in 'level'")));
}

TEST(LineMapperTest, ATextOfJournaldMayBeAnArray) {
  const FieldMapping mapping = Mapping({{Part::kMessage, "MESSAGE"}});
  const OrderedJson text = EventOf(mapping, R"({"MESSAGE":[104,195,169]})");
  EXPECT_EQ(text["message"], "h\xc3\xa9");
  EXPECT_FALSE(text.contains("payload"));
  const OrderedJson bytes = EventOf(mapping, R"({"MESSAGE":[104,255]})");
  EXPECT_EQ(bytes["message"], SanitizeUtf8("h\xff"));
  EXPECT_EQ(bytes["payload"]["MESSAGE"].dump(), "[104,255]");
  EXPECT_EQ(EventOf(mapping, R"({"MESSAGE":["a","b"]})")["message"], "a\nb");
  EXPECT_THAT(EventOf(mapping, R"({"MESSAGE":[104,256]})")["message"].get<std::string>(),
              HasSubstr("MESSAGE"));
}

TEST(LineMapperTest, OnlyLinesThatAreTakenCount) {
  const FieldMapping mapping = Mapping({{Part::kLevel, "l"}, {Part::kTime, "t"}});
  cli::LineMapper mapper(mapping, kMappedAt);
  EXPECT_FALSE(mapper.Map(R"({"t":"2026-03-01 09:00:00","l":"loud"})", "1"));
  EXPECT_THAT(mapper.Remarks(), IsEmpty());
  EXPECT_EQ(mapper.counts().lines, 0);
  ASSERT_TRUE(mapper.Map(R"({"l":"info"})", "2"));
  const auto text = mapper.Map("text", "3");
  ASSERT_TRUE(text);
  EXPECT_THAT(mapper.Remarks(), ElementsAre(HasSubstr("1 line is not a JSON object")));
  mapper.Uncount(text->counted);
  EXPECT_THAT(mapper.Remarks(), IsEmpty());
  EXPECT_EQ(mapper.counts().lines, 1);
}

TEST(LineMapperTest, AnUnknownLevelMayBeKept) {
  const FieldMapping mapping = Mapping({{Part::kLevel, "l"}, {Part::kType, "e"}});
  cli::LineMapper mapper(mapping, kMappedAt);
  mapper.KeepUnknownLevels();
  const auto mapped = mapper.Map(R"({"l":"loud"})", "1");
  ASSERT_TRUE(mapped);
  EXPECT_THAT(mapped->event, HasSubstr(R"("level":"info")"));
  EXPECT_THAT(mapped->event, HasSubstr(R"("payload":{"l":"loud"})"));
  EXPECT_THAT(mapped->unknown_level, HasSubstr("unknown level 'loud'"));
  EXPECT_EQ(mapper.unknown_levels(), 1);
  EXPECT_THAT(mapper.Remarks(), ElementsAre(HasSubstr("1 line has an unknown level")));
  const auto failed = mapper.Map(R"({"l":"loud","e":"job_failed"})", "2");
  ASSERT_TRUE(failed);
  EXPECT_THAT(failed->event, Not(HasSubstr(R"("level":)"))) << "that of the type";
  mapper.Uncount(mapped->counted);
  EXPECT_EQ(mapper.unknown_levels(), 1);
}

TEST(LineMapperTest, AWordForNoLevelIsNone) {
  const FieldMapping mapping = Mapping({{Part::kLevel, "l"}, {Part::kMessage, "m"}});
  EXPECT_EQ(LevelOf(mapping, R"({"l":"NOTSET"})"), "none");
  EXPECT_EQ(LevelOf(mapping, R"({"l":"unknown","m":"[ERROR] x"})"), "error");
  EXPECT_EQ(EventOf(mapping, R"({"l":"off"})")["payload"]["l"], "off");
  EXPECT_THAT(LevelOf(mapping, R"({"l":true})"), HasSubstr("unknown level 'true'"));
}

TEST(LineMapperTest, AWordThatSaysMoreIsKept) {
  const FieldMapping mapping = Mapping({{Part::kLevel, "l"}});
  EXPECT_THAT(MapOne(mapping, R"({"l":"SUCCESS"})"), HasSubstr(R"("payload":{"l":"SUCCESS"})"));
  EXPECT_FALSE(EventOf(mapping, R"({"l":"WARN"})").contains("payload"));
  EXPECT_FALSE(EventOf(mapping, R"({"l":"I"})").contains("payload"));
}

// --- Names ---

TEST(LineMapperTest, NamesAreMadeLegalAndTheOriginalIsKept) {
  const FieldMapping mapping =
      Mapping({{Part::kStage, "name"}, {Part::kId, "id"}, {Part::kGate, "g"}, {Part::kJob, "run"}});
  const OrderedJson event =
      EventOf(mapping, R"({"name":"ALIGN (sample_A 1) a","id":"t.py::test[1 + 1]",)"
                       R"("g":"a/b","run":"my run"})");
  EXPECT_THAT(event["stage"].get<std::string>(), MatchesRegex("ALIGN-sample_A-1-a--.{20}"));
  EXPECT_THAT(event["event_id"].get<std::string>(), HasSubstr("t.py::test"));
  EXPECT_THAT(event["gate"].get<std::string>(), MatchesRegex("a-b--.{20}"));
  EXPECT_THAT(event["job_id"].get<std::string>(), MatchesRegex("my-run--.{20}"));
  EXPECT_EQ(event["payload"]["name"], "ALIGN (sample_A 1) a");
  EXPECT_EQ(event["payload"]["id"], "t.py::test[1 + 1]");
  EXPECT_EQ(event["payload"]["run"], "my run");
  const OrderedJson legal = EventOf(mapping, R"({"name":"align/1","id":"7","g":"g","run":"r"})");
  EXPECT_EQ(legal["stage"], "align/1");
  EXPECT_FALSE(legal.contains("payload"));
}

TEST(LineMapperTest, TypesByTable) {
  FieldMapping mapping = Mapping({{Part::kType, "e"}});
  ASSERT_TRUE(cli::AddTypes("build_finished=job_completed,a=b=job_failed", mapping));
  EXPECT_EQ(EventOf(mapping, R"({"e":"build_finished"})")["type"], "job_completed");
  EXPECT_EQ(EventOf(mapping, R"({"e":"a=b"})")["type"], "job_failed");
  EXPECT_EQ(EventOf(mapping, R"({"e":"job_started"})")["type"], "job_started");
  EXPECT_EQ(EventOf(mapping, R"({"e":"Other Thing"})")["type"], "x-other-thing");
  EXPECT_EQ(EventOf(mapping, R"({"e":"heartbeat"})")["type"], "x-heartbeat")
      << "the daemon keeps no heartbeat";
  EXPECT_EQ(EventOf(mapping, R"({"e":""})")["type"], "log");
  EXPECT_THAT(cli::AddTypes("a=job_complete", mapping).error().message, HasSubstr("job_completed"));
  EXPECT_FALSE(cli::AddTypes("a", mapping));
  EXPECT_FALSE(cli::AddTypes("=log", mapping));
  EXPECT_TRUE(cli::AddTypes("build_finished=job_completed", mapping)) << "the same again";
  EXPECT_THAT(cli::AddTypes("build_finished=job_failed", mapping).error().message,
              HasSubstr("'build_finished' is mapped twice"));
}

TEST(LineMapperTest, WhatDbtPrints) {
  FieldMapping mapping;
  mapping.job = "a";
  ASSERT_TRUE(cli::ApplyPreset("dbt", mapping));
  cli::LineMapper mapper(mapping, kMappedAt);
  const auto map = [&](const std::string& name, const std::string& node, const std::string& status,
                       const std::string& data_status = "") {
    const OrderedJson line = {
        {"info", {{"name", name}, {"level", "info"}, {"msg", "x"}, {"ts", "2026-03-01T09:00:00Z"}}},
        {"data",
         {{"node_info", {{"unique_id", node}, {"node_name", "n"}, {"node_status", status}}},
          {"status", data_status}}}};
    const auto mapped = mapper.Map(line.dump(), "id");
    if (!mapped) return mapped.error().message;
    const OrderedJson event = OrderedJson::parse(mapped->event);
    return event["type"].get<std::string>() + " " + event.value("stage", "");
  };
  EXPECT_EQ(map("LogStartLine", "model.a", "started"), "stage_started model.a");
  EXPECT_EQ(map("LogModelResult", "model.a", "success", "SELECT 1"), "stage_completed model.a");
  EXPECT_EQ(map("LogStartLine", "model.b", "started"), "stage_started model.b");
  EXPECT_EQ(map("LogModelResult", "model.b", "", "error"), "stage_failed model.b");
  EXPECT_EQ(map("LogTestResult", "test.c", "fail"), "stage_failed test.c");
  EXPECT_EQ(map("LogSeedResult", "seed.d", "success"), "stage_completed seed.d");
  EXPECT_EQ(map("LogSnapshotResult", "snapshot.e", "error"), "stage_failed snapshot.e");
  // A log of the level debug tells of each twice.
  EXPECT_EQ(map("NodeStart", "model.f", "started"), "stage_started model.f");
  EXPECT_EQ(map("LogStartLine", "model.f", "started"), "x-logstartline model.f");
  EXPECT_EQ(map("LogModelResult", "model.f", "", "error"), "stage_failed model.f");
  EXPECT_EQ(map("NodeFinished", "model.f", "error"), "x-nodefinished model.f");
  EXPECT_EQ(map("NodeStart", "model.f", "started"), "stage_started model.f") << "again";
}

TEST(LineMapperTest, WhatIsGivenStandsForThePresets) {
  FieldMapping mapping;
  mapping.job = "a";
  mapping.type = "log";
  ASSERT_TRUE(cli::ApplyPreset("nextflow", mapping));
  const std::string line = R"({"runName":"r","event":"started","utcTime":"2026-03-01T09:00:00Z"})";
  const OrderedJson event = EventOf(mapping, line);
  EXPECT_EQ(event["job_id"], "a");
  EXPECT_EQ(event["type"], "log");
  EXPECT_EQ(event["payload"]["runName"], "r");
  mapping.Of(Part::kJob).push_back("runName");
  EXPECT_EQ(EventOf(mapping, line)["job_id"], "r") << "a field by hand beats the job";
}

// --- Fields ---

TEST(LineMapperTest, DottedPathsReachInnerObjects) {
  const FieldMapping mapping = Mapping({{Part::kTime, "info.ts"},
                                        {Part::kLevel, "info.level"},
                                        {Part::kMessage, "info.msg"},
                                        {Part::kStage, "data.node"}});
  const OrderedJson event = EventOf(
      mapping, R"({"info":{"ts":"2026-03-01T10:00:00Z","level":"error","msg":"failed\r\n"},)"
               R"("data":{"node":"orders"}})");
  EXPECT_EQ(event["occurred_at"], "2026-03-01T10:00:00.000000Z");
  EXPECT_EQ(event["level"], "error");
  EXPECT_EQ(event["message"], "failed") << "without its line end";
  EXPECT_EQ(event["stage"], "orders");
  EXPECT_EQ(event["payload"]["info"]["level"], "error") << "objects stay whole";
}

TEST(LineMapperTest, AKeyWithADotComesFirst) {
  const FieldMapping mapping = Mapping({{Part::kMessage, "a.b.c"}});
  const auto message = [&](const char* line) {
    return EventOf(mapping, line).value("message", "");
  };
  EXPECT_EQ(message(R"({"a":{"b":{"c":"in"}},"a.b.c":"top"})"), "top");
  EXPECT_EQ(message(R"({"a":{"b":{"c":"in"}}})"), "in");
  EXPECT_EQ(message(R"({"a.b":{"c":"half"}})"), "half");
  EXPECT_EQ(message(R"({"a":{"b.c":"other half"}})"), "other half");
  EXPECT_THAT(message(R"({"a":{"b":[{"c":"x"}]}})"), HasSubstr("{")) << "not there: the line";
}

TEST(LineMapperTest, TheFirstPathThatIsThereCounts) {
  const FieldMapping mapping = Mapping({{Part::kMessage, "msg"}, {Part::kMessage, "text"}});
  EXPECT_EQ(EventOf(mapping, R"({"text":"t","msg":"m"})")["message"], "m");
  EXPECT_EQ(EventOf(mapping, R"({"text":"t","msg":null})")["message"], "t");
}

// --- What must not be lost ---

TEST(LineMapperTest, BracketsOfJsonThatIsNoneAreSaid) {
  const FieldMapping mapping = Mapping({});
  cli::LineMapper mapper(mapping, kMappedAt);
  const auto bracket = mapper.Map("  {", "1");
  ASSERT_TRUE(bracket && mapper.Map("\"a\": NaN", "2"));
  EXPECT_THAT(mapper.Remarks(), ElementsAre(HasSubstr("1 line is only '{' or '['")));
  mapper.Uncount(bracket->counted);
  EXPECT_THAT(mapper.Remarks(), IsEmpty());
}

TEST(LineMapperTest, AKeyThatIsGivenTwiceKeepsBothValues) {
  const FieldMapping mapping = Mapping({{Part::kMessage, "msg"}});
  const std::string line = R"({"msg":"round","took":1,"msg":"appended msg","took":2})";
  const OrderedJson event = EventOf(mapping, line);
  EXPECT_EQ(event["message"], "appended msg");
  EXPECT_EQ(event["payload"]["took"], 2);
  EXPECT_EQ(event["payload"]["raw"], line);
  const OrderedJson own = EventOf(mapping, R"({"a":1,"a":2,"raw":"mine"})");
  EXPECT_EQ(own["payload"]["raw"], "mine");
  EXPECT_EQ(own["payload"]["raw_"], R"({"a":1,"a":2,"raw":"mine"})");
}

TEST(LineMapperTest, ALineThatIsNoObjectIsALog) {
  const FieldMapping mapping = Mapping({{Part::kMessage, "m"}});
  for (const std::string& line : {std::string("warning: plain text"), std::string("[1,2]"),
                                  std::string("{\"m\":\"torn"), std::string("7")}) {
    const OrderedJson event = EventOf(mapping, line);
    EXPECT_EQ(event["type"], "log");
    EXPECT_EQ(event["message"], line);
    EXPECT_FALSE(event.contains("payload"));
  }
  const std::string bytes = "caf\xe9 \xff";
  const OrderedJson event = EventOf(mapping, bytes);
  EXPECT_EQ(event["message"], SanitizeUtf8(bytes));
  EXPECT_EQ(event["payload"]["raw_base64"], Base64(bytes));
}

TEST(LineMapperTest, NulsOfAPowerLossAreCounted) {
  const FieldMapping mapping = Mapping({{Part::kMessage, "m"}});
  const std::string nuls(8, '\0');
  EXPECT_EQ(EventOf(mapping, nuls)["message"], "8 NUL bytes");
  EXPECT_EQ(EventOf(mapping, nuls)["payload"]["nul_bytes"], 8);
  const OrderedJson behind = EventOf(mapping, nuls + R"({"m":"after"})");
  EXPECT_EQ(behind["message"], "after");
  EXPECT_EQ(behind["payload"]["nul_bytes"], 8);
  EXPECT_EQ(EventOf(mapping, "text" + nuls)["message"], "text");
  EXPECT_EQ(EventOf(mapping, std::string("a\0b", 3))["message"], std::string("a\0b", 3));
}

TEST(LineMapperTest, APayloadThatTheTypeMayNotHaveGoesBelowLine) {
  FieldMapping mapping = Mapping({{Part::kType, "e"}, {Part::kGate, "g"}});
  ASSERT_TRUE(cli::AddTypes("done=job_created", mapping));
  const OrderedJson event = EventOf(mapping, R"({"e":"done","stages":7})");
  EXPECT_EQ(event["payload"]["line"]["stages"], 7);
}

TEST(LineMapperTest, WhatAnEventCannotBeMadeFrom) {
  FieldMapping mapping = Mapping({{Part::kJob, "j"}});
  mapping.job.clear();
  EXPECT_THAT(MapOne(mapping, R"({"j":null})"), HasSubstr("no job"));
  EXPECT_THAT(MapOne(mapping, "text"), HasSubstr("no job"));
  EXPECT_THAT(MapOne(Mapping({{Part::kType, "t"}}), R"({"t":"stage_started"})"),
              HasSubstr("requires 'stage'"));
  EXPECT_THAT(MapOne(Mapping({}), "{\"a\":\"" + std::string(300'000, 'x') + "\"}"),
              HasSubstr("at most 262144 bytes"));
}

// Any change of a byte gives an event that the daemon takes, or an error that says why.
TEST(LineMapperTest, SurvivesAnyByteAnywhere) {
  FieldMapping mapping = Mapping({{Part::kTime, "i.t"},
                                  {Part::kLevel, "l"},
                                  {Part::kMessage, "m"},
                                  {Part::kStage, "s"},
                                  {Part::kType, "e"},
                                  {Part::kId, "id"}});
  cli::LineMapper mapper(mapping, kMappedAt);
  const std::string good =
      R"({"i":{"t":"2026-03-01T09:00:00Z"},"l":"INFO","m":"a\n","s":"x y","e":"log","id":"é"})";
  for (size_t at = 0; at < good.size(); ++at) {
    for (int byte = 0; byte < 256; ++byte) {
      std::string line = good;
      line[at] = static_cast<char>(byte);
      const auto mapped = mapper.Map(line, "id");
      if (!mapped) {
        ASSERT_FALSE(mapped.error().message.empty()) << line;
        continue;
      }
      ASSERT_TRUE(cli::CheckEvent(mapped->event)) << mapped->event;
    }
    ASSERT_TRUE(mapper.Map(good.substr(0, at + 1), "id")) << "a line that was cut is text";
  }
}

// --- Presets ---

TEST(LineMapperTest, PresetsKnowTheFieldsOfTheirPrograms) {
  FieldMapping journald = Mapping({});
  ASSERT_TRUE(cli::ApplyPreset("journald", journald));
  const OrderedJson event = EventOf(
      journald, R"({"__REALTIME_TIMESTAMP":"1764363600123456","PRIORITY":"3","MESSAGE":"disk",)"
                R"("_PID":"812"})");
  EXPECT_EQ(event["occurred_at"], "2025-11-28T21:00:00.123456Z");
  EXPECT_EQ(event["level"], "error");
  EXPECT_EQ(event["message"], "disk");
  FieldMapping nextflow;
  ASSERT_TRUE(cli::ApplyPreset("nextflow", nextflow));
  const OrderedJson task = EventOf(
      nextflow,
      R"({"runName":"mad_euler","event":"process_started","utcTime":"2026-03-01T10:00:00Z",)"
      R"("trace":{"name":"ALIGN (1)x"}})");
  EXPECT_EQ(task["job_id"], "mad_euler");
  EXPECT_EQ(task["type"], "stage_started");
  EXPECT_THAT(task["stage"].get<std::string>(), MatchesRegex("ALIGN-1-x--.{20}"));
  FieldMapping mongodb = Mapping({});
  ASSERT_TRUE(cli::ApplyPreset("mongodb", mongodb));
  const OrderedJson mongod = EventOf(
      mongodb, R"({"t":{"$date":"2026-03-01T10:00:00.000+01:00"},"s":"D2","msg":"slow query"})");
  EXPECT_EQ(mongod["occurred_at"], "2026-03-01T09:00:00.000000Z");
  EXPECT_EQ(mongod["level"], "debug");
  FieldMapping own = Mapping({{Part::kMessage, "text"}});
  ASSERT_TRUE(cli::ApplyPreset("pino", own));
  EXPECT_EQ(EventOf(own, R"({"level":40,"msg":"m","text":"t"})")["message"], "t");
  EXPECT_FALSE(cli::ApplyPreset("unheard-of", own));
}

}  // namespace
}  // namespace stagelog
