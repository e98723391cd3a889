// Journals as text, made without a daemon: for what reads events.jsonl offline.
#ifndef STAGELOG_TESTS_SUPPORT_JOURNAL_LINES_H_
#define STAGELOG_TESTS_SUPPORT_JOURNAL_LINES_H_

#include <cstdint>
#include <string>
#include <vector>

#include "core/event.h"
#include "core/job_state.h"

namespace stagelog {

// One job's journal that grows: seals what it is given as the daemon would.
class JournalLines {
 public:
  explicit JournalLines(std::string job_id);

  // Gives the draft its place (seq 10, 20, ...; a second apart), judges, folds and seals it.
  void Append(EventDraft draft);

  // `count` random events, the same for the same seed.
  static JournalLines Random(uint64_t seed, int count, const std::string& job_id = "job");

  const std::vector<std::string>& lines() const { return lines_; }
  std::string Text() const;  // with newlines
  const JobState& state() const { return state_; }

  // Writes runs_dir/<job>/events.jsonl and state.json.
  void WriteTo(const std::string& runs_dir) const;

 private:
  JobState state_;
  std::vector<std::string> lines_;
};

// Lines joined, each with its newline.
std::string JoinLines(const std::vector<std::string>& lines);

}  // namespace stagelog

#endif  // STAGELOG_TESTS_SUPPORT_JOURNAL_LINES_H_
