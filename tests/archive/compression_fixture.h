// A journal whose old jobs are compressed.
#ifndef STAGELOG_TESTS_ARCHIVE_COMPRESSION_FIXTURE_H_
#define STAGELOG_TESTS_ARCHIVE_COMPRESSION_FIXTURE_H_

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "log/file/stored_file.h"
#include "tests/archive/retention_fixture.h"
#include "tests/support/journal_evidence.h"

namespace stagelog {

// Letters that do not compress much.
inline std::string Noise(size_t size, uint32_t seed) {
  std::string noise;
  for (uint32_t value = seed + 1; noise.size() < size;) {
    value = value * 1'664'525 + 1'013'904'223;
    noise += static_cast<char>('a' + (value >> 24) % 26);
  }
  return noise;
}

// A journal that compresses what ended a week ago, and trims jobs to three events.
class CompressionTest : public RetentionTest {
 protected:
  CompressionTest() { retention_ = {.max_events_per_job = 3, .compress_days = 7}; }

  int64_t Compress() {
    const Outcome outcome = Retain();
    EXPECT_TRUE(outcome) << outcome.error().detail;
    return outcome ? outcome->jobs_compressed : -1;
  }

  // Two jobs that ended eight days ago, all of whose events are in SQLite too, or (with trimming)
  // three of each.
  void MakeOldJobs(int each = 10) {
    AppendToTwo(each);
    clock_.AdvanceMicros(8 * kMicrosPerDay);
  }

  // "even" alone, ended eight days ago, in four frames.
  void MakeOldJobOfFourFrames() {
    std::vector<EventDraft> drafts;
    for (int i = 0; i < 100; ++i) {
      drafts.push_back(LogDraft("even", "m" + std::to_string(i)));
      drafts.back().payload = "{\"text\":\"" + Noise(9'000, static_cast<uint32_t>(i)) + "\"}";
    }
    ASSERT_TRUE(Append(std::move(drafts)));
    End("even");
    clock_.AdvanceMicros(8 * kMicrosPerDay);
  }

  std::string ZstPath(const std::string& job_id) const { return FilePath(job_id) + ".zst"; }
  bool IsCompressed(const std::string& job_id) const {
    return std::filesystem::exists(ZstPath(job_id)) && !std::filesystem::exists(FilePath(job_id));
  }
  bool IsPlain(const std::string& job_id) const {
    return !std::filesystem::exists(ZstPath(job_id)) && std::filesystem::exists(FilePath(job_id));
  }

  // A byte of the compressed file; from its end when negative.
  void Flip(const std::string& job_id, int64_t at) {
    std::string bytes = ReadAll(ZstPath(job_id));
    bytes.at(static_cast<size_t>(at < 0 ? static_cast<int64_t>(bytes.size()) + at : at)) ^= 0x10;
    WriteZst(job_id, bytes);
  }
  void WriteZst(const std::string& job_id, const std::string& bytes) const {
    std::ofstream(ZstPath(job_id), std::ios::binary | std::ios::trunc) << bytes;
  }

  std::vector<std::string> NamesIn(const std::string& path) const {
    std::vector<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(path))
      names.push_back(entry.path().filename());
    return names;
  }
  bool HasTemporary() const {
    return std::filesystem::exists(CompressingPath(runs_)) ||
           std::filesystem::exists(ExpandingPath(runs_));
  }
};

}  // namespace stagelog

#endif  // STAGELOG_TESTS_ARCHIVE_COMPRESSION_FIXTURE_H_
