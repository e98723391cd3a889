// The rows of EventTable that list the log by job, and how they and the states catch up with it.
#include <algorithm>
#include <unordered_map>
#include <utility>

#include "core/event_codec.h"
#include "core/job_machine.h"
#include "log/table/event_table.h"

namespace stagelog {
namespace {

constexpr size_t kEventsPerTransaction = 20'000;

}  // namespace

// A job's events that the tables may lack.
struct EventTable::JobTail {
  int64_t first_seq = 0;
  std::string job_id;  // empty: nobody can say
  std::vector<int64_t> seqs;
};

void EventTable::ListEvents(int64_t first_seq, const std::vector<int64_t>& seqs) {
  SQLite::Statement& insert =
      Prepared(list_event_, "INSERT OR IGNORE INTO job_events VALUES (?, ?)");
  for (const int64_t seq : seqs) {
    insert.reset();
    insert.bind(1, first_seq);
    insert.bind(2, seq);
    insert.exec();
  }
}

int64_t EventTable::TablesThrough() {
  return std::max<int64_t>(0, database_.execAndGet(kSelectTablesThrough).getInt64());
}

void EventTable::RelistEvents() {
  Begin();
  database_.exec("DELETE FROM job_events");
  database_.exec("INSERT INTO job_events SELECT job, seq FROM events ORDER BY job, seq");
  Commit();
}

bool EventTable::ListsLookComplete() {
  return database_
             .execAndGet(
                 "SELECT EXISTS (SELECT 1 FROM jobs WHERE NOT EXISTS "
                 "(SELECT 1 FROM job_events WHERE job = first_seq AND seq = last_seq) OR (NOT "
                 "EXISTS "
                 "(SELECT 1 FROM job_events WHERE job = first_seq AND seq = first_seq) AND "
                 "NOT EXISTS (SELECT 1 FROM file_events WHERE seq = first_seq)))")
             .getInt() == 0;
}

std::vector<EventTable::JobTail> EventTable::TailByJob(int64_t after_seq) {
  std::vector<JobTail> tails;
  std::unordered_map<int64_t, size_t> index;  // in `tails`, by first_seq
  SQLite::Statement query(database_,
                          "SELECT seq, job, job_seq, body FROM events WHERE seq > ? ORDER BY seq");
  query.bind(1, after_seq);
  while (query.executeStep()) {
    const int64_t first_seq = query.getColumn(1).getInt64();
    const auto [entry, is_new] = index.try_emplace(first_seq, tails.size());
    if (is_new) tails.push_back({first_seq, "", {}});
    JobTail& tail = tails[entry->second];
    if (is_new) {
      const auto event = DecodeStoredEvent(query.getColumn(3).getString());
      if (event) tail.job_id = event->draft.job_id;
    }
    tail.seqs.push_back(query.getColumn(0).getInt64());
  }
  return tails;
}

// A tail that was applied before, in part or whole, changes nothing.
void EventTable::CatchUpJob(const JobTail& tail) {
  ListEvents(tail.first_seq, tail.seqs);
  if (tail.job_id.empty()) return;
  const JobPlace place = FindJobPlace(database_, tail.job_id, Tail::kSkip);
  const bool is_other = place.first_seq != 0 && place.first_seq != tail.first_seq;
  if (is_other || place.last_seq >= tail.seqs.back()) return;
  if (place.first_seq == 0) return RebuildState(tail.first_seq);
  std::optional<JobState> state =
      LoadJobState(database_, lines_, tail.job_id, place.last_seq, Tail::kSkip);
  if (!state || state->as_of_seq != place.last_seq) return RebuildState(tail.first_seq);
  StateChanges changes;
  AdvanceJobState(database_, lines_, *state, INT64_MAX, Tail::kSkip, &changes);
  WriteState(*state, changes, place.job_seq);
  lines_.Close();
}

int64_t EventTable::CatchUpTables() {
  const int64_t head = HeadSeq();
  int64_t through = TablesThrough();
  if (through == head) return 0;
  if (through > head) {
    RelistEvents();
    through = 0;
  }
  int64_t lacking = 0;
  size_t in_transaction = 0;
  const std::vector<JobTail> tails = TailByJob(through);
  Begin();
  for (const JobTail& tail : tails) {
    CatchUpJob(tail);
    lacking += static_cast<int64_t>(tail.seqs.size());
    in_transaction += tail.seqs.size();
    if (in_transaction < kEventsPerTransaction) continue;
    in_transaction = 0;
    Commit();
    Begin();
  }
  SetTablesThrough(head);
  Commit();
  return lacking;
}

}  // namespace stagelog
