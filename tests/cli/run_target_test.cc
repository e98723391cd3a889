// A run's job and stage, by its flags and by the run that it is inside of.
#include "cli/run/run_target.h"

#include <gtest/gtest.h>

#include <map>

#include "core/identifier.h"

namespace stagelog::cli {
namespace {

constexpr int64_t kTargetNow = 1'795'253'462'123'456;  // 2026-11-21T09:31:02Z

struct Given {
  RunOptions options;
  std::map<std::string, std::string> environment = {};

  CliResult<RunTarget> Choose() const {
    return ChooseRunTarget(
        options,
        [this](const std::string& name) -> std::optional<std::string> {
          const auto found = environment.find(name);
          if (found == environment.end()) return std::nullopt;
          return found->second;
        },
        kTargetNow);
  }
};

RunOptions Options(const std::string& job, const std::string& stage,
                   const std::string& command = "/usr/bin/make") {
  RunOptions options;
  options.job = job;
  options.stage = stage;
  options.command = {command};
  return options;
}

const std::map<std::string, std::string> kInsideJob = {{"STAGELOG_JOB", "j"}};
const std::map<std::string, std::string> kInsideStage = {{"STAGELOG_JOB", "j"},
                                                         {"STAGELOG_STAGE", "a"}};

TEST(RunTargetTest, JobsAndStages) {
  const auto expect = [](const Given& given, const std::string& job, const std::string& stage) {
    const auto target = given.Choose();
    ASSERT_TRUE(target) << target.error().message;
    EXPECT_EQ(target->job_id, job);
    EXPECT_EQ(target->stage, stage);
  };
  expect({Options("n", "")}, "n", "");
  expect({Options("n", "s")}, "n", "s");
  expect({Options("", "s"), kInsideJob}, "j", "s");
  expect({Options("", ""), kInsideJob}, "j", "make");
  expect({Options("", ""), kInsideStage}, "j", "a/make");
  expect({Options("", "b/c"), kInsideStage}, "j", "a/b/c");
  expect({Options("j", ""), kInsideStage}, "j", "a/make");
  expect({Options("other", ""), kInsideStage}, "other", "");
  expect({Options("other", "s"), kInsideStage}, "other", "s");
}

TEST(RunTargetTest, ANameIsMadeOfTheCommand) {
  const auto made = Given{Options("", "")}.Choose();
  ASSERT_TRUE(made);
  EXPECT_TRUE(made->is_new_name);
  EXPECT_TRUE(made->job_id.starts_with("make-20261121-093102-")) << made->job_id;
  EXPECT_EQ(made->job_id.size(), std::string("make-20261121-093102-0000").size());
  for (const std::string& command :
       std::vector<std::string>{"./stagelog.sh", "--odd", "", "/", "\xc3\xa4 b",
                                std::string(500, 'x'), "[", "journal.json"}) {
    const auto target = Given{Options("", "", command)}.Choose();
    ASSERT_TRUE(target);
    EXPECT_TRUE(IsJobId(target->job_id)) << target->job_id;
    EXPECT_TRUE(IsName(NameOfCommand(command))) << command;
  }
}

TEST(RunTargetTest, WhatMakesNoSenseIsSaid) {
  const auto expect = [](const Given& given, const std::string& says) {
    const auto target = given.Choose();
    ASSERT_FALSE(target) << says;
    EXPECT_EQ(target.error().code, ExitCode::kUsage);
    EXPECT_NE(target.error().message.find(says), std::string::npos) << target.error().message;
  };
  expect({Options("", "s")}, "no job; give --job");
  expect({Options("a b", "")}, "--job: 'a b' is not a valid job id");
  expect({Options("stagelog.x", "")}, "not a valid job id");
  expect({Options("j", "a//b")}, "is not a valid stage");
  expect({Options("", "s"), {{"STAGELOG_JOB", "../x"}}},
         "STAGELOG_JOB: '../x' is not a valid job id");
  expect({{"j", "p", "s", {"x"}}}, "--pipeline applies to jobs only");
  expect({{"j", std::string(300, 'p'), "", {"x"}}}, "--pipeline: longer than 256 bytes");
}

}  // namespace
}  // namespace stagelog::cli
