#include "client/event_sender.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <map>

#include "base/check.h"
#include "base/clock.h"
#include "base/mutex.h"
#include "client/resent_lines.h"
#include "client/run_edges.h"

namespace stagelog::cli {
namespace {

using std::chrono::milliseconds;

constexpr size_t kMaxBatchEvents = 500;
constexpr size_t kMaxBatchBytes = size_t{1} << 20;
constexpr int64_t kHeartbeatMicros = 5'000'000;
constexpr const char* kHeartbeat = R"({"type":"heartbeat","payload":{"interval_seconds":5}})";
static_assert(kHeartbeatMicros == 5'000'000, "must match the heartbeat payload");
constexpr int64_t kFirstRetryMs = 100;
constexpr int64_t kLastRetryMs = 2'000;
// Where another process sends, or inotify is used up, we look this often.
constexpr int64_t kLookMs = 1'000;
constexpr milliseconds kPatienceWhenAway(1'000);
constexpr milliseconds kStopPatience(500);

std::string BodyOf(const std::vector<std::string>& lines) {
  std::string body;
  for (const std::string& line : lines) body.append(line).append(1, '\n');
  return body;
}

bool WasOver(const FlaggedEvent& event) {
  const auto& codes = event.violations;
  return std::find(codes.begin(), codes.end(), "job_over") != codes.end();
}

// Whether the job was over when the event on that line of a batch (from 1) came. Where the receipt
// does not list all events that were flagged: as for the last that it lists, for nothing in a batch
// resumes a job; an end may have been left out in any case.
bool MayHaveBeenOver(const Receipt& receipt, int64_t line, bool is_end) {
  const bool lists_all = receipt.flagged == static_cast<int64_t>(receipt.events.size());
  if (!lists_all && (receipt.events.empty() || receipt.events.back().line < line)) {
    return is_end || (!receipt.events.empty() && WasOver(receipt.events.back()));
  }
  return std::any_of(receipt.events.begin(), receipt.events.end(), [&](const FlaggedEvent& event) {
    return event.line == line && WasOver(event);
  });
}

bool Contains(const std::vector<std::string>& lines, const std::string& text) {
  return std::any_of(lines.begin(), lines.end(),
                     [&](const std::string& line) { return line.find(text) != std::string::npos; });
}

}  // namespace

EventSender::EventSender(const Settings& settings, Outbox& outbox, SenderOptions options)
    : outbox_(outbox),
      options_(std::move(options)),
      client_(std::make_shared<AbandonableClient>(settings)),
      wake_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
      inotify_(::inotify_init1(IN_CLOEXEC | IN_NONBLOCK)),
      batch_limit_(kMaxBatchEvents),
      retry_ms_(kFirstRetryMs) {
  STAGELOG_CHECK(wake_.valid());
}

EventSender::~EventSender() {
  if (thread_.joinable()) Finish();
}

void EventSender::Start() {
  heartbeat_micros_ = SystemClock().MonotonicMicros();  // the first goes with the first events
  thread_ = std::thread([this] { Run(); });
}

void EventSender::Wake() {
  const uint64_t one = 1;
  static_cast<void>(!::write(wake_.get(), &one, sizeof(one)));
}

EventSender::Result EventSender::Finish() {
  MutexLock lock(mutex_);
  is_finishing_ = true;
  Wake();
  while (!has_ended_) {
    const uint64_t before = progress_;
    const auto patience = is_unavailable_ ? kPatienceWhenAway : milliseconds(options_.patience_ms);
    const auto has_moved = [&]() STAGELOG_REQUIRES(mutex_) {
      return has_ended_ || progress_ != before;
    };
    if (changed_.wait_for(lock, patience, has_moved)) continue;
    has_given_up_ = true;
    StopThread(lock);
  }
  const Result result = result_;  // final once it has ended
  lock.unlock();
  if (thread_.joinable()) thread_.join();
  return result;
}

void EventSender::StopThread(MutexLock& lock) {
  // On a thread of its own, for it waits while a connection is being made.
  std::thread([client = client_] { client->Stop(); }).detach();
  Wake();
  while (!has_ended_) {
    if (changed_.wait_for(lock, kStopPatience,
                          [&]() STAGELOG_REQUIRES(mutex_) { return has_ended_; }))
      return;
    if (!client_->Abandon()) continue;
    thread_.detach();
    unavailable_reason_ = client_->client().url() + " does not answer";
    has_ended_ = true;
  }
}

void EventSender::Run() {
  while (true) {
    // In this order: a wake that is taken here was for something that is seen here.
    TakeWakes();
    bool was_finishing = false;
    {
      const MutexLock lock(mutex_);
      was_finishing = is_finishing_;
    }
    const Step step = SendOnce();
    if (step == Step::kAbandoned) return;  // this object may be gone
    if (step == Step::kSent) NotifyProgress();
    {
      const MutexLock lock(mutex_);
      is_unavailable_ = step == Step::kUnavailable || step == Step::kRetry;
    }
    if (was_finishing && IsDone(step)) break;
    if (step != Step::kSent) Wait(step);
  }
  const MutexLock lock(mutex_);
  has_ended_ = true;
  changed_.notify_all();
}

bool EventSender::IsDone(Step step) {
  if (step == Step::kNothing && !outbox_.Leave()) return false;
  // Twice, for the first may have found a connection that a restarted daemon no longer has.
  const int attempts = has_answered_ ? 2 : 1;
  const bool is_away = step == Step::kUnavailable && ++failures_at_end_ >= attempts;
  if (step == Step::kUnavailable) retry_ms_ = kFirstRetryMs;
  const bool is_for_others =
      step == Step::kBusy && (!options_.waits_for_others || !outbox_.HasUnsent());
  const MutexLock lock(mutex_);
  if (step == Step::kNothing) result_ = Result::kAllSent;
  if (step == Step::kBusy) result_ = Result::kLeftToOther;
  if (step == Step::kUnavailable || step == Step::kRetry) result_ = Result::kUnavailable;
  return has_given_up_ || step == Step::kNothing || is_away || is_for_others;
}

// The next batch. The beginning of a run is one of its own: it depends on what the job is then.
OutboxBatch EventSender::NextBatch() {
  OutboxBatch batch = outbox_.Next(std::max<size_t>(batch_limit_, 2), kMaxBatchBytes);
  if (batch.lines.empty()) return batch;
  size_t count = std::min(batch.lines.size(), batch_limit_);
  if (BeginsRun(batch.lines.front()) && batch.lines.front() != sent_as_it_is_) {
    count = BeginningSize(batch.lines);
  } else {
    const auto next = std::find_if(batch.lines.begin() + 1, batch.lines.end(), BeginsRun);
    count = std::min(count, static_cast<size_t>(next - batch.lines.begin()));
  }
  return count == batch.lines.size() ? batch : outbox_.Next(count, kMaxBatchBytes);
}

EventSender::Step EventSender::SendOnce() {
  const OutboxBatch batch = NextBatch();
  if (outbox_.is_sender()) Watch();
  if (batch.kind == OutboxBatch::Kind::kBusy) {
    if (options_.on_other_sends) options_.on_other_sends();
    return Step::kBusy;
  }
  if (batch.lines.empty()) return SendHeartbeatIfDue() ? Step::kNothing : Step::kAbandoned;
  const auto client = client_;  // outlives this object where it is abandoned
  if (BeginsRun(batch.lines.front()) && batch.lines.front() != sent_as_it_is_) {
    return SendRunBeginning(*client, batch);
  }
  const auto answer = client->Post(JobTarget(options_.job_id) + "/events", BodyOf(batch.lines),
                                   "application/x-ndjson");
  if (!answer) return Step::kAbandoned;
  if (!*answer) {
    unavailable_reason_ = answer->error().message;
    return Step::kUnavailable;
  }
  has_answered_ = true;
  return Judge(*client, batch, **answer);
}

EventSender::Step EventSender::SendRunBeginning(AbandonableClient& client,
                                                const OutboxBatch& batch) {
  const EdgeOutcome outcome = SendBeginning(client, options_.job_id, batch.lines);
  const bool is_told =
      outcome.kind == EdgeOutcome::Kind::kDone || outcome.kind == EdgeOutcome::Kind::kNothing;
  if (outcome.kind == EdgeOutcome::Kind::kSendUnchanged) {
    sent_as_it_is_ = batch.lines.front();
    return SendOnce();
  }
  if (!is_told) return StepOf(outcome);
  has_answered_ = true;
  if (outcome.status == "canceled" && outcome.verdict.receipt.flagged > 0) {
    options_.say("job " + options_.job_id +
                 " was canceled before the daemon learned of this run; its events are "
                 "stored and flagged, the job stays canceled");
  }
  return Take(batch, outcome.verdict, outcome.lines);
}

EventSender::Step EventSender::StepOf(const EdgeOutcome& outcome) {
  if (outcome.kind == EdgeOutcome::Kind::kAbandoned) return Step::kAbandoned;
  unavailable_reason_ = outcome.verdict.reason;
  return outcome.kind == EdgeOutcome::Kind::kLater ? Step::kRetry : Step::kUnavailable;
}

// The batch is with the daemon, as `sent`.
EventSender::Step EventSender::Take(const OutboxBatch& batch, const SendVerdict& verdict,
                                    const std::vector<std::string>& sent) {
  batch_limit_ = kMaxBatchEvents;
  retry_ms_ = kFirstRetryMs;
  ReportFlagged(sent, verdict.receipt);
  outbox_.Taken(batch);
  if (!verdict.job_status.empty() && options_.on_job_status) {
    options_.on_job_status(verdict.job_status);
  }
  return SendHeartbeatIfDue() ? Step::kSent : Step::kAbandoned;
}

// What came when another run had ended the job: sent once more, before the batch is marked as sent,
// so that whoever sends it again does so too. No value when all is well.
std::optional<EventSender::Step> EventSender::SendLateAgain(AbandonableClient& client,
                                                            const OutboxBatch& batch,
                                                            SendVerdict& verdict) {
  std::vector<std::string> late;
  std::map<int64_t, std::string> ids;  // by line, from 1
  for (size_t i = 0; verdict.receipt.flagged > 0 && i < batch.lines.size(); ++i) {
    const auto line = static_cast<int64_t>(i) + 1;
    const std::string& text = batch.lines[i];
    if (!MayBeResent(text) || !MayHaveBeenOver(verdict.receipt, line, EndsRun(text))) continue;
    late.push_back(text);
    ids.emplace(line, TextAt(ObjectOf(text), "event_id"));
  }
  if (late.empty()) return std::nullopt;
  const EdgeOutcome outcome = ResendLines(client, options_.job_id, late);
  if (outcome.kind == EdgeOutcome::Kind::kNothing) return std::nullopt;
  if (outcome.kind != EdgeOutcome::Kind::kDone) return StepOf(outcome);
  verdict.job_status = outcome.verdict.job_status;
  std::erase_if(verdict.receipt.events, [&](const FlaggedEvent& event) {
    const auto id = ids.find(event.line);
    return id != ids.end() && Contains(outcome.lines, "\"" + id->second + ".again\"");
  });
  SayToldAgain(outcome);
  return std::nullopt;
}

void EventSender::SayToldAgain(const EdgeOutcome& outcome) {
  const bool has_ended = std::any_of(outcome.lines.begin(), outcome.lines.end(), EndsRun);
  if (has_ended) {
    options_.say("job " + options_.job_id + " was " + outcome.status +
                 " before this run of it ended; it is resumed and ends again: " +
                 outcome.verdict.job_status);
  } else {
    options_.say("job " + options_.job_id + " was " + outcome.status +
                 " by another run; it is resumed for the run that goes on");
  }
  ReportFlagged(outcome.lines, outcome.verdict.receipt);
}

EventSender::Step EventSender::Judge(AbandonableClient& client, const OutboxBatch& batch,
                                     const Answer& answer) {
  SendVerdict verdict = ClassifyAnswer(client.client(), answer, batch.lines.size());
  switch (verdict.kind) {
    case SendVerdict::Kind::kTaken:
      if (const auto step = SendLateAgain(client, batch, verdict)) return *step;
      return Take(batch, verdict, batch.lines);
    case SendVerdict::Kind::kRefused:
      return RefuseOrSendAgain(client, batch, verdict);
    case SendVerdict::Kind::kUnavailable:
      unavailable_reason_ = verdict.reason;
      if (!std::exchange(has_reported_unavailable_, true)) {
        options_.say("keeping events until they can be sent: " + unavailable_reason_);
      }
      return Step::kUnavailable;
    case SendVerdict::Kind::kLater:
      unavailable_reason_ = verdict.reason;
      return Step::kRetry;
  }
  return Step::kRetry;
}

// A strict job refuses what others store and flag.
EventSender::Step EventSender::RefuseOrSendAgain(AbandonableClient& client,
                                                 const OutboxBatch& batch,
                                                 const SendVerdict& verdict) {
  const bool was_over = batch.lines.size() == 1 && MayBeResent(batch.lines.front()) &&
                        TextAt(ObjectOf(verdict.reason), "code") == "strict_violation";
  if (was_over) {
    const EdgeOutcome outcome = ResendLines(client, options_.job_id, batch.lines);
    if (outcome.kind == EdgeOutcome::Kind::kDone)
      return Take(batch, outcome.verdict, outcome.lines);
    if (outcome.kind != EdgeOutcome::Kind::kNothing) return StepOf(outcome);
  }
  Refuse(batch, verdict);
  return Step::kSent;
}

// Each kind once: what comes after a job's end, say, comes often.
void EventSender::ReportFlagged(const std::vector<std::string>& lines, const Receipt& receipt) {
  for (const FlaggedEvent& event : receipt.events) {
    if (!said_violations_.insert(event.violations).second) continue;
    const auto index = static_cast<size_t>(event.line - 1);  // beyond all lines for none
    options_.say(FlagText(event, index < lines.size() ? lines[index] : ""));
  }
}

// A batch is refused as a whole for one event: what stands before that one goes first, then it
// stands at the front and can be taken out. Where the daemon does not say which one, by halves.
void EventSender::Refuse(const OutboxBatch& batch, const SendVerdict& verdict) {
  const size_t culprit = verdict.culprit.value_or(batch.lines.size() / 2);
  if (culprit > 0) {
    batch_limit_ = culprit;
    return;
  }
  if (batch.lines.size() > 1) {
    batch_limit_ = 1;
    return;
  }
  outbox_.Refused(batch, verdict.reason);
  batch_limit_ = kMaxBatchEvents;
  if (refused_++ > 0) return;
  options_.say("the daemon refused an event of job " + options_.job_id + " (" + verdict.text +
               "); refused events are saved in " + outbox_.refused_path());
}

// False when the request was abandoned. A heartbeat that is lost says what it should: that nothing
// was heard of us.
bool EventSender::SendHeartbeatIfDue() {
  const int64_t now = SystemClock().MonotonicMicros();
  if (!options_.has_heartbeats || now < heartbeat_micros_) return true;
  heartbeat_micros_ = now + kHeartbeatMicros;
  const auto client = client_;
  return client->Post(JobTarget(options_.job_id) + "/events", kHeartbeat, "application/json")
      .has_value();
}

// Once this process sends, it also sends what others append.
void EventSender::Watch() {
  if (is_watching_ || !inotify_.valid()) return;
  is_watching_ = ::inotify_add_watch(inotify_.get(), outbox_.folder().c_str(),
                                     IN_MODIFY | IN_CREATE | IN_ONLYDIR) >= 0;
  if (is_watching_) Wake();  // for what came before the watch
}

void EventSender::Wait(Step step) {
  int64_t wait_ms = kLookMs;
  if (step == Step::kUnavailable || step == Step::kRetry) {
    wait_ms = retry_ms_;
    retry_ms_ = std::min(retry_ms_ * 2, kLastRetryMs);
  } else if (step == Step::kNothing && (is_watching_ || outbox_.folder().empty())) {
    const int64_t left = (heartbeat_micros_ - SystemClock().MonotonicMicros()) / 1'000 + 1;
    wait_ms = options_.has_heartbeats ? std::max<int64_t>(left, 0) : -1;
  }
  // While the daemon is away nothing but the time and the end matters: new events do not hasten it.
  const bool is_away = step == Step::kUnavailable || step == Step::kRetry;
  const int64_t until = SystemClock().MonotonicMicros() + wait_ms * 1'000;
  while (true) {
    std::array<pollfd, 2> entries = {
        {{wake_.get(), POLLIN, 0}, {is_watching_ ? inotify_.get() : -1, POLLIN, 0}}};
    const int64_t left = (until - SystemClock().MonotonicMicros()) / 1'000 + 1;
    const int timeout = wait_ms < 0 ? -1 : static_cast<int>(std::max<int64_t>(left, 0));
    const int ready = ::poll(entries.data(), is_away ? 1 : 2, timeout);
    if (ready == 0 || !is_away) return;
    TakeWakes();
    const MutexLock lock(mutex_);
    if (is_finishing_) return;
  }
}

void EventSender::TakeWakes() {
  uint64_t count = 0;
  static_cast<void>(!::read(wake_.get(), &count, sizeof(count)));
  alignas(inotify_event) std::array<char, 4096> events;
  while (is_watching_ && ::read(inotify_.get(), events.data(), events.size()) > 0) {
  }
}

void EventSender::NotifyProgress() {
  const MutexLock lock(mutex_);
  ++progress_;
  changed_.notify_all();
}

}  // namespace stagelog::cli
