// Who may do what, for every route there is; and that no token is ever told.
#include <gmock/gmock.h>

#include <filesystem>
#include <map>
#include <set>

#include "tests/support/api_routes.h"
#include "tests/support/daemon_fixture.h"

namespace stagelog {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

constexpr std::string_view kWrongToken = "a-token-that-nobody-has";

// Without a token, with a wrong one, and the roles, in this order.
constexpr std::string_view kTokens[] = {"",           kWrongToken,    kReaderToken,
                                        kWriterToken, kApproverToken, kAdminToken};

// For each of kTokens: '+' let in, '-' 403, '1' 401.
constexpr const char* kAnybody = "++++++";
// A sign-in has its token in the body; here there is none in it.
constexpr const char* kSignIn = "++++++";
constexpr const char* kReaders = "11++++";
constexpr const char* kWriters = "11-+-+";
constexpr const char* kApprovers = "11--++";
constexpr const char* kAdmins = "11---+";

const std::map<std::string, const char*>& WhoMay() {
  static const std::map<std::string, const char*> rows = {
      {"POST /api/v1/jobs", kWriters},
      {"GET /api/v1/jobs", kReaders},
      {"GET /api/v1/jobs/{job}", kReaders},
      {"DELETE /api/v1/jobs/{job}", kAdmins},
      {"POST /api/v1/admin/retention", kAdmins},
      {"POST /api/v1/admin/backup", kAdmins},
      {"POST /api/v1/jobs/{job}/cancel", kWriters},
      {"POST /api/v1/jobs/{job}/resume", kWriters},
      {"GET /api/v1/jobs/{job}/stages", kReaders},
      {"GET /api/v1/jobs/{job}/gates", kReaders},
      {"GET /api/v1/jobs/{job}/stages/{path*}", kReaders},
      {"GET /api/v1/jobs/{job}/gates/{gate}", kReaders},
      {"POST /api/v1/jobs/{job}/gates/{gate}/approve", kApprovers},
      {"POST /api/v1/jobs/{job}/gates/{gate}/reject", kApprovers},
      {"GET /api/v1/gates", kReaders},
      {"POST /api/v1/jobs/{job}/events", kWriters},  // of a `log`; decisions are below
      {"GET /api/v1/jobs/{job}/events", kReaders},
      {"GET /api/v1/jobs/{job}/events/stream", kReaders},
      {"POST /api/v1/events", kWriters},
      {"POST /api/v1/lineage", kWriters},
      {"GET /api/v1/events", kReaders},
      {"GET /api/v1/events/stream", kReaders},
      {"GET /api/v1/webhooks", kAdmins},
      {"POST /api/v1/webhooks", kAdmins},
      {"GET /api/v1/webhooks/{webhook}", kAdmins},
      {"DELETE /api/v1/webhooks/{webhook}", kAdmins},
      {"POST /api/v1/webhooks/{webhook}/pause", kAdmins},
      {"POST /api/v1/webhooks/{webhook}/resume", kAdmins},
      {"POST /api/v1/webhooks/{webhook}/rotate", kAdmins},
      {"POST /api/v1/webhooks/{webhook}/test", kAdmins},
      {"GET /api/v1/webhooks/{webhook}/deliveries", kAdmins},
      {"POST /api/v1/webhooks/{webhook}/send-again", kAdmins},
      {"POST /api/v1/session", kSignIn},
      {"GET /api/v1/session", kReaders},
      {"DELETE /api/v1/session", kReaders},
      {"POST /api/v1/session/link", kReaders},
      {"POST /api/v1/tickets", kReaders},
      {"GET /healthz", kAnybody},
      {"GET /readyz", kAnybody},
      {"GET /metrics", kAnybody},
      {"GET /openapi.json", kAnybody},
      {"GET /", kAnybody},
      {"GET /page/{file}", kAnybody},
      {"GET /docs", kAnybody},
      {"GET /docs/{file}", kAnybody},
  };
  return rows;
}

std::string TargetOf(const Route& route) {
  std::string target = route.pattern;
  for (const auto& [name, value] :
       {std::pair("{job}", "job"), std::pair("{path*}", "a/b"), std::pair("{gate}", "gate"),
        std::pair("{webhook}", "webhook"), std::pair("{file}", "page.js")}) {
    const size_t at = target.find(name);
    if (at != std::string::npos) target.replace(at, std::string(name).size(), value);
  }
  return target;
}

class AccessTest : public DaemonTest {
 protected:
  // One of the routes makes a backup.
  void SetUp() override {
    Start(std::string(kTestConfig) + "storage:\n  backup_dir: " + directory_.Path("backups") +
          "\n");
  }

