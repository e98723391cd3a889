// Serves all live streams of the journal on one thread, with one epoll instance.
//
// A subscriber has a cursor (guarantee 4 in src/GUARANTEES.md). While its cursor is older than the
// ring, a reader thread reads the journal for it, one page at a time. Once the ring has every event
// after its cursor, it is served from the ring, without events at or before its cursor. Only
// one of the two serves it at any time, so no event is lost or sent twice, even if the journal, the
// announced commits and the reader have reached different events.
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

// The public methods are safe from any thread unless noted.
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

  // One turn of the loop: waits for work for at most `timeout_ms` (-1: no limit), and does it.
  // False if the manager has stopped. Not together with Start(). Call it on one thread only.
  bool RunOnce(int timeout_ms = -1);

  // `source` and `status` must already include the last event of `batch`.
  void OnCommit(const CommittedBatchPointer& batch) override;

  // Streams of that job get an `end` frame and are closed. Streams of all jobs read the events that
  // they have not sent yet from the journal again.
  void OnJobDeleted(const std::string& job_id, int64_t seq) override {
    inbox_.PostDeletedJob(job_id, seq);
  }

  void Adopt(UniqueFd socket, StreamRequest request, std::string head) override;
  void KeepOnlyTokens(std::vector<std::string> token_names) override;
  void EndGrant(uint64_t grant) override;
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
  void DropGrant(uint64_t grant);
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
  std::atomic<int64_t> shown_processed_seq_{0};  // copy of processed_seq_ for the metrics
  std::thread thread_;

  // Stream thread only, from here on.
  int64_t now_micros_ = 0;     // monotonic, of this turn
  int64_t processed_seq_ = 0;  // events up to this seq are in the rings or were skipped
  int64_t newest_seq_ = 0;     // seq of the last announced event
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
