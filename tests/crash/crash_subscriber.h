// A subscriber that behaves as an EventSource does: it reconnects with the last id it has seen.
#ifndef STAGELOG_TESTS_CRASH_CRASH_SUBSCRIBER_H_
#define STAGELOG_TESTS_CRASH_CRASH_SUBSCRIBER_H_

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "tests/crash/daemon_address.h"
#include "tests/support/sse_client.h"

namespace stagelog {

// The type of the last event of each job.
inline constexpr std::string_view kLastEventType = "x-crash.last";

// Of an event only so much is kept as tells its bytes from others.
struct SeenEvent {
  int64_t seq = 0;
  size_t body_hash = 0;

  bool operator==(const SeenEvent&) const = default;
};

// Run() is one thread's work; everything else is for after it.
class CrashSubscriber {
 public:
  // `job_id` is empty for the stream of all jobs.
  CrashSubscriber(std::string job_id, const std::vector<std::string>& jobs, DaemonAddress& address,
                  Violations& violations);

  // Reads until it has seen the last event of its job, or of all jobs.
  void Run();

  const std::string& job_id() const { return job_id_; }
  const std::vector<SeenEvent>& seen() const { return seen_; }
  int64_t connects() const { return connects_; }

 private:
  std::optional<SseClient> Connect(uint16_t port);
  void ReadToTheEndOf(SseClient& stream);
  void TakeFrame(const SseFrame& frame);
  void TakeEvent(const SseFrame& frame);
  void ReportFailure(const std::string& what);

  const std::string job_id_;
  std::set<std::string, std::less<>> unfinished_jobs_;
  DaemonAddress& address_;
  Violations& violations_;
  std::string last_event_id_;
  std::vector<SeenEvent> seen_;
  int64_t connects_ = 0;
};

}  // namespace stagelog

#endif  // STAGELOG_TESTS_CRASH_CRASH_SUBSCRIBER_H_