  // The status of the answer's head; what comes after it may have no end.
  int StatusOf(std::string_view method, const std::string& target, std::string_view token,
               const std::string& body = "") {
    HttpHeaders headers = BearerHeader(token);
    if (method == "POST") headers.emplace_back("Content-Type", "application/json");
    auto connection = HttpConnection::Connect(daemon_->port());
    if (!connection || !connection->Send(RequestText(method, target, headers, body))) return 0;
    const auto head = connection->ReadHead();
    return head ? head->status : 0;
  }
};

char LetterOf(int status) {
  if (status == 401) return '1';
  if (status == 403) return '-';
  return status == 0 ? '?' : '+';
}

TEST_F(AccessTest, EveryRouteWithEveryRole) {
  const std::string log = R"({"type":"log","message":"m","job_id":"job"})";
  for (const Route& route : RoutesOfApi()) {
    const std::string name = route.method + " " + route.pattern;
    SCOPED_TRACE(name);
    ASSERT_TRUE(WhoMay().contains(name)) << "a route that no row of this test tells of";
    const bool is_append = route.is_append;
    std::string letters;
    for (const std::string_view token : kTokens) {
      letters += LetterOf(StatusOf(route.method, TargetOf(route), token, is_append ? log : ""));
    }
    EXPECT_EQ(letters, WhoMay().at(name));
    if (route.method != "GET") continue;
    std::string head_letters;
    for (const std::string_view token : kTokens) {
      head_letters += LetterOf(StatusOf("HEAD", TargetOf(route), token));
    }
    EXPECT_EQ(head_letters, WhoMay().at(name)) << "HEAD";
  }
  EXPECT_EQ(RoutesOfApi().size(), WhoMay().size());
}

// What each kind of ticket opens: those of all jobs and of the job that the targets name, which
// read, and the one that appends.
struct TicketRow {
  char all = '-';
  char of_job = '-';
  char appends = '-';

  bool operator==(const TicketRow&) const = default;
};

TicketRow TicketsFor(const std::string& name) {
  static const std::set<std::string> kOfJob = {"GET /api/v1/jobs/{job}",
                                               "GET /api/v1/jobs/{job}/stages",
                                               "GET /api/v1/jobs/{job}/stages/{path*}",
                                               "GET /api/v1/jobs/{job}/gates",
                                               "GET /api/v1/jobs/{job}/gates/{gate}",
                                               "GET /api/v1/jobs/{job}/events",
                                               "GET /api/v1/jobs/{job}/events/stream"};
  static const std::set<std::string> kOfAll = {"GET /api/v1/events", "GET /api/v1/events/stream"};
  if (WhoMay().at(name) == kAnybody || WhoMay().at(name) == kSignIn) return {'+', '+', '+'};
  if (kOfJob.contains(name)) return {'+', '+', '+'};
  if (kOfAll.contains(name)) return {'+', '-', '-'};
  if (name == "POST /api/v1/jobs/{job}/events") return {'-', '-', '+'};
  return {};
}

// Deletion, and what is sent to others, ask for the token again.
bool NeedsTheToken(const std::string& name) {
  static const std::set<std::string> kNames = {
      "DELETE /api/v1/jobs/{job}", "POST /api/v1/admin/retention", "POST /api/v1/session/link"};
  const bool changes_webhooks =
      name.find("/webhooks") != std::string::npos && !name.starts_with("GET ");
  return changes_webhooks || kNames.contains(name);
}

class DoorTest : public AccessTest {
 protected:
  int StatusWith(const Route& route, const HttpHeaders& headers, const std::string& query = "") {
    HttpHeaders all = headers;
    if (route.method == "POST") all.emplace_back("Content-Type", "application/json");
    const std::string body =
        route.is_append ? R"({"type":"log","message":"m","job_id":"job"})" : "";
    auto connection = HttpConnection::Connect(daemon_->port());
    const std::string request = RequestText(route.method, TargetOf(route) + query, all, body);
    if (!connection || !connection->Send(request)) return 0;
    const auto head = connection->ReadHead();
    return head ? head->status : 0;
  }

