// A browser that signs in, and what its session may do and when it ends.
#include <gmock/gmock.h>

#include "tests/support/daemon_fixture.h"

namespace stagelog {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

constexpr const char* kSession = "/api/v1/session";

class SessionTest : public DaemonTest {
 protected:
  void SetUp() override { Start(); }

  HttpClient nobody() const { return HttpClient(daemon_->port(), ""); }

  // What a browser keeps of a sign-in.
  struct Browser {
    std::string cookie;
    std::string secret;

    HttpHeaders Fields() const {
      return {
          {"Cookie", cookie}, {"Sec-Fetch-Site", "same-origin"}, {"X-Stagelog-Session", secret}};
    }
  };

  Browser SignIn(std::string_view token = kApproverToken, const HttpHeaders& more = {}) {
    const HttpResponse made = nobody().Post(kSession, R"({"token":")" + std::string(token) + "\"}",
                                            "application/json", more);
    EXPECT_EQ(made.status, 201) << made.body;
    const std::string cookie = made.Header("set-cookie");
    return {cookie.substr(0, cookie.find(';')), Json::parse(made.body)["session_secret"]};
  }

  HttpResponse As(const Browser& browser, std::string_view method, const std::string& target,
                  const std::string& body = "") {
    HttpHeaders fields = browser.Fields();
    if (!body.empty()) fields.emplace_back("Content-Type", "application/json");
    return nobody().Request(method, target, fields, body);
  }
};

TEST_F(SessionTest, IsItsTokensAndDecidesAsThat) {
  Append("job", R"({"type":"gate_pause","gate":"g"})");
  const Browser browser = SignIn();
  const HttpResponse who = As(browser, "GET", kSession);
  EXPECT_EQ(Json::parse(who.body)["name"], "alice");
  EXPECT_EQ(Json::parse(who.body)["roles"], Json({"approver"}));
  EXPECT_EQ(As(browser, "POST", "/api/v1/jobs/job/gates/g/approve", "{}").status, 201);
  EXPECT_EQ(GetJson("/api/v1/jobs/job/gates/g")["decided_by"], "alice");
}

TEST_F(SessionTest, TheCookieIsForThisOriginAndNoScript) {
  const HttpResponse made = nobody().Post(kSession, R"({"token":"token-of-the-approver"})");
  const std::string cookie = made.Header("set-cookie");
  EXPECT_THAT(cookie, HasSubstr("; HttpOnly; SameSite=Strict"));
  EXPECT_THAT(cookie, HasSubstr("; Path=/api/v1;"));
  EXPECT_THAT(cookie, Not(HasSubstr("Secure")));
  EXPECT_EQ(made.Header("cache-control"), "no-store");
  // Behind a proxy that ends TLS the page's origin is an https one.
  const HttpResponse by_tls = nobody().Request("POST", kSession,
                                               {{"Content-Type", "application/json"},
                                                {"Host", "journal.example.org"},
                                                {"Origin", "https://journal.example.org"}},
                                               R"({"token":"token-of-the-approver"})");
  EXPECT_THAT(by_tls.Header("set-cookie"), HasSubstr("; Secure"));
}

TEST_F(SessionTest, OutlivesACrashButNoSignOut) {
  const Browser kept = SignIn();
  const Browser ended = SignIn();
  const uint16_t port = daemon_->port();
  EXPECT_EQ(As(ended, "DELETE", kSession).status, 204);
  EXPECT_THAT(As(kept, "GET", "/api/v1/jobs").status, 200);
  daemon_->Kill9();
  Start(kTestConfig, port);
  EXPECT_EQ(As(kept, "GET", "/api/v1/jobs").status, 200);
  ExpectProblem(As(ended, "GET", "/api/v1/jobs"), 401, "invalid_session");
}

