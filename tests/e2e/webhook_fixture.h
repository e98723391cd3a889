// A daemon with webhooks, and what its tests ask of it.
#ifndef STAGELOG_TESTS_E2E_WEBHOOK_FIXTURE_H_
#define STAGELOG_TESTS_E2E_WEBHOOK_FIXTURE_H_

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <chrono>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "base/base64.h"
#include "base/signing.h"
#include "base/unique_fd.h"
#include "core/webhook.h"
#include "tests/support/daemon_fixture.h"
#include "tests/support/deadline.h"
#include "tests/support/webhook_target.h"

namespace stagelog::webhook_e2e_test {

inline constexpr const char* kWebhooks = "/api/v1/webhooks";

class WebhookE2eTest : public DaemonTest {
 protected:
  static std::string Config(const std::string& more = "") {
    return std::string(kTestConfig) + "webhooks:\n  allow_private: true\n" + more;
  }

  Json Make(const std::string& id, const std::string& url, const std::string& members = "",
            int status = 201) {
    const HttpResponse answer =
        admin().Post(kWebhooks, R"({"id":")" + id + R"(","url":")" + url + "\"" + members + "}");
    EXPECT_EQ(answer.status, status) << answer.body;
    return Json::parse(answer.body);
  }

  Json Do(const std::string& id, const std::string& what, const std::string& body = "",
          int status = 200) {
    const HttpResponse answer = admin().Post(std::string(kWebhooks) + "/" + id + "/" + what, body);
    EXPECT_EQ(answer.status, status) << answer.body;
    return Json::parse(answer.body);
  }

  HttpResponse Delete(const std::string& id) {
    return admin().Request("DELETE", std::string(kWebhooks) + "/" + id, {});
  }

  Json Show(const std::string& id) { return GetJson(std::string(kWebhooks) + "/" + id); }

  // The newest first.
  Json Deliveries(const std::string& id, const std::string& query = "") {
    return GetJson(std::string(kWebhooks) + "/" + id + "/deliveries" + query)["deliveries"];
  }

  // Asks until the condition holds; each question is answered by what is true then.
  template <typename Condition>
  bool Becomes(const Condition& condition) {
    const Deadline deadline(std::chrono::seconds(20));
    while (!deadline.Passed()) {
      if (condition()) return true;
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
    return false;
  }
};

inline std::vector<int64_t> SeqsOf(const std::vector<WebhookTarget::Got>& got) {
  std::vector<int64_t> seqs;
  for (const WebhookTarget::Got& each : got) seqs.push_back(SeqOf(Json::parse(each.body)));
  return seqs;
}

inline std::vector<int64_t> Numbers(int64_t first, int64_t last) {
  std::vector<int64_t> numbers;
  for (int64_t number = first; number <= last; ++number) numbers.push_back(number);
  return numbers;
}

// As a receiver checks it, for v1.
inline bool IsSignedBy(const WebhookTarget::Got& got, const std::string& secret) {
  const std::optional<std::string> key = KeyOfSecret(WebhookSigning::kHmac, secret);
  const std::string content =
      got.headers.at("webhook-id") + "." + got.headers.at("webhook-timestamp") + "." + got.body;
  const std::string signature = "v1," + Base64(HmacSha256(*key, content));
  return got.headers.at("webhook-signature").find(signature) != std::string::npos;
}

// A listener that takes connections and never answers.
class HangingTarget {
 public:
  HangingTarget() : listener_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof(address);
    EXPECT_EQ(::bind(listener_.get(), reinterpret_cast<sockaddr*>(&address), size), 0);
    EXPECT_EQ(::listen(listener_.get(), 1'000), 0);
    EXPECT_EQ(::getsockname(listener_.get(), reinterpret_cast<sockaddr*>(&address), &size), 0);
    url_ = "http://127.0.0.1:" + std::to_string(ntohs(address.sin_port)) + "/";
  }
  const std::string& url() const { return url_; }

  // Waits for one that has come.
  UniqueFd Accept() { return UniqueFd(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC)); }

 private:
  UniqueFd listener_;
  std::string url_;
};

}  // namespace stagelog::webhook_e2e_test

#endif  // STAGELOG_TESTS_E2E_WEBHOOK_FIXTURE_H_
