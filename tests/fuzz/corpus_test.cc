// Every input that a fuzzer once found worth keeping, run by the compiler and sanitizer of this
// build.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>

#include "base/logging.h"
#include "tests/fuzz/fuzz_target.h"
#include "tests/support/journal_evidence.h"

namespace stagelog {
namespace {

std::vector<std::filesystem::path> InputsOf(const std::string& target) {
  std::vector<std::filesystem::path> paths;
  for (const auto& entry : std::filesystem::directory_iterator(STAGELOG_FUZZ_CORPUS "/" + target)) {
    paths.push_back(entry.path());
  }
  std::sort(paths.begin(), paths.end());
  return paths;
}

class Corpus : public ::testing::TestWithParam<FuzzTarget> {};

TEST_P(Corpus, HoldsForEveryInput) {
  SetLogLevel(LogLevel::kOff);
  const std::vector<std::filesystem::path> paths = InputsOf(GetParam().name);
  EXPECT_FALSE(paths.empty());
  GetParam().run("");
  for (const std::filesystem::path& path : paths) {
    // A property that does not hold ends the process: this names the file.
    std::fprintf(stderr, "%s\n", path.c_str());
    GetParam().run(ReadAll(path.string()));
  }
}

INSTANTIATE_TEST_SUITE_P(Fuzz, Corpus, ::testing::ValuesIn(FuzzTargets()),
                         [](const auto& row) { return row.param.name; });

// A folder without its target would never be run.
TEST(FuzzCorpus, EveryFolderHasItsTarget) {
  for (const auto& entry : std::filesystem::directory_iterator(STAGELOG_FUZZ_CORPUS)) {
    const std::string name = entry.path().filename().string();
    const bool found = std::any_of(FuzzTargets().begin(), FuzzTargets().end(),
                                   [&](const FuzzTarget& target) { return target.name == name; });
    EXPECT_TRUE(found) << name;
  }
}

}  // namespace
}  // namespace stagelog