  std::string TicketOf(std::string_view token, const std::string& order) {
    const HttpResponse made = As(token).Post("/api/v1/tickets", order);
    EXPECT_EQ(made.status, 201) << made.body;
    return Json::parse(made.body)["ticket"];
  }
};

TEST_F(DoorTest, EveryRouteWithEveryTicket) {
  Append("job", R"({"type":"gate_pause","gate":"gate"})");
  const std::string all = TicketOf(kAdminToken, "{}");
  const std::string of_job = TicketOf(kAdminToken, R"({"job":"job"})");
  const std::string other = TicketOf(kAdminToken, R"({"job":"other"})");
  const std::string appends = TicketOf(kAdminToken, R"({"job":"job","append":true})");
  for (const Route& route : RoutesOfApi()) {
    const std::string name = route.method + " " + route.pattern;
    SCOPED_TRACE(name);
    const TicketRow row = TicketsFor(name);
    const bool is_open = WhoMay().at(name) == kAnybody || WhoMay().at(name) == kSignIn;
    const auto by_bearer = [&](const std::string& ticket) {
      return LetterOf(StatusWith(route, BearerHeader(ticket)));
    };
    EXPECT_EQ((TicketRow{by_bearer(all), by_bearer(of_job), by_bearer(appends)}), row);
    EXPECT_EQ(by_bearer(other), is_open ? '+' : '-') << "another job's";
    const auto by_query = [&](const std::string& ticket) {
      return LetterOf(StatusWith(route, {}, "?ticket=" + ticket));
    };
    const char read_by_url = route.method == "GET" ? row.of_job : '-';
    if (is_open) continue;
    EXPECT_EQ(by_query(all), route.method == "GET" ? row.all : '-');
    EXPECT_EQ(by_query(of_job), read_by_url);
    EXPECT_EQ(by_query(appends), '-') << "a URL is no place for it";
    EXPECT_EQ(by_query("stlt_AAAA.BBBB"), '1');
    EXPECT_EQ(StatusWith(route, BearerHeader(kAdminToken), "?ticket=" + of_job), 400);
  }
}

// A session has the roles of its token, with the secret where something is changed.
TEST_F(DoorTest, EveryRouteWithEverySession) {
  std::vector<std::pair<std::string, std::string>> sessions;  // cookie, secret; as kTokens
  for (const std::string_view token : {kReaderToken, kWriterToken, kApproverToken, kAdminToken}) {
    const HttpResponse made =
        HttpClient(daemon_->port(), "")
            .Post("/api/v1/session", R"({"token":")" + std::string(token) + "\"}");
    ASSERT_EQ(made.status, 201) << made.body;
    const std::string cookie = made.Header("set-cookie");
    sessions.emplace_back(cookie.substr(0, cookie.find(';')),
                          Json::parse(made.body)["session_secret"]);
  }
  for (const Route& route : RoutesOfApi()) {
    const std::string name = route.method + " " + route.pattern;
    if (name == "DELETE /api/v1/session") continue;  // it ends them
    SCOPED_TRACE(name);
    const bool is_open = WhoMay().at(name) == kAnybody || WhoMay().at(name) == kSignIn;
    std::string expected = std::string(WhoMay().at(name)).substr(2);
    if (NeedsTheToken(name)) expected = "----";
    std::string letters;
    std::string without_secret;
    std::string of_others;
    for (const auto& [cookie, secret] : sessions) {
      const HttpHeaders own = {{"Cookie", cookie}, {"Sec-Fetch-Site", "same-origin"}};
      HttpHeaders with_secret = own;
      with_secret.emplace_back("X-Stagelog-Session", secret);
      letters += LetterOf(StatusWith(route, with_secret));
      without_secret += LetterOf(StatusWith(route, own));
      for (const HttpHeaders& fields :
           {HttpHeaders{}, HttpHeaders{{"Sec-Fetch-Site", "same-site"}},
            HttpHeaders{{"Sec-Fetch-Site", "cross-site"}}, HttpHeaders{{"Sec-Fetch-Site", "none"}},
            HttpHeaders{{"Origin", "http://127.0.0.1:1"}},
            HttpHeaders{{"Sec-Fetch-Site", "cross-site"},
                        {"Origin", "http://127.0.0.1:" + std::to_string(daemon_->port())}}}) {
        HttpHeaders foreign = fields;
        foreign.emplace_back("Cookie", cookie);
        foreign.emplace_back("X-Stagelog-Session", secret);
        if (!is_open) of_others += LetterOf(StatusWith(route, foreign));
      }
    }
    EXPECT_EQ(letters, expected);
    const bool is_safe = route.method == "GET" || is_open;
    EXPECT_EQ(without_secret, is_safe ? expected : "----");
    EXPECT_EQ(of_others.find_first_not_of('-'), std::string::npos) << of_others;
  }
}

