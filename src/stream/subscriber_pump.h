// Moves events to subscribers: from the ring to those that keep up, from pages of the journal to
// those behind. Used on the stream thread only.
//
// It never removes a subscriber: those to close are collected, so that a walk over a topic's
// members is never disturbed.
#ifndef STAGELOG_STREAM_SUBSCRIBER_PUMP_H_
#define STAGELOG_STREAM_SUBSCRIBER_PUMP_H_

#include <cstdint>
#include <deque>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "stream/catch_up_reader.h"
#include "stream/event_stream_options.h"
#include "stream/frame_ring.h"
#include "stream/stream_metrics.h"
#include "stream/subscriber.h"

namespace stagelog {

struct DoomedSubscriber {
  uint64_t id = 0;
  CloseReason reason = CloseReason::kClient;
};

// Why a stream is closed whose socket failed with `error_number`.
CloseReason CloseReasonOf(int error_number);

class SubscriberPump {
 public:
  SubscriberPump(const EventStreamOptions& options, StreamMetrics& metrics, CatchUpReader& reader)
      : options_(options), metrics_(metrics), reader_(reader) {}

  // The time of all that follows, monotonic.
  void SetNow(int64_t now_micros) { now_micros_ = now_micros; }

  // Sends what the subscriber can have now. When its source has nothing more for it, asks for the
  // next page, ends the stream, or leaves it until the next commit.
  void Pump(Subscriber& subscriber);

  // From now on the subscriber is fed from the ring if it may be, from the journal otherwise.
  void ChooseSource(Subscriber& subscriber);

  // What the reader brought, for a subscriber that catches up.
  void OnPage(Subscriber& subscriber, const CatchUpPage& page);

  // The reader failed: it is asked again after a delay.
  void AskAgainLater(Subscriber& subscriber);

  // Nothing new after `last_words`; closed when everything was sent.
  void BeginEnding(Subscriber& subscriber, CloseReason reason, std::string_view last_words);

  void Doom(Subscriber& subscriber, CloseReason reason);
  std::vector<DoomedSubscriber> TakeDoomed() { return std::exchange(doomed_, {}); }

  // Gives the subscriber another turn before the loop waits again.
  void MakeReady(Subscriber& subscriber);
  bool HasReady() const { return !ready_.empty(); }
  std::vector<uint64_t> TakeReady() { return std::exchange(ready_, {}); }

  // Subscribers whose failed read is due again.
  std::optional<int64_t> NextRetryMicros() const;
  std::vector<uint64_t> TakeDueRetries();

  // After bytes were queued other than by this class.
  void CountUnsent(Subscriber& subscriber);

 private:
  struct ReadRetry {
    int64_t due_micros = 0;
    uint64_t subscriber_id = 0;
  };

  void PumpFromRing(Subscriber& subscriber);
  bool Deliver(Subscriber& subscriber);
  void AfterAllSent(Subscriber& subscriber);
  void FallBehind(Subscriber& subscriber);
  void AskForPage(Subscriber& subscriber);
  bool DeliverPage(Subscriber& subscriber, const CatchUpPage& page);
  void Settle(Subscriber& subscriber, const CatchUpPage& page);
  void LogStalled(const Subscriber& subscriber) const;

  const EventStreamOptions& options_;
  StreamMetrics& metrics_;
  CatchUpReader& reader_;
  int64_t now_micros_ = 0;
  std::vector<FrameRun> runs_;  // those being delivered; kept for its memory
  std::vector<uint64_t> ready_;
  std::deque<ReadRetry> retries_;  // in the order of due_micros
  std::vector<DoomedSubscriber> doomed_;
};

}  // namespace stagelog

#endif  // STAGELOG_STREAM_SUBSCRIBER_PUMP_H_
