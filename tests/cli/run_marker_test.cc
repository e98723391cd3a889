// Lines that are markers, and lines that only look like it.
#include "cli/run/run_marker.h"

#include <gtest/gtest.h>

namespace stagelog::cli {
namespace {

std::string PayloadOf(std::string_view line) {
  const auto marker = ParseRunMarker(line);
  if (!marker || marker->kind != RunMarker::Kind::kProgress) return "none";
  return marker->payload;
}

std::string StageOf(std::string_view line) {
  const auto marker = ParseRunMarker(line);
  if (!marker || marker->kind != RunMarker::Kind::kStage) return "none";
  return marker->stage;
}

TEST(RunMarkerTest, Progress) {
  EXPECT_EQ(PayloadOf("::progress 40/100 frames"), R"({"current":40,"total":100,"unit":"frames"})");
  EXPECT_EQ(PayloadOf("::progress 40/100"), R"({"current":40,"total":100})");
  EXPECT_EQ(PayloadOf("::progress   1.5/2.50  \"GiB\" read \r"),
            R"({"current":1.5,"total":2.50,"unit":"\"GiB\" read"})");
  EXPECT_EQ(PayloadOf("::progress 40%"), R"({"percent":40})");
  EXPECT_EQ(PayloadOf("::progress 99.5 %"), R"({"percent":99.5})");
  EXPECT_EQ(PayloadOf("::progress 007/010"), R"({"current":7,"total":10})");
  EXPECT_EQ(PayloadOf("::progress .5%"), R"({"percent":0.5})");
  EXPECT_EQ(PayloadOf("::progress 0/0"), R"({"current":0,"total":0})");
}

TEST(RunMarkerTest, MalformedProgressIsAnOrdinaryLine) {
  for (const char* line : {"::progress",
                           "::progress ",
                           "::progress 40",
                           "::progress 101%",
                           "::progress -1%",
                           "::progress 5/4",
                           "::progress a/b",
                           "::progress 1e3/1e4",
                           "::progress 1/",
                           "::progress /1",
                           "::progress ./1",
                           "::progress 1.2.3/4",
                           "::progress %",
                           "::progress 40/100frames",
                           "::progress 1/2000000000000000000",
                           "::progress 1/2 \xff",
                           "::progres 40%",
                           "::progress40%",
                           " ::progress 40%",
                           "x::progress 40%"}) {
    EXPECT_EQ(PayloadOf(line), "none") << line;
  }
}

TEST(RunMarkerTest, Stage) {
  EXPECT_EQ(StageOf("::stage encode"), "encode");
  EXPECT_EQ(StageOf("::stage  train/epoch-3\t\r"), "train/epoch-3");
  EXPECT_EQ(StageOf("::stage"), "");
  EXPECT_EQ(StageOf("::stage  "), "");
  for (const char* line : {"::stage two words", "::stage /x", "::stage x/", "::stage -x",
                           "::stages x", "::stage \u00e4", "stage x", "::Stage x"}) {
    EXPECT_EQ(StageOf(line), "none") << line;
  }
}

}  // namespace
}  // namespace stagelog::cli
