#include "base/sha256.h"

#include <gtest/gtest.h>

#include <string>
#include <thread>

namespace stagelog {
namespace {

// FIPS 180-4's examples and NIST's million a's.
TEST(Sha256HexTest, KnownVectors) {
  EXPECT_EQ(Sha256Hex(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(Sha256Hex("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(Sha256Hex("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"),
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
  EXPECT_EQ(Sha256Hex(std::string(1'000'000, 'a')),
            "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

TEST(Sha256HexTest, TwoPartsAreTheirConcatenation) {
  const std::string text = "the quick brown fox jumps over the lazy dog, and over again and again";
  for (size_t cut = 0; cut <= text.size(); ++cut) {
    EXPECT_EQ(Sha256Hex(text.substr(0, cut), text.substr(cut)), Sha256Hex(text));
  }
}

TEST(Sha256HexTest, WorksOnSeveralThreads) {
  const auto work = [] {
    for (int i = 0; i < 1000; ++i) {
      ASSERT_EQ(Sha256Hex("abc").substr(0, 8), "ba7816bf");
    }
  };
  std::thread first(work);
  std::thread second(work);
  first.join();
  second.join();
}

}  // namespace
}  // namespace stagelog
