// A client-side cursor over a daemon's events: each event once and in order, across reconnects,
// restarts of the daemon, and proxies.
#ifndef STAGELOG_CLIENT_EVENT_FOLLOWER_H_
#define STAGELOG_CLIENT_EVENT_FOLLOWER_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "base/mutex.h"
#include "client/daemon_client.h"
#include "client/follow_request.h"
#include "client/poll_page.h"
#include "client/reconnect_delay.h"
#include "client/sse_reader.h"

namespace stagelog::cli {

// Receives the events. Called only on the thread of EventFollower::Run().
class FollowSink {
 public:
  virtual ~FollowSink() = default;

  // The next event; `body` is the stored line. Return false to stop.
  virtual bool OnEvent(int64_t seq, std::string_view body) = 0;
  // All events received together were delivered, more may follow: the time to display them. A
  // failure ends Run().
  virtual CliStatus OnPause() = 0;
  // A message for people (a gap, an unreachable daemon), in one line; untrusted text in it is
  // escaped.
  virtual void OnNotice(const std::string& notice) = 0;
};

enum class FollowEnd {
  kOver,     // until_terminal: the job is terminal and all matches were delivered
  kEnough,   // the sink returned false
  kStopped,  // Stop()
};

// Follows by SSE. If streams do not get through although the daemon answers, it says so once and
// polls instead. Waits without limit for a daemon that becomes unreachable.
class EventFollower {
 public:
  EventFollower(DaemonClient& client, FollowRequest request, FollowSink& sink);

  // Returns at the end. Errors: no daemon at the start (kUnreachable), a refused request
  // (kRefused), and failures of the sink.
  CliResult<FollowEnd> Run();

  // Ends Run() soon. Safe from any thread, more than once; not from a signal handler.
  void Stop();

  // The last seq that was delivered, or scanned without a match.
  int64_t cursor() const { return cursor_; }

 private:
  enum class Step {
    kGoOn,
    kBroken,   // the daemon or the network is unavailable
    kBlocked,  // the daemon answers, but streams do not get through; see `why_`
    kOver,
    kEnough,
    kStopped,
    kFailed,  // `error_` says how
  };

  // One whole connection.
  struct Connection {
    SseReader reader;
    int status = 0;
    std::string content_type;
    bool saw_frame = false;
    int64_t frame_micros = 0;  // when the last frame came, or the request was sent
    Step step = Step::kGoOn;
  };

  Step Begin();
  Step FollowByStream();
  bool TakeBytes(Connection& connection, std::string_view bytes);
  bool TakeFrame(Connection& connection, const SseFrame& frame);
  void TakeGap(const std::string& data);
  Step JudgeEnd(const Connection& connection, const CliStatus& ended);
  std::string HowBlocked(const Connection& connection, bool was_silent) const;
  Step PollOnce(int wait_seconds);
  Step TakeAnswer(const CliResult<Answer>& answer);
  Step TakePage(const PollPage& page);
  Step RefusedPoll(const Answer& answer);
  Step LookWhetherOver();
  Step Tell(int64_t seq, std::string_view body);
  Step Pause();
  Step Failed(CliError error);
  Step Broken(const std::string& why);
  void NoteConnected();
  Step WaitToRetry();
  bool WaitMs(int64_t ms);
  bool stopped();

  DaemonClient& client_;
  const FollowRequest request_;
  FollowSink& sink_;
  int64_t cursor_ = 0;
  std::string journal_id_;
  ReconnectDelay delay_;
  bool is_polling_ = false;
  bool has_job_ = true;  // false: by the last poll, the job does not exist yet
  bool has_reported_unavailable_ = false;
  int cuts_in_a_row_ = 0;  // connections that ended before their first frame
  std::string why_;
  CliError error_;

  Mutex mutex_;
  ConditionVariable wake_;
  bool stopped_ STAGELOG_GUARDED_BY(mutex_) = false;  // guarded by mutex_
};

}  // namespace stagelog::cli

#endif  // STAGELOG_CLIENT_EVENT_FOLLOWER_H_
