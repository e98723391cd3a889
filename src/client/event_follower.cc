#include "client/event_follower.h"

#include <chrono>
#include <utility>

#include "base/clock.h"
#include "base/mutex.h"
#include "base/random.h"
#include "base/terminal_text.h"
#include "client/json_member.h"
#include "core/json_value.h"
#include "core/query.h"

namespace stagelog::cli {
namespace {

constexpr int kPageEvents = 1'000;
constexpr int kPollWaitSeconds = 10;
constexpr int64_t kUnknownJobMs = 1'000;
// One cut before the first frame may be chance (a daemon that starts); three are somebody's doing.
constexpr int kCutsUntilBlocked = 3;

bool IsGatewayStatus(int status) { return status >= 502 && status <= 504; }

}  // namespace

EventFollower::EventFollower(DaemonClient& client, FollowRequest request, FollowSink& sink)
    : client_(client), request_(std::move(request)), sink_(sink) {}

CliResult<FollowEnd> EventFollower::Run() {
  Step step = Begin();
  while (true) {
    if (stopped() && step != Step::kFailed) step = Step::kStopped;
    switch (step) {
      case Step::kGoOn:
        step = is_polling_ ? PollOnce(kPollWaitSeconds) : FollowByStream();
        break;
      case Step::kBroken:
        is_polling_ = false;  // what was in the way may have gone with it
        step = WaitToRetry();
        break;
      case Step::kBlocked:
        is_polling_ = true;
        sink_.OnNotice("no live stream from " + EscapeControls(client_.url()) + ": " + why_ +
                       "; polling instead");
        step = Step::kGoOn;
        break;
      case Step::kOver:
        return FollowEnd::kOver;
      case Step::kEnough:
        return FollowEnd::kEnough;
      case Step::kStopped:
        return FollowEnd::kStopped;
      case Step::kFailed:
        return tl::unexpected(error_);
    }
  }
}

void EventFollower::Stop() {
  {
    const MutexLock lock(mutex_);
    stopped_ = true;
  }
  wake_.notify_all();
  client_.Stop();
}

// --- The start ---

// The first page says whether there is a daemon that takes us, and makes an exact cursor of a start
// like "now" or "10m", which would mean something else at the next attempt.
EventFollower::Step EventFollower::Begin() {
  cursor_ = request_.after.value_or(0);
  const auto answer = client_.Get(FirstPollTarget(request_, kPageEvents));
  if (!answer) {
    const bool may_wait =
        request_.daemon_was_there && answer.error().code == ExitCode::kUnreachable;
    return may_wait ? Broken(answer.error().message) : Failed(answer.error());
  }
  if (answer->ok() || answer->status == 404 || answer->status == 410) {
    const Step step = TakeAnswer(answer);
    if (!has_job_) {
      sink_.OnNotice("job '" + EscapeControls(request_.job_id) +
                     "' does not exist yet; waiting for its first event");
    }
    const bool may_wait = step != Step::kBroken || request_.daemon_was_there;
    return may_wait ? step : Failed(client_.AsError(*answer));
  }
  return Failed(client_.AsError(*answer));
}

// --- SSE ---

EventFollower::Step EventFollower::FollowByStream() {
  Connection connection;
  connection.frame_micros = SystemClock().MonotonicMicros();
  const CliStatus ended = client_.Stream(
      StreamTarget(request_, cursor_, journal_id_),
      {{"Accept", "text/event-stream"}, {"Last-Event-ID", std::to_string(cursor_)}},
      request_.silence_seconds,
      [&](int status, const std::string& content_type) {
        connection.status = status;
        connection.content_type = content_type;
        return status == 200 && content_type.starts_with("text/event-stream") && !stopped();
      },
      [&](std::string_view bytes) { return TakeBytes(connection, bytes); });
  if (connection.reader.retry_ms()) delay_.SetRetryMs(*connection.reader.retry_ms());
  if (connection.step != Step::kGoOn) return connection.step;
  return JudgeEnd(connection, ended);
}

bool EventFollower::TakeBytes(Connection& connection, std::string_view bytes) {
  const bool goes_on = connection.reader.Feed(
      bytes, [&](const SseFrame& frame) { return TakeFrame(connection, frame); });
  if (connection.step == Step::kGoOn || connection.step == Step::kOver ||
      connection.step == Step::kEnough) {
    if (const Step paused = Pause(); paused == Step::kFailed) connection.step = paused;
  }
  if (stopped()) connection.step = Step::kStopped;
  // Bytes that never make a frame are silence too.
  const int64_t silent_micros = SystemClock().MonotonicMicros() - connection.frame_micros;
  return goes_on && connection.step == Step::kGoOn &&
         silent_micros < request_.silence_seconds * int64_t{1'000'000};
}

bool EventFollower::TakeFrame(Connection& connection, const SseFrame& frame) {
  connection.saw_frame = true;
  connection.frame_micros = SystemClock().MonotonicMicros();
  NoteConnected();
  const std::optional<int64_t> id = frame.id ? ParseCursor(*frame.id) : std::nullopt;
  if (frame.event.empty() || frame.event == "message") {
    if (id) connection.step = Tell(*id, frame.data);
  } else if (frame.event == "connected") {
    journal_id_ = TextAt(ObjectOf(frame.data), "journal_id");
  } else if (frame.event == "gap") {
    TakeGap(frame.data);
  } else if (frame.event == "end") {
    const bool was_deleted = TextAt(ObjectOf(frame.data), "reason") == "job_deleted";
    if (was_deleted) sink_.OnNotice("job " + request_.job_id + " was permanently deleted");
    connection.step = Step::kOver;
  }
  return connection.step == Step::kGoOn && !stopped();
}

void EventFollower::TakeGap(const std::string& data) {
  const Json gap = ObjectOf(data);
  cursor_ = IntegerAt(gap, "resumed_after", cursor_);
  sink_.OnNotice("gap: the journal cannot resume where this left off (" +
                 EscapeControls(TextAt(gap, "reason")) + "); continuing after seq " +
                 std::to_string(cursor_));
}

// The connection ended by itself. Was that the daemon, or does something keep streams away from us?
EventFollower::Step EventFollower::JudgeEnd(const Connection& connection, const CliStatus& ended) {
  if (connection.status == 204 && request_.until_terminal) return Step::kOver;
  const int64_t silent_micros = SystemClock().MonotonicMicros() - connection.frame_micros;
  const bool was_silent = silent_micros >= request_.silence_seconds * int64_t{1'000'000};
  const std::string why = ended ? "" : ended.error().message;
  // A daemon that has too much to do says `retry:` and closes.
  if (connection.saw_frame || connection.reader.retry_ms()) {
    cuts_in_a_row_ = 0;
    return Broken(why);
  }
  const bool was_cut = !was_silent && connection.status == 0;
  const bool is_stream = connection.status == 200 &&
                         connection.content_type.starts_with("text/event-stream") && !was_silent;
  if ((was_cut || is_stream) && ++cuts_in_a_row_ < kCutsUntilBlocked) return Broken(why);
  const Step polled = PollOnce(0);
  if (polled != Step::kGoOn) return polled;
  why_ = HowBlocked(connection, was_silent);
  return Step::kBlocked;
}

std::string EventFollower::HowBlocked(const Connection& connection, bool was_silent) const {
  if (connection.status != 0 && connection.status != 200) {
    return "the stream request is answered with " + std::to_string(connection.status);
  }
  if (was_silent) {
    return "no data in " + std::to_string(request_.silence_seconds) + " s (is a proxy buffering?)";
  }
  if (connection.status == 200 && !connection.content_type.starts_with("text/event-stream")) {
    return "it comes as '" + EscapeControls(connection.content_type.substr(0, 64)) +
           "' and not as text/event-stream";
  }
  return "the connection is closed before the stream begins";
}

// --- Polling ---

EventFollower::Step EventFollower::PollOnce(int wait_seconds) {
  if (!has_job_ && wait_seconds > 0 && !WaitMs(kUnknownJobMs)) return Step::kStopped;
  const auto answer =
      client_.Get(PollTarget(request_, cursor_, kPageEvents, wait_seconds), wait_seconds);
  return TakeAnswer(answer);
}

EventFollower::Step EventFollower::TakeAnswer(const CliResult<Answer>& answer) {
  if (!answer) return Broken(answer.error().message);
  if (!answer->ok()) return RefusedPoll(*answer);
  const std::optional<PollPage> page = ParsePollPage(answer->body);
  if (!page) return Broken(client_.url() + " responds, but not like a stagelog daemon");
  has_job_ = true;
  NoteConnected();
  return TakePage(*page);
}

EventFollower::Step EventFollower::TakePage(const PollPage& page) {
  Step step = Step::kGoOn;
  for (const std::string& body : page.events) {
    step = Tell(IntegerAt(ObjectOf(body), "seq"), body);
    if (step != Step::kGoOn) break;
  }
  if (step == Step::kGoOn) cursor_ = std::max(cursor_, page.next_after);
  if (const Step paused = Pause(); paused != Step::kGoOn) return paused;
  if (step != Step::kGoOn || page.has_more || !request_.until_terminal || !is_polling_) return step;
  return LookWhetherOver();
}

EventFollower::Step EventFollower::RefusedPoll(const Answer& answer) {
  const Json problem = ObjectOf(answer.body);
  const std::string code = TextAt(problem, "code");
  if (code == "unknown_job") {
    has_job_ = false;
    NoteConnected();
    return Step::kGoOn;
  }
  if (code == "cursor_beyond_head") {
    const Json gap = {{"reason", "beyond_head"}, {"resumed_after", IntegerAt(problem, "head_seq")}};
    TakeGap(DumpJson(gap));
    return Step::kGoOn;
  }
  if (IsGatewayStatus(answer.status) || answer.status == 429 || code.empty()) {
    return Broken(client_.AsError(answer).message);
  }
  return Failed(client_.AsError(answer));
}

// What the `end` frame of a stream says must be asked for here.
EventFollower::Step EventFollower::LookWhetherOver() {
  const auto answer = client_.Get(JobTarget(request_.job_id));
  if (!answer) return Broken(answer.error().message);
  const Json job = ObjectOf(answer->body);
  const std::string status = TextAt(job, "status");
  const bool is_over = status == "completed" || status == "failed" || status == "canceled";
  return is_over && IntegerAt(job, "as_of_seq", INT64_MAX) <= cursor_ ? Step::kOver : Step::kGoOn;
}

// --- Telling, waiting, failing ---

EventFollower::Step EventFollower::Tell(int64_t seq, std::string_view body) {
  if (seq <= cursor_) return Step::kGoOn;
  cursor_ = seq;
  has_job_ = true;
  return sink_.OnEvent(seq, body) ? Step::kGoOn : Step::kEnough;
}

EventFollower::Step EventFollower::Pause() {
  const CliStatus shown = sink_.OnPause();
  return shown ? Step::kGoOn : Failed(shown.error());
}

EventFollower::Step EventFollower::Failed(CliError error) {
  error_ = std::move(error);
  return Step::kFailed;
}

EventFollower::Step EventFollower::Broken(const std::string& why) {
  why_ = why;
  return Step::kBroken;
}

void EventFollower::NoteConnected() {
  delay_.Reset();
  if (std::exchange(has_reported_unavailable_, false)) {
    sink_.OnNotice("the daemon at " + EscapeControls(client_.url()) + " is back");
  }
}

// The first loss is repaired in silence; only a daemon that is not found again is worth a line.
EventFollower::Step EventFollower::WaitToRetry() {
  if (delay_.failures() > 0 && !has_reported_unavailable_ && !stopped()) {
    has_reported_unavailable_ = true;
    sink_.OnNotice(EscapeControls(why_) + "; retrying until it is back");
  }
  return WaitMs(delay_.NextMs(RandomBits())) ? Step::kGoOn : Step::kStopped;
}

// False when Stop() came.
bool EventFollower::WaitMs(int64_t ms) {
  MutexLock lock(mutex_);
  return !wake_.wait_for(lock, std::chrono::milliseconds(ms),
                         [this]() STAGELOG_REQUIRES(mutex_) { return stopped_; });
}

bool EventFollower::stopped() {
  const MutexLock lock(mutex_);
  return stopped_;
}

}  // namespace stagelog::cli
