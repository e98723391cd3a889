#include "tests/support/fault_file_system.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <set>
#include <string>
#include <thread>

#include "tests/support/temporary_directory.h"

namespace stagelog {
namespace {

using testing::UnorderedElementsAre;

class FaultFileSystemTest : public testing::Test {
 protected:
  std::string Path(const std::string& name) { return directory_.Path(name); }

  // No value when there is no such file.
  std::optional<std::string> Contents(const std::string& name) {
    const auto bytes = ReadWholeFile(RealFileSystem(), Path(name));
    return bytes ? std::optional(*bytes) : std::nullopt;
  }

  std::unique_ptr<AppendFile> Open(const std::string& name) {
    auto file = files_.OpenAppend(Path(name));
    EXPECT_TRUE(file) << file.error().message;
    return std::move(*file);
  }

  // A file that survives a power cut, opened for more.
  std::unique_ptr<AppendFile> OpenSynced(const std::string& name, std::string_view bytes) {
    EXPECT_TRUE(files_.WriteFile(Path(name), bytes));
    EXPECT_TRUE(files_.SyncDirectory(directory_.path()));
    return Open(name);
  }

  TemporaryDirectory directory_;
  FaultFileSystem files_;
};

TEST_F(FaultFileSystemTest, WhatAFailedSyncForgetsIsLostThoughALaterOneSucceeds) {
  for (const bool is_rewritten : {false, true}) {
    const auto file = OpenSynced("a", "one,");
    ASSERT_TRUE(file->Append("two,"));
    files_.Inject({.operation = Operation::kSync, .forget_unsynced = true});
    EXPECT_FALSE(file->Sync());
    EXPECT_TRUE(file->Sync());
    EXPECT_TRUE(!is_rewritten || files_.Rewrite(Path("a"), 4));
    ASSERT_TRUE(file->Append("three"));
    EXPECT_TRUE(file->Sync());
    EXPECT_EQ(Contents("a"), "one,two,three");
    files_.Crash();
    const std::string lost("one,\0\0\0\0three", 13);
    EXPECT_EQ(Contents("a"), is_rewritten ? "one,two,three" : lost);
  }
}

TEST_F(FaultFileSystemTest, LooksListingsAndClosingsFailWhenToldTo) {
  const auto file = OpenSynced("a", "one");
  for (const Operation operation : {Operation::kStat, Operation::kList, Operation::kClose}) {
    files_.Inject({.operation = operation});
  }
  EXPECT_EQ(files_.Stat(Path("a")).error().error_number, EIO);
  EXPECT_TRUE(files_.Stat(Path("a")));
  EXPECT_EQ(files_.List(directory_.path()).error().error_number, EIO);
  EXPECT_EQ(file->Close().error().error_number, EIO);
  files_.SetFreeBytes(7);
  EXPECT_EQ(*files_.FreeBytes(directory_.path()), 7U);
}

TEST_F(FaultFileSystemTest, PassesThroughWhenNothingIsInjected) {
  const auto file = Open("a");
  EXPECT_TRUE(file->Append("one"));
  EXPECT_TRUE(file->Append("two"));
  EXPECT_TRUE(file->Sync());
  EXPECT_EQ(Contents("a"), "onetwo");
  EXPECT_TRUE(files_.Truncate(Path("a"), 3));
  EXPECT_EQ(*ReadWholeFile(files_, Path("a")), "one");
  EXPECT_TRUE(files_.CreateDirectory(Path("d")));
  EXPECT_TRUE(files_.Rename(Path("a"), Path("d/b")));
  EXPECT_THAT(*files_.List(Path("d")), UnorderedElementsAre("b"));
  EXPECT_TRUE(files_.Remove(Path("d/b")));
  EXPECT_EQ(*files_.Stat(Path("d/b")), std::nullopt);
  EXPECT_EQ(files_.Remove(Path("d/b")).error().error_number, ENOENT);
}

TEST_F(FaultFileSystemTest, CrashDropsTheUnsyncedAppendAndKeepsTheSynced) {
  const auto file = OpenSynced("a", "");
  ASSERT_TRUE(file->Append("synced,"));
  ASSERT_TRUE(file->Sync());
  ASSERT_TRUE(file->Append("lost,"));
  ASSERT_TRUE(file->Append("lost too"));
  files_.Crash();
  EXPECT_EQ(Contents("a"), "synced,");
}

TEST_F(FaultFileSystemTest, CrashKeepsTheSyncedFilesIdentity) {
  const auto file = OpenSynced("a", "synced");
  const auto before = *files_.Stat(Path("a"));
  ASSERT_TRUE(file->Append("lost"));
  files_.Crash();
  EXPECT_EQ(*files_.Stat(Path("a")), before);
}

TEST_F(FaultFileSystemTest, CrashTakesTruncationsBackInTheRightOrder) {
  const auto file = OpenSynced("a", "0123456789");
  ASSERT_TRUE(file->Append("abc"));
  ASSERT_TRUE(files_.Truncate(Path("a"), 4));
  ASSERT_TRUE(file->Append("xyz"));
  ASSERT_TRUE(files_.Truncate(Path("a"), 20));
  files_.Crash();
  EXPECT_EQ(Contents("a"), "0123456789");
}

TEST_F(FaultFileSystemTest, HandlesOfBeforeTheCrashAreDead) {
  const auto file = OpenSynced("a", "synced");
  const auto reader = *files_.OpenRead(Path("a"));
  files_.Crash();
  char byte = 0;
  EXPECT_FALSE(file->Append("ghost"));
  EXPECT_FALSE(file->Sync());
  EXPECT_FALSE(reader->ReadAt(0, &byte, 1));
  EXPECT_EQ(Contents("a"), "synced");
  EXPECT_TRUE(Open("a")->Append("+"));
  EXPECT_EQ(Contents("a"), "synced+");
}

TEST_F(FaultFileSystemTest, NothingWorksWithoutPower) {
  OpenSynced("a", "synced");
  files_.PowerOff();
  EXPECT_FALSE(files_.OpenAppend(Path("a")));
  EXPECT_FALSE(files_.OpenRead(Path("a")));
  EXPECT_FALSE(files_.WriteFile(Path("a"), "x"));
  EXPECT_FALSE(files_.Truncate(Path("a"), 0));
  EXPECT_FALSE(files_.Rename(Path("a"), Path("b")));
  EXPECT_FALSE(files_.Remove(Path("a")));
  EXPECT_FALSE(files_.CreateDirectory(Path("d")));
  EXPECT_FALSE(files_.SyncDirectory(directory_.path()));
  EXPECT_FALSE(files_.List(directory_.path()));
  EXPECT_FALSE(files_.Stat(Path("a")));
  EXPECT_EQ(Contents("a"), "synced");
  files_.PowerOn();
  EXPECT_TRUE(files_.Remove(Path("a")));
}

TEST_F(FaultFileSystemTest, ACreationNeedsTheFoldersSync) {
  ASSERT_TRUE(files_.WriteFile(Path("a"), "whole"));
  files_.Crash();
  EXPECT_EQ(Contents("a"), std::nullopt);
  ASSERT_TRUE(files_.WriteFile(Path("a"), "whole"));
  ASSERT_TRUE(files_.SyncDirectory(directory_.path() + "/"));
  files_.Crash();
  EXPECT_EQ(Contents("a"), "whole");
}

TEST_F(FaultFileSystemTest, AFolderNeedsItsParentsSync) {
  ASSERT_TRUE(files_.CreateDirectory(Path("d")));
  ASSERT_TRUE(files_.WriteFile(Path("d/a"), "whole"));
  ASSERT_TRUE(files_.SyncDirectory(Path("d")));
  files_.Crash();
  EXPECT_EQ(*files_.Stat(Path("d")), std::nullopt);
}

TEST_F(FaultFileSystemTest, ARenameIsUndoneWithoutTheFoldersSync) {
  OpenSynced("a", "new");
  OpenSynced("b", "old");
  ASSERT_TRUE(files_.Rename(Path("a"), Path("b")));
  EXPECT_EQ(Contents("b"), "new");
  files_.Crash();
  EXPECT_EQ(Contents("a"), "new");
  EXPECT_EQ(Contents("b"), "old");
  ASSERT_TRUE(files_.Rename(Path("a"), Path("b")));
  ASSERT_TRUE(files_.SyncDirectory(directory_.path()));
  files_.Crash();
  EXPECT_EQ(Contents("a"), std::nullopt);
  EXPECT_EQ(Contents("b"), "new");
}

TEST_F(FaultFileSystemTest, ARenamedFileKeepsItsUnsyncedBytesUnsynced) {
  const auto file = OpenSynced("a", "synced,");
  ASSERT_TRUE(file->Append("lost"));
  ASSERT_TRUE(files_.Rename(Path("a"), Path("b")));
  ASSERT_TRUE(files_.SyncDirectory(directory_.path()));
  files_.Crash();
  EXPECT_EQ(Contents("b"), "synced,");
}

TEST_F(FaultFileSystemTest, ARemovalIsUndoneWithoutTheFoldersSync) {
  const auto file = OpenSynced("a", "synced,");
  ASSERT_TRUE(file->Append("lost"));
  ASSERT_TRUE(files_.Remove(Path("a")));
  ASSERT_TRUE(files_.WriteFile(Path("a"), "another"));
  files_.Crash();
  EXPECT_EQ(Contents("a"), "synced,");
  ASSERT_TRUE(files_.Remove(Path("a")));
  ASSERT_TRUE(files_.SyncDirectory(directory_.path()));
  files_.Crash();
  EXPECT_EQ(Contents("a"), std::nullopt);
}

TEST_F(FaultFileSystemTest, ReplaceFileSurvivesAndWithoutTheLastSyncDoesNot) {
  ASSERT_TRUE(ReplaceFile(files_, Path("s"), "one"));
  files_.Crash();
  EXPECT_EQ(Contents("s"), "one");
  files_.Inject({.operation = Operation::kSyncDirectory});
  EXPECT_FALSE(ReplaceFile(files_, Path("s"), "two"));
  EXPECT_EQ(Contents("s"), "two");
  files_.Crash();
  EXPECT_EQ(Contents("s"), "one");
}

// Every seed leaves a prefix of what was appended, never less than what was synced; some cut a
// write in two.
TEST_F(FaultFileSystemTest, ASeededCrashKeepsAPrefixAndTearsWrites) {
  std::set<size_t> sizes;
  for (uint64_t seed = 0; seed < 200; ++seed) {
    const auto file = OpenSynced("a", "0123456789");
    ASSERT_TRUE(file->Append("abcdefghij"));
    ASSERT_TRUE(file->Append("klmnopqrst"));
    files_.Crash(seed);
    const std::string left = Contents("a").value();
    EXPECT_EQ(std::string("0123456789abcdefghijklmnopqrst").substr(0, left.size()), left);
    EXPECT_GE(left.size(), 10U);
    sizes.insert(left.size());
  }
  EXPECT_TRUE(sizes.contains(10) && sizes.contains(20) && sizes.contains(30));
  EXPECT_GT(sizes.size(), 10U);
}

TEST_F(FaultFileSystemTest, ASeedDoesTheSameEveryTime) {
  const auto run = [this](uint64_t seed) {
    const auto file = OpenSynced("a", "");
    for (int i = 0; i < 20; ++i) EXPECT_TRUE(file->Append("line " + std::to_string(i) + "\n"));
    files_.Crash(seed);
    return Contents("a").value();
  };
  for (uint64_t seed = 0; seed < 20; ++seed) EXPECT_EQ(run(seed), run(seed));
}

TEST_F(FaultFileSystemTest, TheNthOperationFailsOnceWithTheChosenError) {
  const auto file = OpenSynced("a", "");
  files_.Inject({.operation = Operation::kWrite, .nth = 2, .error_number = ENOSPC});
  EXPECT_TRUE(file->Append("1"));
  EXPECT_EQ(file->Append("2").error().error_number, ENOSPC);
  EXPECT_TRUE(file->Append("3"));
  EXPECT_EQ(Contents("a"), "13");
}

TEST_F(FaultFileSystemTest, OperationsFailUntilHealed) {
  const auto file = OpenSynced("a", "");
  files_.Inject({.operation = Operation::kSync, .until_healed = true});
  EXPECT_FALSE(file->Sync());
  EXPECT_FALSE(file->Sync());
  files_.Heal();
  EXPECT_TRUE(file->Sync());
}

TEST_F(FaultFileSystemTest, EachKindOfOperationCanFail) {
  OpenSynced("a", "x");
  const auto reader = *files_.OpenRead(Path("a"));
  const auto fails = [this](Operation operation, auto&& act) {
    files_.Inject({.operation = operation, .error_number = EDQUOT});
    const auto result = act();
    return !result && result.error().error_number == EDQUOT;
  };
  char byte = 0;
  EXPECT_TRUE(fails(Operation::kOpen, [&] { return files_.OpenAppend(Path("b")); }));
  EXPECT_TRUE(fails(Operation::kOpenRead, [&] { return files_.OpenRead(Path("a")); }));
  EXPECT_TRUE(fails(Operation::kRead, [&] { return reader->ReadAt(0, &byte, 1); }));
  EXPECT_TRUE(fails(Operation::kTruncate, [&] { return files_.Truncate(Path("a"), 0); }));
  EXPECT_TRUE(fails(Operation::kRename, [&] { return files_.Rename(Path("a"), Path("b")); }));
  EXPECT_TRUE(fails(Operation::kRemove, [&] { return files_.Remove(Path("a")); }));
  EXPECT_TRUE(fails(Operation::kMakeDirectory, [&] { return files_.CreateDirectory(Path("d")); }));
  EXPECT_TRUE(
      fails(Operation::kSyncDirectory, [&] { return files_.SyncDirectory(directory_.path()); }));
  EXPECT_THAT(*files_.List(directory_.path()), UnorderedElementsAre("a"));
  EXPECT_EQ(Contents("a"), "x");
}

TEST_F(FaultFileSystemTest, AFaultCanBeKeptToSomePaths) {
  files_.Inject({.operation = Operation::kWrite, .path_contains = "events"});
  EXPECT_TRUE(files_.WriteFile(Path("state"), "x"));
  EXPECT_FALSE(files_.WriteFile(Path("events"), "x"));
}

TEST_F(FaultFileSystemTest, AWriteIsTorn) {
  const auto file = OpenSynced("a", "");
  files_.Inject({.operation = Operation::kWrite, .torn_bytes = 3});
  EXPECT_FALSE(file->Append("torn line\n"));
  EXPECT_EQ(Contents("a"), "tor");
}

TEST_F(FaultFileSystemTest, AFailedSyncLeavesTheBytesUnsyncedOrLosesThem) {
  const auto file = OpenSynced("a", "");
  files_.Inject({.operation = Operation::kSync});
  ASSERT_TRUE(file->Append("kept,"));
  EXPECT_FALSE(file->Sync());
  EXPECT_EQ(Contents("a"), "kept,");
  EXPECT_TRUE(file->Sync());
  files_.Inject({.operation = Operation::kSync, .lose_unsynced = true});
  ASSERT_TRUE(file->Append("gone"));
  EXPECT_FALSE(file->Sync());
  EXPECT_EQ(Contents("a"), "kept,");
}

TEST_F(FaultFileSystemTest, CountsByKindAndPath) {
  ASSERT_TRUE(ReplaceFile(files_, Path("s"), "one"));
  ASSERT_TRUE(ReadWholeFile(files_, Path("s")));
  EXPECT_EQ(files_.OperationCount(Operation::kOpen), 1U);
  EXPECT_EQ(files_.OperationCount(Operation::kWrite), 1U);
  EXPECT_EQ(files_.OperationCount(Operation::kSync), 1U);
  EXPECT_EQ(files_.OperationCount(Operation::kRename), 1U);
  EXPECT_EQ(files_.OperationCount(Operation::kSyncDirectory), 1U);
  EXPECT_EQ(files_.OperationCount(Operation::kOpenRead), 1U);
  EXPECT_EQ(files_.OperationCount(Operation::kRemove), 1U);
  EXPECT_EQ(files_.OperationCount(), 6U);
  EXPECT_EQ(files_.OperationCount(std::nullopt, "s.tmp"), 5U);
  files_.ResetCounts();
  EXPECT_EQ(files_.OperationCount(), 0U);
}

// The way other tests are to use the counts.
TEST_F(FaultFileSystemTest, FailingEachStepOfReplaceFileLeavesTheOldOrTheNewDocument) {
  ASSERT_TRUE(ReplaceFile(files_, Path("s"), "one"));
  const size_t steps = files_.OperationCount();
  for (size_t step = 1; step <= steps; ++step) {
    files_.Inject({.nth = step});
    EXPECT_FALSE(ReplaceFile(files_, Path("s"), "two")) << step;
    files_.Heal();
    files_.Crash();
    EXPECT_EQ(Contents("s"), "one") << step;
  }
}

TEST_F(FaultFileSystemTest, AKillTakesNothingBackAndALaterPowerCutDoes) {
  const auto file = OpenSynced("a", "synced");
  EXPECT_TRUE(file->Append(" written"));
  files_.Kill();
  EXPECT_FALSE(files_.OpenAppend(Path("b"))) << "until PowerOn";
  files_.PowerOn();
  EXPECT_FALSE(file->Append(" by the dead")) << "opened before";
  EXPECT_EQ(Contents("a"), "synced written");
  EXPECT_TRUE(Open("a")->Append(" and more"));
  files_.Crash();
  EXPECT_EQ(Contents("a"), "synced");
}

TEST_F(FaultFileSystemTest, ABlockedOperationGoesOnWhenReleased) {
  const auto file = OpenSynced("a", "");
  files_.BlockNth(Operation::kWrite, 2);
  std::thread writer([&] {
    EXPECT_TRUE(file->Append("1"));
    EXPECT_TRUE(file->Append("2"));
  });
  files_.WaitUntilBlocked();
  EXPECT_EQ(Contents("a"), "1");
  files_.Release();
  writer.join();
  EXPECT_EQ(Contents("a"), "12");
}

TEST_F(FaultFileSystemTest, ABlockedOperationFailsWhenThePowerIsCut) {
  const auto file = OpenSynced("a", "synced");
  files_.BlockNth(Operation::kSync);
  std::thread writer([&] {
    EXPECT_TRUE(file->Append("lost"));
    EXPECT_FALSE(file->Sync());
  });
  files_.WaitUntilBlocked();
  files_.Crash();
  writer.join();
  EXPECT_EQ(Contents("a"), "synced");
}

}  // namespace
}  // namespace stagelog
