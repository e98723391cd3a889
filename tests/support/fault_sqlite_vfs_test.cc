#include "tests/support/fault_sqlite_vfs.h"

#include <gtest/gtest.h>
#include <sqlite3.h>

#include <cstdlib>
#include <optional>
#include <string>

#include "tests/support/fault_file_system.h"
#include "tests/support/temporary_directory.h"

namespace stagelog {
namespace {

// A connection to test with; what it did last is in `code`.
class Connection {
 public:
  Connection(const FaultFileSystem& files, const std::string& path) {
    code = sqlite3_open_v2(path.c_str(), &database_, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE,
                           files.SqliteVfs().c_str());
    sqlite3_extended_result_codes(database_, 1);
  }
  ~Connection() { sqlite3_close(database_); }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  bool Run(const std::string& sql) {
    code = sqlite3_exec(database_, sql.c_str(), nullptr, nullptr, nullptr);
    return code == SQLITE_OK;
  }

  // The first column of the first row as a number; -1 on a failure.
  int Number(const std::string& sql) {
    sqlite3_stmt* statement = nullptr;
    code = sqlite3_prepare_v2(database_, sql.c_str(), -1, &statement, nullptr);
    if (code == SQLITE_OK) code = sqlite3_step(statement);
    const int number = code == SQLITE_ROW ? sqlite3_column_int(statement, 0) : -1;
    sqlite3_finalize(statement);
    return number;
  }

  int Rows() { return Number("SELECT count(*) FROM t"); }

  int code = SQLITE_OK;

 private:
  sqlite3* database_ = nullptr;
};

class FaultSqliteVfsTest : public testing::Test {
 protected:
  // A new connection with one row committed.
  void Start() {
    Reopen();
    ASSERT_TRUE(connection_->Run("CREATE TABLE t(x)"));
    ASSERT_TRUE(connection_->Run("INSERT INTO t VALUES(1)"));
  }

  void Reopen() {
    connection_.reset();
    connection_.emplace(files_, path_);
    ASSERT_EQ(connection_->code, SQLITE_OK);
    ASSERT_TRUE(connection_->Run("PRAGMA journal_mode=" + journal_mode_));
    ASSERT_TRUE(connection_->Run("PRAGMA synchronous=" + synchronous_));
  }

