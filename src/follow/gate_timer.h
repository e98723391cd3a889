// Decides gates whose timeout has passed.
#ifndef STAGELOG_FOLLOW_GATE_TIMER_H_
#define STAGELOG_FOLLOW_GATE_TIMER_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "core/commit_listener.h"
#include "core/event_appender.h"
#include "core/job_source.h"
#include "follow/follower_task.h"

namespace stagelog {

// It reads newly opened gates from the journal and computes each one's deadline. Its next work is
// at the first deadline, or when a gate is opened: it appends a decision for each gate that is
// still pending. A decision is an ordinary event; its precondition makes it lose against an earlier
// decision. A refused append is a failure of the turn that follows its answer.
//
// Which clock counts:
//  - a gate that was opened while this timer ran is decided when so much time has passed as its
//    timeout says, whatever becomes of the wall clock meanwhile; time in which the machine is
//    suspended counts;
//  - one of before goes by its `expires_at`, the only thing that is known of it: it is decided when
//    the wall clock reaches that, at the start already where that has passed, and at the latest
//    when its whole timeout has passed once more since the start, for the clock may have been set
//    back.
class GateTimer : public FollowerTask {
 public:
  // The three outlive the timer.
  GateTimer(EventAppender& appender, JobSource& source, Clock& clock);

  std::string_view name() const override { return "gate_timer"; }

  // True where a gate is opened.
  bool Note(const CommittedBatchPointer& batch) override;
  bool NoteDeletion(const std::string& job_id, int64_t seq) override;

  // Never while appends are under way: their gates may still be pending. The last answer wakes the
  // runner; it may come when this object is gone.
  WorkTime NextWork() override;
  Result<TurnOutcome> Work(const Turn& turn) override;

  // Up to the first gate that it has not looked at.
  int64_t DoneThrough() const override;

  // Gates that it has noted; some may have been decided since. On the runner's thread.
  size_t timer_count() const { return timers_.size(); }

 private:
  // What the writer's thread touches. The callbacks of appends hold on to it.
  struct Shared;

  // Times of one gate: its time is up when either has come.
  struct Timer {
    int64_t timeout_micros = 0;
    int64_t boot_micros = 0;  // Clock::BootMicros()
    int64_t wall_micros = 0;  // Clock::WallMicros(); Alarm::kNever: that clock does not count
  };

  Status TakeNews();
  Status NoteNewGates();
  Status ReadNewGates();
  Timer TimerOf(const GateListing& gate) const;
  void SetTimer(int64_t opened_seq, const Timer& timer);
  void DropTimer(int64_t opened_seq);
  Status DropDecided();
  // What is known was in the rows once: as they are, they show at worst as pending what is decided,
  // and the writer knows better.
  using Rows = GateListRequest::Rows;
  Result<std::vector<GateListing>> PendingAfter(int64_t seq, size_t limit, Rows rows);
  std::vector<int64_t> DueGates() const;
  Result<std::vector<GateListing>> StillPending(const std::vector<int64_t>& opened_seqs);
  void Decide(const GateListing& gate, const std::function<void()>& wake);

  EventAppender& appender_;
  JobSource& source_;
  Clock& clock_;
  const std::shared_ptr<Shared> shared_;

  // The runner's thread only.
  std::map<int64_t, Timer> timers_;                   // by the gate's opened_seq
  std::set<std::pair<int64_t, int64_t>> boot_order_;  // (time, opened_seq)
  std::set<std::pair<int64_t, int64_t>> wall_order_;  // likewise, without those that never come
  std::map<int64_t, int64_t> opened_;  // by opened_seq, when: announced and not yet noted
  bool has_looked_ = false;            // and knows the gates of before
  int64_t noted_through_ = 0;          // gates opened up to this seq are noted
  size_t drop_decided_at_;             // so many timers: some may be of gates that are decided
};

}  // namespace stagelog

#endif  // STAGELOG_FOLLOW_GATE_TIMER_H_
