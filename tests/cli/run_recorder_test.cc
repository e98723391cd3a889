// What a run says: every story of a command as the events that tell it.
#include "cli/run/run_recorder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "client/daemon_client.h"
#include "core/draft_decoder.h"
#include "tests/support/manual_clock.h"

namespace stagelog::cli {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

class RunRecorderTest : public ::testing::Test {
 protected:
  RunRecorder& Job() { return As({"j", "", "", false}); }
  RunRecorder& Stage(const std::string& stage) { return As({"j", stage, "", false}); }

  RunRecorder& As(const RunTarget& target) {
    recorder_ = std::make_unique<RunRecorder>(
        target, clock_,
        [this](const SpoolEvents& events) {
          for (const SpoolEvent& event : events) Take(event);
        },
        [this](const std::string& warning) { warnings_.push_back(warning); });
    return *recorder_;
  }

  void Take(const SpoolEvent& event) {
    // What the daemon would say to it.
    const auto draft = DecodeDraft(event.line, {"j", "admin"});
    ASSERT_TRUE(draft) << draft.error().detail << "\n" << event.line.substr(0, 300);
    EXPECT_EQ(event.is_log, draft->type == "log");
    std::string text = draft->type;
    if (!draft->stage.empty()) text += " " + draft->stage;
    if (!draft->message.empty()) text += " '" + draft->message + "'";
    told_.push_back(text);
    payloads_.push_back(draft->payload);
    messages_.push_back(draft->message);
  }

  std::vector<std::string> Told() { return std::exchange(told_, {}); }

  static RunEnd EndWith(int exit_code, const std::string& message = "") {
    RunEnd end;
    end.exit_code = exit_code;
    end.message = message;
    return end;
  }

