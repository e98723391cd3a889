// stagelog import --level-scale and --time-format: numbers and times that say nothing by
// themselves.
#include <gmock/gmock.h>

#include "tests/cli/import_fixture.h"

namespace stagelog {
namespace {

using ::testing::ElementsAre;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class ImportScalesTest : public ForeignLinesTest {
 protected:
  // A line for each of the levels, as they are spelled.
  static std::string LinesWith(const std::vector<std::string>& levels) {
    std::string text;
    for (const std::string& level : levels) {
      text += "{\"t\":1764363600,\"sev\":" + level + ",\"m\":\"x\"}\n";
    }
    return text;
  }

  // Into a job of the scale's name.
  CliResultText ImportOn(const std::string& scale, const std::vector<std::string>& levels,
                         int exit_code = 0) {
    return ImportInto(scale, LinesWith(levels),
                      {"--level-field", "sev", "--message-field", "m", "--time-field", "t",
                       "--level-scale", scale},
                      exit_code);
  }
};

TEST_F(ImportScalesTest, Syslog) {
  const CliResultText result = ImportOn("syslog", {"0", "1", "2", "3", "\"4\"", "5", "6", "7"});
  EXPECT_EQ(result.out, "8 events accepted, 0 already stored\n");
  EXPECT_EQ(result.err, "") << "what was named is not guessed";
  EXPECT_THAT(LevelsOf("syslog"), ElementsAre("critical", "critical", "critical", "error",
                                              "warning", "info", "info", "debug"));
  EXPECT_EQ(Event("syslog", 4)["payload"], Json({{"sev", "4"}})) << "the number is kept";
}

TEST_F(ImportScalesTest, Pino) {
  EXPECT_EQ(ImportOn("pino", {"10", "20", "30", "35", "\"40\"", "50", "60"}).err, "");
  EXPECT_THAT(LevelsOf("pino"),
              ElementsAre("debug", "debug", "info", "info", "warning", "error", "critical"));
}

TEST_F(ImportScalesTest, Python) {
  EXPECT_EQ(ImportOn("python", {"10", "20", "25", "30", "\"40\"", "50"}).err, "");
  EXPECT_THAT(LevelsOf("python"),
              ElementsAre("debug", "info", "info", "warning", "error", "critical"));
}

TEST_F(ImportScalesTest, TheNameOfAScaleMayBeInAnyCaseAndIsOneOfThose) {
  EXPECT_EQ(ImportOn("Python", {"40"}).err, "");
  EXPECT_THAT(LevelsOf("Python"), ElementsAre("error"));
  EXPECT_THAT(ImportOn("pyhton", {"40"}, 2).err,
              HasSubstr("--level-scale: unknown scale 'pyhton'; available: syslog, pino"));
}

TEST_F(ImportScalesTest, WithoutAScaleANumberIsRefused) {
  const std::vector<std::string> flags = {"--level-field", "sev", "--message-field", "m"};
  EXPECT_THAT(Import(LinesWith({"40"}), flags, 1).err,
              HasSubstr("file:1: level 40 is a number of an unknown scale; choose one with "
                        "--level-scale (syslog, pino, bunyan, python"));
  EXPECT_THAT(Lines("j"), IsEmpty());
}

TEST_F(ImportScalesTest, ANumberThatIsNotOnTheScale) {
  const CliResultText result = ImportOn("syslog", {"3", "40", "4"}, 1);
  EXPECT_THAT(result.err, HasSubstr("file:2: level 40 is not a level of the scale 'syslog'"));
  EXPECT_THAT(LevelsOf("syslog"), ElementsAre("error")) << "the line before it";
  const CliResultText custom = ImportOn("pino", {"5", "30"});
  EXPECT_THAT(custom.err, HasSubstr("numbers below 10 in 'sev' are not levels of pino's own and "
                                    "were read as debug (1 line)"));
}

TEST_F(ImportScalesTest, AScaleThatIsNamedBeatsWhatTheLineSays) {
  const std::string line = R"({"level":40,"time":1764363600123,"pid":1,"hostname":"h","msg":"x"})"
                           "\n";
  const std::vector<std::string> guessing = {"--level-field", "level", "--time-field", "time"};
  EXPECT_THAT(ImportInto("guessed", line, guessing).err,
              HasSubstr("the numbers in 'level' were interpreted on the scale 'pino' because the "
                        "line is pino's (1 line); use --level-scale to change that"));
  EXPECT_THAT(LevelsOf("guessed"), ElementsAre("warning"));
  std::vector<std::string> named = guessing;
  named.insert(named.end(), {"--level-scale", "python"});
  EXPECT_EQ(ImportInto("named", line, named).err, "");
  EXPECT_THAT(LevelsOf("named"), ElementsAre("error"));
}

// --- Times ---

class ImportTimeFormatTest : public ForeignLinesTest {
 protected:
  CliResultText ImportBy(const std::string& format, const std::vector<std::string>& times,
                         int exit_code = 0) {
    std::string text;
    for (const std::string& time : times) text += Json{{"t", time}, {"m", "x"}}.dump() + "\n";
    return Import(text, {"--time-field", "t", "--message-field", "m", "--time-format", format},
                  exit_code);
  }
  std::string TimeOf(size_t index) { return Event("j", index).value("occurred_at", ""); }
};

TEST_F(ImportTimeFormatTest, AnAccessLogWithItsZone) {
  const CliResultText result = ImportBy("%d/%b/%Y:%H:%M:%S %z", {"28/Nov/2025:22:00:00 +0100"});
  EXPECT_EQ(result.out, "1 events accepted, 0 already stored\n");
  EXPECT_EQ(result.err, "");
  EXPECT_EQ(TimeOf(0), "2025-11-28T21:00:00.000000Z");
  EXPECT_FALSE(Event("j", 0).contains("payload")) << "the event says all of it";
}

TEST_F(ImportTimeFormatTest, WithoutAZoneItIsSaidAndKept) {
  const CliResultText result =
      ImportBy("%d.%m.%Y %H:%M:%S,%f",
               {"28.11.2025 21:00:00,25", "28.11.2025 21:00:01,123456789", "2025-11-28T21:00:02Z"});
  EXPECT_EQ(result.err, "stagelog: 2 times have no zone; assumed UTC\n");
  EXPECT_EQ(TimeOf(0), "2025-11-28T21:00:00.250000Z");
  EXPECT_EQ(TimeOf(1), "2025-11-28T21:00:01.123456Z");
  EXPECT_EQ(TimeOf(2), "2025-11-28T21:00:02.000000Z") << "RFC 3339 is read beside the format";
  EXPECT_EQ(Event("j", 0)["payload"], Json({{"t", "28.11.2025 21:00:00,25"}}));
}

TEST_F(ImportTimeFormatTest, WithoutAYearItIsSaid) {
  const CliResultText result = ImportBy("%b %d %H:%M:%S", {"Jan  2 03:04:05"});
  EXPECT_EQ(result.err,
            "stagelog: 1 time has no zone; assumed UTC\n"
            "stagelog: 1 time has no year; assumed the last twelve months\n");
  EXPECT_THAT(TimeOf(0), EndsWith("-01-02T03:04:05.000000Z"));
}

TEST_F(ImportTimeFormatTest, UnixSecondsWithinATextAndANumberOfDigits) {
  EXPECT_EQ(ImportBy("[%s.%f]", {"[1764363600.25]"}).err, "");
  EXPECT_EQ(TimeOf(0), "2025-11-28T21:00:00.250000Z");
  // Without the format it would be refused, for it may be many things.
  ImportInto("digits", "{\"t\":281125}\n", {"--time-field", "t", "--time-format", "%d%m%y"});
  EXPECT_EQ(Event("digits", 0)["occurred_at"], "2025-11-28T00:00:00.000000Z");
}

TEST_F(ImportTimeFormatTest, WhatDoesNotFitEndsTheImportBehindWhatCameBefore) {
  const CliResultText result =
      ImportBy("%d.%m.%Y %H:%M", {"28.11.2025 21:00", "28.11.2025 21:01", "noon"}, 1);
  EXPECT_THAT(result.err, HasSubstr("file:3: invalid time 'noon': expected '%d.%m.%Y %H:%M' "
                                    "(--time-format), RFC 3339"));
  EXPECT_THAT(Lines("j"), SizeIs(2));
}

TEST_F(ImportTimeFormatTest, AFormatThatCannotBeATimeIsWrongUse) {
  EXPECT_THAT(ImportBy("%H:%M", {"21:00"}, 2).err, HasSubstr("--time-format '%H:%M' has no day"));
  EXPECT_THAT(Import("{\"t\":\"28.11.2025\"}\n", {"--time-format", "%d.%m.%Y"}, 2).err,
              HasSubstr("--time-format has no effect without --time-field"));
  EXPECT_THAT(Lines("j"), IsEmpty());
}

}  // namespace
}  // namespace stagelog
