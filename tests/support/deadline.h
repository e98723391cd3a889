// A moment after which a test stops waiting. Nothing in a test waits without one.
#ifndef STAGELOG_TESTS_SUPPORT_DEADLINE_H_
#define STAGELOG_TESTS_SUPPORT_DEADLINE_H_

#include <algorithm>
#include <chrono>

namespace stagelog {

class Deadline {
 public:
  explicit Deadline(std::chrono::milliseconds from_now)
      : moment_(std::chrono::steady_clock::now() + from_now) {}

  bool Passed() const { return std::chrono::steady_clock::now() >= moment_; }

  // For poll(2): milliseconds that are left, rounded up; 0 when it has passed.
  int RemainingMs() const {
    const auto left =
        std::chrono::ceil<std::chrono::milliseconds>(moment_ - std::chrono::steady_clock::now());
    return static_cast<int>(std::clamp<int64_t>(left.count(), 0, 3'600'000));
  }

 private:
  std::chrono::steady_clock::time_point moment_;
};

}  // namespace stagelog

#endif  // STAGELOG_TESTS_SUPPORT_DEADLINE_H_
