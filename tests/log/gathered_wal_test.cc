// SQLite's write-ahead log, written once a transaction.
#include "log/table/gathered_wal.h"

#include <SQLiteCpp/SQLiteCpp.h>
#include <gmock/gmock.h>

#include <random>

#include "log/table/sqlite_setup.h"
#include "tests/support/fault_file_system.h"
#include "tests/support/temporary_directory.h"

namespace stagelog {
namespace {

constexpr int kCreate = kReadWrite | SQLITE_OPEN_CREATE;

void SetUpWal(SQLite::Database& database, int cached_pages) {
  database.exec("PRAGMA page_size=1024");
  database.exec("PRAGMA journal_mode=WAL");
  database.exec("PRAGMA synchronous=FULL");
  database.exec("PRAGMA cache_size=" + std::to_string(cached_pages));
}

// All rows, as another connection reads them from the files.
std::string Rows(const std::string& path, const std::string& vfs = "") {
  SQLite::Database reader(path, kReadWrite, kBusyMillis, vfs);
  std::string text;
  SQLite::Statement query(reader, "SELECT id, body FROM t ORDER BY id");
  while (query.executeStep()) {
    text +=
        query.getColumn(0).getString() + ":" + query.getColumn(1).getString().substr(0, 8) + " ";
  }
  EXPECT_EQ(reader.execAndGet("PRAGMA integrity_check").getString(), "ok");
  return text;
}

class GatheredWalTest : public ::testing::Test {
 protected:
  void Open() {
    database_.emplace(path_, kCreate, kBusyMillis, GatheredWalVfs(files_.SqliteVfs()));
    SetUpWal(*database_, 100);
    database_->exec("CREATE TABLE IF NOT EXISTS t(id INTEGER PRIMARY KEY, body TEXT)");
  }

  void Insert(int first, int count) {
    for (int id = first; id < first + count; ++id) {
      database_->exec("INSERT INTO t VALUES(" + std::to_string(id) + ",'" + std::string(500, 'x') +
                      "')");
    }
  }

  int64_t Count() {
    SQLite::Database reader(path_, kReadWrite, kBusyMillis, files_.SqliteVfs());
    return reader.execAndGet("SELECT count(*) FROM t").getInt64();
  }

