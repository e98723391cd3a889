// A daemon client whose request can be abandoned: a name lookup, or a connection attempt to a
// machine that does not answer, can take half a minute and cannot be stopped.
#ifndef STAGELOG_CLIENT_ABANDONABLE_CLIENT_H_
#define STAGELOG_CLIENT_ABANDONABLE_CLIENT_H_

#include <memory>
#include <optional>
#include <string>

#include "base/mutex.h"
#include "client/daemon_client.h"

namespace stagelog::cli {

// Owned by shared pointers: one of the requesting thread, one of the thread that may abandon it.
class AbandonableClient {
 public:
  explicit AbandonableClient(const Settings& settings) : client_(settings) {}

  // No value if the request was abandoned meanwhile: the requesting thread must end, and use
  // nothing but its own pointer to this object.
  std::optional<CliResult<Answer>> Post(const std::string& target, const std::string& body,
                                        const std::string& content_type) {
    return Ask([&] { return client_.Post(target, body, content_type); });
  }
  std::optional<CliResult<Answer>> Get(const std::string& target) {
    return Ask([&] { return client_.Get(target); });
  }

  // True when a request ran and is now abandoned.
  bool Abandon() {
    const MutexLock lock(mutex_);
    is_abandoned_ = is_asking_;
    return is_abandoned_;
  }

  // As DaemonClient::Stop().
  void Stop() { client_.Stop(); }

  const DaemonClient& client() const { return client_; }

 private:
  template <typename Request>
  std::optional<CliResult<Answer>> Ask(const Request& request) {
    {
      const MutexLock lock(mutex_);
      is_asking_ = true;
    }
    auto answer = request();
    const MutexLock lock(mutex_);
    is_asking_ = false;
    if (is_abandoned_) return std::nullopt;
    return answer;
  }

  DaemonClient client_;
  Mutex mutex_;  // guards what follows
  bool is_asking_ STAGELOG_GUARDED_BY(mutex_) = false;
  bool is_abandoned_ STAGELOG_GUARDED_BY(mutex_) = false;
};

}  // namespace stagelog::cli

#endif  // STAGELOG_CLIENT_ABANDONABLE_CLIENT_H_