TEST_F(SessionTest, EndsWithItsTokenAtAReload) {
  const Browser browser = SignIn();
  auto stream = SseClient::Open(daemon_->port(), "/api/v1/events/stream", "", browser.Fields());
  ASSERT_TRUE(stream);
  std::string config(kTestConfig);
  const std::string old = "token-of-the-approver";
  config.replace(config.find(old), old.size(), "another-token-of-alice");
  WriteConfig(config);
  daemon_->Signal(SIGHUP);
  EXPECT_TRUE(stream->WaitForCut()) << "its stream ends";
  ExpectProblem(As(browser, "GET", "/api/v1/jobs"), 401, "invalid_session");
}

TEST_F(SessionTest, ASignOutEndsItsStreamsAndNoOther) {
  const Browser browser = SignIn();
  const Browser other = SignIn();
  auto closed = SseClient::Open(daemon_->port(), "/api/v1/events/stream", "", browser.Fields());
  auto kept = SseClient::Open(daemon_->port(), "/api/v1/events/stream", "", other.Fields());
  ASSERT_TRUE(closed && kept);
  EXPECT_EQ(As(browser, "DELETE", kSession).status, 204);
  EXPECT_TRUE(closed->WaitForCut());
  Append("job", kLogEvent);
  EXPECT_TRUE(kept->NextEvent());
}

// Another server of this host can set a cookie of that name, and have it sent first.
TEST_F(SessionTest, AnotherCookieOfThatNameShadowsNothing) {
  const Browser browser = SignIn();
  const std::string name = browser.cookie.substr(0, browser.cookie.find('='));
  for (const std::string& cookies :
       {name + "=evil; " + browser.cookie, browser.cookie + "; " + name + "=",
        "a=b;" + name + "=x;" + browser.cookie}) {
    Browser shadowed = browser;
    shadowed.cookie = cookies;
    EXPECT_EQ(As(shadowed, "GET", "/api/v1/jobs").status, 200) << cookies;
  }
  Browser other = browser;
  other.cookie = name + "-2" + browser.cookie.substr(name.size());
  ExpectProblem(As(other, "GET", "/api/v1/jobs"), 401, "missing_token");
}

TEST_F(SessionTest, ABrowserThatHasLostTheSecretCanStillSignOut) {
  Browser browser = SignIn();
  browser.secret = "lost";
  ExpectProblem(As(browser, "POST", "/api/v1/jobs", "{}"), 403, "invalid_session_secret");
  EXPECT_EQ(As(browser, "DELETE", kSession).status, 204);
  ExpectProblem(As(browser, "GET", "/api/v1/jobs"), 401, "invalid_session");
}

TEST_F(SessionTest, ALinkSignsInOnce) {
  const HttpResponse made = admin().Post("/api/v1/session/link", "");
  ASSERT_EQ(made.status, 201) << made.body;
  const std::string body = Json({{"link", Json::parse(made.body)["link"]}}).dump();
  EXPECT_EQ(nobody().Post(kSession, body).status, 201);
  ExpectProblem(nobody().Post(kSession, body), 401, "invalid_link");
}

TEST_F(SessionTest, TenThousandGuessesAreRefusedAndCounted) {
  int unknown = 0;
  int limited = 0;
  for (int i = 0; i < 10'000; ++i) {
    const HttpResponse answer =
        nobody().Post(kSession, R"({"token":"guess-)" + std::to_string(i) + "\"}");
    unknown += answer.status == 401 ? 1 : 0;
    limited += answer.status == 429 ? 1 : 0;
    if (answer.status == 429 && limited == 1) {
      EXPECT_EQ(Json::parse(answer.body)["code"], "rate_limited");
      EXPECT_FALSE(answer.Header("retry-after").empty());
    }
  }
  EXPECT_EQ(unknown + limited, 10'000);
  EXPECT_GE(unknown, 10);
  EXPECT_LT(unknown, 100) << "one more every six seconds";
  const std::string metrics = nobody().Get("/metrics").body;
  EXPECT_THAT(metrics, HasSubstr("route=\"/api/v1/session\",status=\"429\""));
  EXPECT_EQ(admin().Get("/api/v1/jobs").status, 200) << "a bearer token is not held up";
}

}  // namespace
}  // namespace stagelog
