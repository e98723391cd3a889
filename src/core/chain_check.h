// Checks the lines of one job's events.jsonl by themselves (guarantee 9 in src/GUARANTEES.md): hash
// chain, order, encoding, torn tail.
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
  // byte_order_mark and crlf (each once, at its first line), torn_tail, not_an_event, changed,
  // misplaced, repeated, order, encoding, foreign_job, wrong_end, missing_tail; readers of a
  // database or of other files add their own.
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

// Takes the lines of a file in order. Resynchronizes after a bad line: one changed, dropped,
// duplicated or moved line is one finding (a moved one perhaps two), and does not invalidate all
// later lines. Memory: one line and a few hashes.
class ChainCheck {
 public:
  // `job_id` is whose events are expected; empty: those of the first line.
  explicit ChainCheck(std::string job_id = "") : job_id_(std::move(job_id)) {}

  // To be called before the lines, if at all.
  void SetAnchor(ChainAnchor anchor) { anchor_ = std::move(anchor); }

  // The next line without its newline; one with a carriage return or a byte order mark is judged
  // without it. Only the last may be unterminated. Returns the event in it,
  // none where there is none.
  std::optional<Event> Take(std::string_view raw, uint64_t offset, bool terminated);

  // After the last line, whose end is at byte `size`. Where nothing but marks of an editor or of a
  // transfer was found (byte_order_mark, crlf), their details say that the content is intact.
  void Finish(uint64_t size);

  void Add(ChainFinding finding);

  // The first kMaxFindings; `finding_count` counts all.
  static constexpr size_t kMaxFindings = 1'000;
  const std::vector<ChainFinding>& findings() const { return findings_; }
  int64_t finding_count() const { return finding_count_; }
  // In order. The events of the first run, if it begins with the job's first event, are as the
  // journal wrote them; those of a later run are chained to each other only.
  const std::vector<ChainRun>& runs() const { return runs_; }
  int64_t lines() const { return lines_; }
  int64_t last_job_seq() const { return last_job_seq_; }  // of the last event in its place
  const std::string& last_hash() const { return last_hash_; }
  const std::string& job_id() const { return job_id_; }
  bool anchor_matches() const { return anchor_matches_; }

 private:
  // One possible continuation of the file: the job_seq of the next event, and the hashes that it
  // may be chained to (any, if the list is empty).
  struct Continuation {
    int64_t job_seq = 1;
    std::vector<std::string> previous_hashes;
  };

  void NoteMarks(std::string_view line, std::string_view content, uint64_t offset);
  void TakeDamaged(std::string_view line, uint64_t offset, const std::string& why);
  void TakeEvent(std::string_view line, uint64_t offset, const Event& event);
  void TakeMisplaced(std::string_view line, uint64_t offset, const Event& event);
  void Accept(std::string_view line, uint64_t offset, const Event& event, bool is_chained);
  const Continuation* Find(int64_t job_seq) const;
  static std::vector<std::string> HashesAfter(std::string_view line, const Continuation& before);
  void Note(uint64_t offset, std::string code, std::string detail);

  std::string job_id_;
  std::optional<ChainAnchor> anchor_;
  bool anchor_matches_ = false;
  std::vector<Continuation> continuations_ = {{1, {""}}};  // the likeliest first
  std::string previous_line_;
  int64_t lines_ = 0;
  int64_t last_job_seq_ = 0;
  int64_t last_seq_ = 0;
  int64_t last_ts_micros_ = INT64_MIN;
  std::string last_hash_;
  std::vector<ChainFinding> findings_;
  int64_t finding_count_ = 0;
  bool has_byte_order_mark_ = false;
  bool has_crlf_ = false;
  std::vector<ChainRun> runs_;
};

}  // namespace stagelog

#endif  // STAGELOG_CORE_CHAIN_CHECK_H_
