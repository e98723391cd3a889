#include "stream/event_stream_manager.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <limits>
#include <utility>

#include "base/check.h"
#include "base/logging.h"
#include "base/random.h"
#include "base/timestamp.h"
#include "stream/sse_frame.h"

namespace stagelog {
namespace {

constexpr size_t kWheelSlots = 100;
constexpr uint64_t kInboxId = 0;

int64_t Micros(int64_t millis) { return millis * 1000; }

void SetOption(int fd, int level, int option, int value) {
  // Fails on a socket that is not TCP (tests use pairs), where there is nothing to set.
  ::setsockopt(fd, level, option, &value, sizeof(value));
}

int SocketError(int fd) {
  int error = 0;
  socklen_t size = sizeof(error);
  ::getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size);
  return error;
}

int64_t JitteredRetryMillis(const EventStreamOptions& options) {
  const auto span =
      static_cast<uint64_t>(options.shutdown_retry_max_ms - options.shutdown_retry_min_ms + 1);
  return options.shutdown_retry_min_ms + static_cast<int64_t>(RandomBits() % span);
}

}  // namespace

EventStreamManager::EventStreamManager(EventStreamOptions options, EventSource& source,
                                       const JournalStatusSource& status, Clock& clock,
                                       MetricsRegistry& registry)
    : options_(options),
      status_(status),
      clock_(clock),
      metrics_(registry),
      inbox_(options.pending_bytes),
      epoll_(::epoll_create1(EPOLL_CLOEXEC)),
      pump_(options_, metrics_, reader_),
      topics_(options.all_jobs_ring_bytes, options.job_ring_bytes),
      heartbeats_(Micros(options.heartbeat_interval_ms), kWheelSlots),
      reader_(source, options.reader_threads,
              [this](CatchUpResult result) { inbox_.PostResult(std::move(result)); }) {
  STAGELOG_CHECK(epoll_.valid());
  registry.SetGaugeFunction(
      "stagelog_follower_lag_events", "Committed events that a follower has not processed yet.",
      [this] { return LagEvents(); }, "follower=\"streams\"");
  epoll_event event = {};
  event.events = EPOLLIN;
  event.data.u64 = kInboxId;
  STAGELOG_CHECK(::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, inbox_.wake_fd(), &event) == 0);
}

EventStreamManager::~EventStreamManager() {
  if (thread_.joinable()) Stop();
}

void EventStreamManager::Start() {
  thread_ = std::thread([this] {
    ::pthread_setname_np(::pthread_self(), "streams");
    while (RunOnce()) {
    }
  });
}

void EventStreamManager::Stop() {
  inbox_.Close();
  if (thread_.joinable()) {
    thread_.join();
    return;
  }
  while (RunOnce()) {
  }
}

void EventStreamManager::OnCommit(const CommittedBatchPointer& batch) { inbox_.PostBatch(batch); }

void EventStreamManager::Adopt(UniqueFd socket, StreamRequest request, std::string head) {
  ++subscriber_count_;
  if (!inbox_.PostAdoption({std::move(socket), std::move(request), std::move(head)})) {
    --subscriber_count_;
  }
}

void EventStreamManager::KeepOnlyTokens(std::vector<std::string> token_names) {
  inbox_.PostTokens(std::move(token_names));
}

void EventStreamManager::EndGrant(uint64_t grant) { inbox_.PostEndedGrant(grant); }

// --- One turn of the loop ---

bool EventStreamManager::RunOnce(int timeout_ms) {
  now_micros_ = clock_.MonotonicMicros();
  WaitForEvents(WaitMillis(timeout_ms));
  TakeInbox();
  RunRound();
  RunTimers();
  PumpReady();
  if (stopping_) RunShutdown();
  CloseDoomed();
  shown_processed_seq_.store(processed_seq_, std::memory_order_relaxed);
  return !(retry_hints_sent_ && subscribers_.empty());
}

int EventStreamManager::WaitMillis(int timeout_ms) const {
  if (pump_.HasReady() || !backlog_.empty()) return 0;
  int64_t due_micros = heartbeats_.NextDueMicros().value_or(std::numeric_limits<int64_t>::max());
  due_micros = std::min(due_micros, pump_.NextRetryMicros().value_or(due_micros));
  if (stopping_) due_micros = std::min(due_micros, flush_deadline_micros_);
  if (due_micros == std::numeric_limits<int64_t>::max()) return timeout_ms;
  // Rounded up: waking before the time would mean to wait again.
  const int64_t wait_ms =
      std::clamp<int64_t>((due_micros - now_micros_ + 999) / 1000, 0, int64_t{3'600'000});
  return timeout_ms < 0 ? static_cast<int>(wait_ms)
                        : static_cast<int>(std::min<int64_t>(timeout_ms, wait_ms));
}

