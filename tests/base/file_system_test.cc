#include "base/file_system.h"

#include <dirent.h>
#include <dlfcn.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <string>

#include "tests/support/temporary_directory.h"

namespace {

// How many entries this program can still read of folders; then there is an I/O error.
int entries_left = -1;  // -1: all

}  // namespace

// In place of the C library's: no file system at hand fails in the middle of a folder.
extern "C" dirent* readdir(DIR* directory) {
  if (entries_left == 0) {
    errno = EIO;
    return nullptr;
  }
  if (entries_left > 0) --entries_left;
  static const auto real = reinterpret_cast<dirent* (*)(DIR*)>(::dlsym(RTLD_NEXT, "readdir"));
  return real(directory);
}

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

TEST_F(FileSystemTest, AFolderThatCannotBeReadToItsEndIsAFailure) {
  for (const char* name : {"a", "b", "c"}) ASSERT_TRUE(files_.WriteFile(Path(name), ""));
  for (int readable = 0; readable < 5; ++readable) {
    entries_left = readable;
    const auto names = files_.List(directory_.path());
    entries_left = -1;
    ASSERT_FALSE(names) << readable;
    EXPECT_EQ(names.error().error_number, EIO);
    EXPECT_THAT(names.error().message, testing::HasSubstr(directory_.path()));
  }
  EXPECT_THAT(*files_.List(directory_.path()), UnorderedElementsAre("a", "b", "c"));
}

TEST_F(FileSystemTest, RewriteLeavesWhatIsThere) {
  std::string text;
  for (int i = 0; i < 300'000; ++i) text += std::to_string(i) + "\n";  // more than one portion
  ASSERT_TRUE(files_.WriteFile(Path("a"), text));
  const FileInfo before = **files_.Stat(Path("a"));
  for (const uint64_t offset : {uint64_t{0}, uint64_t{1'234'567}, uint64_t{text.size()}}) {
    EXPECT_TRUE(files_.Rewrite(Path("a"), offset));
    EXPECT_EQ(Contents("a"), text);
  }
  EXPECT_EQ((*files_.Stat(Path("a")))->inode, before.inode);
  EXPECT_EQ(files_.Rewrite(Path("none"), 0).error().error_number, ENOENT);
}

TEST_F(FileSystemTest, AFileThatIsClosedIsWhole) {
  const auto file = *files_.OpenAppend(Path("a"));
  ASSERT_TRUE(file->Append("bytes"));
  EXPECT_TRUE(file->Close());
  EXPECT_EQ(Contents("a"), "bytes");
}

TEST_F(FileSystemTest, FreeBytesAreThoseOfTheDisk) {
  EXPECT_TRUE(files_.FreeBytes(directory_.path()));
  EXPECT_EQ(files_.FreeBytes(Path("none")).error().error_number, ENOENT);
}

// As if somebody exchanged the folder between a look at it and the use of what is in it.
TEST_F(FileSystemTest, BelowAGuardedFolderNoLinkOnTheWayIsFollowed) {
  ASSERT_TRUE(files_.CreateDirectory(Path("outside")));
  ASSERT_TRUE(files_.CreateDirectory(Path("outside/gates")));
  ASSERT_TRUE(files_.WriteFile(Path("outside/file"), "precious"));
  ASSERT_TRUE(files_.CreateDirectory(Path("runs")));
  ASSERT_TRUE(files_.WriteFile(Path("runs/file"), "ours"));
  ASSERT_EQ(::symlink(Path("outside").c_str(), Path("runs/job").c_str()), 0);
  files_.FollowNoLinksBelow(Path("runs"));
  const auto is_refused = [](const auto& result) {
    return !result && result.error().error_number == ENOTDIR;
  };
  EXPECT_TRUE(is_refused(files_.OpenAppend(Path("runs/job/file"))));
  EXPECT_TRUE(is_refused(files_.OpenAppend(Path("runs/job/new"))));
  EXPECT_TRUE(is_refused(files_.OpenRead(Path("runs/job/file"))));
  EXPECT_TRUE(is_refused(files_.WriteFile(Path("runs/job/file"), "x")));
  EXPECT_TRUE(is_refused(files_.WriteFile(Path("runs/job/gates/new"), "x")));
  EXPECT_TRUE(is_refused(files_.Rewrite(Path("runs/job/file"), 0)));
  EXPECT_TRUE(is_refused(files_.Truncate(Path("runs/job/file"), 0)));
  EXPECT_TRUE(is_refused(files_.Rename(Path("runs/job/file"), Path("runs/moved"))));
  EXPECT_TRUE(is_refused(files_.Rename(Path("runs/file"), Path("runs/job/new"))));
  EXPECT_TRUE(is_refused(files_.Remove(Path("runs/job/file"))));
  EXPECT_TRUE(is_refused(files_.RemoveDirectory(Path("runs/job/gates"))));
  EXPECT_TRUE(is_refused(files_.CreateDirectory(Path("runs/job/folder"))));
  EXPECT_TRUE(is_refused(files_.SyncDirectory(Path("runs/job"))));
  EXPECT_TRUE(is_refused(files_.List(Path("runs/job"))));
  EXPECT_EQ(files_.OpenAppend(Path("runs/../outside/file/x")).error().error_number, EINVAL);
  EXPECT_EQ(Contents("outside/file"), "precious");
  EXPECT_THAT(*files_.List(Path("outside")), UnorderedElementsAre("file", "gates"));
}

TEST_F(FileSystemTest, AGuardedFolderServesAsAnyOther) {
  ASSERT_TRUE(files_.CreateDirectory(Path("elsewhere")));
  ASSERT_EQ(::symlink(Path("elsewhere").c_str(), Path("runs").c_str()), 0);
  files_.FollowNoLinksBelow(Path("runs") + "/");
  ASSERT_TRUE(files_.CreateDirectory(Path("runs/job")));
  ASSERT_TRUE(files_.CreateDirectory(Path("runs//job")));
  ASSERT_TRUE(files_.CreateDirectory(Path("runs/job/gates")));
  ASSERT_TRUE(files_.WriteFile(Path("runs/job/gates/g.tmp"), "gate"));
  ASSERT_TRUE(files_.Rename(Path("runs/job/gates/g.tmp"), Path("runs/./job/gates/g")));
  EXPECT_EQ(Contents("elsewhere/job/gates/g"), "gate");
  EXPECT_THAT(*files_.List(Path("runs")), UnorderedElementsAre("job"));
  EXPECT_TRUE(files_.SyncDirectory(Path("runs/job/gates")));
  EXPECT_EQ(files_.OpenRead(Path("runs/none/file")).error().error_number, ENOENT);
  EXPECT_TRUE(files_.Remove(Path("runs/job/gates/g")));
  EXPECT_TRUE(files_.RemoveDirectory(Path("runs/job/gates")));
}

TEST(ParentDirectoryTest, IsWhatStandsBeforeTheLastSlash) {
  EXPECT_EQ(ParentDirectory("runs/a/events.jsonl"), "runs/a");
  EXPECT_EQ(ParentDirectory("name"), ".");
  EXPECT_EQ(ParentDirectory("/name"), "/");
  EXPECT_EQ(ParentDirectory("/a/b"), "/a");
}

}  // namespace
}  // namespace stagelog
