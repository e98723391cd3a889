// Judges the lines of one job's events.jsonl from the lines alone (guarantee 9 in
// src/GUARANTEES.md): chain, order, encoding, torn tail.
#ifndef STAGELOG_CORE_CHAIN_CHECK_H_
#define STAGELOG_CORE_CHAIN_CHECK_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/event.h"

namespace stagelog {

// Something that is wrong with a line.
struct ChainFinding {
  int64_t line = 0;     // from 1
  uint64_t offset = 0;  // of the line's first byte, in bytes from the start of the file
  // torn_tail, not_an_event, changed, misplaced, repeated, order, encoding, foreign_job,
  // wrong_end, missing_tail; readers of a database or of other files add their own.
  std::string code;
  std::string detail;
};

// Events that follow each other in an unbroken chain.
struct ChainRun {
  int64_t first_line = 0;
  int64_t last_line = 0;
  int64_t first_job_seq = 0;
  int64_t last_job_seq = 0;
};

// What something beside the file says about one event: state.json, the database.
struct ChainAnchor {
  int64_t job_seq = 0;
  std::string hash;
  std::string source;  // for messages
};

// Takes a file's lines in order. After a line that is wrong it finds its way back: one changed,
// dropped, doubled or moved line is one finding (a moved one perhaps two), not one for every line
// behind it. Holds one line and a few hashes, however long the file. One thread at a time.
class ChainCheck {
 public:
  // `job_id` is whose events are expected; empty: those of the first line.
  explicit ChainCheck(std::string job_id = "") : job_id_(std::move(job_id)) {}

  // To be called before the lines, if at all.
  void SetAnchor(ChainAnchor anchor) { anchor_ = std::move(anchor); }

  // The next line without its newline. Only the last may be unterminated. Returns the event in it,
  // none where there is none.
  std::optional<Event> Take(std::string_view line, uint64_t offset, bool terminated);

  // After the last line, whose end is at byte `size`.
  void Finish(uint64_t size);

  void Add(ChainFinding finding);

  // The first kMaxFindings; `finding_count` counts all.
  static constexpr size_t kMaxFindings = 1'000;
  const std::vector<ChainFinding>& findings() const { return findings_; }
  int64_t finding_count() const { return finding_count_; }
  // In order. The events of the first one, when it begins with the job's first event, are as the
  // journal wrote them; those of a later one follow each other, whatever was before.
  const std::vector<ChainRun>& runs() const { return runs_; }
  int64_t lines() const { return lines_; }
  int64_t last_job_seq() const { return last_job_seq_; }  // of the last event in its place
  const std::string& last_hash() const { return last_hash_; }
  const std::string& job_id() const { return job_id_; }
  bool anchor_holds() const { return anchor_holds_; }

 private:
  // One way in which the file may go on: the next event's place and the hashes that it may be
  // chained to, any where none is named.
  struct Continuation {
    int64_t job_seq = 1;
    std::vector<std::string> previous_hashes;
  };

  void TakeDamaged(std::string_view line, uint64_t offset, const std::string& why);
  void TakeEvent(std::string_view line, uint64_t offset, const Event& event);
  void TakeMisplaced(std::string_view line, uint64_t offset, const Event& event);
  void Accept(std::string_view line, uint64_t offset, const Event& event, bool is_chained);
  const Continuation* Find(int64_t job_seq) const;
  static std::vector<std::string> HashesAfter(std::string_view line, const Continuation& before);
  void Note(uint64_t offset, std::string code, std::string detail);

  std::string job_id_;
  std::optional<ChainAnchor> anchor_;
  bool anchor_holds_ = false;
  std::vector<Continuation> continuations_ = {{1, {""}}};  // the likeliest first
  std::string previous_line_;
  int64_t lines_ = 0;
  int64_t last_job_seq_ = 0;
  int64_t last_seq_ = 0;
  int64_t last_ts_micros_ = INT64_MIN;
  std::string last_hash_;
  std::vector<ChainFinding> findings_;
  int64_t finding_count_ = 0;
  std::vector<ChainRun> runs_;
};

}  // namespace stagelog

#endif  // STAGELOG_CORE_CHAIN_CHECK_H_
