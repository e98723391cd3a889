// Where the daemon listens just now, for the threads that live longer than any one daemon; and what
// they found wrong.
#ifndef STAGELOG_TESTS_CRASH_DAEMON_ADDRESS_H_
#define STAGELOG_TESTS_CRASH_DAEMON_ADDRESS_H_

#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

namespace stagelog {

// Safe from any thread.
class DaemonAddress {
 public:
  // A daemon listens on that port.
  void Publish(uint16_t port) {
    const std::lock_guard<std::mutex> lock(mutex_);
    port_ = port;
    changed_.notify_all();
  }

  // The daemon is about to be killed.
  void Withdraw() {
    const std::lock_guard<std::mutex> lock(mutex_);
    port_ = 0;
  }

  // There will be no other daemon.
  void GiveUp() {
    const std::lock_guard<std::mutex> lock(mutex_);
    given_up_ = true;
    changed_.notify_all();
  }

  // Blocks until a daemon listens; no value when none will.
  std::optional<uint16_t> Wait() {
    std::unique_lock<std::mutex> lock(mutex_);
    changed_.wait(lock, [this] { return port_ != 0 || given_up_; });
    if (given_up_) return std::nullopt;
    return port_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  uint16_t port_ = 0;
  bool given_up_ = false;
};

// Promises that were seen broken. Safe from any thread.
class Violations {
 public:
  void Add(std::string text) {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (texts_.size() < kMaxTexts) texts_.push_back(std::move(text));
  }

  std::vector<std::string> Texts() const {
    const std::lock_guard<std::mutex> lock(mutex_);
    return texts_;
  }

  bool Any() const { return !Texts().empty(); }

 private:
  static constexpr size_t kMaxTexts = 50;
  mutable std::mutex mutex_;
  std::vector<std::string> texts_;
};

}  // namespace stagelog

#endif  // STAGELOG_TESTS_CRASH_DAEMON_ADDRESS_H_