void EventStreamManager::WaitForEvents(int timeout_ms) {
  std::array<epoll_event, 256> events;
  const int count =
      ::epoll_wait(epoll_.get(), events.data(), static_cast<int>(events.size()), timeout_ms);
  STAGELOG_CHECK(count >= 0 || errno == EINTR);
  now_micros_ = clock_.MonotonicMicros();
  pump_.SetNow(now_micros_);
  for (int i = 0; i < count; ++i) {
    const epoll_event& event = events[static_cast<size_t>(i)];
    if (event.data.u64 != kInboxId) OnSocketEvent(event.data.u64, event.events);
  }
}

void EventStreamManager::OnSocketEvent(uint64_t subscriber_id, uint32_t events) {
  Subscriber* subscriber = Find(subscriber_id);
  if (subscriber == nullptr || subscriber->doomed) return;
  if ((events & (EPOLLERR | EPOLLHUP | EPOLLRDHUP)) != 0) {
    pump_.Doom(*subscriber, CloseReasonOf(SocketError(subscriber->socket.fd())));
    return;
  }
  if ((events & EPOLLIN) != 0 && !subscriber->socket.DiscardInput()) {
    pump_.Doom(*subscriber, CloseReason::kClient);
    return;
  }
  if ((events & EPOLLOUT) != 0 && subscriber->socket.blocked()) {
    subscriber->socket.Unblock();
    pump_.Pump(*subscriber);
  }
}

void EventStreamManager::TakeInbox() {
  InboxContents contents = inbox_.Take(backlog_.TakeWorkedOffBytes());
  newest_seq_ = std::max(newest_seq_, contents.newest_seq);
  if (contents.skipped_through > 0) OnSkipped(contents.skipped_through);
  for (Adoption& adoption : contents.adoptions) AddSubscriber(std::move(adoption));
  for (const std::string& job_id : contents.deleted_jobs) EndStreamsOf(job_id);
  if (contents.token_names) DropOtherTokens(*contents.token_names);
  for (const uint64_t grant : contents.ended_grants) DropGrant(grant);
  for (CommittedBatchPointer& batch : contents.batches) backlog_.Add(std::move(batch));
  for (const CatchUpResult& result : contents.results) OnResult(result);
  if (contents.closed && !stopping_) {
    stopping_ = true;
    flush_deadline_micros_ = now_micros_ + Micros(options_.shutdown_flush_ms);
  }
}

void EventStreamManager::OnSkipped(int64_t through_seq) {
  backlog_.Clear();
  processed_seq_ = std::max(processed_seq_, through_seq);
  topics_.Reset(processed_seq_);
  for (const auto& [id, subscriber] : subscribers_) pump_.MakeReady(*subscriber);
}

void EventStreamManager::RunRound() {
  if (backlog_.empty()) return;
  const auto& events = backlog_.TakeRound(options_.round_bytes, processed_seq_);
  if (events.empty()) return;
  processed_seq_ = events.back()->seq;
  for (Topic* topic : topics_.Append(events)) {
    for (Subscriber* subscriber : topic->members) {
      if (subscriber->state == SubscriberState::kJoined) pump_.Pump(*subscriber);
    }
  }
}

void EventStreamManager::RunTimers() {
  for (const uint64_t id : pump_.TakeDueRetries()) {
    Subscriber* subscriber = Find(id);
    if (subscriber == nullptr || subscriber->doomed) continue;
    subscriber->read_pending = false;
    pump_.MakeReady(*subscriber);
  }
  std::vector<uint64_t> due;
  heartbeats_.TakeDue(now_micros_, due);
  if (due.empty()) return;
  const std::string timestamp = FormatTimestamp(clock_.WallMicros());
  const int64_t head_seq = HeadSeq();
  for (const uint64_t id : due) Beat(*Find(id), timestamp, head_seq);
}

void EventStreamManager::PumpReady() {
  for (const uint64_t id : pump_.TakeReady()) {
    Subscriber* subscriber = Find(id);
    if (subscriber == nullptr) continue;
    subscriber->ready = false;
    pump_.Pump(*subscriber);
  }
}

void EventStreamManager::CloseDoomed() {
  const std::vector<DoomedSubscriber> all_doomed = pump_.TakeDoomed();
  if (all_doomed.empty()) return;
  for (const DoomedSubscriber& doomed : all_doomed) Remove(doomed);
  if (!subscribers_.empty()) return;
  // Nobody listens: from now on a commit costs this thread nothing.
  inbox_.StopListening();
}

// --- A subscriber's life ---