// By whichever door a decision comes.
TEST_F(AccessTest, ADecisionNeedsAnApprover) {
  for (const char* target : {"/api/v1/jobs/job/events", "/api/v1/events"}) {
    for (const char* type :
         {"gate_approved", "gate_rejected", "gate_auto_approved", "gate_expired"}) {
      const std::string event =
          R"({"job_id":"job","gate":"gate","type":")" + std::string(type) + "\"}";
      std::string letters;
      for (const std::string_view token : kTokens) {
        letters += LetterOf(StatusOf("POST", target, token, event));
      }
      EXPECT_EQ(letters, kApprovers) << target << " " << type;
      letters.clear();
      const std::string hidden = R"([{"job_id":"job","type":"log","message":"m"},)" + event + "]";
      for (const std::string_view token : kTokens) {
        letters += LetterOf(StatusOf("POST", target, token, hidden));
      }
      EXPECT_EQ(letters, "11---+") << target << " a batch with " << type;
    }
  }
}

// Who has no token does not learn what there is either.
TEST_F(AccessTest, WithoutATokenAJobIsAsGoodAsNone) {
  Append("job", R"({"type":"gate_pause","gate":"gate"})");
  for (const std::string& rest :
       std::vector<std::string>{"", "/events", "/gates/gate", "/stages/s", "/events/stream"}) {
    for (const std::string& job :
         std::vector<std::string>{"/api/v1/jobs/job", "/api/v1/jobs/nobody"}) {
      EXPECT_EQ(StatusOf("GET", job + rest, ""), 401) << job + rest;
      EXPECT_EQ(StatusOf("GET", job + rest, kWrongToken), 401) << job + rest;
    }
  }
}

// Everything that a client sends a token in, right or wrong, and everything that the daemon writes.
TEST_F(AccessTest, NoTokenIsEverTold) {
  Stop();
  std::string config(kTestConfig);
  config.replace(config.find("server:\n"), 8, "server:\n  log_level: trace\n");
  Start(config);
  std::string told;
  for (const std::string_view token : kTokens) {
    const std::string secret(token);
    const auto ask = [&](const std::string& target, const HttpHeaders& headers) {
      const HttpResponse response = HttpClient(daemon_->port(), "").Request("GET", target, headers);
      for (const auto& [name, value] : response.headers) told += name + ": " + value + "\n";
      told += response.body;
    };
    ask("/api/v1/jobs", BearerHeader(token));
    ask("/api/v1/jobs", {{"Authorization", "Basic " + secret}});
    ask("/api/v1/jobs", {{"Authorization", secret}});
    ask("/api/v1/jobs", {{"Authorization", "Bearer " + secret + " x"}});
    ask("/api/v1/events?token=" + secret, BearerHeader(kAdminToken));
    ask("/api/v1/events?access_token=" + secret, {});
    ask("/api/v1/events?type=log&after=0", {{"Authorization", "Bearer " + secret}});
    told += As(token).Post("/api/v1/jobs/job/events", R"({"type":"log","message":"m"})").body;
    told += As(token).Post("/api/v1/jobs/job/events", "{").body;
    told += As(token).Request("BREW", "/", BearerHeader(token)).body;
  }
  auto stream = OpenStream("/api/v1/events/stream?after=0");
  const auto frame = stream.NextEvent();
  ASSERT_TRUE(frame);
  told += frame->data;
  told += HttpClient(daemon_->port(), "").Get("/metrics").body;
  told += HttpClient(daemon_->port(), "").Get("/readyz").body;
  daemon_->Signal(SIGHUP);
  const std::string process = "/proc/" + std::to_string(daemon_->pid());
  told += ReadAll(process + "/cmdline");
  Stop();
  told += daemon_->StderrText();
  for (const auto& entry : std::filesystem::recursive_directory_iterator(runs_dir())) {
    if (entry.is_regular_file()) told += ReadAll(entry.path().string());
  }
  EXPECT_THAT(told, HasSubstr("\"actor\":\"gpu-3\""));
  for (const std::string_view token : kTokens) {
    if (token.empty()) continue;
    EXPECT_THAT(told, Not(HasSubstr(std::string(token))));
  }
}

}  // namespace
}  // namespace stagelog
