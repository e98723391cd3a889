// Output of an inner run inside an outer one's: told apart, in whatever portions it comes.
#include "cli/run/output_frame.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <array>

namespace stagelog::cli {
namespace {

constexpr const char* kKey = "0123456789abcdef";

struct Read {
  std::string all;
  std::string own;
  std::string framed;
};

Read ReadIn(const std::string& bytes, size_t portion) {
  Read read;
  const auto take = [&](std::string_view part, bool is_framed) {
    read.all += part;
    (is_framed ? read.framed : read.own) += part;
  };
  FrameReader reader(kKey);
  for (size_t at = 0; at < bytes.size(); at += portion) {
    reader.Feed(std::string_view(bytes).substr(at, portion), take);
  }
  reader.End(take);
  return read;
}

std::string Framed(std::string_view key, const std::string& bytes) {
  std::string text;
  for (const std::string& frame : InFrames(key, bytes)) {
    EXPECT_LE(frame.size(), 4096U) << "one write to a pipe is one piece up to PIPE_BUF";
    text += frame;
  }
  return text;
}

TEST(OutputFrameTest, FramesAreTakenOffAndOwnBytesStay) {
  const std::string inner(10'000, 'i');
  const std::string bytes = "own" + Framed(kKey, inner) + std::string("\0more\0\0", 7) +
                            Framed(kKey, std::string("\0x\n", 3)) + "end";
  for (const size_t portion : {1, 2, 7, 100, 5'000, 100'000}) {
    const Read read = ReadIn(bytes, portion);
    EXPECT_EQ(read.framed, inner + std::string("\0x\n", 3));
    EXPECT_EQ(read.own, "own" + std::string("\0more\0\0", 7) + "end");
    EXPECT_EQ(read.all,
              "own" + inner + std::string("\0more\0\0", 7) + std::string("\0x\n", 3) + "end");
  }
}

TEST(OutputFrameTest, WhatOnlyLooksLikeAFrameIsOutput) {
  const std::string head = std::string(1, '\0') + "stagelog:" + kKey + ":";
  for (const std::string& bytes :
       {Framed("fedcba9876543210", "other key"), head + "zzzz:abc", head + "0100:cut off", head,
        head.substr(0, 5), head + "ffff:" + std::string(100, 'x'), std::string(5'000, '\0')}) {
    for (const size_t portion : {1, 3, 10'000}) {
      const Read read = ReadIn(bytes, portion);
      EXPECT_EQ(read.own, bytes);
      EXPECT_EQ(read.framed, "");
    }
  }
}

TEST(OutputFrameTest, TheVariableTellsTheInnerRunWhatItWritesInto) {
  std::array<int, 2> ends{};
  ASSERT_EQ(::pipe(ends.data()), 0);
  EXPECT_NE(PipeIdentity(ends[1]), "");
  EXPECT_EQ(PipeIdentity(ends[0]), PipeIdentity(ends[1]));
  EXPECT_EQ(PipeIdentity(-1), "");
  const OuterOutput outer{kKey, PipeIdentity(ends[1]), "0:1"};
  const auto read = OuterOutput::FromText(outer.Text());
  ASSERT_TRUE(read);
  EXPECT_EQ(read->key, kKey);
  EXPECT_EQ(read->stdout_pipe, outer.stdout_pipe);
  EXPECT_EQ(read->stderr_pipe, "0:1");
  EXPECT_FALSE(OuterOutput::FromText(""));
  EXPECT_FALSE(OuterOutput::FromText("x,y,z"));
  for (const int end : ends) ::close(end);
}

}  // namespace
}  // namespace stagelog::cli