  ManualClock clock_;
  std::unique_ptr<RunRecorder> recorder_;
  std::vector<std::string> told_;
  std::vector<std::string> payloads_;
  std::vector<std::string> messages_;
  std::vector<std::string> warnings_;
};

TEST_F(RunRecorderTest, AJob) {
  RunRecorder& run = Job();
  run.Begin({.command = {"make", "all"}});
  EXPECT_EQ(Json::parse(payloads_[0])["command"], Json({"make", "all"}));
  run.Output(OutputStream::kStdout, "one\ntwo");
  run.Output(OutputStream::kStderr, "\n\033[1mwarn\n");
  run.OutputEnded();
  run.End(EndWith(0));
  EXPECT_THAT(Told(), ElementsAre("job_created", "job_started", "log 'one'", "log ' '",
                                  "log '\033[1mwarn'", "log 'two'", "job_completed"));
  EXPECT_EQ(payloads_[2], R"({"stream":"stdout"})");
  EXPECT_EQ(payloads_[3], R"({"stream":"stderr","blank":true})");
}

TEST_F(RunRecorderTest, HowItEnds) {
  RunRecorder& run = Job();
  run.End(EndWith(3, "exit code 3"));
  EXPECT_THAT(Told(), ElementsAre("job_failed 'exit code 3'"));
  RunEnd canceled = EndWith(143, "ended by SIGTERM");
  canceled.canceled_by = "SIGTERM";
  Job().End(canceled);
  EXPECT_THAT(Told(), ElementsAre("job_canceled 'canceled by SIGTERM'"));
  Stage("s").End(canceled);
  EXPECT_THAT(Told(), ElementsAre("stage_failed s 'canceled by SIGTERM'"));
  canceled.is_canceled_outside = true;
  Job().End(canceled);
  EXPECT_THAT(Told(), IsEmpty());
}

TEST_F(RunRecorderTest, MarkersOpenAndCloseStages) {
  RunRecorder& run = Job();
  run.Output(OutputStream::kStdout,
             "::progress 1/3\n::stage a\nx\n::progress 50%\n::stage b\n::stage\ny\n::stage\n"
             "::stage c\n");
  run.Output(OutputStream::kStderr, "::stage d\n");
  run.End(EndWith(2, "exit code 2"));
  EXPECT_THAT(
      Told(),
      ElementsAre("stage_started main", "stage_progress main", "stage_completed main",
                  "stage_started a", "log a 'x'", "stage_progress a", "stage_completed a",
                  "stage_started b", "stage_completed b", "log 'y'", "stage_started c",
                  "log c '::stage d'", "stage_failed c 'exit code 2'", "job_failed 'exit code 2'"));
}

TEST_F(RunRecorderTest, MarkersInsideAStageAreBelowIt) {
  RunRecorder& run = Stage("a/b");
  run.Begin({.command = {"x"}});
  run.Output(OutputStream::kStdout, "::progress 5%\n::stage c\n::progress 6%\nlog\n");
  run.End(EndWith(0));
  EXPECT_THAT(Told(), ElementsAre("stage_started a/b", "stage_progress a/b", "stage_started a/b/c",
                                  "stage_progress a/b/c", "log a/b/c 'log'",
                                  "stage_completed a/b/c", "stage_completed a/b"));
  Stage(std::string(500, 'x')
            .replace(120, 1, "/")
            .replace(240, 1, "/")
            .replace(360, 1, "/")
            .replace(480, 1, "/"))
      .Output(OutputStream::kStdout, "::stage a-name-that-is-too-long-there\n");
  EXPECT_TRUE(Told().front().starts_with("log ")) << "no path of a stage: an ordinary line";
}

TEST_F(RunRecorderTest, HowItBegins) {
  Job().Begin({.command = {"make", "--token=x"}, .stages = {"a", "b/c"}});
  EXPECT_EQ(Json::parse(payloads_[0])["stages"], Json({"a", "b/c"}));
  Job().Begin({.job = RunBeginning::Job::kCreated});
  Job().Begin({.command = {"make"}, .job = RunBeginning::Job::kResumed});
  Stage("s").Begin({.job = RunBeginning::Job::kResumed});
  EXPECT_THAT(Told(), ElementsAre("job_created", "job_started", "job_started", "job_resumed",
                                  "job_resumed", "stage_started s"));
  EXPECT_FALSE(Json::parse(payloads_[2]).contains("command"));
  EXPECT_TRUE(Json::parse(payloads_[2]).contains("host"));
  EXPECT_EQ(Json::parse(payloads_[3])["command"], Json({"make"}));
}

TEST_F(RunRecorderTest, AnUnfinishedLineIsToldAfterAQuietTime) {
  RunRecorder& run = Job();
  run.Output(OutputStream::kStdout, "whole\n");
  EXPECT_EQ(run.MicrosToUnfinished(OutputStream::kStdout), -1);
  run.Output(OutputStream::kStdout, "Continue? ");
  EXPECT_EQ(run.MicrosToUnfinished(OutputStream::kStderr), -1);
  const int64_t due = run.MicrosToUnfinished(OutputStream::kStdout);
  ASSERT_GT(due, 0);
  clock_.AdvanceMicros(due - 1);
  run.TakeUnfinished(OutputStream::kStdout);
  EXPECT_THAT(Told(), ElementsAre("log 'whole'"));
  clock_.AdvanceMicros(1);
  run.TakeUnfinished(OutputStream::kStdout);
  EXPECT_THAT(Told(), ElementsAre("log 'Continue? '"));
  EXPECT_EQ(payloads_.back(), R"({"stream":"stdout","part":1,"continues":true})");
  EXPECT_EQ(run.MicrosToUnfinished(OutputStream::kStdout), -1);
  run.Output(OutputStream::kStdout, "yes\n");
  EXPECT_THAT(Told(), ElementsAre("log 'yes'"));
  EXPECT_EQ(payloads_.back(), R"({"stream":"stdout","part":2,"continues":false})");
}

TEST_F(RunRecorderTest, NothingFollowsALineWhoseRestIsEmpty) {
  RunRecorder& run = Job();
  run.Output(OutputStream::kStdout, "Continue? ");
  clock_.AdvanceMicros(run.MicrosToUnfinished(OutputStream::kStdout));
  run.TakeUnfinished(OutputStream::kStdout);
  EXPECT_THAT(Told(), ElementsAre("log 'Continue? '"));
  run.Output(OutputStream::kStdout, "\n");
  EXPECT_THAT(Told(), IsEmpty());
  run.Output(OutputStream::kStdout, "\nnext\n");
  EXPECT_THAT(Told(), ElementsAre("log ' '", "log 'next'"));
  EXPECT_EQ(payloads_[payloads_.size() - 2], R"({"stream":"stdout","blank":true})")
      << "a line of its own";
  EXPECT_EQ(payloads_.back(), R"({"stream":"stdout"})");
  run.Output(OutputStream::kStdout, "Really? ");
  clock_.AdvanceMicros(run.MicrosToUnfinished(OutputStream::kStdout));
  run.TakeUnfinished(OutputStream::kStdout);
  run.OutputEnded();
  EXPECT_THAT(Told(), ElementsAre("log 'Really? '"));
}

// What stands in both pipes at a time, read as a pump does.
class TwoOutputsTest : public RunRecorderTest {
 protected:
  void SetUp() override {
    RunRecorder& run = Job();
    for (const OutputStream stream : {OutputStream::kStdout, OutputStream::kStderr}) {
      run.SetHandler(stream,
                     [&run, stream](std::string_view bytes) { run.TakeOutput(stream, bytes); });
    }
  }

