#include "core/job_state_json.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <nlohmann/json.hpp>
#include <string>

#include "tests/core/job_story.h"

namespace stagelog {
namespace {

using testing::ElementsAre;
using testing::StartsWith;
using Json = nlohmann::ordered_json;

Json DocumentOf(const JobStory& story) { return Json::parse(EncodeJobState(story.state())); }

Json ProgressOf(const JobStory& story, size_t index = 0) {
  return DocumentOf(story).at("stages").at(index).value("progress", Json::object());
}

std::string JobPercent(const JobStory& story) {
  const Json progress = DocumentOf(story).value("progress", Json::object());
  return progress.contains("percent") ? progress.at("percent").dump() : "none";
}

JobStory RunningStage() {
  JobStory story;
  story.Tell("job_created", {.payload = R"({"stages":["s"]})"})
      .Tell("stage_started", {.stage = "s"});
  return story;
}

// A minute after the last event.
JobStory& Report(JobStory& story, const std::string& payload, const std::string& stage = "s") {
  return story.Wait(59).Tell("stage_progress", {.stage = stage, .payload = payload});
}

// --- The document ---

TEST(EncodeJobStateTest, ANewJob) {
  EXPECT_EQ(EncodeJobState(JobStory().Tell("job_created").state()),
            R"({"job_id":"a","status":"created","epoch":1,)"
            R"("created_at":"2023-11-14T22:13:21.000000Z",)"
            R"("updated_at":"2023-11-14T22:13:21.000000Z",)"
            R"("duration_ms":0,"waited_ms":0,"stopped_ms":0,"worked_ms":0,)"
            R"("events":1,"violations":0,"stages":[],"gates":[],)"
            R"("first_seq":10,"as_of_seq":10,"last_hash":"hash-10","fold_version":2})");
}

TEST(EncodeJobStateTest, AJobWithEverything) {
  JobStory story;
  story
      .Tell("job_created", {.payload = R"({"pipeline":"film","strict":true,"stages":["s","t"],)"
                                       R"("labels":{"team":"film","env":"prod"}})"})
      .Tell("stage_started", {.stage = "s", .message = "begins"})
      .Tell("gate_pause", {.gate = "g",
                           .payload = R"({"prompt":"go?","options":["a","b"],"timeout_seconds":60,)"
                                      R"("approvers":["ann"]})"})
      .Tell("gate_rejected",
            {.gate = "g", .message = "no", .payload = R"({"choice":"b"})", .actor = "ann"})
      .Tell("job_failed", {.message = "rejected"});
  EXPECT_EQ(
      EncodeJobState(story.state()),
      R"({"job_id":"a","status":"failed","reason":"rejected","pipeline":"film",)"
      R"("labels":{"env":"prod","team":"film"},"epoch":1,)"
      R"("strict":true,"created_at":"2023-11-14T22:13:21.000000Z",)"
      R"("started_at":"2023-11-14T22:13:22.000000Z","ended_at":"2023-11-14T22:13:25.000000Z",)"
      R"("updated_at":"2023-11-14T22:13:25.000000Z","duration_ms":4000,"waited_ms":2000,)"
      R"("stopped_ms":0,"worked_ms":2000,"progress":{"percent":0},"events":5,"violations":0,)"
      R"("stages":[{"stage":"s","attempt":1,"epoch":1,"status":"abandoned",)"
      R"("started_at":"2023-11-14T22:13:22.000000Z","ended_at":"2023-11-14T22:13:25.000000Z",)"
      R"("duration_ms":3000,"message":"begins"},{"stage":"t","status":"pending"}],)"
      R"("gates":[{"gate":"g","iteration":1,"status":"rejected","prompt":"go?",)"
      R"("options":["a","b"],"approvers":["ann"],"opened_seq":30,)"
      R"("opened_at":"2023-11-14T22:13:23.000000Z","timeout_seconds":60,"on_timeout":"expire",)"
      R"("expires_at":"2023-11-14T22:14:23.000000Z","decided_seq":40,)"
      R"("decided_at":"2023-11-14T22:13:24.000000Z","waited_ms":1000,"decided_by":"ann",)"
      R"("comment":"no","choice":"b","via":"event"}],)"
      R"("first_seq":10,"as_of_seq":50,"last_hash":"hash-50","fold_version":2})");
}

TEST(EncodeJobStateTest, BeginsWithTheJobAndItsStatus) {
  EXPECT_THAT(EncodeJobState(JobStory().Tell("log").state()),
              StartsWith(R"({"job_id":"a","status":"created",)"));
}

TEST(EncodeJobStateTest, AJobThatBeganWithoutJobCreatedSaysSo) {
  EXPECT_EQ(DocumentOf(JobStory().Tell("job_started")).at("implicit_create"), true);
  EXPECT_FALSE(DocumentOf(JobStory().Tell("job_created")).contains("implicit_create"));
}

TEST(EncodeJobStateTest, APendingGateHasNoDecision) {
  JobStory story;
  story.Tell("job_created").Tell("gate_pause", {.gate = "g"});
  EXPECT_EQ(DocumentOf(story).at("gates").at(0).dump(),
            R"({"gate":"g","iteration":1,"status":"pending","opened_seq":20,)"
            R"("opened_at":"2023-11-14T22:13:22.000000Z"})");
}

TEST(EncodeJobStateTest, TextOfAnyKindStaysJson) {
  JobStory story;
  story.Tell("job_created")
      .Tell("stage_started", {.stage = "s", .message = "\"\\\n\x01\xe2\x80\xa8"})
      .Tell("gate_pause", {.gate = "g", .payload = R"({"options":["\"","\u0000"]})"});
  const Json document = DocumentOf(story);
  EXPECT_EQ(document.at("stages").at(0).at("message"), "\"\\\n\x01\xe2\x80\xa8");
  EXPECT_EQ(document.at("gates").at(0).at("options").at(1), std::string(1, '\0'));
}

TEST(EncodeJobSummaryTest, IsTheDocumentWithoutStagesAndGates) {
  JobStory story = RunningStage();
  story.Tell("gate_pause", {.gate = "g"});
  Json document = DocumentOf(story);
  document.erase("stages");
  document.erase("gates");
  EXPECT_EQ(EncodeJobSummary(story.state(), story.state().Done()), document.dump());
}

// --- Durations ---

TEST(DurationTest, RunToTheLastEvent) {
  JobStory story = RunningStage();
  story.Wait(98).Tell("log", {.message = "m"});
  const Json document = DocumentOf(story);
  EXPECT_EQ(document.at("duration_ms"), 100'000);
  EXPECT_EQ(document.at("worked_ms"), 100'000);
  EXPECT_EQ(document.at("stages").at(0).at("duration_ms"), 99'000);
}

// The same events, asked a minute later.
TEST(DurationTest, GoOnInTheLiveDocument) {
  JobStory story = RunningStage();
  story.Tell("stage_completed", {.stage = "s"}).Tell("stage_started", {.stage = "t"});
  const int64_t now = story.state().updated_at_micros + 60 * kSecond;
  const Json live = Json::parse(EncodeJobState(story.state(), now));
  EXPECT_EQ(live.at("live"), true);
  EXPECT_EQ(live.at("as_of"), "2023-11-14T22:14:24.000000Z");
  EXPECT_EQ(live.at("duration_ms"), 63'000);
  EXPECT_EQ(live.at("worked_ms"), 63'000);
  EXPECT_EQ(live.at("stages").at(0).at("duration_ms"), 1'000) << "it has ended";
  EXPECT_EQ(live.at("stages").at(1).at("duration_ms"), 60'000);
  EXPECT_EQ(Json::parse(EncodeStage(story.state(), "t", now)).at("duration_ms"), 60'000);
  EXPECT_EQ(Json::parse(EncodeJobSummary(story.state(), std::nullopt, now)).at("duration_ms"),
            63'000);
  const Json pure = DocumentOf(story);
  EXPECT_FALSE(pure.contains("live"));
  EXPECT_EQ(pure.at("duration_ms"), 3'000);
  story.Tell("gate_pause", {.gate = "g"});
  const Json paused = Json::parse(EncodeJobState(story.state(), now));
  EXPECT_EQ(paused.at("waited_ms"), 59'000);
  EXPECT_EQ(paused.at("worked_ms"), 4'000);
}

TEST(DurationTest, ALiveDocumentNeverEndsBeforeItsLastEventAndWhatIsOverIsNotLive) {
  JobStory story = RunningStage();
  const Json early = Json::parse(EncodeJobState(story.state(), 1));
  EXPECT_EQ(early.at("as_of"), early.at("updated_at"));
  EXPECT_EQ(early.at("duration_ms"), DocumentOf(story).at("duration_ms"));
  story.Tell("job_completed");
  EXPECT_EQ(EncodeJobState(story.state(), INT64_MAX), EncodeJobState(story.state()));
}

TEST(DurationTest, StopAtTheEnd) {
  JobStory story = RunningStage();
  story.Wait(8).Tell("stage_completed", {.stage = "s"}).Tell("job_completed");
  story.Wait(1'000).Tell("log", {.message = "a late remark"});
  const Json document = DocumentOf(story);
  EXPECT_EQ(document.at("duration_ms"), 11'000);
  EXPECT_EQ(document.at("stages").at(0).at("duration_ms"), 9'000);
}

TEST(DurationTest, WaitingForPeopleIsCountedApartFromWorking) {
  JobStory story = RunningStage();  // at second 1
  story.Wait(9).Tell("gate_pause", {.gate = "g"});
  story.Wait(19).Tell("log", {.message = "m"});
  Json document = DocumentOf(story);
  EXPECT_EQ(document.at("waited_ms"), 20'000) << "a pause that goes on counts to the last event";
  EXPECT_EQ(document.at("worked_ms"), 11'000);
  story.Wait(9).Tell("gate_approved", {.gate = "g"});
  story.Wait(4).Tell("log", {.message = "m"});
  document = DocumentOf(story);
  EXPECT_EQ(document.at("duration_ms"), 46'000);
  EXPECT_EQ(document.at("waited_ms"), 30'000);
  EXPECT_EQ(document.at("worked_ms"), 16'000);
  EXPECT_EQ(document.at("gates").at(0).at("waited_ms"), 30'000);
}

TEST(DurationTest, TwoGatesAtOnceAreOneWait) {
  JobStory story = RunningStage();
  story.Tell("gate_pause", {.gate = "g"});
  story.Wait(9).Tell("gate_pause", {.gate = "h"});
  story.Wait(9).Tell("gate_approved", {.gate = "g"});
  story.Wait(9).Tell("gate_approved", {.gate = "h"});
  EXPECT_EQ(DocumentOf(story).at("waited_ms"), 30'000);
}

TEST(DurationTest, TheTimeAfterARejectionIsWaitedToo) {
  JobStory story = RunningStage();
  story.Tell("gate_pause", {.gate = "g"}).Tell("gate_rejected", {.gate = "g"});
  story.Wait(58).Tell("job_resumed");
  EXPECT_EQ(DocumentOf(story).at("waited_ms"), 60'000);
}

TEST(DurationTest, AnEndEndsTheWait) {
  JobStory story = RunningStage();
  story.Tell("gate_pause", {.gate = "g"});
  story.Wait(9).Tell("job_canceled");
  story.Wait(100).Tell("log", {.message = "m"});
  EXPECT_EQ(DocumentOf(story).at("waited_ms"), 10'000);
  EXPECT_EQ(DocumentOf(story).at("worked_ms"), 2'000);
}

TEST(DurationTest, TheTimeBetweenAnEndAndTheResumptionIsStopped) {
  JobStory story = RunningStage();
  story.Tell("job_failed");
  story.Wait(3'599).Tell("job_resumed");
  story.Wait(9).Tell("job_failed");
  story.Wait(99).Tell("job_resumed");
  const Json document = DocumentOf(story);
  EXPECT_EQ(document.at("duration_ms"), 3'712'000);
  EXPECT_EQ(document.at("stopped_ms"), 3'700'000);
  EXPECT_EQ(document.at("worked_ms"), 12'000);
  EXPECT_EQ(document.at("waited_ms"), 0);
}

// --- Progress of a stage ---

TEST(StageProgressTest, FiguresStandAsTheyCame) {
  JobStory story = RunningStage();
  Report(story, R"({"current":0.1,"total":1e18,"unit":"bytes"})");
  EXPECT_EQ(ProgressOf(story).dump(),
            R"({"current":0.1,"total":1e+18,"percent":1e-17,"unit":"bytes"})");
  Report(story, R"({"current":3.0,"total":4})");
  EXPECT_EQ(ProgressOf(story).at("current").dump(), "3");
  EXPECT_EQ(ProgressOf(story).at("percent").dump(), "75");
}

TEST(StageProgressTest, WhatIsWorkedOutHasSixDigits) {
  JobStory story = RunningStage();
  Report(story, R"({"current":1,"total":3})");
  EXPECT_EQ(ProgressOf(story).at("percent").dump(), "33.3333");
  Report(story, R"({"current":2})");
  EXPECT_EQ(ProgressOf(story).at("percent").dump(), "66.6667");
  EXPECT_EQ(ProgressOf(story).at("rate_per_second").dump(), "0.0166667");
  EXPECT_EQ(ProgressOf(story).at("seconds_left").dump(), "60");
}

TEST(StageProgressTest, OneReportHasNoRate) {
  JobStory story = RunningStage();
  Report(story, R"({"current":10,"total":100})");
  EXPECT_FALSE(ProgressOf(story).contains("rate_per_second"));
  EXPECT_FALSE(ProgressOf(story).contains("seconds_left"));
}

TEST(StageProgressTest, RateAndTimeLeftRunToTheLastReport) {
  JobStory story = RunningStage();
  Report(story, R"({"current":10,"total":100})");
  Report(story, R"({"current":40})");
  const Json progress = ProgressOf(story);
  EXPECT_EQ(progress.at("rate_per_second"), 0.5);
  EXPECT_EQ(progress.at("seconds_left"), 120);
  story.Wait(1'000).Tell("log", {.message = "time passes"});
  EXPECT_EQ(ProgressOf(story), progress);
}

TEST(StageProgressTest, PercentAloneHasARateToo) {
  JobStory story = RunningStage();
  Report(story, R"({"percent":10})");
  Report(story, R"({"percent":40})");
  EXPECT_EQ(ProgressOf(story).dump(), R"({"percent":40,"rate_per_second":0.5,"seconds_left":120})");
}

TEST(StageProgressTest, FiguresAreNotMeasuredAgainstPercent) {
  JobStory story = RunningStage();
  Report(story, R"({"percent":50})");
  Report(story, R"({"current":1000,"total":2000})");
  EXPECT_FALSE(ProgressOf(story).contains("rate_per_second"));
  Report(story, R"({"current":1600})");
  EXPECT_EQ(ProgressOf(story).at("rate_per_second"), 10);
  EXPECT_EQ(ProgressOf(story).at("seconds_left"), 40);
}

TEST(StageProgressTest, WithoutAGoalThereIsNoTimeLeft) {
  JobStory story = RunningStage();
  Report(story, R"({"current":10})");
  Report(story, R"({"current":40})");
  EXPECT_EQ(ProgressOf(story).dump(), R"({"current":40,"rate_per_second":0.5})");
}

TEST(StageProgressTest, WhatStandsStillOrGoesBackHasNoRate) {
  for (const char* later : {R"({"current":10})", R"({"current":4})"}) {
    JobStory story = RunningStage();
    Report(story, R"({"current":10,"total":20})");
    Report(story, later);
    EXPECT_FALSE(ProgressOf(story).contains("rate_per_second")) << later;
    EXPECT_FALSE(ProgressOf(story).contains("seconds_left")) << later;
  }
}

TEST(StageProgressTest, AnAttemptThatHasEndedHasNoTimeLeft) {
  JobStory story = RunningStage();
  Report(story, R"({"current":10,"total":100})");
  Report(story, R"({"current":40})");
  story.Tell("stage_failed", {.stage = "s"});
  EXPECT_EQ(ProgressOf(story).dump(),
            R"({"current":40,"total":100,"percent":40,"rate_per_second":0.5})");
}

TEST(StageProgressTest, BeyondATotalThatShrankNothingIsLeft) {
  JobStory story = RunningStage();
  Report(story, R"({"current":10,"total":100})");
  Report(story, R"({"current":40})");
  Report(story, R"({"total":20})");
  EXPECT_EQ(ProgressOf(story).at("seconds_left"), 0);
}

// The smallest growth towards the greatest goal: an estimate that no number can hold is none.
TEST(StageProgressTest, AnEstimateBeyondAllNumbersIsLeftOut) {
  JobStory story = RunningStage();
  Report(story, R"({"current":0,"total":1e18})");
  Report(story, R"({"current":1e-300})");
  EXPECT_FALSE(ProgressOf(story).contains("seconds_left")) << ProgressOf(story).dump();
}

TEST(StageProgressTest, ANewAttemptBeginsAnew) {
  JobStory story = RunningStage();
  Report(story, R"({"current":10,"total":100,"unit":"x"})");
  story.Tell("stage_failed", {.stage = "s"}).Tell("stage_started", {.stage = "s"});
  EXPECT_EQ(ProgressOf(story, 0).at("current"), 10);
  EXPECT_EQ(ProgressOf(story, 1), Json::object());
}

// --- Progress of the job ---

TEST(JobProgressTest, AJobWithoutStagesHasNone) {
  EXPECT_EQ(JobPercent(JobStory().Tell("job_created").Tell("job_completed")), "none");
}

TEST(JobProgressTest, IsTheMeanOfItsTopLevelStages) {
  JobStory story = RunningStage();
  EXPECT_EQ(JobPercent(story), "0");
  Report(story, R"({"percent":50})");
  EXPECT_EQ(JobPercent(story), "50");
  story.Tell("stage_started", {.stage = "t"});
  EXPECT_EQ(JobPercent(story), "25");
  story.Tell("stage_completed", {.stage = "t"});
  EXPECT_EQ(JobPercent(story), "75");
}

TEST(JobProgressTest, DeclaredStagesCountFromTheBeginning) {
  JobStory story;
  story.Tell("job_created", {.payload = R"({"stages":["fetch","train/one","train/two","ship"]})"});
  EXPECT_EQ(JobPercent(story), "0");
  story.Tell("stage_completed", {.stage = "fetch"});
  EXPECT_EQ(JobPercent(story), "33.3333");
  story.Tell("stage_completed", {.stage = "train/one"});
  EXPECT_EQ(JobPercent(story), "50") << "half of train, a third each";
  story.Tell("stage_completed", {.stage = "undeclared"});
  EXPECT_EQ(JobPercent(story), "62.5") << "now a fourth each";
}

TEST(JobProgressTest, AStageThatSaysNothingOfItselfIsWorthWhatIsBelowIt) {
  JobStory story;
  story.Tell("job_created", {.payload = R"({"stages":["train"]})"})
      .Tell("stage_started", {.stage = "train"});
  story.Tell("stage_completed", {.stage = "train/one"})
      .Tell("stage_started", {.stage = "train/two"});
  EXPECT_EQ(JobPercent(story), "50");
  Report(story, R"({"percent":50})", "train/two");
  EXPECT_EQ(JobPercent(story), "75");
  Report(story, R"({"percent":10})", "train");
  EXPECT_EQ(JobPercent(story), "10") << "its own word counts";
  story.Tell("stage_completed", {.stage = "train"});
  EXPECT_EQ(JobPercent(story), "100");
}

TEST(JobProgressTest, AFailedOrAbandonedStageKeepsWhatItHadReached) {
  JobStory story = RunningStage();
  Report(story, R"({"percent":30})");
  story.Tell("stage_failed", {.stage = "s"});
  EXPECT_EQ(JobPercent(story), "30");
  story.Tell("stage_started", {.stage = "s"});
  EXPECT_EQ(JobPercent(story), "0") << "the next attempt begins at nothing";
  Report(story, R"({"percent":20})");
  story.Tell("job_failed");
  EXPECT_EQ(JobPercent(story), "20");
}

TEST(JobProgressTest, ACompletedJobIsWhole) {
  JobStory story;
  story.Tell("job_created", {.payload = R"({"stages":["never","begun"]})"}).Tell("job_completed");
  EXPECT_EQ(JobPercent(story), "100");
}

// --- One stage, one gate ---

TEST(EncodeStageTest, HasTheLastAttemptInFullAndThenAll) {
  JobStory story = RunningStage();
  story.Tell("stage_failed", {.stage = "s"}).Tell("stage_started", {.stage = "s"});
  story.Tell("stage_started", {.stage = "s/below"});
  const Json stage = Json::parse(EncodeStage(story.state(), "s"));
  EXPECT_EQ(stage.at("job_id"), "a");
  EXPECT_EQ(stage.at("attempt"), 2);
  EXPECT_EQ(stage.at("status"), "running");
  ASSERT_EQ(stage.at("attempts").size(), 2u);
  EXPECT_EQ(stage.at("attempts").at(0).at("status"), "failed");
  EXPECT_EQ(stage.at("attempts").at(1), DocumentOf(story).at("stages").at(1));
  EXPECT_EQ(stage.at("job_status"), "running");
  EXPECT_EQ(stage.at("as_of_seq"), story.state().as_of_seq);
  EXPECT_EQ(EncodeStage(story.state(), "unknown"), "");
}

TEST(EncodeStageTest, OneThatWasDeclaredAndHasNotBegunIsPending) {
  JobStory story;
  story.Tell("job_created", {.payload = R"({"stages":["s"]})"});
  EXPECT_EQ(EncodeStage(story.state(), "s"),
            R"({"job_id":"a","stage":"s","status":"pending","attempts":[],)"
            R"("job_status":"created","as_of_seq":10})");
}

TEST(EncodeGateTest, HasTheLastIterationInFullAndThenAll) {
  JobStory story = RunningStage();
  story.Tell("gate_pause", {.gate = "g"})
      .Tell("gate_rejected", {.gate = "g"})
      .Tell("gate_pause", {.gate = "g"});
  const Json gate = Json::parse(EncodeGate(story.state(), "g"));
  EXPECT_EQ(gate.at("job_id"), "a");
  EXPECT_EQ(gate.at("iteration"), 2);
  EXPECT_EQ(gate.at("status"), "pending");
  ASSERT_EQ(gate.at("iterations").size(), 2u);
  EXPECT_EQ(gate.at("iterations").at(0).at("status"), "rejected");
  EXPECT_EQ(gate.at("job_status"), "paused");
  EXPECT_EQ(gate.at("as_of_seq"), story.state().as_of_seq);
  EXPECT_EQ(EncodeGate(story.state(), "unknown"), "");
}

TEST(EncodeGateIterationTest, IsTheGateWithItsJob) {
  JobStory story = RunningStage();
  story.Tell("gate_pause", {.gate = "g"});
  Json expected = {{"job_id", "a"}};
  expected.update(DocumentOf(story).at("gates").at(0));
  EXPECT_EQ(EncodeGateIteration("a", story.gate("g")), expected.dump());
}

// --- Snapshots ---

TEST(SnapshotTest, KeepsEveryField) {
  JobStory story;
  story
      .Tell("job_created", {.payload = R"({"pipeline":"p","strict":true,"stages":["s","x/y"],)"
                                       R"("labels":{"team":"\u00e9","n":"1"}})"})
      .Tell("stage_started", {.stage = "s", .attempt = 7, .message = "m\xc3\xa9"})
      .Tell("stage_progress", {.stage = "s", .payload = R"({"current":1,"total":3,"unit":"u"})"})
      .Tell("job_failed")
      .Tell("job_resumed")
      .Tell("gate_pause",
            {.gate = "g",
             .payload = R"({"prompt":"?","options":["a"],"timeout_seconds":9,"approvers":["b"]})"})
      .Tell("gate_rejected",
            {.gate = "g", .payload = R"({"comment":"c","choice":"a","via":"api"})", .actor = "b"});
  JobState state = story.state();
  state.implicit_create = true;
  const std::optional<JobState> copy = DecodeSnapshot(EncodeSnapshot(state));
  ASSERT_TRUE(copy);
  EXPECT_EQ(*copy, state);
  EXPECT_THAT(copy->blocking_gates, ElementsAre("g"));
}

TEST(SnapshotTest, KeepsEveryBitOfAFigure) {
  for (const double figure : {0.1, 1.0 / 3, 5e-324, 2.2250738585072014e-308, 1e18, 123456789.123456,
                              -0.0, 99.99999999999999}) {
    JobState state;
    state.stages.emplace_back();
    state.stages[0].path = "s";
    state.stages[0].progress.current = figure;
    state.stages[0].progress.first_figure = figure;
    const std::optional<JobState> copy = DecodeSnapshot(EncodeSnapshot(state));
    ASSERT_TRUE(copy);
    EXPECT_EQ(copy->stages[0].progress, state.stages[0].progress) << figure;
    EXPECT_EQ(std::signbit(*copy->stages[0].progress.current), std::signbit(figure));
  }
}

TEST(SnapshotTest, ADamagedOneIsNone) {
  const std::string text = EncodeSnapshot(RunningStage().Tell("gate_pause", {.gate = "g"}).state());
  for (size_t size = 0; size < text.size(); ++size) {
    EXPECT_FALSE(DecodeSnapshot(text.substr(0, size))) << size;
  }
  for (const char* damaged : {"{}", "[]", "null", "7", "{\"job_id\":\"a\"}"}) {
    EXPECT_FALSE(DecodeSnapshot(damaged)) << damaged;
  }
}

// A status that is none would be read beyond the end of the table of names.
TEST(SnapshotTest, OneWithAStatusThatDoesNotExistIsNone) {
  const Json sound =
      Json::parse(EncodeSnapshot(RunningStage().Tell("gate_pause", {.gate = "g"}).state()));
  ASSERT_TRUE(DecodeSnapshot(sound.dump()));
  for (const int status : {-1, 6, 99}) {
    Json damaged = sound;
    damaged["status"] = status;
    EXPECT_FALSE(DecodeSnapshot(damaged.dump())) << "job " << status;
    damaged = sound;
    damaged["before_pause"] = status;
    EXPECT_FALSE(DecodeSnapshot(damaged.dump())) << "before the pause " << status;
    damaged = sound;
    damaged["stages"][0][3] = status;
    EXPECT_FALSE(DecodeSnapshot(damaged.dump())) << "stage " << status;
    damaged = sound;
    damaged["gates"][0][2] = status;
    EXPECT_FALSE(DecodeSnapshot(damaged.dump())) << "gate " << status;
  }
}

}  // namespace
}  // namespace stagelog
