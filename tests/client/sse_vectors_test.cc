// The reader of event streams held against tests/vectors/sse, however the bytes are cut. Other
// readers (tools/clients) are held against the same files.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <system_error>
#include <vector>

#include "base/sha256.h"
#include "client/sse_reader.h"

namespace stagelog::sse_vectors {

namespace fs = std::filesystem;
using Json = nlohmann::json;

constexpr std::string_view kStreamSuffix = ".sse";
// Longer streams are cut at some places only.
constexpr size_t kMaxCutEverywhere = 4'096;

std::string TextOf(const std::string& file) {
  std::ifstream stream(std::string(STAGELOG_SSE_VECTORS) + "/" + file, std::ios::binary);
  std::ostringstream text;
  text << stream.rdbuf();
  return text.str();
}

std::vector<std::string> Names() {
  std::vector<std::string> names;
  std::error_code error;  // a missing folder leaves a suite without tests, which is a failure
  for (const auto& entry : fs::directory_iterator(STAGELOG_SSE_VECTORS, error)) {
    const std::string file = entry.path().filename().string();
    if (!file.ends_with(kStreamSuffix)) continue;
    names.push_back(file.substr(0, file.size() - kStreamSuffix.size()));
  }
  std::sort(names.begin(), names.end());
  return names;
}

// The frames of a stream that comes in these pieces. Long data is told by size and digest, as in
// the files.
class Reading {
 public:
  explicit Reading(bool by_digest) : by_digest_(by_digest) {}

  void Feed(std::string_view piece) {
    EXPECT_TRUE(reader_.Feed(piece, [this](const cli::SseFrame& frame) { return Take(frame); }));
  }

  const Json& frames() const { return frames_; }

 private:
  bool Take(const cli::SseFrame& frame) {
    Json json = {{"event", frame.event}, {"id", nullptr}, {"retry", nullptr}};
    if (frame.id) json["id"] = *frame.id;
    if (reader_.retry_ms()) json["retry"] = *reader_.retry_ms();
    if (by_digest_ && frame.data.size() > kMaxCutEverywhere) {
      json["data_bytes"] = frame.data.size();
      json["data_sha256"] = Sha256Hex(frame.data);
    } else {
      json["data"] = frame.data;
    }
    frames_.push_back(std::move(json));
    return true;
  }

  const bool by_digest_;
  cli::SseReader reader_;
  Json frames_ = Json::array();
};

class SseVectorTest : public ::testing::TestWithParam<std::string> {
 protected:
  Json Read(const std::vector<size_t>& cuts) const {
    Reading reading(stream_.size() > kMaxCutEverywhere);
    size_t start = 0;
    for (const size_t cut : cuts) {
      reading.Feed(std::string_view(stream_).substr(start, cut - start));
      start = cut;
    }
    reading.Feed(std::string_view(stream_).substr(start));
    return reading.frames();
  }

  // Every place, or some: the first and the last ones, and others far apart.
  std::vector<size_t> Places() const {
    std::vector<size_t> places;
    for (size_t at = 0; at <= stream_.size(); ++at) {
      const bool is_near_an_end = at < 64 || stream_.size() - at < 64;
      const bool is_taken =
          stream_.size() <= kMaxCutEverywhere || is_near_an_end || at % 99'991 == 0;
      if (is_taken) places.push_back(at);
    }
    return places;
  }

  const std::string stream_ = TextOf(GetParam() + std::string(kStreamSuffix));
  const Json expected_ = Json::parse(TextOf(GetParam() + ".json"));
};

TEST_P(SseVectorTest, HasTheseFramesWhereverItIsCut) {
  EXPECT_EQ(Read({}), expected_);
  for (const size_t at : Places()) EXPECT_EQ(Read({at}), expected_) << "cut at " << at;
}

TEST_P(SseVectorTest, HasTheseFramesInSmallPieces) {
  for (const size_t size : {1, 2, 3, 7, 4'000}) {
    if (stream_.size() / size > kMaxCutEverywhere) continue;
    std::vector<size_t> cuts;
    for (size_t at = size; at < stream_.size(); at += size) cuts.push_back(at);
    EXPECT_EQ(Read(cuts), expected_) << "pieces of " << size;
  }
}

INSTANTIATE_TEST_SUITE_P(All, SseVectorTest, ::testing::ValuesIn(Names()),
                         [](const auto& parameter) { return parameter.param; });

}  // namespace stagelog::sse_vectors
