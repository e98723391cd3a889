#include "follow/webhook/webhook_receiver.h"

#include <algorithm>

#include "base/check.h"
#include "base/random.h"
#include "core/event_codec.h"
#include "core/query.h"

namespace stagelog {
namespace {

constexpr int64_t kSecond = 1'000'000;
constexpr int64_t kLongestPause = 3'600 * kSecond;  // of an event that is rejected
constexpr int64_t kLongestHold = 300 * kSecond;     // of a receiver that is not there
constexpr std::string_view kAgain = "again/";
constexpr int64_t kMaxAgain = int64_t{1} << 60;

// Doubles from a second on, up to `longest`; cut by up to a half at random, so that not all come
// back at once.
int64_t PauseAfter(int failures, int64_t longest) {
  const int doublings = std::clamp(failures - 1, 0, 20);
  const int64_t pause = std::min(longest, kSecond << doublings);
  return pause - static_cast<int64_t>(RandomBits() % static_cast<uint64_t>(pause / 2 + 1));
}

}  // namespace

QueuedEvent QueuedLine(int64_t seq, std::string line) {
  QueuedEvent event{.seq = seq, .line = std::move(line)};
  const EventView view = ViewEvent(event.line);
  event.type = view.type;
  event.job_id = view.job_id;
  event.event_id = view.event_id;
  return event;
}

StoredLane WebhookLane::ToStore() const {
  const int64_t after = events.empty() ? unread_after : events.front().seq - 1;
  return {name, after, through_seq, attempts, first_attempt_micros};
}

WebhookReceiver::WebhookReceiver(StoredWebhook stored, bool reads_all)
    : stored_(std::move(stored)), reads_all_(reads_all) {
  for (const StoredLane& lane : std::exchange(stored_.lanes, {})) {
    WebhookLane& made = LaneOf(lane.name);
    made.unread_after = lane.after_seq;
    made.through_seq = lane.through_seq;
    made.attempts = lane.attempts;
    made.first_attempt_micros = lane.first_attempt_micros;
    if (lane.name.starts_with(kAgain)) {
      const std::optional<int64_t> number = ParseCursor(lane.name.substr(kAgain.size()));
      next_again_ = std::max(next_again_, std::min(number.value_or(0), kMaxAgain) + 1);
    }
    Enqueue(made, 0);
  }
}

WebhookLane& WebhookReceiver::LaneOf(const std::string& name) {
  WebhookLane& lane = lanes_[name];
  lane.name = name;
  return lane;
}

void WebhookReceiver::Enqueue(WebhookLane& lane, int64_t due) {
  lane.due_micros = due;
  due_.emplace(due, lane.name);
}

bool WebhookReceiver::Offer(int64_t seq, const std::string& job_id, const std::string& line,
                            int64_t now) {
  const auto found = lanes_.find(job_id);
  if (found == lanes_.end() && lanes_.size() >= kMaxLanes) {
    is_live_ = false;
    return false;
  }
  const bool is_new = found == lanes_.end();
  WebhookLane& lane = is_new ? LaneOf(job_id) : found->second;
  const bool has_room = lane.events.size() < kMaxEventsOfLane && bytes_ + line.size() <= kMaxBytes;
  if (!reads_all_ && !lane.HasUnread() && has_room && failures_ == 0) {
    lane.events.push_back(QueuedLine(seq, line));
    lane.unread_after = seq;
    bytes_ += line.size();
  } else if (!lane.HasUnread()) {
    // What is in memory ends before it.
    lane.unread_after = seq - 1;
  }
  lane.through_seq = seq;
  changed_lanes_.insert(job_id);
  if (is_new) Enqueue(lane, now);
  Advance(seq);
  return true;
}

void WebhookReceiver::Unload(WebhookLane& lane) {
  if (lane.events.empty()) return;
  lane.unread_after = lane.events.front().seq - 1;
  for (const QueuedEvent& event : lane.events) bytes_ -= event.line.size();
  lane.events.clear();
}

void WebhookReceiver::Unload() {
  for (auto& [name, lane] : lanes_) {
    if (!lane.is_busy) Unload(lane);
  }
}

void WebhookReceiver::PopEvent(WebhookLane& lane) {
  bytes_ -= lane.events.front().line.size();
  lane.events.pop_front();
  lane.attempts = 0;
  lane.own_failures = 0;
  lane.first_attempt_micros = 0;
}

void WebhookReceiver::Advance(int64_t seq) { stored_.cursor = std::max(stored_.cursor, seq); }

StoredLane WebhookReceiver::NextAgain(int64_t after_seq, int64_t through_seq) const {
  return {.name = std::string(kAgain) + std::to_string(next_again_),
          .after_seq = after_seq,
          .through_seq = through_seq};
}

void WebhookReceiver::AddAgain(const StoredLane& lane, int64_t now) {
  ++next_again_;
  WebhookLane& added = LaneOf(lane.name);
  added.unread_after = lane.after_seq;
  added.through_seq = lane.through_seq;
  Enqueue(added, now);
}

WebhookLane* WebhookReceiver::TakeLane(int64_t now) {
  if (IsPaused() || due_.empty() || now < held_until_) return nullptr;
  if (sending_ >= (HasDelivered() ? kMaxSending : 1)) return nullptr;
  // One that is not there is tried by whatever is next.
  if (due_.begin()->first > now && !IsUnreachable()) return nullptr;
  WebhookLane& lane = lanes_.at(due_.begin()->second);
  due_.erase(due_.begin());
  lane.is_busy = true;
  ++sending_;
  return &lane;
}

int64_t WebhookReceiver::NextDueMicros() const {
  if (IsPaused() || due_.empty()) return INT64_MAX;
  if (sending_ >= (HasDelivered() ? kMaxSending : 1)) return INT64_MAX;
  if (IsUnreachable()) return held_until_;
  return std::max(held_until_, due_.begin()->first);
}

// The lane is not busy any more; one that has nothing left is dropped.
void WebhookReceiver::Release(WebhookLane& lane, int64_t due) {
  STAGELOG_CHECK(lane.is_busy);
  lane.is_busy = false;
  --sending_;
  changed_lanes_.insert(lane.name);
  if (lane.IsEmpty()) {
    lanes_.erase(std::string(lane.name));
  } else {
    Enqueue(lane, due);
  }
}

void WebhookReceiver::OnRead(WebhookLane& lane, std::deque<QueuedEvent> events,
                             int64_t read_through, int64_t now) {
  // What came while it was read will be offered.
  while (!events.empty() && events.back().seq > lane.through_seq) events.pop_back();
  lane.events = std::move(events);
  for (const QueuedEvent& event : lane.events) bytes_ += event.line.size();
  lane.unread_after = std::min(read_through, lane.through_seq);
  Release(lane, now);
}

void WebhookReceiver::OnReadPutOff(WebhookLane& lane, int64_t until) { Release(lane, until); }

void WebhookReceiver::OnReadFailed(WebhookLane& lane, int64_t now) { Release(lane, now + kSecond); }

void WebhookReceiver::OnDelivered(WebhookLane& lane, int64_t now, int64_t wall_micros) {
  PopEvent(lane);
  problem_.clear();
  has_delivered_ = true;
  delivered_micros_ = wall_micros;
  Release(lane, now);
  OnReachable(now);
}

// It has answered: what waits for it need not wait longer. What it has failed often itself does.
void WebhookReceiver::OnReachable(int64_t now) {
  const bool was_unreachable = IsUnreachable();
  failures_ = 0;
  erring_lanes_.clear();
  if (!was_unreachable) return;
  held_until_ = 0;
  for (auto& [name, lane] : lanes_) {
    if (lane.is_busy || lane.own_failures > kUnreachableAfter || lane.due_micros <= now) continue;
    due_.erase({lane.due_micros, name});
    Enqueue(lane, now);
  }
}

bool WebhookReceiver::OnFailed(WebhookLane& lane, WebhookFailure failure,
                               int64_t retry_after_micros, int64_t now, int64_t wall_micros) {
  ++lane.attempts;
  if (lane.first_attempt_micros == 0) lane.first_attempt_micros = wall_micros;
  const int64_t tried = wall_micros - lane.first_attempt_micros;
  bool is_given_up = tried >= kGiveUpMicros && lane.attempts >= kGiveUpAttempts;
  int64_t pause = 0;
  if (failure == WebhookFailure::kServerError) {
    erring_lanes_.insert(lane.name);
    const bool is_about_all = IsUnreachable() || erring_lanes_.size() > 1;
    if (is_about_all) failure = WebhookFailure::kUnreachable;
  }
  if (failure == WebhookFailure::kServerError) {
    // It may be the event's fault. Only what others get can tell.
    pause = PauseAfter(++lane.own_failures, kLongestHold);
    is_given_up = is_given_up && delivered_micros_ > lane.first_attempt_micros;
  } else if (failure == WebhookFailure::kUnreachable) {
    ++failures_;
    if (!IsUnreachable()) ++lane.own_failures;
    pause =
        std::max(PauseAfter(failures_, kLongestHold), PauseAfter(lane.own_failures, kLongestHold));
    if (IsUnreachable()) {
      held_until_ = std::max(held_until_, now + PauseAfter(failures_, kLongestHold));
    }
    if (retry_after_micros > 0) held_until_ = std::max(held_until_, now + retry_after_micros);
    // Nothing is given up while nobody is there to take it.
    is_given_up = is_given_up && delivered_micros_ > lane.first_attempt_micros;
  } else {
    OnReachable(now);
    pause = PauseAfter(++lane.own_failures, kLongestPause);
    is_given_up = is_given_up || failure == WebhookFailure::kFinal;
  }
  pause = std::max(pause, retry_after_micros);
  if (is_given_up) {
    PopEvent(lane);
    pause = 0;
  }
  Release(lane, now + pause);
  if (IsUnreachable()) Unload();
  return is_given_up;
}

WebhookLane* WebhookReceiver::FindLane(const std::string& name) {
  const auto found = lanes_.find(name);
  return found == lanes_.end() ? nullptr : &found->second;
}

int64_t WebhookReceiver::FirstPendingSeq() const {
  int64_t first = INT64_MAX;
  for (const auto& [name, lane] : lanes_) {
    if (!name.starts_with(kAgain)) first = std::min(first, lane.ToStore().after_seq + 1);
  }
  return first;
}

}  // namespace stagelog
