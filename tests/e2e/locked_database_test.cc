// Another program holds the write lock of stagelog.db: who writes waits, and nobody else.
#include <SQLiteCpp/SQLiteCpp.h>
#include <gmock/gmock.h>

#include "tests/support/daemon_fixture.h"

namespace stagelog {
namespace {

class LockedDatabaseTest : public DaemonTest {
 protected:
  LockedDatabaseTest() { Start(); }

  std::string AppendRequest(const std::string& message) const {
    HttpHeaders headers = BearerHeader(kAdminToken);
    headers.emplace_back("Content-Type", "application/json");
    return RequestText("POST", "/api/v1/jobs/a/events", headers,
                       R"({"type":"log","message":")" + message + "\"}");
  }
};

TEST_F(LockedDatabaseTest, TheLoopServesOthersWhileOneAppendWaits) {
  AppendLogs("a", 1);
  SQLite::Database other(runs_dir_ + "/stagelog.db", SQLite::OPEN_READWRITE);
  other.exec("BEGIN IMMEDIATE");
  auto waiting = HttpConnection::Connect(daemon_->port());
  ASSERT_TRUE(waiting);
  // Alone and small: this one is written by the thread that serves all.
  ASSERT_TRUE(waiting->Send(AppendRequest("first")));
  for (int i = 0; i < 20; ++i) {
    EXPECT_EQ(admin().Get("/healthz").status, 200);
    EXPECT_EQ(GetJson("/api/v1/jobs/a/events")["events"].size(), 1U);
  }
  other.exec("ROLLBACK");
  const auto answer = waiting->ReadResponse();
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->status, 201) << answer->body;
  EXPECT_EQ(GetJson("/api/v1/jobs/a/events")["events"].size(), 2U);
  // And the loop is its own thread's again.
  AppendLogs("a", 3);
}

TEST_F(LockedDatabaseTest, WhatCameMeanwhileIsWrittenAfterwards) {
  AppendLogs("a", 1);
  SQLite::Database other(runs_dir_ + "/stagelog.db", SQLite::OPEN_READWRITE);
  other.exec("BEGIN IMMEDIATE");
  std::vector<HttpConnection> waiting;
  for (int i = 0; i < 20; ++i) {
    auto connection = HttpConnection::Connect(daemon_->port());
    ASSERT_TRUE(connection);
    ASSERT_TRUE(connection->Send(AppendRequest(std::to_string(i))));
    EXPECT_EQ(admin().Get("/healthz").status, 200);
    waiting.push_back(std::move(*connection));
  }
  other.exec("ROLLBACK");
  for (HttpConnection& connection : waiting) {
    const auto answer = connection.ReadResponse();
    ASSERT_TRUE(answer);
    EXPECT_EQ(answer->status, 201) << answer->body;
  }
  EXPECT_EQ(GetJson("/api/v1/jobs/a/events")["events"].size(), 21U);
}

}  // namespace
}  // namespace stagelog
