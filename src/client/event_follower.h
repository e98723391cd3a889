// A cursor over a daemon's events, as a client keeps one: each event once and in order, whatever
// becomes of the connection, the daemon, or what stands between.
#ifndef STAGELOG_CLIENT_EVENT_FOLLOWER_H_
#define STAGELOG_CLIENT_EVENT_FOLLOWER_H_

#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>

#include "client/daemon_client.h"
#include "client/follow_request.h"
#include "client/poll_page.h"
#include "client/reconnect_delay.h"
#include "client/sse_reader.h"

namespace stagelog::cli {

// Who is told. Called on the thread of EventFollower::Run() only.
class FollowSink {
 public:
  virtual ~FollowSink() = default;

  // The next event; `body` is the stored line. False: enough.
  virtual bool OnEvent(int64_t seq, std::string_view body) = 0;
  // All events that came together have been told, more may come later: the time to show them. A
  // failure ends the following with it.
  virtual CliStatus OnPause() = 0;
  // What a person should know (a gap, a daemon that is away), in one line; all of it others' text
  // made harmless.
  virtual void OnNotice(const std::string& notice) = 0;
};

enum class FollowEnd {
  kOver,     // until_over: the job is over and all that matches was told
  kEnough,   // the sink wanted no more
  kStopped,  // Stop()
};

// Follows by SSE. When no stream gets through though the daemon answers, that is said once and it
// polls instead. A daemon that goes away is waited for, for ever.
class EventFollower {
 public:
  EventFollower(DaemonClient& client, FollowRequest request, FollowSink& sink);

  // Returns when it is at an end. Errors: no daemon at the start (kUnreachable), a request that it
  // refuses (kRefused), and what the sink failed with.
  CliResult<FollowEnd> Run();

  // Ends Run() soon. Safe from any thread, more than once; not from a signal handler.
  void Stop();

  // The last seq that was told, or looked at in vain.
  int64_t cursor() const { return cursor_; }

 private:
  enum class Step {
    kGoOn,
    kBroken,   // the daemon, or the way to it, is not there just now
    kBlocked,  // the daemon is there, but streams do not get through; `why_` says how
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
  bool has_job_ = true;  // false: a poll said that there is no such job yet
  bool has_said_away_ = false;
  int cuts_in_a_row_ = 0;  // connections that ended before their first frame
  std::string why_;
  CliError error_;

  std::mutex mutex_;
  std::condition_variable wake_;
  bool stopped_ = false;  // guarded by mutex_
};

}  // namespace stagelog::cli

#endif  // STAGELOG_CLIENT_EVENT_FOLLOWER_H_
