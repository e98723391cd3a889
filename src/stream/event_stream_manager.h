// Serves the journal live: one thread, one epoll, all streams.
//
// A subscriber is a cursor (guarantee 4 in src/GUARANTEES.md). Behind the ring it is fed with pages
// that a reader thread takes from the journal, one at a time; once its cursor has reached what the
// ring is complete from it is fed from the ring, and skips what is at or before its cursor. Only
// one of the two feeds it at any time, so nothing is lost or doubled, whichever of journal,
// announcement and reader is ahead of the others.
#ifndef STAGELOG_STREAM_EVENT_STREAM_MANAGER_H_
#define STAGELOG_STREAM_EVENT_STREAM_MANAGER_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

#include "base/clock.h"
#include "base/metrics.h"
#include "base/unique_fd.h"
#include "core/commit_listener.h"
#include "core/event_source.h"
#include "core/journal_status.h"
#include "core/stream_sink.h"
#include "stream/catch_up_reader.h"
#include "stream/commit_backlog.h"
#include "stream/event_stream_options.h"
#include "stream/stream_inbox.h"
#include "stream/stream_metrics.h"
#include "stream/stream_start.h"
#include "stream/subscriber.h"
#include "stream/subscriber_pump.h"
#include "stream/timer_wheel.h"
#include "stream/topic_table.h"

namespace stagelog {

// The public methods are safe from any thread, except where said.
class EventStreamManager : public CommitListener, public StreamSink {
 public:
  // The references must outlive the manager.
  EventStreamManager(EventStreamOptions options, EventSource& source,
                     const JournalStatusSource& status, Clock& clock, MetricsRegistry& registry);

  // Calls Stop() if started; otherwise drops the streams.
  ~EventStreamManager() override;

  // Runs the loop on a thread of its own.
  void Start();

  // Sends pending data and a last `retry:` line, for at most shutdown_flush_ms; closes all streams;
  // ends the thread. Without Start() it runs the loop on the caller's thread.
  void Stop();

  // One turn of the loop: waits for work, at most `timeout_ms` (-1: indefinitely), and does it.
  // False if the manager has stopped. Not together with Start(); always on the same thread.
  bool RunOnce(int timeout_ms = -1);

  // `source` and `status` must already include the last event of `batch`.
  void OnCommit(const CommittedBatchPointer& batch) override;

  // Streams of that job get an `end` frame and are closed; streams of all jobs reread from the
  // journal what they have not sent.
  void OnJobDeleted(const std::string& job_id) override { inbox_.PostDeletedJob(job_id); }

  void Adopt(UniqueFd socket, StreamRequest request, std::string head) override;
  void KeepOnlyTokens(std::vector<std::string> token_names) override;
  size_t SubscriberCount() const override { return subscriber_count_.load(); }

 private:
  // One turn of the loop.
  int WaitMillis(int timeout_ms) const;
  void WaitForEvents(int timeout_ms);
  void OnSocketEvent(uint64_t subscriber_id, uint32_t events);
  void TakeInbox();
  void OnSkipped(int64_t through_seq);
  void RunRound();
  void RunTimers();
  void PumpReady();
  void CloseDoomed();

  // Lifecycle of a subscriber.
  void AddSubscriber(Adoption adoption);
  bool Register(Subscriber& subscriber);
  void Plan(Subscriber& subscriber, const StreamRequest& request);
  void Begin(Subscriber& subscriber, const std::optional<GapFrame>& gap, int64_t head_seq);
  void OnResult(const CatchUpResult& result);
  void OnStartTime(Subscriber& subscriber, int64_t seq);
  void Remove(const DoomedSubscriber& doomed);

  // Heartbeats, tokens, shutdown.
  void Beat(Subscriber& subscriber, const std::string& timestamp, int64_t head_seq);
  void EndStreamsOf(const std::string& job_id);
  void DropOtherTokens(const std::vector<std::string>& token_names);
  void RunShutdown();
  void SendRetryHints();

  int64_t HeadSeq() const;
  int64_t LagEvents() const;
  Subscriber* Find(uint64_t subscriber_id) const;

  const EventStreamOptions options_;
  const JournalStatusSource& status_;
  Clock& clock_;
  StreamMetrics metrics_;
  StreamInbox inbox_;
  UniqueFd epoll_;
  std::atomic<size_t> subscriber_count_{0};
  std::atomic<int64_t> shown_processed_seq_{0};  // processed_seq_, for the metrics
  std::thread thread_;

  // From here on: the stream thread's own.
  int64_t now_micros_ = 0;     // monotonic, of this turn
  int64_t processed_seq_ = 0;  // events up to here are in the rings or were passed over
  int64_t newest_seq_ = 0;     // the last one that was announced
  uint64_t next_id_ = 1;       // 0 stands for the inbox in epoll
  std::unordered_map<uint64_t, std::unique_ptr<Subscriber>> subscribers_;
  SubscriberPump pump_;
  TopicTable topics_;
  CommitBacklog backlog_;
  TimerWheel heartbeats_;
  bool stopping_ = false;
  bool retry_hints_sent_ = false;
  int64_t flush_deadline_micros_ = 0;

  // The last member: its threads post to inbox_ and must end first.
  CatchUpReader reader_;
};

}  // namespace stagelog

#endif  // STAGELOG_STREAM_EVENT_STREAM_MANAGER_H_
