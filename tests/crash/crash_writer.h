// An emitter that never gives up: it sends each of its events until it is acknowledged, over
// however many daemons that takes.
#ifndef STAGELOG_TESTS_CRASH_CRASH_WRITER_H_
#define STAGELOG_TESTS_CRASH_CRASH_WRITER_H_

#include <atomic>
#include <cstdint>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "tests/crash/daemon_address.h"
#include "tests/support/http_client.h"

namespace stagelog {

// An event that a daemon has acknowledged. `seq` is 0 where the answer did not name it (a batch).
struct AcknowledgedEvent {
  std::string job_id;
  std::string event_id;
  int64_t seq = 0;
};

// Run() is one thread's work; everything else is for before and after it.
class CrashWriter {
 public:
  CrashWriter(int number, uint64_t seed, const std::vector<std::string>& jobs,
              DaemonAddress& address, Violations& violations);

  // Sends until Finish() was called and the event at hand is acknowledged.
  void Run();

  // From any thread.
  void Finish() { finishing_ = true; }

  const std::vector<AcknowledgedEvent>& acknowledged() const { return acknowledged_; }

  // Messages of the events without an event_id, each sent once only.
  const std::vector<std::string>& nameless_acknowledged() const { return nameless_acknowledged_; }
  const std::vector<std::string>& nameless_unanswered() const { return nameless_unanswered_; }

  int64_t retries() const { return retries_; }
  int64_t duplicates() const { return duplicates_; }

 private:
  // One request and the events in it.
  struct Work {
    std::string target;
    std::string content_type;
    std::string body;
    std::vector<AcknowledgedEvent> events;
    bool is_batch = false;
  };

  Work MakeWork();
  Work MakeSingle();
  Work MakeBatch(bool for_many_jobs);
  std::string MakeEvent(const std::string& event_id, const std::string& job_key);
  const std::string& PickJob();
  uint64_t Pick(uint64_t below) { return random_() % below; }

  // One request on the kept connection; no value when it broke before the answer.
  std::optional<HttpResponse> SendOnce(const Work& work, uint16_t port);
  void SendUntilAcknowledged(Work work);
  void SendNameless();
  void TakeAcknowledgement(Work& work, const HttpResponse& response, bool is_retry);
  void ReportFailure(const std::string& what, const HttpResponse& response);

  const int number_;
  std::mt19937_64 random_;
  const std::vector<std::string>& jobs_;
  DaemonAddress& address_;
  Violations& violations_;
  std::atomic<bool> finishing_{false};
  std::optional<HttpConnection> connection_;
  int64_t next_event_ = 1;
  std::vector<AcknowledgedEvent> acknowledged_;
  std::vector<std::string> nameless_acknowledged_;
  std::vector<std::string> nameless_unanswered_;
  int64_t retries_ = 0;
  int64_t duplicates_ = 0;
};

}  // namespace stagelog

#endif  // STAGELOG_TESTS_CRASH_CRASH_WRITER_H_
