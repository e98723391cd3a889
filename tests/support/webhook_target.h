// A receiver of webhooks: a real HTTP server that notes what it gets.
#ifndef STAGELOG_TESTS_SUPPORT_WEBHOOK_TARGET_H_
#define STAGELOG_TESTS_SUPPORT_WEBHOOK_TARGET_H_

#include <httplib.h>

#include <chrono>
#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace stagelog {

class WebhookTarget {
 public:
  struct Got {
    std::string path;
    std::map<std::string, std::string> headers;  // names in lower case
    std::string body;
    int status = 0;  // that it was answered with
  };
  // What is answered; called on the server's threads.
  using Answer = std::function<void(const httplib::Request& request, httplib::Response& response)>;

  explicit WebhookTarget(int port = 0) { Start(port); }
  ~WebhookTarget() { Stop(); }

  void Start(int port) {
    server_ = std::make_unique<httplib::Server>();
    const auto take = [this](const httplib::Request& request, httplib::Response& response) {
      response.status = 200;
      if (const Answer answer = GetAnswer()) answer(request, response);
      Got got{.path = request.path, .body = request.body, .status = response.status};
      for (const auto& [name, value] : request.headers) {
        std::string lower = name;
        for (char& c : lower) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
        got.headers[lower] = value;
      }
      const std::lock_guard lock(mutex_);
      got_.push_back(std::move(got));
      changed_.notify_all();
    };
    server_->set_keep_alive_timeout(1);  // which Stop() may wait for
    server_->Post(".*", take);
    server_->Options(".*", take);
    server_->Delete(".*", take);
    port_ = port == 0 ? server_->bind_to_any_port("127.0.0.1") : port;
    if (port != 0 && !server_->bind_to_port("127.0.0.1", port)) port_ = -1;
    thread_ = std::thread([this] { server_->listen_after_bind(); });
    while (!server_->is_running()) std::this_thread::yield();  // stop() does nothing before
  }

  void Stop() {
    if (server_ == nullptr) return;
    server_->stop();
    thread_.join();
    server_.reset();
  }

  void SetAnswer(Answer answer) {
    const std::lock_guard lock(mutex_);
    answer_ = std::move(answer);
  }

  int port() const { return port_; }
  std::string Url(const std::string& path = "/hook") const {
    return "http://127.0.0.1:" + std::to_string(port_) + path;
  }

  // What was answered with 2xx, in order, once there are `count`; fewer when the time is over.
  std::vector<Got> WaitFor(size_t count, std::chrono::seconds timeout = std::chrono::seconds(20)) {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, timeout, [&] { return Taken().size() >= count; });
    return Taken();
  }

  // All attempts, whatever was answered.
  std::vector<Got> WaitForAttempts(size_t count,
                                   std::chrono::seconds timeout = std::chrono::seconds(20)) {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, timeout, [&] { return got_.size() >= count; });
    return got_;
  }

 private:
  Answer GetAnswer() {
    const std::lock_guard lock(mutex_);
    return answer_;
  }

  std::vector<Got> Taken() const {
    std::vector<Got> taken;
    for (const Got& got : got_) {
      if (got.status >= 200 && got.status < 300) taken.push_back(got);
    }
    return taken;
  }

  std::unique_ptr<httplib::Server> server_;
  std::thread thread_;
  int port_ = 0;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<Got> got_;
  Answer answer_;
};

}  // namespace stagelog

#endif  // STAGELOG_TESTS_SUPPORT_WEBHOOK_TARGET_H_
