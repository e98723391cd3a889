#include "base/file_system.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <string>

#include "tests/support/temporary_directory.h"

namespace stagelog {
namespace {

using testing::UnorderedElementsAre;

class FileSystemTest : public testing::Test {
 protected:
  std::string Path(const std::string& name) { return directory_.Path(name); }
  std::string Contents(const std::string& name) { return *ReadWholeFile(files_, Path(name)); }

  TemporaryDirectory directory_;
  FileSystem& files_ = RealFileSystem();
};

TEST_F(FileSystemTest, AppendsToANewAndToAnExistingFile) {
  for (const char* part : {"one,", "two,", ""}) {
    auto file = files_.OpenAppend(Path("a"));
    ASSERT_TRUE(file);
    EXPECT_TRUE((*file)->Append(part));
    EXPECT_TRUE((*file)->Sync());
  }
  EXPECT_EQ(Contents("a"), "one,two,");
}

TEST_F(FileSystemTest, AppendsGoToTheEndAfterATruncation) {
  auto file = files_.OpenAppend(Path("a"));
  ASSERT_TRUE((*file)->Append("0123456789"));
  ASSERT_TRUE(files_.Truncate(Path("a"), 4));
  ASSERT_TRUE((*file)->Append("x"));
  EXPECT_EQ(Contents("a"), "0123x");
}

TEST_F(FileSystemTest, ReadsAtAnyPlace) {
  ASSERT_TRUE(files_.WriteFile(Path("a"), "0123456789"));
  const auto file = *files_.OpenRead(Path("a"));
  char buffer[16] = {};
  EXPECT_EQ(*file->ReadAt(0, buffer, 4), 4U);
  EXPECT_EQ(std::string(buffer, 4), "0123");
  EXPECT_EQ(*file->ReadAt(8, buffer, sizeof(buffer)), 2U);
  EXPECT_EQ(std::string(buffer, 2), "89");
  EXPECT_EQ(*file->ReadAt(10, buffer, 1), 0U);
  EXPECT_EQ(*file->ReadAt(1'000, buffer, 1), 0U);
}

TEST_F(FileSystemTest, WriteFileReplacesAll) {
  ASSERT_TRUE(files_.WriteFile(Path("a"), "a long text"));
  ASSERT_TRUE(files_.WriteFile(Path("a"), "short"));
  EXPECT_EQ(Contents("a"), "short");
  const std::string binary("\0\n\xff", 3);
  ASSERT_TRUE(files_.WriteFile(Path("a"), binary));
  EXPECT_EQ(Contents("a"), binary);
}

TEST_F(FileSystemTest, NeverFollowsALinkToOpenOrTruncateAFile) {
  ASSERT_TRUE(files_.WriteFile(Path("target"), "precious"));
  ASSERT_EQ(::symlink(Path("target").c_str(), Path("link").c_str()), 0);
  EXPECT_EQ(files_.OpenAppend(Path("link")).error().error_number, ELOOP);
  EXPECT_EQ(files_.OpenRead(Path("link")).error().error_number, ELOOP);
  EXPECT_EQ(files_.WriteFile(Path("link"), "x").error().error_number, ELOOP);
  EXPECT_EQ(files_.Truncate(Path("link"), 0).error().error_number, ELOOP);
  const auto info = *files_.Stat(Path("link"));
  EXPECT_FALSE(info->is_regular);
  EXPECT_EQ(Contents("target"), "precious");
}

TEST_F(FileSystemTest, RenamesOverAnExistingFileAndRemoves) {
  ASSERT_TRUE(files_.WriteFile(Path("a"), "new"));
  ASSERT_TRUE(files_.WriteFile(Path("b"), "old"));
  ASSERT_TRUE(files_.Rename(Path("a"), Path("b")));
  EXPECT_EQ(Contents("b"), "new");
  EXPECT_THAT(*files_.List(directory_.path()), UnorderedElementsAre("b"));
  ASSERT_TRUE(files_.Remove(Path("b")));
  EXPECT_THAT(*files_.List(directory_.path()), UnorderedElementsAre());
}

TEST_F(FileSystemTest, CreatesAFolderOnceOrAgain) {
  EXPECT_TRUE(files_.CreateDirectory(Path("d")));
  EXPECT_TRUE(files_.CreateDirectory(Path("d")));
  EXPECT_TRUE(files_.SyncDirectory(Path("d")));
  EXPECT_TRUE((*files_.Stat(Path("d")))->is_directory);
  ASSERT_TRUE(files_.WriteFile(Path("a"), ""));
  EXPECT_EQ(files_.CreateDirectory(Path("a")).error().error_number, ENOTDIR);
  EXPECT_EQ(files_.CreateDirectory(Path("x/y")).error().error_number, ENOENT);
}

TEST_F(FileSystemTest, StatTellsVersionsApart) {
  EXPECT_EQ(*files_.Stat(Path("a")), std::nullopt);
  ASSERT_TRUE(files_.WriteFile(Path("a"), "12345"));
  EXPECT_EQ(*files_.Stat(Path("a/b")), std::nullopt);  // below a file
  const FileInfo first = **files_.Stat(Path("a"));
  EXPECT_EQ(first.size, 5U);
  EXPECT_TRUE(first.is_regular);
  EXPECT_EQ(**files_.Stat(Path("a")), first);
  ASSERT_TRUE(ReplaceFile(files_, Path("a"), "12345"));
  EXPECT_NE(**files_.Stat(Path("a")), first);
}

TEST_F(FileSystemTest, FailuresNameThePathAndTheErrno) {
  const Error error = files_.OpenRead(Path("none")).error();
  EXPECT_EQ(error.error_number, ENOENT);
  EXPECT_THAT(error.message, testing::HasSubstr(Path("none")));
  EXPECT_EQ(files_.Remove(Path("none")).error().error_number, ENOENT);
  EXPECT_EQ(files_.Rename(Path("none"), Path("b")).error().error_number, ENOENT);
  EXPECT_EQ(files_.Truncate(Path("none"), 0).error().error_number, ENOENT);
  EXPECT_EQ(files_.SyncDirectory(Path("none")).error().error_number, ENOENT);
  EXPECT_EQ(files_.List(Path("none")).error().error_number, ENOENT);
  EXPECT_EQ(files_.OpenAppend(Path("none/a")).error().error_number, ENOENT);
}

TEST_F(FileSystemTest, ReadWholeFileKeepsToItsBound) {
  ASSERT_TRUE(files_.WriteFile(Path("a"), "12345"));
  EXPECT_EQ(*ReadWholeFile(files_, Path("a"), 5), "12345");
  EXPECT_EQ(ReadWholeFile(files_, Path("a"), 4).error().error_number, EFBIG);
  EXPECT_EQ(ReadWholeFile(files_, Path("none")).error().error_number, ENOENT);
  EXPECT_FALSE(ReadWholeFile(files_, directory_.path()));
}

TEST_F(FileSystemTest, ReplaceFileLeavesNoTemporaryFile) {
  ASSERT_TRUE(ReplaceFile(files_, Path("s"), "one"));
  ASSERT_TRUE(ReplaceFile(files_, Path("s"), "two"));
  EXPECT_EQ(Contents("s"), "two");
  EXPECT_THAT(*files_.List(directory_.path()), UnorderedElementsAre("s"));
}

TEST_F(FileSystemTest, ReplaceFileWritesThroughNoLink) {
  ASSERT_TRUE(files_.WriteFile(Path("target"), "precious"));
  for (const char* link : {"a", "a.tmp"}) {
    ::unlink(Path(link).c_str());
    ASSERT_EQ(::symlink(Path("target").c_str(), Path(link).c_str()), 0);
    EXPECT_TRUE(ReplaceFile(files_, Path("a"), link));
    EXPECT_EQ(Contents("a"), link);
  }
  EXPECT_EQ(Contents("target"), "precious");
}

TEST(ParentDirectoryTest, IsWhatStandsBeforeTheLastSlash) {
  EXPECT_EQ(ParentDirectory("runs/a/events.jsonl"), "runs/a");
  EXPECT_EQ(ParentDirectory("name"), ".");
  EXPECT_EQ(ParentDirectory("/name"), "/");
  EXPECT_EQ(ParentDirectory("/a/b"), "/a");
}

}  // namespace
}  // namespace stagelog