  TemporaryDirectory directory_;
  std::string path_ = directory_.Path("a.db");
  FaultFileSystem files_;
  std::optional<SQLite::Database> database_;
};

TEST_F(GatheredWalTest, ATransactionIsOneWrite) {
  Open();
  Insert(1, 1);
  files_.ResetCounts();
  SQLite::Transaction transaction(*database_);
  Insert(2, 40);
  EXPECT_EQ(files_.OperationCount(Operation::kWrite, "-wal"), 0u);
  transaction.commit();
  EXPECT_EQ(files_.OperationCount(Operation::kWrite, "-wal"), 1u);
  EXPECT_EQ(files_.OperationCount(Operation::kSync, "-wal"), 1u);
  EXPECT_EQ(Count(), 41);
}

// More than is gathered at once, and more than SQLite's cache holds.
TEST_F(GatheredWalTest, ALargeTransaction) {
  Open();
  {
    SQLite::Transaction transaction(*database_);
    Insert(1, 3'000);
    transaction.commit();
  }
  EXPECT_EQ(Count(), 3'000);
  EXPECT_EQ(Rows(path_, files_.SqliteVfs()).size(), Rows(path_).size());
}

TEST_F(GatheredWalTest, WithoutASyncAReaderSeesWhatIsCommitted) {
  Open();
  database_->exec("PRAGMA synchronous=OFF");
  for (int i = 0; i < 5; ++i) {
    Insert(i, 1);
    EXPECT_EQ(Count(), i + 1);
  }
}

TEST_F(GatheredWalTest, AWriteThatFailsFailsItsCommitAlone) {
  Open();
  Insert(1, 1);
  for (const size_t torn : {0, 100, 5'000, 20'000}) {
    files_.Inject({.operation = Operation::kWrite,
                   .path_contains = "-wal",
                   .error_number = ENOSPC,
                   .torn_bytes = torn});
    try {
      SQLite::Transaction transaction(*database_);
      Insert(2, 60);
      transaction.commit();
      ADD_FAILURE() << "it was not written";
    } catch (const SQLite::Exception& trouble) {
      EXPECT_EQ(trouble.getErrorCode(), SQLITE_FULL);
    }
    files_.Heal();
    EXPECT_EQ(Count(), 1);
  }
  Insert(2, 60);
  EXPECT_EQ(Count(), 61);
}

// Also between the gathered write and its sync, and where part of the write reached the disk.
TEST_F(GatheredWalTest, ThePowerFailsAtEveryOperation) {
  size_t nth = 0;
  size_t operations = 0;
  do {
    ++nth;
    operations = 0;
    for (uint64_t seed = 0; seed < 4; ++seed) {
      path_ = directory_.Path("power-" + std::to_string(nth) + "-" + std::to_string(seed));
      Open();
      Insert(1, 1);
      files_.ResetCounts();
      files_.Inject({.nth = nth, .until_healed = true, .torn_bytes = 3'000});
      bool is_committed = true;
      try {
        SQLite::Transaction transaction(*database_);
        Insert(2, 60);
        transaction.commit();
      } catch (const SQLite::Exception&) {
        is_committed = false;
      }
      operations = std::max(operations, files_.OperationCount());
      files_.PowerOff(seed == 0 ? std::nullopt : std::optional<uint64_t>(seed));
      database_.reset();
      files_.Heal();
      files_.PowerOn();
      Open();
      if (is_committed) {
        EXPECT_EQ(Count(), 61);
      } else {
        EXPECT_THAT(Count(), ::testing::AnyOf(1, 61));
      }
      database_.reset();
    }
  } while (operations >= nth);
  EXPECT_EQ(nth, 4u) << "two writes of 64 KiB and a sync";
}

// Two connections write in turn, as the writer and a repair do. What the first one spilled before
// it gave up must not come over what the other one has committed.
TEST_F(GatheredWalTest, NothingIsLeftOfARollback) {
  Open();
  SQLite::Database other(path_, kCreate, kBusyMillis, GatheredWalVfs(files_.SqliteVfs()));
  Insert(1, 1);
  for (int round = 0; round < 5; ++round) {
    database_->exec("BEGIN");
    Insert(1'000, 300);
    database_->exec("ROLLBACK");
    other.exec("INSERT INTO t(body) VALUES('" + std::string(700, 'o') + "')");
    EXPECT_EQ(database_->execAndGet("SELECT count(*) FROM t").getInt(), 2 + round);
    EXPECT_EQ(other.execAndGet("PRAGMA integrity_check").getString(), "ok");
    if (round % 2 == 1) other.exec("PRAGMA wal_checkpoint(TRUNCATE)");
  }
  EXPECT_EQ(Rows(path_).size(), Rows(path_, files_.SqliteVfs()).size());
}

// A spilled frame that cannot be written is missing for good: the transaction cannot be committed.
TEST_F(GatheredWalTest, AReadThatCannotWriteWhatWasGatheredEndsTheTransaction) {
  Open();
  Insert(1, 1);
  database_->exec("BEGIN");
  Insert(2, 300);  // more than the cache holds
  files_.Inject({.operation = Operation::kWrite, .path_contains = "-wal", .error_number = ENOSPC});
  EXPECT_THROW(database_->execAndGet("SELECT sum(length(body)) FROM t"), SQLite::Exception);
  EXPECT_THROW(database_->exec("COMMIT"), SQLite::Exception);
  try {
    database_->exec("ROLLBACK");
  } catch (const SQLite::Exception&) {  // SQLite has rolled back by itself
  }
  EXPECT_EQ(Count(), 1);
  Insert(2, 60);
  EXPECT_EQ(Count(), 61);
  EXPECT_EQ(database_->execAndGet("PRAGMA integrity_check").getString(), "ok");
}

// Savepoints, rollbacks and a small cache let SQLite write frames early, read them again, write
// them a second time in their place and give them up.
TEST_F(GatheredWalTest, WhateverSqliteDoesTheFilesAreAsWithoutIt) {
  std::mt19937 random(5);
  const auto below = [&](int bound) {
    return static_cast<int>(random() % static_cast<unsigned>(bound));
  };
  for (int round = 0; round < 3; ++round) {
    const std::string name = "random-" + std::to_string(round);
    const std::string gathered = directory_.Path(name);
    const std::string plain = directory_.Path(name + "-plain");
    SQLite::Database a(gathered, kCreate, kBusyMillis, GatheredWalVfs(""));
    SQLite::Database b(plain, kCreate, kBusyMillis);
    std::string depth;
    const auto execute = [&](const std::string& sql) {
      a.exec(sql);
      b.exec(sql);
    };
    for (SQLite::Database* database : {&a, &b}) SetUpWal(*database, 10);
    execute("CREATE TABLE t(id INTEGER PRIMARY KEY, body TEXT)");
    for (int step = 0; step < 400; ++step) {
      const std::string id = std::to_string(below(300));
      switch (below(12)) {
        case 0:
          if (depth.empty()) execute("BEGIN");
          execute("SAVEPOINT s" + std::to_string(depth.size()));
          depth += 's';
          break;
        case 1:
          if (depth.empty()) break;
          depth.pop_back();
          execute("ROLLBACK TO s" + std::to_string(depth.size()));
          execute("RELEASE s" + std::to_string(depth.size()));
          if (depth.empty()) execute("COMMIT");
          break;
        case 2:
          if (!depth.empty()) execute(below(2) == 0 ? "COMMIT" : "ROLLBACK");
          depth.clear();
          EXPECT_EQ(Rows(gathered), Rows(plain));
          break;
        case 3:
          if (depth.empty()) execute("PRAGMA wal_checkpoint(TRUNCATE)");
          break;
        case 4:
          execute("DELETE FROM t WHERE id % 7 = " + std::to_string(below(7)));
          break;
        default:
          execute("INSERT OR REPLACE INTO t VALUES(" + id + ",'" + std::to_string(step) +
                  std::string(static_cast<size_t>(below(3'000)), 'x') + "')");
      }
    }
    if (!depth.empty()) execute("COMMIT");
    EXPECT_EQ(Rows(gathered), Rows(plain));
  }
}

}  // namespace
}  // namespace stagelog
