// Bytes of any source as lines.
#include "cli/send/input_lines.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#include <fstream>
#include <memory>
#include <thread>

#include "tests/support/temporary_directory.h"

namespace stagelog {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::string Gzip(const std::string& text) {
  z_stream stream{};
  deflateInit2_(&stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED, MAX_WBITS + 16, 8, Z_DEFAULT_STRATEGY,
                ZLIB_VERSION, static_cast<int>(sizeof(z_stream)));
  std::string out(text.size() + 1'000, '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  stream.avail_in = static_cast<uInt>(text.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  deflate(&stream, Z_FINISH);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

std::string Zstd(const std::string& text) {
  const std::unique_ptr<ZSTD_CCtx, size_t (*)(ZSTD_CCtx*)> context(ZSTD_createCCtx(),
                                                                   &ZSTD_freeCCtx);
  ZSTD_CCtx_setParameter(context.get(), ZSTD_c_checksumFlag, 1);
  std::string out(ZSTD_compressBound(text.size()), '\0');
  out.resize(ZSTD_compress2(context.get(), out.data(), out.size(), text.data(), text.size()));
  return out;
}

class InputLinesTest : public testing::Test {
 protected:
  std::string Write(const std::string& bytes) {
    const std::string path = directory_.Path("file");
    std::ofstream(path, std::ios::binary) << bytes;
    return path;
  }

  // The lines, and the error they ended with.
  std::vector<std::string> Read(const std::string& path) {
    error_.clear();
    std::vector<std::string> texts;
    auto source = cli::OpenByteSource(path, "the file");
    EXPECT_TRUE(source);
    cli::InputLines lines(std::move(*source));
    while (true) {
      auto line = lines.Next();
      if (!line) error_ = line.error().message;
      if (!line || !line->has_value()) return texts;
      texts.push_back((*line)->is_too_long ? "(too long)" : (*line)->text);
      numbers_.push_back((*line)->number);
    }
  }

  TemporaryDirectory directory_;
  std::string error_;
  std::vector<int64_t> numbers_;
};

TEST_F(InputLinesTest, PassesOverMarksAndLineEnds) {
  EXPECT_THAT(Read(Write("\xef\xbb\xbf{\"a\":1}\r\n\r\n \t\n\xef\xbb\xbf{\"b\":2}\r\r\nlast")),
              ElementsAre("{\"a\":1}", "{\"b\":2}", "last"));
  EXPECT_THAT(numbers_, ElementsAre(1, 4, 5));
  EXPECT_THAT(Read(Write("")), ElementsAre());
}

TEST_F(InputLinesTest, ALineThatIsTooLongCostsItself) {
  const std::string longest(cli::InputLines::kMaxLineBytes, 'x');
  EXPECT_THAT(Read(Write("a\n" + longest + "x\nb\n" + longest + "\n" + longest + "yy")),
              ElementsAre("a", "(too long)", "b", longest, "(too long)"));
  EXPECT_THAT(numbers_, ElementsAre(1, 2, 3, 4, 5));
  EXPECT_EQ(error_, "");
}

TEST_F(InputLinesTest, UnpacksWhatIsPacked) {
  std::string text;
  for (int i = 0; i < 20'000; ++i) text += "line " + std::to_string(i) + "\n";
  const auto expected = Read(Write(text));
  ASSERT_EQ(expected.size(), 20'000U);
  const std::string half = text.substr(0, 70'000);
  const std::string rest = text.substr(70'000);
  for (const std::string& packed : {Gzip(text), Zstd(text), Gzip(half) + Gzip(rest),
                                    Zstd(half) + Zstd(rest), Gzip(text) + std::string(512, '\0')}) {
    EXPECT_EQ(Read(Write(packed)), expected);
    EXPECT_EQ(error_, "");
  }
}

TEST_F(InputLinesTest, WhatIsCutOffIsAnErrorBehindWhatThereIs) {
  std::string text;
  for (int i = 0; i < 50'000; ++i) text += std::to_string(i * 7'919 % 50'000) + "\n";
  for (const std::string& packed : {Gzip(text), Zstd(text)}) {
    const auto lines = Read(Write(packed.substr(0, packed.size() - 5)));
    EXPECT_THAT(error_, HasSubstr("the file is damaged: truncated"));
    EXPECT_GT(lines.size(), 1'000U);
    std::string damaged = packed;
    damaged[packed.size() / 2] = static_cast<char>(damaged[packed.size() / 2] ^ 0x55);
    Read(Write(damaged));
    EXPECT_THAT(error_, HasSubstr("the file is damaged"));
  }
}

TEST_F(InputLinesTest, SaysWhatToDoWithWhatItCannotUnpack) {
  Read(Write(std::string("\xfd\x37\x7a\x58\x5a\0", 6)));
  EXPECT_THAT(error_, HasSubstr("xzcat"));
  Read(Write("BZh91AY&SY"));
  EXPECT_THAT(error_, HasSubstr("bzcat"));
  Read(Write(std::string("\xff\xfe{\0}\0", 6)));
  EXPECT_THAT(error_, HasSubstr("iconv -f UTF-16"));
}

TEST_F(InputLinesTest, APipeIsReadAsItComes) {
  const std::string path = directory_.Path("pipe");
  ASSERT_EQ(::mkfifo(path.c_str(), 0600), 0);
  EXPECT_TRUE(cli::IsStreamPath(path));
  EXPECT_TRUE(cli::IsStreamPath("-"));
  EXPECT_FALSE(cli::IsStreamPath(directory_.Path("nowhere")));
  EXPECT_FALSE(cli::IsStreamPath(Write("")));
  std::thread writer([&] {
    const int fd = ::open(path.c_str(), O_WRONLY);
    for (const char c : std::string("(one\nP2\n")) EXPECT_EQ(::write(fd, &c, 1), 1);
    ::close(fd);
  });
  EXPECT_THAT(Read(path), ElementsAre("(one", "P2")) << "bytes of magic numbers that are none";
  writer.join();
}

TEST_F(InputLinesTest, TheFileOfASourceKeepsWhatStandsBeforeDamage) {
  std::string text;
  for (int i = 0; i < 20'000; ++i) text += std::to_string(i) + "\n";
  const std::string packed = Gzip(text);
  auto source = cli::OpenByteSource(Write(packed.substr(0, packed.size() - 4)), "the file");
  ASSERT_TRUE(source);
  const auto file = cli::SequentialFile(std::move(*source));
  std::string read;
  size_t wanted = 4'096;
  while (wanted > 0) {
    std::string part(wanted, '\0');
    const auto got = file->ReadAt(read.size(), part.data(), wanted);
    if (!got) wanted /= 2;
    if (got) read += part.substr(0, *got);
    ASSERT_TRUE(!got || *got > 0);
  }
  EXPECT_EQ(read, text) << "only the checksum is missing";
}

}  // namespace
}  // namespace stagelog