  std::string journal_mode_ = "WAL";
  std::string synchronous_ = "FULL";
  TemporaryDirectory directory_;
  const std::string path_ = directory_.Path("test.db");
  FaultFileSystem files_;
  std::optional<Connection> connection_;
};

class JournalModeTest : public FaultSqliteVfsTest,
                        public testing::WithParamInterface<const char*> {};

INSTANTIATE_TEST_SUITE_P(Modes, JournalModeTest, testing::Values("WAL", "DELETE", "TRUNCATE"));

TEST_P(JournalModeTest, WhatWasCommittedSurvivesTheCrash) {
  Start();
  for (int i = 0; i < 50; ++i) ASSERT_TRUE(connection_->Run("INSERT INTO t VALUES(2)"));
  files_.Crash();
  Reopen();
  EXPECT_EQ(connection_->Rows(), 51);
  EXPECT_EQ(connection_->Number("SELECT integrity_check='ok' FROM pragma_integrity_check"), 1);
}

TEST_P(JournalModeTest, CommittedWithoutSyncsIsLost) {
  Start();
  ASSERT_TRUE(connection_->Run("PRAGMA synchronous=OFF"));
  ASSERT_TRUE(connection_->Run("INSERT INTO t VALUES(2)"));
  EXPECT_EQ(connection_->Rows(), 2);
  files_.Crash();
  Reopen();
  EXPECT_EQ(connection_->Rows(), 1);
}

// Whatever part of the unsynced bytes stays, what was committed is there and the rest is not half
// there.
TEST_P(JournalModeTest, SurvivesSeededCrashesInTheMiddleOfATransaction) {
  Start();
  int rows = connection_->Rows();
  for (uint64_t seed = 0; seed < 60; ++seed) {
    ASSERT_TRUE(connection_->Run("PRAGMA cache_size=2"));
    ASSERT_TRUE(connection_->Run("INSERT INTO t VALUES(randomblob(3000))"));
    ++rows;
    ASSERT_TRUE(connection_->Run("BEGIN"));
    for (int i = 0; i < 5; ++i) {
      ASSERT_TRUE(connection_->Run("INSERT INTO t VALUES(randomblob(5000))"));
    }
    files_.Crash(seed);
    Reopen();
    ASSERT_EQ(connection_->Rows(), rows) << seed;
    ASSERT_EQ(connection_->Number("SELECT integrity_check='ok' FROM pragma_integrity_check"), 1);
  }
}

// Every step of a commit fails in turn; then the power is cut. What was acknowledged is there.
TEST_P(JournalModeTest, AFailureAtAnyStepLosesNothingThatWasAcknowledged) {
  Start();
  files_.ResetCounts();
  ASSERT_TRUE(connection_->Run("INSERT INTO t VALUES(2)"));
  const size_t steps = files_.OperationCount();
  ASSERT_GE(steps, 2U);
  int acknowledged = 2;
  for (size_t step = 1; step <= steps; ++step) {
    files_.Inject({.nth = step, .until_healed = true});
    const bool took = connection_->Run("INSERT INTO t VALUES(3)");
    if (took) ++acknowledged;
    files_.Crash();
    files_.Heal();
    Reopen();
    const int rows = connection_->Rows();
    EXPECT_GE(rows, acknowledged) << step;
    EXPECT_LE(rows, acknowledged + 1) << step;
    acknowledged = rows;
  }
}

TEST_F(FaultSqliteVfsTest, AFailedSyncFailsTheCommit) {
  Start();
  files_.Inject({.operation = Operation::kSync, .path_contains = "-wal"});
  EXPECT_FALSE(connection_->Run("INSERT INTO t VALUES(2)"));
  EXPECT_EQ(connection_->code, SQLITE_IOERR_FSYNC);
  EXPECT_EQ(connection_->Rows(), 1);
  EXPECT_TRUE(connection_->Run("INSERT INTO t VALUES(2)"));
}

TEST_F(FaultSqliteVfsTest, AFullDiskIsTold) {
  Start();
  files_.Inject({.operation = Operation::kWrite, .path_contains = "-wal", .error_number = ENOSPC});
  EXPECT_FALSE(connection_->Run("INSERT INTO t VALUES(2)"));
  EXPECT_EQ(connection_->code, SQLITE_FULL);
  files_.Inject({.operation = Operation::kWrite, .torn_bytes = 10});
  EXPECT_FALSE(connection_->Run("INSERT INTO t VALUES(2)"));
  EXPECT_EQ(connection_->code, SQLITE_IOERR_WRITE);
}

TEST_F(FaultSqliteVfsTest, CountsOneWriteSyncPerCommit) {
  Start();
  files_.ResetCounts();
  for (int i = 0; i < 10; ++i) ASSERT_TRUE(connection_->Run("INSERT INTO t VALUES(2)"));
  EXPECT_EQ(files_.OperationCount(Operation::kSync, "test.db-wal"), 10U);
  EXPECT_GE(files_.OperationCount(Operation::kWrite, "test.db-wal"), 10U);
  EXPECT_EQ(files_.OperationCount(Operation::kWrite),
            files_.OperationCount(Operation::kWrite, "test.db-wal"));
}

TEST_F(FaultSqliteVfsTest, AConnectionOfBeforeTheCrashDoesNoHarmEvenWhenClosedLate) {
  Start();
  Connection old(files_, path_);
  EXPECT_EQ(old.Rows(), 1);
  ASSERT_TRUE(old.Run("BEGIN; INSERT INTO t VALUES(2)"));
  files_.Crash();
  connection_.reset();
  Reopen();
  EXPECT_FALSE(old.Run("COMMIT"));
  EXPECT_EQ(old.Rows(), -1);
  ASSERT_TRUE(connection_->Run("INSERT INTO t VALUES(3)"));
  {
    Connection another(files_, path_);
    EXPECT_EQ(another.Rows(), 2);
  }
  EXPECT_EQ(connection_->Rows(), 2);
}

TEST_F(FaultSqliteVfsTest, ClosingAfterTheCrashDoesNotCheckpoint) {
  Start();
  files_.Crash();
  const auto before = *files_.Stat(path_);
  connection_.reset();
  EXPECT_EQ(*files_.Stat(path_), before);
  EXPECT_TRUE((*files_.Stat(path_ + "-wal")).has_value());
  EXPECT_FALSE((*files_.Stat(path_ + "-shm")).has_value());
  Reopen();
  EXPECT_EQ(connection_->Rows(), 1);
}

TEST_F(FaultSqliteVfsTest, WithoutPowerNothingOpens) {
  Start();
  files_.PowerOff();
  connection_.reset();
  Connection none(files_, path_);
  EXPECT_EQ(none.Rows(), -1);
  files_.PowerOn();
  Reopen();
  EXPECT_EQ(connection_->Rows(), 1);
}

TEST_F(FaultSqliteVfsTest, ADatabaseBuiltBesideAndRenamedNeedsTheFoldersSync) {
  Start();
  connection_.reset();  // checkpoints
  {
    Connection beside(files_, path_ + ".new");
    ASSERT_TRUE(beside.Run("CREATE TABLE t(x); INSERT INTO t VALUES(1),(2),(3)"));
  }
  ASSERT_TRUE(files_.Rename(path_ + ".new", path_));
  files_.Crash();
  Reopen();
  EXPECT_EQ(connection_->Rows(), 1);
  connection_.reset();
  ASSERT_TRUE(files_.Rename(path_ + ".new", path_));
  ASSERT_TRUE(files_.SyncDirectory(directory_.path()));
  files_.Crash();
  Reopen();
  EXPECT_EQ(connection_->Rows(), 3);
}

TEST_F(FaultSqliteVfsTest, EachObjectHasItsOwnVfsAndTakesItAway) {
  std::string name;
  {
    const FaultFileSystem other;
    name = other.SqliteVfs();
    EXPECT_EQ(name, other.SqliteVfs());
    EXPECT_NE(name, files_.SqliteVfs());
    EXPECT_NE(sqlite3_vfs_find(name.c_str()), nullptr);
  }
  EXPECT_EQ(sqlite3_vfs_find(name.c_str()), nullptr);
}

TEST_F(FaultSqliteVfsTest, AnOrdinaryConnectionReadsBeside) {
  Start();
  sqlite3* plain = nullptr;
  ASSERT_EQ(sqlite3_open_v2(path_.c_str(), &plain, SQLITE_OPEN_READONLY, nullptr), SQLITE_OK);
  EXPECT_EQ(sqlite3_exec(plain, "SELECT * FROM t", nullptr, nullptr, nullptr), SQLITE_OK);
  EXPECT_TRUE(connection_->Run("INSERT INTO t VALUES(2)"));
  sqlite3_close(plain);
}

}  // namespace
}  // namespace stagelog
