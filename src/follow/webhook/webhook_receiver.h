// One webhook's place in the log: what it has got, what is still to be sent, and when.
#ifndef STAGELOG_FOLLOW_WEBHOOK_WEBHOOK_RECEIVER_H_
#define STAGELOG_FOLLOW_WEBHOOK_WEBHOOK_RECEIVER_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "follow/webhook/webhook_store.h"

namespace stagelog {

struct QueuedEvent {
  int64_t seq = 0;
  std::string line;  // a stored line, or what it was translated into
  size_t part = 0;   // where that is more than one request
  // Of the event.
  std::string type;
  std::string job_id;
  std::string event_id;
};

// An event as it is stored.
QueuedEvent QueuedLine(int64_t seq, std::string line);

// Events that are sent one after the other: those of a job. Another lane does not wait for it.
struct WebhookLane {
  std::string name;
  std::deque<QueuedEvent> events;  // what is in memory
  // What follows them and is to be read from the log: later than the one, not later than the other.
  int64_t unread_after = 0;
  int64_t through_seq = 0;
  int attempts = 0;                  // failed, of the first event
  int own_failures = 0;              // of them those that are not the receiver's as a whole
  int64_t first_attempt_micros = 0;  // wall clock
  int64_t due_micros = 0;            // boot clock
  bool is_busy = false;              // being sent or read

  bool HasUnread() const { return unread_after < through_seq; }
  bool IsEmpty() const { return events.empty() && !HasUnread(); }
  StoredLane ToStore() const;
};

// What a failed attempt says about the receiver.
enum class WebhookFailure {
  kUnreachable,  // no answer, or one about the receiver as a whole: 408, 429, 502, 503, 504
  kServerError,  // 500 and the like: about it as a whole if another lane fails as well
  kRejected,     // it does not take this event now
  kFinal,        // and never will
};

// Times are those of Clock::BootMicros(), where not said otherwise. One thread.
class WebhookReceiver {
 public:
  static constexpr size_t kMaxLanes = 1'000;
  static constexpr size_t kMaxEventsOfLane = 64;        // in memory
  static constexpr size_t kMaxBytes = size_t{1} << 20;  // of events in memory, about
  static constexpr int kMaxSending = 4;
  static constexpr int kUnreachableAfter = 3;  // failures in a row
  // An event that was tried for so long, and so often, is given up, if the receiver takes others.
  static constexpr int kGiveUpAttempts = 12;
  static constexpr int64_t kGiveUpMicros = int64_t{24} * 3600 * 1'000'000;

  // `reads_all`: what is sent is not the stored line, so that lanes are read from the log.
  WebhookReceiver(StoredWebhook stored, bool reads_all);

  const Webhook& webhook() const { return stored_.webhook; }
  StoredWebhook& stored() { return stored_; }
  const StoredWebhook& stored() const { return stored_; }
  bool IsPaused() const { return !stored_.paused.empty(); }

  // --- What is to be sent ---

  // Forgets what is in memory of lanes that are not busy: it is read from the log again.
  void Unload();

  // It takes what is committed as it comes. Otherwise it reads the log from `cursor` on.
  bool is_live() const { return is_live_; }
  void SetBehind() { is_live_ = false; }
  void SetLive() { is_live_ = true; }

  // An event that matches, in the order of the log. False if there are too many jobs: the receiver
  // is behind from now on, and asks for this event again.
  bool Offer(int64_t seq, const std::string& job_id, const std::string& line, int64_t now);

  // Nothing up to `seq` is to be offered again.
  void Advance(int64_t seq);

  // It is behind, and has room to go on.
  bool WantsPage() const { return !is_live_ && !IsPaused() && lanes_.size() < kMaxLanes / 2; }

  // A lane for events of any job that are sent again, beside what is new: what is to be stored of
  // it, before it is added.
  StoredLane NextAgain(int64_t after_seq, int64_t through_seq) const;
  void AddAgain(const StoredLane& lane, int64_t now);

  // --- What is next ---

  // The lane whose turn it is, taken out: it is sent or, if it has no events in memory, read.
  // Afterwards it comes back by one of the functions below. Null: none now.
  WebhookLane* TakeLane(int64_t now);
  int64_t NextDueMicros() const;  // INT64_MAX: never by itself

  // `read_through`: how far of the unread part is in `events` now.
  void OnRead(WebhookLane& lane, std::deque<QueuedEvent> events, int64_t read_through, int64_t now);
  void OnReadFailed(WebhookLane& lane, int64_t now);
  void OnReadPutOff(WebhookLane& lane, int64_t until);  // it cannot be read now
  void OnDelivered(WebhookLane& lane, int64_t now, int64_t wall_micros);
  // True if the event is given up. `retry_after_micros`: what the receiver has asked for, or 0.
  bool OnFailed(WebhookLane& lane, WebhookFailure failure, int64_t retry_after_micros, int64_t now,
                int64_t wall_micros);

  WebhookLane* FindLane(const std::string& name);
  bool HasDelivered() const { return has_delivered_ && !IsUnreachable(); }
  void ForgetHold() { held_until_ = 0; }
  bool IsUnreachable() const { return failures_ >= kUnreachableAfter; }
  int64_t held_until_micros() const { return held_until_; }
  const std::string& problem() const { return problem_; }
  void SetProblem(std::string problem) { problem_ = std::move(problem); }
  size_t lane_count() const { return lanes_.size(); }
  bool is_sending() const { return sending_ > 0; }
  size_t bytes() const { return bytes_; }

  // The first event that it may not have got; INT64_MAX: it has all up to its cursor.
  int64_t FirstPendingSeq() const;

  // --- What is to be stored ---

  // The names of lanes that have changed since ForgetChanges().
  const std::set<std::string>& ChangedLanes() const { return changed_lanes_; }
  void ForgetChanges() { changed_lanes_.clear(); }

 private:
  WebhookLane& LaneOf(const std::string& name);
  void Enqueue(WebhookLane& lane, int64_t due);
  void Release(WebhookLane& lane, int64_t due);
  void OnReachable(int64_t now);
  void Unload(WebhookLane& lane);
  void PopEvent(WebhookLane& lane);

  StoredWebhook stored_;
  const bool reads_all_;
  bool is_live_ = false;
  std::map<std::string, WebhookLane> lanes_;
  std::set<std::pair<int64_t, std::string>> due_;  // of lanes that are not busy
  std::set<std::string> changed_lanes_;
  int sending_ = 0;
  size_t bytes_ = 0;              // of events in memory
  int64_t delivered_micros_ = 0;  // wall clock, the last time; 0: not yet
  bool has_delivered_ = false;    // since the daemon was started
  int failures_ = 0;              // in a row, of the receiver as a whole
  // Lanes that got a server error since it took an event.
  std::set<std::string> erring_lanes_;
  int64_t held_until_ = 0;
  int64_t next_again_ = 1;
  std::string problem_;
};

}  // namespace stagelog

#endif  // STAGELOG_FOLLOW_WEBHOOK_WEBHOOK_RECEIVER_H_