void EventStreamManager::AddSubscriber(Adoption adoption) {
  const uint64_t id = next_id_++;
  auto owned =
      std::make_unique<Subscriber>(id, std::move(adoption.socket), adoption.request.chunked);
  Subscriber& subscriber = *owned;
  if (!Register(subscriber)) {
    --subscriber_count_;
    return;
  }
  // With the first subscriber the journal may be ahead of what was announced while nobody listened.
  if (subscribers_.empty()) processed_seq_ = std::max(processed_seq_, HeadSeq());
  subscribers_.emplace(id, std::move(owned));
  topics_.Join(subscriber, adoption.request.job_id, processed_seq_);
  subscriber.wheel_slot = static_cast<uint16_t>(heartbeats_.Add(id, now_micros_));
  subscriber.token_name = std::move(adoption.request.token_name);
  subscriber.grant = adoption.request.grant;
  subscriber.expires_at_micros = adoption.request.expires_at_micros;
  subscriber.form = adoption.request.form;
  subscriber.until_terminal = adoption.request.until_terminal && adoption.request.job_id;
  subscriber.socket.QueueHead(adoption.head);
  Plan(subscriber, adoption.request);
  if (!adoption.request.filter.empty()) {
    subscriber.filter = std::make_unique<EventFilter>(std::move(adoption.request.filter));
  }
  metrics_.subscribers.Set(static_cast<int64_t>(subscribers_.size()));
  pump_.Pump(subscriber);
}

bool EventStreamManager::Register(Subscriber& subscriber) {
  const int fd = subscriber.socket.fd();
  SetOption(fd, IPPROTO_TCP, TCP_NODELAY, 1);
  if (options_.send_buffer_bytes > 0) {
    metrics_.send_buffer_bytes.Set(subscriber.socket.BoundKernelBytes(options_.send_buffer_bytes));
  }
  epoll_event event = {};
  event.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | static_cast<uint32_t>(EPOLLET);
  event.data.u64 = subscriber.id;
  if (::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event) == 0) return true;
  const int error = errno;  // the logger takes a reference, and errno changes under it
  LogWarning("[stream] closed a stream: cannot add its socket to epoll (errno {})", error);
  return false;
}

void EventStreamManager::Plan(Subscriber& subscriber, const StreamRequest& request) {
  const int64_t head_seq = HeadSeq();
  const StartPlan plan = PlanStart(request.start, request.job_id.has_value(), head_seq,
                                   status_.GetStatus().visible_seq);
  if (plan.time_micros) {
    subscriber.start_time_micros = *plan.time_micros;
    return;
  }
  subscriber.cursor = plan.cursor;
  Begin(subscriber, plan.gap, head_seq);
}

void EventStreamManager::Begin(Subscriber& subscriber, const std::optional<GapFrame>& gap,
                               int64_t head_seq) {
  std::string frames;
  AppendConnectedFrame(frames, {.retry_ms = options_.retry_ms,
                                .cursor = subscriber.cursor,
                                .journal_id = status_.GetStatus().journal_id,
                                .job_id = subscriber.topic->job_id,
                                .head_seq = head_seq,
                                .heartbeat_interval_ms = options_.heartbeat_interval_ms});
  if (gap) AppendGapFrame(frames, *gap);
  subscriber.socket.QueueFrames(frames);
  pump_.ChooseSource(subscriber);
}

void EventStreamManager::Remove(const DoomedSubscriber& doomed) {
  const auto found = subscribers_.find(doomed.id);
  STAGELOG_CHECK(found != subscribers_.end());
  Subscriber& subscriber = *found->second;
  if (subscriber.read_pending) reader_.Cancel(subscriber.id);
  heartbeats_.Remove(subscriber.wheel_slot, subscriber.id);
  topics_.Leave(subscriber);
  // What the client sent and nobody read would turn the close into a reset, and a reset takes from
  // the client what it has not read yet.
  subscriber.socket.DiscardInput();
  ::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, subscriber.socket.fd(), nullptr);
  metrics_.unsent_bytes.Add(-static_cast<int64_t>(subscriber.unsent_counted));
  metrics_.kernel_bytes.Add(-subscriber.kernel_counted);
  metrics_.closed[static_cast<size_t>(doomed.reason)]->Add();
  subscribers_.erase(found);
  --subscriber_count_;
  metrics_.subscribers.Set(static_cast<int64_t>(subscribers_.size()));
}

