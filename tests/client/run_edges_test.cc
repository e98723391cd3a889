// Which events of a spool begin a run.
#include "client/run_edges.h"

#include <gtest/gtest.h>

#include <string>

namespace stagelog::cli::run_edges_test {
namespace {

TEST(RunEdgesTest, ARunBeginsWithAJobThatNamesItsProcess) {
  EXPECT_TRUE(BeginsRun(R"({"type":"job_created","payload":{"pid":7}})"));
  EXPECT_TRUE(BeginsRun(R"({"type": "job_resumed", "payload": {"pid": 7}})"));
  EXPECT_TRUE(BeginsRun(R"({"type":"job_resumed","payload":{"for_stage":"a"}})"));
  EXPECT_FALSE(BeginsRun(R"({"type":"job_created","payload":{"for_stage":"a"}})"));
  EXPECT_FALSE(BeginsRun(R"({"type":"job_created"})"));
  EXPECT_FALSE(BeginsRun("not JSON \"job_created\""));
}

TEST(RunEdgesTest, WhatALogQuotesBeginsNone) {
  EXPECT_FALSE(BeginsRun(
      R"({"type":"log","message":"m","payload":{"of":{"type":"job_created","pid":7},"pid":7}})"));
  EXPECT_FALSE(
      BeginsRun(R"({"type":"log","message":"\"type\":\"job_created\"","payload":{"pid":1}})"));
  const std::string created = R"({"type":"job_created","payload":{"pid":7}})";
  EXPECT_EQ(BeginningSize({created, R"({"type":"job_started"})"}), 2U);
  EXPECT_EQ(BeginningSize({created, R"({"type":"log","payload":{"type":"job_started"}})"}), 1U);
}

}  // namespace
}  // namespace stagelog::cli::run_edges_test
