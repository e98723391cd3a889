#include "stream/subscriber_pump.h"

#include <algorithm>
#include <cerrno>
#include <string>

#include "base/abortive_close.h"
#include "base/logging.h"
#include "stream/sse_frame.h"
#include "stream/topic_table.h"

namespace stagelog {

CloseReason CloseReasonOf(int error_number) {
  // The kernel gives up on a peer by itself (TCP_USER_TIMEOUT); to people that is the same.
  return error_number == ETIMEDOUT ? CloseReason::kStalled : CloseReason::kClient;
}

void SubscriberPump::ChooseSource(Subscriber& subscriber) {
  // Whether the job is over is in no ring: who wants to know begins with a page.
  if (!subscriber.until_terminal && subscriber.cursor >= subscriber.topic->ring.complete_after()) {
    subscriber.state = SubscriberState::kJoined;
  } else {
    FallBehind(subscriber);
  }
}

void SubscriberPump::BeginEnding(Subscriber& subscriber, CloseReason reason,
                                 std::string_view final_frames) {
  subscriber.socket.QueueFrames(final_frames);
  // Only this is an end to the client: everything else that closes a stream looks like a failure of
  // the network, after which it comes back.
  const bool is_end = reason == CloseReason::kTerminal || reason == CloseReason::kDeleted;
  if (is_end) subscriber.socket.QueueLastChunk();
  subscriber.state = SubscriberState::kEnding;
  subscriber.ending_reason = reason;
  MakeReady(subscriber);
}

void SubscriberPump::Doom(Subscriber& subscriber, CloseReason reason) {
  if (reason == CloseReason::kStalled) MakeCloseAbortive(subscriber.socket.fd());
  if (std::exchange(subscriber.doomed, true)) return;
  if (reason == CloseReason::kStalled) LogStalled(subscriber);
  doomed_.push_back({subscriber.id, reason});
}

void SubscriberPump::Pump(Subscriber& subscriber) {
  if (subscriber.socket.blocked() || subscriber.doomed) return;
  if (subscriber.state == SubscriberState::kJoined) {
    PumpFromRing(subscriber);
  } else {
    runs_.clear();
    if (Deliver(subscriber)) AfterAllSent(subscriber);
  }
}

void SubscriberPump::PumpFromRing(Subscriber& subscriber) {
  const FrameRing& ring = subscriber.topic->ring;
  if (subscriber.cursor < ring.complete_after()) {
    FallBehind(subscriber);
    Pump(subscriber);
    return;
  }
  runs_.clear();
  const FrameScan scan = ring.Collect(
      {.cursor = subscriber.cursor, .filter = subscriber.filter.get(), .form = &subscriber.form},
      StreamSocket::kMaxRuns, options_.turn_bytes, runs_);
  if (!Deliver(subscriber)) return;
  if (scan.moved) {
    subscriber.cursor = scan.scanned_through;
    subscriber.job_over = scan.job_over;
    subscriber.over_by_page = false;
  }
  if (!scan.reached_newest) {
    MakeReady(subscriber);
  } else {
    AfterAllSent(subscriber);
  }
}

// Sends what is in hand and runs_; true when the socket took everything.
bool SubscriberPump::Deliver(Subscriber& subscriber) {
  const SendReport report = subscriber.socket.Send(runs_, now_micros_);
  subscriber.MoveOver(runs_, report);
  CountUnsent(subscriber);
  metrics_.bytes_sent.Add(report.bytes);
  uint64_t frames = 0;
  for (size_t i = 0; i < report.runs_begun; ++i) frames += runs_[i].frame_count;
  if (frames > 0) metrics_.frames_sent.Add(frames);
  if (report.outcome == SendOutcome::kGone) Doom(subscriber, CloseReasonOf(report.error_number));
  return report.outcome == SendOutcome::kSentAll;
}

// The subscriber has nothing in hand and its source has nothing for it now.
void SubscriberPump::AfterAllSent(Subscriber& subscriber) {
  if (subscriber.state == SubscriberState::kEnding) {
    Doom(subscriber, subscriber.ending_reason);
  } else if (subscriber.state != SubscriberState::kJoined) {
    RequestPage(subscriber);
  } else if (subscriber.until_terminal && subscriber.job_over && !subscriber.over_by_page) {
    // The ring may be behind the journal, where the job has been resumed since: what counts is how
    // it is now, not how it was at the event that was sent last.
    subscriber.state = SubscriberState::kCatchingUp;
    RequestPage(subscriber);
  } else if (subscriber.until_terminal && subscriber.job_over) {
    std::string frame;
    AppendEndFrame(frame, *subscriber.topic->job_id, subscriber.cursor);
    BeginEnding(subscriber, CloseReason::kTerminal, frame);
  }
}

void SubscriberPump::MakeReady(Subscriber& subscriber) {
  if (std::exchange(subscriber.ready, true)) return;
  ready_.push_back(subscriber.id);
}

void SubscriberPump::CountUnsent(Subscriber& subscriber) {
  const size_t unsent = subscriber.socket.UnsentBytes();
  if (unsent == subscriber.unsent_counted) return;
  metrics_.unsent_bytes.Add(static_cast<int64_t>(unsent) -
                            static_cast<int64_t>(subscriber.unsent_counted));
  subscriber.unsent_counted = unsent;
}

void SubscriberPump::FallBehind(Subscriber& subscriber) {
  subscriber.state = SubscriberState::kCatchingUp;
  metrics_.catch_ups.Add();
}

void SubscriberPump::RequestPage(Subscriber& subscriber) {
  if (std::exchange(subscriber.read_pending, true)) return;
  CatchUpTask task{.subscriber_id = subscriber.id, .form = subscriber.form};
  if (subscriber.state == SubscriberState::kStarting) {
    task.time_micros = subscriber.start_time_micros;
  } else {
    task.request.job_id = subscriber.topic->job_id;
    task.request.after = subscriber.cursor;
    if (subscriber.filter != nullptr) task.request.filter = *subscriber.filter;
    task.request.max_events = options_.page_events;
    task.request.max_bytes = options_.page_bytes;
  }
  reader_.Submit(std::move(task));
}

void SubscriberPump::RetryReadLater(Subscriber& subscriber) {
  subscriber.read_pending = true;
  retries_.push_back({now_micros_ + options_.read_retry_ms * 1000, subscriber.id});
}

void SubscriberPump::OnPage(Subscriber& subscriber, const CatchUpPage& page) {
  metrics_.catch_up_pages.Add();
  const int64_t cursor_before = subscriber.cursor;
  // A socket that filled up meanwhile (with a heartbeat) has no room for the page: it is read again
  // when there is some, so that nobody holds more than one.
  if (subscriber.socket.blocked() || !DeliverPage(subscriber, page)) return;
  Settle(subscriber, page);
  // A page that says nothing new and yet does not reach the ring would be asked for in a circle.
  if (subscriber.state == SubscriberState::kCatchingUp && subscriber.cursor == cursor_before) {
    RetryReadLater(subscriber);
  }
  Pump(subscriber);
}

// False when none of the page was begun: it is as if it had not been read.
bool SubscriberPump::DeliverPage(Subscriber& subscriber, const CatchUpPage& page) {
  if (page.frames == nullptr) {
    subscriber.cursor = std::max(subscriber.cursor, page.scanned_through);
    return true;
  }
  runs_.assign(1, FrameRun{.segment = page.frames.get(),
                           .begin = 0,
                           .end = static_cast<uint32_t>(page.frames->bytes().size()),
                           .frame_count = static_cast<uint32_t>(page.frames->entries().size()),
                           .through_seq = page.scanned_through});
  Deliver(subscriber);
  return !subscriber.doomed && subscriber.cursor >= page.scanned_through;
}

// Chooses where the subscriber is fed from after a page.
void SubscriberPump::Settle(Subscriber& subscriber, const CatchUpPage& page) {
  if (subscriber.cursor < subscriber.topic->ring.complete_after()) return;
  // The page knows the state as of its snapshot, which is the cursor's only if it ends there.
  if (subscriber.until_terminal && page.has_more) return;
  subscriber.job_over = subscriber.over_by_page = page.job_over;
  subscriber.state = SubscriberState::kJoined;
}

void SubscriberPump::LogStalled(const Subscriber& subscriber) const {
  LogWarning(
      "[stream] closed stream {} of {} (token {}) after seq {}: the client read nothing for {} s",
      subscriber.id, subscriber.topic->job_id.value_or("all jobs"), subscriber.token_name,
      subscriber.cursor, options_.stall_timeout_ms / 1000);
}

std::optional<int64_t> SubscriberPump::NextRetryMicros() const {
  if (retries_.empty()) return std::nullopt;
  return retries_.front().due_micros;
}

std::vector<uint64_t> SubscriberPump::TakeDueRetries() {
  std::vector<uint64_t> due;
  while (!retries_.empty() && retries_.front().due_micros <= now_micros_) {
    due.push_back(retries_.front().subscriber_id);
    retries_.pop_front();
  }
  return due;
}

}  // namespace stagelog