void EventStreamManager::OnResult(const CatchUpResult& result) {
  Subscriber* subscriber = Find(result.subscriber_id);
  if (subscriber == nullptr || subscriber->doomed) return;
  subscriber->read_pending = false;
  if (subscriber->state == SubscriberState::kEnding) return;
  if (!result.page) {
    LogError("[stream] cannot read the journal, a stream is delayed: {}",
             result.page.error().message);
    pump_.RetryReadLater(*subscriber);
  } else if (subscriber->state == SubscriberState::kStarting) {
    OnStartTime(*subscriber, result.page->scanned_through);
  } else {
    pump_.OnPage(*subscriber, *result.page);
  }
}

void EventStreamManager::OnStartTime(Subscriber& subscriber, int64_t seq) {
  subscriber.cursor = seq;
  Begin(subscriber, std::nullopt, std::max(seq, HeadSeq()));
  pump_.Pump(subscriber);
}

// --- Heartbeats, tokens, the end ---

void EventStreamManager::Beat(Subscriber& subscriber, const std::string& timestamp,
                              int64_t head_seq) {
  if (subscriber.doomed) return;
  const bool has_stalled =
      subscriber.socket.HasStalled(now_micros_, Micros(options_.stall_timeout_ms));
  metrics_.kernel_bytes.Add(subscriber.socket.kernel_bytes() - subscriber.kernel_counted);
  subscriber.kernel_counted = subscriber.socket.kernel_bytes();
  if (has_stalled) {
    pump_.Doom(subscriber, CloseReason::kStalled);
    return;
  }
  if (subscriber.expires_at_micros != 0 && now_micros_ >= subscriber.expires_at_micros) {
    pump_.Doom(subscriber, CloseReason::kToken);
    return;
  }
  const bool connected = subscriber.state == SubscriberState::kCatchingUp ||
                         subscriber.state == SubscriberState::kJoined;
  if (!connected || subscriber.socket.HasHeartbeatQueued()) return;
  std::string frame;
  AppendHeartbeatFrame(frame, timestamp, std::max(head_seq, subscriber.cursor), subscriber.cursor);
  subscriber.socket.QueueHeartbeat(frame);
  metrics_.heartbeats_sent.Add();
  pump_.CountUnsent(subscriber);
  pump_.Pump(subscriber);
}

void EventStreamManager::EndStreamsOf(const std::string& job_id) {
  for (const auto& [id, subscriber] : subscribers_) {
    if (subscriber->topic->job_id != job_id || subscriber->doomed) continue;
    if (subscriber->state == SubscriberState::kEnding) continue;
    std::string frame;
    AppendEndFrame(frame, job_id, subscriber->cursor, "job_deleted");
    pump_.BeginEnding(*subscriber, CloseReason::kDeleted, frame);
  }
}

void EventStreamManager::DropOtherTokens(const std::vector<std::string>& token_names) {
  for (const auto& [id, subscriber] : subscribers_) {
    const bool kept = std::find(token_names.begin(), token_names.end(), subscriber->token_name) !=
                      token_names.end();
    if (!kept) pump_.Doom(*subscriber, CloseReason::kToken);
  }
}

void EventStreamManager::DropGrant(uint64_t grant) {
  for (const auto& [id, subscriber] : subscribers_) {
    if (subscriber->grant == grant) pump_.Doom(*subscriber, CloseReason::kToken);
  }
}

void EventStreamManager::RunShutdown() {
  if (!retry_hints_sent_ && backlog_.empty()) SendRetryHints();
  if (now_micros_ < flush_deadline_micros_) return;
  retry_hints_sent_ = true;
  for (const auto& [id, subscriber] : subscribers_) pump_.Doom(*subscriber, CloseReason::kShutdown);
}

void EventStreamManager::SendRetryHints() {
  retry_hints_sent_ = true;
  for (const auto& [id, subscriber] : subscribers_) {
    if (subscriber->doomed || subscriber->state == SubscriberState::kEnding) continue;
    std::string retry;
    AppendRetry(retry, JitteredRetryMillis(options_));
    pump_.BeginEnding(*subscriber, CloseReason::kShutdown, retry);
  }
}

// The last event that was announced: the writer tells the status and this thread one after the
// other, so the greatest of what is known here counts.
int64_t EventStreamManager::HeadSeq() const {
  return std::max({status_.GetStatus().head_seq, processed_seq_, newest_seq_});
}

// Of this thread, not of each stream: one that is slow lags by itself. Without streams nothing is
// taken.
int64_t EventStreamManager::LagEvents() const {
  if (subscriber_count_.load() == 0) return 0;
  return std::max<int64_t>(0, status_.GetStatus().head_seq - shown_processed_seq_.load());
}

Subscriber* EventStreamManager::Find(uint64_t subscriber_id) const {
  const auto found = subscribers_.find(subscriber_id);
  return found == subscribers_.end() ? nullptr : found->second.get();
}

}  // namespace stagelog
