// Somebody at a terminal.
#ifndef STAGELOG_TESTS_CLI_PERSON_H_
#define STAGELOG_TESTS_CLI_PERSON_H_

#include <gtest/gtest.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <string>
#include <utility>
#include <vector>

#include "tests/support/deadline.h"

namespace stagelog {

// A person at a terminal of 33 lines and 99 columns who runs a command.
class Person {
 public:
  Person(const std::vector<std::string>& words,
         const std::vector<std::pair<std::string, std::string>>& environment) {
    winsize size{};
    size.ws_row = 33;
    size.ws_col = 99;
    pid_ = ::forkpty(&terminal_, nullptr, nullptr, &size);
    has_ended_ = pid_ < 0;  // kill(-1) would reach every process of the machine
    EXPECT_GT(pid_, -1) << "no pseudo-terminal";
    if (pid_ != 0) return;
    for (const auto& [name, value] : environment) ::setenv(name.c_str(), value.c_str(), 1);
    std::vector<char*> pointers;
    for (const std::string& word : words) pointers.push_back(const_cast<char*>(word.c_str()));
    pointers.push_back(nullptr);
    ::execvp(pointers[0], pointers.data());
    ::_exit(126);
  }
  ~Person() {
    if (!has_ended_) {
      ::kill(pid_, SIGKILL);
      ::waitpid(pid_, nullptr, 0);
    }
    ::close(terminal_);
  }

  void Type(const std::string& text) {
    EXPECT_EQ(::write(terminal_, text.data(), text.size()), static_cast<ssize_t>(text.size()));
  }

  void Resize(uint16_t rows, uint16_t columns) {
    winsize size{};
    size.ws_row = rows;
    size.ws_col = columns;
    ::ioctl(terminal_, TIOCSWINSZ, &size);
  }

  // Reads until `text` has come since the last call; fails the test when it does not.
  void WaitFor(const std::string& text) {
    const Deadline deadline(std::chrono::seconds(30));
    size_t at = 0;
    while ((at = screen_.find(text, seen_)) == std::string::npos) {
      if (!ReadMore(deadline.RemainingMs())) {
        FAIL() << "no '" << text << "' in: " << screen_.substr(seen_);
      }
    }
    seen_ = at + text.size();
  }

  // The exit code. A command that prints nothing for half a minute, and does not end, is killed.
  int Wait() {
    while (ReadMore(30'000)) {
    }
    pollfd entry{terminal_, POLLIN, 0};
    if (::poll(&entry, 1, 0) == 0) ::kill(pid_, SIGKILL);
    int status = 0;
    ::waitpid(pid_, &status, 0);
    has_ended_ = true;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  }

  const std::string& screen() const { return screen_; }
  pid_t pid() const { return pid_; }

 private:
  bool ReadMore(int timeout_ms) {
    pollfd entry{terminal_, POLLIN, 0};
    std::array<char, 4096> bytes;
    if (::poll(&entry, 1, timeout_ms) != 1) return false;
    const ssize_t count = ::read(terminal_, bytes.data(), bytes.size());
    if (count <= 0) return false;
    screen_.append(bytes.data(), static_cast<size_t>(count));
    return true;
  }

  int terminal_ = -1;
  pid_t pid_ = -1;
  bool has_ended_ = false;
  std::string screen_;
  size_t seen_ = 0;
};

}  // namespace stagelog

#endif  // STAGELOG_TESTS_CLI_PERSON_H_
