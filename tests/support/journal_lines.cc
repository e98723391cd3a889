#include "tests/support/journal_lines.h"

#include <filesystem>
#include <fstream>

#include "core/event_codec.h"
#include "core/job_machine.h"
#include "core/job_state_json.h"
#include "tests/support/random_events.h"

namespace stagelog {
namespace {

constexpr int64_t kStartMicros = 1'795'246'862'000'000;  // 2026-11-21T07:41:02Z

}  // namespace

JournalLines::JournalLines(std::string job_id) { state_.job_id = std::move(job_id); }

void JournalLines::Append(EventDraft draft) {
  Event event;
  event.draft = std::move(draft);
  event.draft.job_id = state_.job_id;
  event.job_seq = state_.job_seq + 1;
  event.seq = event.job_seq * 10;
  event.ts_micros = kStartMicros + event.job_seq * 1'000'000;
  if (event.draft.event_id.empty()) event.draft.event_id = "id-" + std::to_string(event.job_seq);
  if (!event.draft.occurred_at_micros) event.draft.occurred_at_micros = event.ts_micros - 1'000;
  event.violations = Judge(state_, event.draft);
  const SealedLine line = EncodeEvent(event, state_.last_hash);
  Apply(state_, event, line.hash);
  lines_.push_back(line.body);
}

JournalLines JournalLines::Random(uint64_t seed, int count, const std::string& job_id) {
  JournalLines journal(job_id);
  RandomEvents events(seed);
  for (int i = 0; i < count; ++i) journal.Append(events.NextOf(job_id));
  return journal;
}

std::string JournalLines::Text() const { return JoinLines(lines_); }

void JournalLines::WriteTo(const std::string& runs_dir) const {
  const std::string folder = runs_dir + "/" + state_.job_id;
  std::filesystem::create_directories(folder);
  std::ofstream(folder + "/events.jsonl", std::ios::binary | std::ios::trunc) << Text();
  std::ofstream(folder + "/state.json", std::ios::binary | std::ios::trunc)
      << EncodeJobState(state_) << "\n";
}

std::string JoinLines(const std::vector<std::string>& lines) {
  std::string text;
  for (const std::string& line : lines) text += line + "\n";
  return text;
}

}  // namespace stagelog
