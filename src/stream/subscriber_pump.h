// Moves events to subscribers: from the ring to those that keep up, from pages of the journal to
// those behind. Used on the stream thread only.
//
// The pump never removes a subscriber: it collects those to close, so that iterating a topic's
// members stays valid.
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

// The close reason of a stream whose socket has failed with `error_number`.
CloseReason CloseReasonOf(int error_number);

class SubscriberPump {
 public:
  SubscriberPump(const EventStreamOptions& options, StreamMetrics& metrics, CatchUpReader& reader)
      : options_(options), metrics_(metrics), reader_(reader) {}

  // Sets the current time (monotonic) for all following calls.
  void SetNow(int64_t now_micros) { now_micros_ = now_micros; }

  // Sends what is available. When the subscriber's source is exhausted, requests the next page,
  // ends the stream, or waits for the next commit.
  void Pump(Subscriber& subscriber);

  // Selects the source: the ring if it covers the cursor, else the journal.
  void ChooseSource(Subscriber& subscriber);

  // Sends a page from the reader to a subscriber that is catching up.
  void OnPage(Subscriber& subscriber, const CatchUpPage& page);

  // Retries the subscriber's failed read after a delay.
  void RetryReadLater(Subscriber& subscriber);

  // Queues `final_frames`, the last bytes of the stream. Closes it once everything is sent.
  void BeginEnding(Subscriber& subscriber, CloseReason reason, std::string_view final_frames);

  void Doom(Subscriber& subscriber, CloseReason reason);
  std::vector<DoomedSubscriber> TakeDoomed() { return std::exchange(doomed_, {}); }

  // Gives the subscriber another turn before the loop waits again.
  void MakeReady(Subscriber& subscriber);
  bool HasReady() const { return !ready_.empty(); }
  std::vector<uint64_t> TakeReady() { return std::exchange(ready_, {}); }

  // When the next failed read is due for a retry, and which subscribers' reads are due now.
  std::optional<int64_t> NextRetryMicros() const;
  std::vector<uint64_t> TakeDueRetries();

  // Call it after bytes were queued outside of this class.
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
  void RequestPage(Subscriber& subscriber);
  bool DeliverPage(Subscriber& subscriber, const CatchUpPage& page);
  void Settle(Subscriber& subscriber, const CatchUpPage& page);
  void LogStalled(const Subscriber& subscriber) const;

  const EventStreamOptions& options_;
  StreamMetrics& metrics_;
  CatchUpReader& reader_;
  int64_t now_micros_ = 0;
  std::vector<FrameRun> runs_;  // the runs being sent; a member, to reuse its memory
  std::vector<uint64_t> ready_;
  std::deque<ReadRetry> retries_;  // in the order of due_micros
  std::vector<DoomedSubscriber> doomed_;
};

}  // namespace stagelog

#endif  // STAGELOG_STREAM_SUBSCRIBER_PUMP_H_