  void Out(const std::string& bytes) { recorder_->Arrived(OutputStream::kStdout, bytes); }
  void Error(const std::string& bytes) { recorder_->Arrived(OutputStream::kStderr, bytes); }
  std::vector<std::string> Recorded() {
    while (recorder_->RecordNext()) {
    }
    return Told();
  }
};

TEST_F(TwoOutputsTest, LinesAreToldInTheOrderOfTheirArrivalHoweverLateTheyAreRecorded) {
  for (const char* stage : {"a", "b", "c"}) {
    Out("::stage " + std::string(stage) + "\n");
    clock_.AdvanceMicros(1'000);
    Error("warning of " + std::string(stage) + "\n");
    clock_.AdvanceMicros(1'000);
  }
  EXPECT_THAT(Recorded(),
              ElementsAre("stage_started a", "log a 'warning of a'", "stage_completed a",
                          "stage_started b", "log b 'warning of b'", "stage_completed b",
                          "stage_started c", "log c 'warning of c'"));
}

TEST_F(TwoOutputsTest, StandardErrorOfTheSameTimeComesBeforeTheMarkerThatEndsItsStage) {
  for (const bool is_error_first : {false, true}) {
    SetUp();
    if (is_error_first) Error("warning\n");
    Out("::stage a\nout\n::stage b\n");
    if (!is_error_first) Error("warning\n");
    EXPECT_THAT(Recorded(), ElementsAre("stage_started a", "log a 'out'", "log a 'warning'",
                                        "stage_completed a", "stage_started b"));
    clock_.AdvanceMicros(1'000);
    Out("::stage\n");
    Error("last\n");
    clock_.AdvanceMicros(1'000);
    Error("late\n");
    EXPECT_THAT(Recorded(), ElementsAre("log b 'last'", "stage_completed b", "log 'late'"));
  }
}

TEST_F(TwoOutputsTest, WhatArrivesWithoutAHandlerIsDropped) {
  recorder_->SetHandler(OutputStream::kStderr, nullptr);
  Error("unread\n");
  Out("::stage a\n::stage b\n");
  EXPECT_THAT(Recorded(), ElementsAre("stage_started a", "stage_completed a", "stage_started b"));
}

TEST_F(RunRecorderTest, ALineThatGrowsWithoutAPauseIsToldAllTheSame) {
  RunRecorder& run = Job();
  int dots = 0;
  for (; told_.empty() && dots < 1'000; ++dots) {
    run.Output(OutputStream::kStderr, ".");
    clock_.AdvanceMicros(100'000);
    run.TakeUnfinished(OutputStream::kStderr);
  }
  EXPECT_LE(dots, 50);
  EXPECT_EQ(messages_.front(), std::string(static_cast<size_t>(dots), '.'));
}

TEST_F(RunRecorderTest, OfAProgressBarOnlyTheLatestFrameIsTold) {
  RunRecorder& run = Job();
  for (int percent = 0; percent <= 100; ++percent) {
    run.Output(OutputStream::kStderr, "\r" + std::to_string(percent) + "%");
    clock_.AdvanceMicros(200'000);
    run.TakeUnfinished(OutputStream::kStderr);
  }
  run.Output(OutputStream::kStderr, "\ndone\n");
  const std::vector<std::string> told = Told();
  EXPECT_EQ(told.back(), "log 'done'");
  EXPECT_EQ(told[told.size() - 2], "log '100%'");
  EXPECT_EQ(payloads_[payloads_.size() - 2], R"({"stream":"stderr","frames":100})");
  EXPECT_GT(told.size(), 3U) << "a bar that goes on is seen to go on";
  EXPECT_LE(told.size(), 7U) << "but not by its every frame";
  EXPECT_TRUE(Json::parse(payloads_.front())["continues"]);
}

TEST_F(RunRecorderTest, AFrameThatWasToldIsNotToldAgain) {
  RunRecorder& run = Job();
  run.Output(OutputStream::kStdout, "50%\r");
  clock_.AdvanceMicros(10'000'000);
  run.TakeUnfinished(OutputStream::kStdout);
  EXPECT_THAT(Told(), ElementsAre("log '50%'"));
  clock_.AdvanceMicros(10'000'000);
  EXPECT_EQ(run.MicrosToUnfinished(OutputStream::kStdout), -1);
  run.Output(OutputStream::kStdout, "\n");
  run.OutputEnded();
  EXPECT_THAT(Told(), IsEmpty());
}

TEST_F(RunRecorderTest, MarkersThatAreDrawnAsABarCount) {
  RunRecorder& run = Job();
  run.Output(OutputStream::kStdout, "::stage a\r\n::progress 1/4\r::progress 2/4\r");
  clock_.AdvanceMicros(10'000'000);
  run.TakeUnfinished(OutputStream::kStdout);
  run.Output(OutputStream::kStdout, "::progress 4/4\n");
  EXPECT_THAT(Told(), ElementsAre("stage_started a", "stage_progress a", "stage_progress a"));
  EXPECT_THAT(warnings_, IsEmpty());
}

TEST_F(RunRecorderTest, TheBeginningOfAMarkerIsNoPrompt) {
  RunRecorder& run = Job();
  run.Output(OutputStream::kStdout, "::stage bui");
  EXPECT_EQ(run.MicrosToUnfinished(OutputStream::kStdout), -1);
  run.Output(OutputStream::kStdout, "ld\n");
  EXPECT_THAT(Told(), ElementsAre("stage_started build"));
}

TEST_F(RunRecorderTest, LinesThatLookLikeMarkersAreWarnedOfOnce) {
  RunRecorder& run = Job();
  for (int i = 0; i < 3; ++i) {
    run.Output(OutputStream::kStdout,
               "::stage Build images\n::progress 50\n::group::Build\n::stage ok\n");
  }
  run.Output(OutputStream::kStderr, "::stage other\n");
  ASSERT_EQ(warnings_.size(), 3U);
  EXPECT_EQ(warnings_[0].substr(0, 67),
            "not a valid marker, treated as output: '::stage Build images': 'Bui");
  EXPECT_TRUE(warnings_[1].ends_with(
      "'::progress 50': missing total; expected '::progress 40/100' or '::progress 40%'"));
  EXPECT_TRUE(warnings_[2].ends_with("markers are only recognized on standard output"));
  for (int i = 0; i < 1'000; ++i) {
    run.Output(OutputStream::kStdout, "::stage no " + std::to_string(i) + "\n");
  }
  run.OutputEnded();
  EXPECT_EQ(warnings_.size(), 6U);
  EXPECT_EQ(warnings_.back(), "998 more invalid markers were treated as output");
}

TEST_F(RunRecorderTest, AStageThatIsNotAmongTheDeclaredOnesIsWarnedOf) {
  RunRecorder& run = Job();
  run.Begin({.stages = {"fetch", "build"}});
  run.Output(OutputStream::kStdout, "::stage fetch\n::stage biuld\n::stage build\n");
  EXPECT_THAT(warnings_, ElementsAre("stage 'biuld' is not declared in --stages"));
}

TEST_F(RunRecorderTest, EveryByteComesBackFromTheEventsAndEachIsOneTheDaemonTakes) {
  // The worst there is: control characters and broken text in one long line.
  std::string line;
  while (line.size() < 100'000) line += "\x01\xff";
  RunRecorder& run = Stage(std::string(120, 's'));
  run.Output(OutputStream::kStdout, line + "\n");
  ASSERT_EQ(messages_.size(), 4U);
  const Json first = Json::parse(payloads_.front());
  EXPECT_EQ(first["part"], 1);
  EXPECT_EQ(first["continues"], true);
  EXPECT_EQ(Json::parse(payloads_.back())["part"], 4);
  EXPECT_EQ(Json::parse(payloads_.back())["continues"], false);
  EXPECT_EQ(first["raw_base64"].get<std::string>().substr(0, 8), "Af8B/wH/");
  EXPECT_EQ(messages_.front().substr(0, 4), "\x01\ufffd");
}

}  // namespace
}  // namespace stagelog::cli
