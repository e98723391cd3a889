// Tests that need a program or a right that a machine may not have, and the seed of tests that are
// random.
#ifndef STAGELOG_TESTS_SUPPORT_REQUIREMENT_H_
#define STAGELOG_TESTS_SUPPORT_REQUIREMENT_H_

#include <gtest/gtest.h>

#include <cstdint>
#include <cstdlib>

namespace stagelog {

// True in CI, where a test that cannot run is a failure: $STAGELOG_REQUIRE_ALL is set.
inline bool MustRunEveryTest() { return std::getenv("STAGELOG_REQUIRE_ALL") != nullptr; }

// True if a pseudo-terminal can be opened: a chroot without /dev/pts has none.
bool HasPseudoTerminals();

// $STAGELOG_SEED (tools/test derives it from the commit), else a random one.
uint64_t TestSeed();

}  // namespace stagelog

// Ends the test where something that it needs is missing: `if (...) SKIP_TEST() << "no node
// here";`. A failure in CI, else the test is skipped.
#define SKIP_TEST()                                                        \
  return GTEST_MESSAGE_("", ::stagelog::MustRunEveryTest()                 \
                                ? ::testing::TestPartResult::kFatalFailure \
                                : ::testing::TestPartResult::kSkip)

#endif  // STAGELOG_TESTS_SUPPORT_REQUIREMENT_H_
