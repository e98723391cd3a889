// The compressed file by itself: what is read is what was written, or an error.
#include "log/file/compressed_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <zstd.h>

#include <fstream>
#include <random>

#include "log/file/line_reader.h"
#include "log/file/stored_file.h"
#include "tests/support/journal_evidence.h"
#include "tests/support/sanitizer.h"
#include "tests/support/temporary_directory.h"

namespace stagelog {
namespace {

using ::testing::HasSubstr;

std::string RandomLines(std::mt19937& random, size_t bytes) {
  std::string text;
  while (text.size() < bytes) {
    for (size_t size = random() % 400; size > 0; --size) {
      text += static_cast<char>('a' + random() % 20);
    }
    text += '\n';
  }
  return text;
}

class MemoryFile : public ReadFile {
 public:
  explicit MemoryFile(std::string bytes) : bytes_(std::move(bytes)) {}

  Result<size_t> ReadAt(uint64_t offset, char* buffer, size_t size) override {
    return offset > bytes_.size() ? 0 : bytes_.copy(buffer, size, offset);
  }

 private:
  const std::string bytes_;
};

class CompressedFileTest : public ::testing::Test {
 protected:
  // In frames of about `frame_bytes`.
  static std::string Compress(const std::string& text, size_t frame_bytes) {
    FrameEncoder encoder;
    std::string file;
    for (size_t offset = 0; offset < text.size(); offset += frame_bytes) {
      file += *encoder.Encode(std::string_view(text).substr(offset, frame_bytes));
    }
    return file + encoder.SeekTable();
  }

  static Result<std::unique_ptr<CompressedFile>> Open(
      const std::string& bytes,
      CompressedFile::Damage damage = CompressedFile::Damage::kIsAnError) {
    return CompressedFile::Open(std::make_unique<MemoryFile>(bytes), bytes.size(), "it", damage);
  }

  static Result<std::string> ReadRange(ReadFile& file, uint64_t offset, size_t size) {
    std::string bytes(size, '\0');
    const Result<size_t> got = file.ReadAt(offset, bytes.data(), size);
    if (!got) return tl::unexpected(got.error());
    bytes.resize(*got);
    return bytes;
  }

  // All of it through a reader of lines, or why not.
  static Result<std::string> ReadLines(const std::string& bytes) {
    Result<std::unique_ptr<CompressedFile>> file = Open(bytes);
    if (!file) return tl::unexpected(file.error());
    LineReader reader(std::move(*file));
    std::string text;
    while (true) {
      const auto line = reader.Next();
      if (!line) return tl::unexpected(line.error());
      if (!line->has_value()) return text;
      text += (*line)->text;
      if ((*line)->terminated) text += '\n';
    }
  }

  static void ExpectDamaged(const std::string& bytes, const std::string& why) {
    const Result<std::string> text = ReadLines(bytes);
    ASSERT_FALSE(text) << why;
    EXPECT_EQ(text.error().error_number, kDamagedFile) << text.error().message;
    EXPECT_THAT(text.error().message, HasSubstr(why));
  }

