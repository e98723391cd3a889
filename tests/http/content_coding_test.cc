#include "http/content_coding.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace stagelog {
namespace {

constexpr size_t kMaxBytes = size_t{1} << 20;

std::string Text(size_t bytes) {
  std::string text;
  while (text.size() < bytes)
    text += "{\"message\":\"frame " + std::to_string(text.size()) + "\"}\n";
  text.resize(bytes);
  return text;
}

std::string Packed(ContentCoding coding, const std::string& text) {
  httplib::Response response;
  response.body = text;
  CompressAnswer(coding, response);
  EXPECT_EQ(response.get_header_value("Content-Encoding"),
            coding == ContentCoding::kGzip ? "gzip" : "zstd");
  EXPECT_EQ(response.get_header_value("Vary"), "Accept-Encoding");
  return response.body;
}

std::string CodeOf(const tl::expected<std::string, Refusal>& expanded) {
  return expanded ? "none" : expanded.error().code;
}

class ContentCodingTest : public testing::TestWithParam<ContentCoding> {};

TEST_P(ContentCodingTest, WhatWasPackedComesBack) {
  const std::string text = Text(300'000);
  const std::string packed = Packed(GetParam(), text);
  EXPECT_LT(packed.size(), text.size() / 4);
  EXPECT_EQ(Expand(GetParam(), packed, kMaxBytes), text);
  EXPECT_EQ(Expand(GetParam(), packed, text.size()), text);
}

TEST_P(ContentCodingTest, PartsMayFollowEachOther) {
  const std::string text = Text(5'000);
  const std::string packed = Packed(GetParam(), text);
  EXPECT_EQ(Expand(GetParam(), packed + packed, kMaxBytes), text + text);
}

TEST_P(ContentCodingTest, ABombIsTooLargeAndTakesNoMoreMemory) {
  const std::string packed = Packed(GetParam(), std::string(size_t{64} << 20, 'a'));
  EXPECT_EQ(CodeOf(Expand(GetParam(), packed, kMaxBytes)), "body_too_large");
}

TEST_P(ContentCodingTest, WhatIsCutDamagedOrFollowedIsRefused) {
  const std::string packed = Packed(GetParam(), Text(100'000));
  for (const size_t size :
       {size_t{0}, size_t{1}, size_t{9}, packed.size() / 2, packed.size() - 1}) {
    EXPECT_EQ(CodeOf(Expand(GetParam(), packed.substr(0, size), kMaxBytes)), "malformed_encoding")
        << size;
  }
  std::string damaged = packed;
  damaged[packed.size() / 2] = static_cast<char>(damaged[packed.size() / 2] ^ 0x40);
  EXPECT_EQ(CodeOf(Expand(GetParam(), damaged, kMaxBytes)), "malformed_encoding");
  EXPECT_EQ(CodeOf(Expand(GetParam(), packed + "x", kMaxBytes)), "malformed_encoding");
  EXPECT_EQ(CodeOf(Expand(GetParam(), "{\"type\":\"log\"}", kMaxBytes)), "malformed_encoding");
}

INSTANTIATE_TEST_SUITE_P(Codings, ContentCodingTest,
                         testing::Values(ContentCoding::kGzip, ContentCoding::kZstd));

TEST(ContentCodingNamesTest, ManyEmptyPartsAreLittleWork) {
  std::string empty = Packed(ContentCoding::kGzip, std::string(kCompressedAnswerBytes, 'a'));
  // The shortest member: a fixed block that ends at once, and the checksum and length of nothing.
  empty = empty.substr(0, 10) + std::string("\x03\0\0\0\0\0\0\0\0\0", 10);
  std::string members;
  for (int i = 0; i < 500'000; ++i) members += empty;
  EXPECT_EQ(Expand(ContentCoding::kGzip, members, kMaxBytes), "");
}

TEST(ContentCodingNamesTest, GzipThatLiesAboutItsLengthIsRefused) {
  std::string packed = Packed(ContentCoding::kGzip, Text(4'096));
  packed[packed.size() - 4] = static_cast<char>(packed[packed.size() - 4] ^ 1);  // ISIZE
  EXPECT_EQ(CodeOf(Expand(ContentCoding::kGzip, packed, kMaxBytes)), "malformed_encoding");
}

TEST(ContentCodingNamesTest, WhatAClientPrefers) {
  EXPECT_EQ(PreferredCoding(""), ContentCoding::kIdentity);
  EXPECT_EQ(PreferredCoding("br"), ContentCoding::kIdentity);
  EXPECT_EQ(PreferredCoding("*"), ContentCoding::kIdentity);
  EXPECT_EQ(PreferredCoding("gzip, deflate, br, zstd"), ContentCoding::kZstd);
  EXPECT_EQ(PreferredCoding("gzip;q=1.0, zstd;q=0.5"), ContentCoding::kGzip);
  EXPECT_EQ(PreferredCoding("x-gzip"), ContentCoding::kGzip);
  EXPECT_EQ(PreferredCoding("gzip;q=0"), ContentCoding::kIdentity);
  EXPECT_EQ(PreferredCoding("gzip;q=0.5, identity"), ContentCoding::kIdentity);
}

TEST(ContentCodingNamesTest, SmallAnswersStayAsTheyAre) {
  httplib::Response response;
  response.body = Text(100);
  CompressAnswer(ContentCoding::kZstd, response);
  EXPECT_EQ(response.body, Text(100));
  EXPECT_FALSE(response.has_header("Content-Encoding"));
  EXPECT_EQ(ParseContentCoding("GZIP"), ContentCoding::kGzip);
  EXPECT_EQ(ParseContentCoding("br"), std::nullopt);
}

}  // namespace
}  // namespace stagelog
