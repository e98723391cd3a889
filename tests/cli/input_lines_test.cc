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

// --- JSON that is laid out otherwise ---

TEST_F(InputLinesTest, AnArrayIsALineEachElement) {
  const auto elements = ElementsAre(R"({"a":1,"b":[{}]})", R"({"a":"]}"})", R"({"a":3})");
  for (const char* text :
       {"[{\"a\":1,\"b\":[{}]},{\"a\":\"]}\"},{\"a\":3}]",
        "[\n  {\n    \"a\": 1,\n    \"b\": [ {} ]\n  },\n  { \"a\": \"]}\" },\n  {\"a\":3}\n]\n",
        "\xef\xbb\xbf\r\n[ {\"a\":1,\"b\":[{}]}\r\n,{\"a\":\"]}\"}\r\n,{\"a\":3},\r\n]\r\n",
        "[{\"a\":1,\"b\":[{}]}]\n[{\"a\":\"]}\"},{\"a\":3}]\n",
        "[{\"a\":1,\"b\":[{}]}]{\"a\":\"]}\"}\n{\"a\":3}"}) {
    EXPECT_THAT(Read(Write(text)), elements) << text;
    EXPECT_EQ(error_, "") << text;
  }
  numbers_.clear();
  EXPECT_THAT(Read(Write("[\n\n  1,\n  \"b\"\n]\nafter\n")), ElementsAre("1", "\"b\"", "after"));
  EXPECT_THAT(numbers_, ElementsAre(3, 4, 6));
  EXPECT_THAT(Read(Write("[]\n")), ElementsAre());
  EXPECT_EQ(error_, "");
}

TEST_F(InputLinesTest, AnObjectMayTakeSeveralLines) {
  EXPECT_THAT(
      Read(Write("{\n  \"a\": \"x }\\\"\",\n  \"b\": {\n    \"c\": -1.5e3\n  }\n}\n"
                 "{}\ntext\n{\n}\n{ \"d\" : 1 }\n")),
      ElementsAre(R"({"a":"x }\"","b":{"c":-1.5e3}})", "{}", "text", "{}", R"({ "d" : 1 })"));
  EXPECT_THAT(numbers_, ElementsAre(1, 7, 8, 9, 11));
  EXPECT_THAT(Read(Write("{\"a\":1}{\"a\":2} {\"a\":3}\n{\"a\":4},\n{\"a\":5}\n,{\"a\":6}")),
              ElementsAre(R"({"a":1})", R"({"a":2})", R"({"a":3})", R"({"a":4})", R"({"a":5})",
                          R"({"a":6})"));
}

TEST_F(InputLinesTest, WhatOnlyBeginsLikeJsonIsText) {
  for (const std::string& text :
       {std::string("[INFO] x"), std::string("["), std::string("[main] {"), std::string("[1, 2]"),
        std::string("[2026-03-01] x"), std::string("[]"), std::string("{a}"), std::string("{"),
        std::string("[{\"a\":1}] x"), std::string("{\"a\":1} x"), std::string("{\"a\":1,"),
        std::string("[{\"a\":1,"), std::string("[\"GET /\"] x"), std::string("{\"a\":\"x"),
        std::string("{'a': 1}"), std::string(", x"), std::string("{\"a\":tru}")}) {
    EXPECT_THAT(Read(Write("text\n" + text + "\nmore text\n{\"b\":1}\n")),
                ElementsAre("text", text, "more text", R"({"b":1})"))
        << text;
    EXPECT_EQ(error_, "") << text;
    Read(Write("text\n" + text + "\n"));
    EXPECT_EQ(error_, "") << text;
  }
  // A crash left the first object unfinished.
  EXPECT_THAT(Read(Write("{\n  \"a\": 1,\n{\n  \"a\": 2\n}\n")),
              ElementsAre("{", "  \"a\": 1,", R"({"a":2})"));
}

TEST_F(InputLinesTest, AnArrayThatIsNoneIsAnErrorBehindWhatThereIs) {
  EXPECT_THAT(Read(Write("[{\"a\":1},\n{\"a\":2}\n{\"a\":3}]")),
              ElementsAre(R"({"a":1})", R"({"a":2})"));
  EXPECT_EQ(error_, "line 3: a comma is missing in the JSON array that begins in line 1");
  EXPECT_THAT(Read(Write("x\n[{\"a\":1},\n{\"a\":")), ElementsAre("x", R"({"a":1})"));
  EXPECT_THAT(error_,
              HasSubstr("line 3: the input ends inside the JSON array that begins in line 2"));
  EXPECT_THAT(Read(Write("[{\"a\":1},\n{\n\"a\": nope}]")), ElementsAre(R"({"a":1})"));
  EXPECT_THAT(error_, HasSubstr("line 3: invalid JSON"));
  EXPECT_THAT(Read(Write("[\n")), ElementsAre());
  EXPECT_THAT(error_, HasSubstr("ends inside"));
}

TEST_F(InputLinesTest, ALongElementCostsItself) {
  const std::string huge = "{\"a\": [\"" + std::string(5'000'000, 'x') + "\",\n\"]\"]}";
  EXPECT_THAT(Read(Write("[{\"a\":1},\n" + huge + ",\n{\"a\":3}]\n")),
              ElementsAre(R"({"a":1})", "(too long)", R"({"a":3})"));
  EXPECT_THAT(numbers_, ElementsAre(1, 2, 4));
  const std::string lines = "{\n\"a\": [" + std::string(5'000'000, '\n') + "]}";
  EXPECT_THAT(Read(Write("{}\n" + lines + "\n{\"a\":3}\n")),
              ElementsAre("{}", "(too long)", R"({"a":3})"));
  EXPECT_EQ(error_, "");
  std::string many = "[";
  for (int i = 0; i < 300'000; ++i) many += "{\"a\": " + std::to_string(i) + "},";
  many.back() = ']';
  EXPECT_THAT(Read(Write(many)), testing::SizeIs(300'000));
  std::string nested;
  for (int i = 0; i < 300'000; ++i) nested += "{\"a\":\n";
  EXPECT_EQ(Read(Write(nested + "x\n")).size(), 300'001U) << "not in quadratic time";
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
  const std::string json = "\xef\xbb\xbf[{\"a\":\n1},{\"a\":2}]\n{\n}\n";
  std::thread slow_writer([&] {
    const int fd = ::open(path.c_str(), O_WRONLY);
    for (const char c : json) EXPECT_EQ(::write(fd, &c, 1), 1);
    ::close(fd);
  });
  EXPECT_THAT(Read(path), ElementsAre(R"({"a":1})", R"({"a":2})", "{}"));
  slow_writer.join();
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
