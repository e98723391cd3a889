// The fold held against tests/vectors/folds: lines of events.jsonl, and the bytes of the state
// after them. The TypeScript fold (tools/clients/js/src/fold) is held against the same files.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <system_error>
#include <vector>

#include "core/event_codec.h"
#include "core/job_machine.h"
#include "core/job_state_json.h"

namespace stagelog::fold_vectors {

namespace fs = std::filesystem;

constexpr std::string_view kStateSuffix = ".state.json";
constexpr std::string_view kStatesSuffix = ".states.jsonl";

std::string PathOf(const std::string& file) {
  return std::string(STAGELOG_FOLD_VECTORS) + "/" + file;
}

std::string TextOf(const std::string& file) {
  std::ifstream stream(PathOf(file), std::ios::binary);
  std::ostringstream text;
  text << stream.rdbuf();
  return text.str();
}

std::vector<std::string> LinesOf(const std::string& file) {
  std::vector<std::string> lines;
  std::istringstream stream(TextOf(file));
  for (std::string line; std::getline(stream, line);) lines.push_back(line);
  return lines;
}

// Of all vectors that have a file with this suffix, in order.
std::vector<std::string> NamesWith(std::string_view suffix) {
  std::vector<std::string> names;
  std::error_code error;  // a missing folder leaves a suite without tests, which is a failure
  for (const auto& entry : fs::directory_iterator(STAGELOG_FOLD_VECTORS, error)) {
    const std::string file = entry.path().filename().string();
    if (file.ends_with(suffix)) names.push_back(file.substr(0, file.size() - suffix.size()));
  }
  std::sort(names.begin(), names.end());
  return names;
}

std::vector<std::string> Names() { return NamesWith(kStateSuffix); }

// Without those that other versions wrote.
std::vector<std::string> NamesOfToday() {
  std::vector<std::string> names = Names();
  std::erase_if(names, [](const std::string& name) { return name.starts_with("old_"); });
  return names;
}

std::string NameOf(const ::testing::TestParamInfo<std::string>& parameter) {
  return parameter.param;
}

class FoldVectorTest : public ::testing::TestWithParam<std::string> {};

TEST_P(FoldVectorTest, FoldsToTheSameBytes) {
  JobState state;
  for (const std::string& line : LinesOf(GetParam() + ".jsonl")) {
    ASSERT_TRUE(VerifyHash(line, state.last_hash)) << line;
    ASSERT_TRUE(ApplyLine(state, line)) << line;
  }
  EXPECT_EQ(EncodeJobState(state) + "\n", TextOf(GetParam() + std::string(kStateSuffix)));
}

INSTANTIATE_TEST_SUITE_P(All, FoldVectorTest, ::testing::ValuesIn(Names()), NameOf);

// The large vectors have their last state only.
class FoldStatesTest : public ::testing::TestWithParam<std::string> {};

TEST_P(FoldStatesTest, FoldsToTheSameBytesAfterEachEvent) {
  const std::vector<std::string> events = LinesOf(GetParam() + ".jsonl");
  const std::vector<std::string> states = LinesOf(GetParam() + std::string(kStatesSuffix));
  ASSERT_EQ(events.size(), states.size());
  JobState state;
  for (size_t i = 0; i < events.size(); ++i) {
    ASSERT_TRUE(ApplyLine(state, events[i])) << events[i];
    EXPECT_EQ(EncodeJobState(state), states[i]) << "after " << events[i];
  }
}

INSTANTIATE_TEST_SUITE_P(All, FoldStatesTest, ::testing::ValuesIn(NamesWith(kStatesSuffix)),
                         NameOf);

class JudgedVectorTest : public ::testing::TestWithParam<std::string> {};

TEST_P(JudgedVectorTest, IsJudgedAsItWas) {
  JobState state;
  for (const std::string& line : LinesOf(GetParam() + ".jsonl")) {
    const auto event = DecodeStoredEvent(line);
    ASSERT_TRUE(event) << line;
    EXPECT_EQ(Judge(state, event->draft), event->violations) << line;
    Apply(state, *event, StoredHash(line));
  }
}

INSTANTIATE_TEST_SUITE_P(All, JudgedVectorTest, ::testing::ValuesIn(NamesOfToday()), NameOf);

TEST(FoldVectorsTest, HaveEveryTypeAndEveryViolation) {
  std::string all;
  for (const std::string& name : Names()) all += TextOf(name + ".jsonl");
  for (const TypeTraits& type : AllTypes()) {
    if (type.type == EventType::kHeartbeat) continue;  // never stored
    EXPECT_NE(all.find(R"("type":")" + std::string(type.name) + '"'), all.npos) << type.name;
  }
  for (const ViolationTraits& violation : AllViolations()) {
    EXPECT_NE(all.find('"' + std::string(violation.code) + '"'), all.npos) << violation.code;
  }
}

}  // namespace stagelog::fold_vectors
