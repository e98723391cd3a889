#include "client/resent_lines.h"

#include <gmock/gmock.h>

#include "client/run_id.h"
#include "client/spool_event.h"

namespace stagelog::cli {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr const char* kRun = "run-0123456789abcdef";
constexpr const char* kOther = "run-fedcba9876543210";

std::string LineOf(const std::string& run, const std::string& name, const std::string& type,
                   const std::string& stage = "") {
  Json event = {{"job_id", "j"},
                {"event_id", run.empty() ? name : run + "-" + name},
                {"occurred_at", "2026-11-21T07:41:09.000000Z"},
                {"type", type}};
  if (!stage.empty()) event["stage"] = stage;
  if (type.starts_with("job_")) event["payload"] = {{"exit_code", 0}, {"duration_ms", 7}};
  return event.dump();
}

Json EndOf(const std::string& run, const std::string& name = "end") {
  return Json::parse(LineOf(run, name, "job_completed"));
}

Json JobThat(const std::string& status) {
  return {{"status", status},
          {"stages", Json::array({{{"stage", "a"},
                                   {"attempt", 1},
                                   {"status", "abandoned"},
                                   {"started_at", "2026-11-21T07:41:02.000000Z"}},
                                  {{"stage", "c"}, {"attempt", 1}, {"status", "completed"}}})}};
}

// "type stage id", without the id of the run.
std::vector<std::string> Told(const std::vector<std::string>& lines, const Json& job,
                              const Json& ends) {
  std::vector<std::string> told;
  for (const std::string& line : LinesToResend(lines, job, ends)) {
    const Json event = Json::parse(line);
    std::string text = TextAt(event, "type");
    if (event.contains("stage")) text += " " + TextAt(event, "stage");
    const std::string id = TextAt(event, "event_id");
    told.push_back(text + " " + id.substr(RunIdOf(id).empty() ? 0 : RunIdOf(id).size() + 1));
  }
  return told;
}

TEST(RunIdTest, IsReadFromTheEventsOfItsRun) {
  const std::string run = MakeRunId();
  EXPECT_TRUE(IsRunId(run)) << run;
  EXPECT_NE(run, MakeRunId());
  const SpoolEvent event = MakeSpoolEvent("j", {"log", "", "m", ""}, 1'700'000'000'000'000, run);
  EXPECT_EQ(RunIdOf(TextAt(Json::parse(event.line), "event_id")), run);
  const SpoolEvent plain = MakeSpoolEvent("j", {"log", "", "m", ""}, 1'700'000'000'000'000);
  EXPECT_EQ(RunIdOf(TextAt(Json::parse(plain.line), "event_id")), "");
  for (const char* id : {"", "run-", "run-0123456789abcdef", "run-0123456789abcdeg-x",
                         "run-0123456789abcdef.again", "RUN-0123456789abcdef-x"}) {
    EXPECT_EQ(RunIdOf(id), "") << id;
  }
}

TEST(ResentLinesTest, TheStagesOfARunThatGoesOnResumeItsJob) {
  const std::vector<std::string> lines = {LineOf(kRun, "1", "stage_completed", "a"),
                                          LineOf(kRun, "2", "stage_started", "b")};
  const Json ends = Json::array({EndOf(kOther)});
  EXPECT_THAT(Told(lines, JobThat("completed"), ends),
              ElementsAre("job_resumed 1.resumes", "stage_started a 1.starts",
                          "stage_completed a 1.again", "stage_started b 2.again"));
  const auto told = LinesToResend(lines, JobThat("failed"), ends);
  ASSERT_THAT(told, SizeIs(4));
  EXPECT_EQ(Json::parse(told[1])["occurred_at"], "2026-11-21T07:41:02.000000Z")
      << "the attempt began when the one began that the other run's end has closed";
}

TEST(ResentLinesTest, TheEndOfTheRunComesWithItsStages) {
  EXPECT_THAT(Told({LineOf(kRun, "1", "stage_started", "b"),
                    LineOf(kRun, "2", "stage_completed", "b"), LineOf(kRun, "3", "job_completed")},
                   JobThat("completed"), Json::array({EndOf(kOther)})),
              ElementsAre("job_resumed 1.resumes", "stage_started b 1.again",
                          "stage_completed b 2.again", "job_completed 3.again"));
}

TEST(ResentLinesTest, ASecondRunThatEndsWithTheBatchIsFollowedByTheThird) {
  EXPECT_THAT(Told({LineOf(kRun, "1", "job_completed"),
                    LineOf("run-0000000000000000", "2", "stage_failed", "x"),
                    LineOf(kRun, "3", "stage_started", "late")},
                   JobThat("completed"), Json::array({EndOf(kOther)})),
              ElementsAre("job_resumed 1.resumes", "job_completed 1.again", "job_resumed 2.resumes",
                          "stage_failed x 2.again", "stage_started late 3.again"));
}

TEST(ResentLinesTest, WhatComesAfterTheOwnEndResumesNothing) {
  const std::string late = LineOf(kRun, "1", "stage_completed", "a");
  EXPECT_THAT(Told({late}, JobThat("completed"), Json::array({EndOf(kRun)})), IsEmpty());
  EXPECT_THAT(Told({late}, JobThat("completed"), Json::array({EndOf(kRun), EndOf(kOther)})),
              IsEmpty())
      << "nobody would end the job again";
  EXPECT_THAT(Told({LineOf(kRun, "end", "job_completed")}, JobThat("completed"),
                   Json::array({EndOf(kRun)})),
              IsEmpty())
      << "told before";
}

TEST(ResentLinesTest, AnEndThatIsNoRunsStands) {
  const std::vector<std::string> lines = {LineOf(kRun, "1", "stage_started", "b")};
  const Json by_hand = {{"event_id", "x"}, {"type", "job_completed"}};
  EXPECT_THAT(Told(lines, JobThat("completed"), Json::array({by_hand})), IsEmpty());
  EXPECT_THAT(Told(lines, JobThat("completed"), Json::array()), IsEmpty());
  EXPECT_THAT(Told(lines, JobThat("canceled"), Json::array({EndOf(kOther)})), IsEmpty());
  EXPECT_THAT(Told(lines, JobThat("running"), Json::array({EndOf(kOther)})), IsEmpty());
  Json flagged = EndOf(kRun);
  flagged["violations"] = {"job_over"};
  EXPECT_THAT(Told(lines, JobThat("completed"), Json::array({EndOf(kOther), flagged})), SizeIs(2))
      << "an end without effect is none";
}

TEST(ResentLinesTest, OnlyStagesOfKnownRunsAndEndsMayBeResent) {
  EXPECT_TRUE(MayBeResent(LineOf(kRun, "1", "stage_progress", "a")));
  EXPECT_FALSE(MayBeResent(LineOf("", "1", "stage_progress", "a")));
  EXPECT_TRUE(MayBeResent(LineOf("", "1", "job_failed")));
  EXPECT_FALSE(MayBeResent(LineOf(kRun, "1", "log")));
}

}  // namespace
}  // namespace stagelog::cli