  std::mt19937 random_{7};
};

TEST_F(CompressedFileTest, IsReadAtAnyPlaceAndByAnyProgram) {
  const std::string text = RandomLines(random_, 200'000);
  for (const size_t frame_bytes : {size_t{1'000}, size_t{65'537}, text.size()}) {
    const std::string bytes = Compress(text, frame_bytes);
    EXPECT_EQ(ExpandZstd(bytes), text);
    EXPECT_EQ(*ReadLines(bytes), text);
    const auto file = Open(bytes);
    ASSERT_TRUE(file) << file.error().message;
    for (int i = 0; i < 200; ++i) {
      const size_t offset = random_() % (text.size() + 100);
      const size_t size = random_() % 5'000;
      const std::string expected = offset < text.size() ? text.substr(offset, size) : std::string();
      EXPECT_EQ(*ReadRange(**file, offset, size), expected);
    }
  }
}

TEST_F(CompressedFileTest, AnEmptyFileIsOneToo) {
  const std::string bytes = Compress("", 10);
  EXPECT_EQ(*ReadLines(bytes), "");
  EXPECT_EQ(ExpandZstd(bytes), "");
}

TEST_F(CompressedFileTest, ATableWithChecksumsIsTaken) {
  FrameEncoder encoder;
  std::string bytes = *encoder.Encode("a\n");
  bytes += *encoder.Encode("b\n");
  // Four bytes of a checksum in each entry, as the format allows.
  const std::string table = encoder.SeekTable();
  std::string wide = table.substr(0, 4) + std::string("\x21\0\0\0", 4);
  for (size_t i = 0; i < 2; ++i) wide += table.substr(8 + 8 * i, 8) + "sums";
  wide += table.substr(table.size() - 9, 4) + '\x80' + table.substr(table.size() - 4);
  EXPECT_EQ(*ReadLines(bytes + wide), "a\nb\n");
}

TEST_F(CompressedFileTest, AFrameThatIsSaidToBeEmptyIsNotPassedOver) {
  FrameEncoder encoder;
  std::string bytes = *encoder.Encode("a\n");
  bytes += *encoder.Encode("b\n");
  bytes += encoder.SeekTable();
  bytes[bytes.size() - 9 - 4] = 0;
  ExpectDamaged(bytes, "frame 1 claims to be empty");
}

TEST_F(CompressedFileTest, EveryBitCounts) {
  const std::string text = RandomLines(random_, 1'500);
  const std::string bytes = Compress(text, 600);
  int read_as_before = 0;
  for (size_t i = 0; i < bytes.size(); i += kSanitized ? 5 : 1) {
    for (int bit = 0; bit < 8; ++bit) {
      std::string damaged = bytes;
      damaged[i] = static_cast<char>(damaged[i] ^ (1 << bit));
      const Result<std::string> got = ReadLines(damaged);
      if (got) {
        ASSERT_EQ(*got, text) << "byte " << i << " bit " << bit;
        ++read_as_before;
      } else {
        ASSERT_EQ(got.error().error_number, kDamagedFile) << got.error().message;
      }
    }
  }
  // zstd does not use all bits of its heads and tables.
  EXPECT_LE(read_as_before, static_cast<int>(bytes.size()) / 10);
}

TEST_F(CompressedFileTest, NoByteMayBeMissingOrMore) {
  const std::string text = RandomLines(random_, 2'000);
  const std::string bytes = Compress(text, 700);
  for (size_t size = 0; size < bytes.size(); ++size) {
    ASSERT_FALSE(ReadLines(bytes.substr(0, size))) << size;
    std::string hole = bytes;
    hole.erase(size, 1);
    ASSERT_FALSE(ReadLines(hole)) << size;
    std::string more = bytes;
    more.insert(size, 1, 'x');
    ASSERT_FALSE(ReadLines(more)) << size;
  }
  EXPECT_FALSE(ReadLines(bytes + "x"));
  EXPECT_FALSE(ReadLines(bytes + bytes)) << "two files are not one";
}

TEST_F(CompressedFileTest, RandomDamageIsNeverReadAsSomethingElse) {
  const std::string text = RandomLines(random_, 20'000);
  const std::string bytes = Compress(text, 3'000);
  for (int round = 0; round < 3'000; ++round) {
    std::string damaged = bytes;
    for (size_t count = 1 + random_() % 4; count > 0; --count) {
      const size_t at = random_() % damaged.size();
      const size_t size = std::min<size_t>(1 + random_() % 40, damaged.size() - at);
      const std::string other = damaged.substr(random_() % (damaged.size() - size + 1), size);
      switch (random_() % 3) {
        case 0:
          damaged.replace(at, size, other);  // a piece from elsewhere
          break;
        case 1:
          damaged.replace(at, size, std::string(size, '\0'));  // a page that was not written
          break;
        default:
          damaged.resize(std::max<size_t>(at, 1));
      }
    }
    const Result<std::string> got = ReadLines(damaged);
    ASSERT_TRUE(!got || *got == text)
        << "round " << round << " size " << damaged.size() << " of " << bytes.size() << " text "
        << got->size() << " of " << text.size();
  }
}

TEST_F(CompressedFileTest, FramesInAnotherOrderAreFound) {
  FrameEncoder encoder;
  const std::string first = *encoder.Encode("one\n");
  const std::string second = *encoder.Encode("two, longer\n");
  ExpectDamaged(second + first + encoder.SeekTable(), "does not match the seek table");
}

TEST_F(CompressedFileTest, WhatClaimsTooMuchIsRefused) {
  // 64 MiB of nothing, in some kilobytes.
  const std::string zeros(size_t{64} << 20, '\0');
  std::string bomb(ZSTD_compressBound(zeros.size()), '\0');
  bomb.resize(ZSTD_compress(bomb.data(), bomb.size(), zeros.data(), zeros.size(), 3));
  ASSERT_LT(bomb.size(), 100'000U);
  const auto number = [](size_t value) {
    std::string bytes;
    for (int shift = 0; shift < 32; shift += 8) bytes += static_cast<char>(value >> shift);
    return bytes;
  };
  const auto with_table = [&](size_t content) {
    return bomb + number(0x184D2A5E) + number(17) + number(bomb.size()) + number(content) +
           number(1) + '\0' + number(0x8F92EAB1);
  };
  ExpectDamaged(with_table(zeros.size()), "claims to have 67108864 bytes");
  ExpectDamaged(with_table(100), "does not match the seek table");
  ExpectDamaged(bomb, "no seek table at the end");
  ExpectDamaged(number(0x184D2A5E) + number(17) + number(0xFFFFFFFF) + '\0' + number(0x8F92EAB1),
                "the seek table claims 4294967295 frames");
}

TEST_F(CompressedFileTest, ADamagedFrameCanBeSteppedOver) {
  const std::string text = std::string(1'000, 'a') + "\n" + std::string(1'000, 'b') + "\n" +
                           std::string(1'000, 'c') + "\n";
  std::string bytes = Compress(text, 1'001);
  const std::string frame = *FrameEncoder().Encode(text.substr(1'001, 1'001));
  const size_t at = bytes.find(frame);
  ASSERT_NE(at, std::string::npos);
  bytes[at + frame.size() - 2] ^= 1;
  const auto file = Open(bytes, CompressedFile::Damage::kIsBlankLines);
  ASSERT_TRUE(file) << file.error().message;
  EXPECT_EQ(*ReadRange(**file, 0, 5'000),
            text.substr(0, 1'001) + std::string(1'001, '\n') + text.substr(2'002));
  const auto strict = Open(bytes);
  EXPECT_EQ(*ReadRange(**strict, 2'002, 5'000), text.substr(2'002)) << "the others are sound";
  EXPECT_FALSE(ReadRange(**strict, 1'500, 10));
  EXPECT_FALSE(ReadRange(**strict, 500, 600)) << "never a part, which would pass for the end";
}

TEST_F(CompressedFileTest, ThePlainFileCountsWhereBothAre) {
  const TemporaryDirectory directory;
  const std::string plain = directory.Path("events.jsonl");
  std::ofstream(CompressedPath(plain), std::ios::binary) << Compress("compressed\n", 100);
  EXPECT_EQ(*ReadRange(**OpenStoredFile(RealFileSystem(), plain), 0, 100), "compressed\n");
  EXPECT_TRUE((*FindStoredFile(RealFileSystem(), plain))->is_compressed());
  EXPECT_EQ(*ContentSizeOf(RealFileSystem(), plain), 11U);
  std::ofstream(plain) << "plain\n";
  EXPECT_EQ(*ReadRange(**OpenStoredFile(RealFileSystem(), plain), 0, 100), "plain\n");
  EXPECT_FALSE((*FindStoredFile(RealFileSystem(), plain))->is_compressed());
  EXPECT_EQ(*ContentSizeOf(RealFileSystem(), plain), 6U);
  std::filesystem::remove(CompressedPath(plain));
  EXPECT_EQ(*ReadRange(**OpenStoredFile(RealFileSystem(), CompressedPath(plain)), 0, 100),
            "plain\n")
      << "it was made plain since somebody found it";
}

}  // namespace
}  // namespace stagelog
