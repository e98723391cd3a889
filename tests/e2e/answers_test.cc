// Whether the description of the API is complete and has nothing too much: each answer that
// requests of many kinds get is described for its route, by status and problem code, and all that
// is described is seen, but for what needs a fault of the machine or load.
#include <gmock/gmock.h>

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "tests/support/api_routes.h"
#include "tests/support/daemon_fixture.h"

namespace stagelog::answers_test {
namespace {

using Words = std::set<std::string>;

// Shown by faults_test, locked_database_test, tables_behind_test, backup_test, http_test and
// tests/core/job_size_test.
const Words& NeedAFault() {
  static const Words answers = {
      "408 request_timeout",      "409 job_too_large",     "409 backup_running",
      "500 read_failed",          "500 backup_failed",     "503 overloaded",
      "503 shutting_down",        "503 tables_behind",     "503 journal_unavailable",
      "503 webhooks_unavailable", "503 access_not_stored", "503"};
  return answers;
}

// Of a request before its route is looked for.
const Words& OfAnyPath() {
  static const Words answers = {"404 unknown_route", "405 method_not_allowed"};
  return answers;
}

std::string NameOf(const Route& route) {
  std::string pattern = route.pattern;
  if (const size_t star = pattern.find("*}"); star != std::string::npos) pattern.erase(star, 1);
  return route.method + " " + pattern;
}

void Replace(std::string& text, const std::string& from, const std::string& to) {
  const size_t at = text.find(from);
  if (at != std::string::npos) text.replace(at, from.size(), to);
}

// What stands for the captures of a route.
struct Target {
  std::string job = "job";
  std::string item = "build";  // a stage, a gate, a webhook or a file
};

std::string TargetOf(const Route& route, const Target& target) {
  std::string path = route.pattern;
  Replace(path, "{job}", target.job);
  for (const char* name : {"{path*}", "{gate}", "{webhook}"}) Replace(path, name, target.item);
  const char* file = path.starts_with("/docs") ? "docs.js" : "page.js";
  Replace(path, "{file}", target.item == "build" ? file : target.item);
  return path;
}

// What deletes comes last.
std::vector<Route> RoutesInOrder() {
  std::vector<Route> routes = RoutesOfApi();
  std::stable_partition(routes.begin(), routes.end(),
                        [](const Route& route) { return route.method != "DELETE"; });
  return routes;
}

class AnswersTest : public DaemonTest {
 protected:
  static constexpr std::string_view kDeletedJob = "deleted";

  void StartWithSubjects() {
    Start(std::string(kTestConfig) + "webhooks:\n  allow_private: true\n  targets: " +
          "[{id: configured, url: \"http://127.0.0.1:9/\", secret: " +
          "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw}]\nstorage: {backup_dir: " +
          directory_.Path("backups") + "}\n");
    document_ = GetJson("/openapi.json");
    // Once: wrong tries are counted, and limited.
    const HttpResponse signed_in =
        HttpClient(daemon_->port(), "")
            .Post("/api/v1/session", R"({"token":")" + std::string(kAdminToken) + "\"}");
    ASSERT_EQ(signed_in.status, 201) << signed_in.body;
    const std::string cookie = signed_in.Header("set-cookie");
    cookie_ = cookie.substr(0, cookie.find(';'));
    secret_ = Json::parse(signed_in.body)["session_secret"];
  }

  // What the requests are about. Earlier ones may have changed it.
  void MakeSubjects() {
    for (const char* event :
         {R"({"type":"job_created","event_id":"first"})",
          R"({"type":"job_resumed","payload":{"new_epoch":true}})",
          R"({"type":"stage_started","stage":"build"})",
          R"({"type":"gate_pause","gate":"build","payload":{"options":["a","b"]}})"}) {
      admin().Post(kEvents, event);
    }
    admin().Post("/api/v1/jobs/over/events", R"({"type":"job_completed"})");
    admin().Post("/api/v1/jobs/strict/events",
                 R"({"type":"job_created","payload":{"strict":true}})");
    admin().Post("/api/v1/jobs/decided/events", R"({"type":"gate_pause","gate":"build"})");
    admin().Post("/api/v1/jobs/decided/gates/build/approve", "");
    const std::string deleted = "/api/v1/jobs/" + std::string(kDeletedJob);
    if (!has_deleted_) admin().Post(deleted + "/events", kLogEvent);
    if (!has_deleted_) admin().Request("DELETE", deleted, BearerHeader(kAdminToken));
    has_deleted_ = true;
    admin().Post("/api/v1/webhooks", R"({"id":"build","url":"http://127.0.0.1:9/"})");
  }

  void Send(const Route& route, const std::string& target, const HttpHeaders& headers,
            const std::string& body = "") {
    const std::string request = RequestText(route.method, target, headers, body);
    auto connection = HttpConnection::Connect(daemon_->port());
    ASSERT_TRUE(connection && connection->Send(request));
    const bool is_stream = route.is_stream;
    const auto answer = is_stream ? connection->ReadHead() : connection->ReadResponse();
    ASSERT_TRUE(answer) << request.substr(0, 200);
    std::string seen = std::to_string(answer->status);
    if (answer->status >= 400) {
      std::string text = answer->body;
      if (is_stream) text = connection->ReadSome(std::chrono::seconds(5)).value_or("");
      const Json problem = Json::parse(text, nullptr, /*allow_exceptions=*/false);
      ASSERT_TRUE(problem.is_object() && problem.contains("code"))
          << text << request.substr(0, 200);
      seen += " " + problem["code"].get<std::string>();
    }
    if (seen_[NameOf(route)].insert(seen).second) example_[NameOf(route) + seen] = request;
  }

  void SendAs(std::string_view token, const Route& route, const std::string& target,
              const HttpHeaders& more = {}, const std::string& body = "",
              const std::string& type = "application/json") {
    HttpHeaders headers = BearerHeader(token);
    if (!body.empty()) headers.emplace_back("Content-Type", type);
    headers.insert(headers.end(), more.begin(), more.end());
    Send(route, target, headers, body);
  }

  void SendTokens(const Route& route) {
    for (const std::string_view token : {"", "a-token-that-nobody-has"}) {
      SendAs(token, route, TargetOf(route, {}), {}, route.takes_body ? "{}" : "");
    }
    for (const std::string_view token : {kReaderToken, kWriterToken, kApproverToken}) {
      SendAs(token, route, TargetOf(route, {}), {}, route.takes_body ? kLogEvent : "");
    }
    if (route.is_append) {
      SendAs(kWriterToken, route, TargetOf(route, {}), {},
             R"({"type":"gate_approved","gate":"build","job_id":"job"})");
    }
  }

  // Tickets and cookies, right and wrong.
  void SendCredentials(const Route& route) {
    const std::string target = TargetOf(route, {});
    const std::string body = route.takes_body ? kLogEvent : "";
    const std::string ticket =
        Json::parse(admin().Post("/api/v1/tickets", R"({"job":"another"})").body)["ticket"];
    SendAs(kAdminToken, route, target + "?ticket=" + ticket, {}, body);
    SendAs("", route, target + "?ticket=" + ticket, {}, body);
    SendAs("", route, target + "?ticket=" + ticket + "&ticket=" + ticket, {}, body);
    SendAs("", route, target + "?ticket=stlt_", {}, body);
    SendAs("", route, target, {{"Cookie", cookie_}}, body);
    const HttpHeaders own = {{"Cookie", cookie_}, {"Sec-Fetch-Site", "same-origin"}};
    SendAs("", route, target, own, body);
    HttpHeaders with_secret = own;
    with_secret.emplace_back("X-Stagelog-Session", secret_);
    SendAs("", route, target, with_secret, body);
    SendAs("", route, target, {{"Cookie", cookie_ + "x"}, {"Sec-Fetch-Site", "same-origin"}}, body);
    if (route.pattern.ends_with("/link")) SendAs("", route, target, with_secret, "{}");
    if (route.pattern.ends_with("/tickets")) {
      SendAs("", route, target, with_secret, R"({"job":"job","append":true})");
    }
  }

  // Words of signing in.
  void SendSignIns(const Route& route) {
    if (route.access != Access::kSignIn) return;
    const std::string target = TargetOf(route, {});
    SendAs("", route, target, {{"Origin", "http://elsewhere.example"}}, R"({"token":"wrong one"})");
    SendAs("", route, target, {}, R"({"link":"wrong one"})");
    SendAs("", route, target, {}, R"({"token":"wrong one","token":"wrong one"})");
    for (int times = 0; times < 12; ++times) {
      SendAs("", route, target, {}, R"({"token":"wrong one"})");
    }
  }

  // A gate that three people must approve, with an answer.
  void SendApprovals(const Route& route) {
    const std::string repeated = R"({"answers":{"n":1,"n":1}})";
    if (route.pattern.ends_with("/approve") || route.pattern.ends_with("/reject")) {
      admin().Post("/api/v1/jobs/shared/events", R"({"type":"gate_pause","gate":"build"})");
      for (const std::string_view token : {kAdminToken, kApproverToken}) {
        SendAs(token, route, TargetOf(route, {.job = "shared"}), {},
               R"({"event_id":"shared)" + route.pattern.substr(route.pattern.size() - 6) +
                   R"(","comment":"c"})");
      }
    }
    if (route.pattern.ends_with("/reject")) {
      SendAs(kAdminToken, route, TargetOf(route, {}), {}, repeated);
    }
    if (!route.pattern.ends_with("/approve")) return;
    admin().Post("/api/v1/jobs/ruled/events",
                 R"({"type":"gate_pause","gate":"build","payload":{"required":3,)"
                 R"("fields":[{"name":"n","type":"number","required":true}]}})");
    const std::string target = TargetOf(route, {.job = "ruled"});
    for (const char* body : {R"({"answers":{}})", repeated.c_str(), R"({"answers":{"n":1}})",
                             R"({"answers":{"n":1}})"}) {
      SendAs(kAdminToken, route, target, {}, body);
    }
    SendAs(kApproverToken, route, target, {}, R"({"answers":{"n":2}})");
  }

  void SendHeads(const Route& route) {
    const std::string target = TargetOf(route, {});
    const std::string body = route.takes_body ? kLogEvent : "";
    for (const auto& [name, value] : std::vector<std::pair<std::string, std::string>>{
             {"Expect", "the worst"},
             {"If-Match", "\"a\""},
             {"If-None-Match", "*"},
             {"If-Modified-Since", "Sat, 21 Nov 2026 07:41:02 GMT"},
             {"X-HTTP-Method-Override", "PUT"},
             {"Content-Range", "bytes 0-1/2"},
             {"Content-Encoding", "br"},
             {"Content-Encoding", "gzip"},
             {"Content-Encoding", "zstd"},
             {"Last-Event-ID", "a"},
             {"Idempotency-Key", "no quotes"},
             {"Range", "bytes=0-1"},
             {"Accept", "text/plain"}}) {
      SendAs(kAdminToken, route, target, {{name, value}}, body);
    }
    SendAs(kAdminToken, route, target, {}, "a body", "text/plain");
    for (const std::string& head :
         {std::string("Host: unknown.example"), std::string("Host: localhost"),
          std::string("Host: localhost\r\nContent-Length: 999999999999")}) {
      if (route.is_stream && head == "Host: localhost") continue;  // it would not end
      const HttpResponse answer = admin().SendRaw(
          route.method + " " + target + " HTTP/1.1\r\n" + head + "\r\nAuthorization: Bearer " +
          std::string(kAdminToken) + "\r\nContent-Type: application/json\r\n\r\n");
      const Json problem = Json::parse(answer.body, nullptr, /*allow_exceptions=*/false);
      if (problem.is_object() && problem.contains("code")) {
        seen_[NameOf(route)].insert(std::to_string(answer.status) + " " +
                                    problem["code"].get<std::string>());
      }
    }
  }

  void SendQueries(const Route& route) {
    const std::string target = TargetOf(route, {});
    Words queries = {"nothing_of_the_kind=1", "%ff=1", "token=secret"};
    for (const std::string_view parameter : route.parameters) {
      for (const char* value : {"", "@", "-1", "999999999", "0", "job", "1999-01-01T00:00:00Z",
                                "%00", "%ff", "cloudevents", "log", "completed"}) {
        if (parameter == "wait" && std::string(value) == "999999999") continue;
        queries.insert(std::string(parameter) + "=" + value);
      }
      queries.insert(std::string(parameter) + "=1&" + std::string(parameter) + "=1");
    }
    for (const std::string& query : queries) SendAs(kAdminToken, route, target + "?" + query);
    // A backup of a name that there is.
    if (queries.contains("to=job")) SendAs(kAdminToken, route, target + "?to=job");
  }

  void SendTargets(const Route& route, const std::vector<std::string>& bodies) {
    for (const Target& target : std::vector<Target>{{},
                                                    {.job = "nobody-" + std::to_string(++unknown_)},
                                                    {.job = "%20"},
                                                    {.job = "over"},
                                                    {.job = "decided"},
                                                    {.job = "strict"},
                                                    {.job = std::string(kDeletedJob)},
                                                    {.item = "nothing"},
                                                    {.item = "configured"},
                                                    {.item = "%20"}}) {
      const bool is_plain = target.job == "job" && target.item == "build";
      if (route.takes_body && (is_plain || target.job == "over")) {
        SendTwiceWithKeys(route, TargetOf(route, target), bodies);
      }
      for (size_t i = 0; i < bodies.size(); ++i) {
        const std::string& body = bodies[i];
        // What is in them was tried where the target is plain.
        if (!is_plain && (body.size() > 1'000 || i % 4 != 0)) continue;
        SendAs(kAdminToken, route, TargetOf(route, target), {}, body);
      }
      if (route.method == "GET") {
        const std::string head = std::to_string(HeadSeq());
        for (const std::string& query :
             {std::string("?at_seq=1"), std::string("?at_seq=0"), std::string("?after=99999"),
              "?until=terminal&after=" + head, "?until=terminal&job=over&after=" + head}) {
          SendAs(kAdminToken, route, TargetOf(route, target) + query);
        }
      }
    }
  }

  // The same key again is the same request.
  void SendTwiceWithKeys(const Route& route, const std::string& target,
                         const std::vector<std::string>& bodies) {
    MakeSubjects();
    for (const std::string& body : bodies) {
      if (body.size() > 1'000) continue;
      const std::string key = "\"key-" + std::to_string(++keys_) + "\"";
      for (int times = 0; times < 2; ++times) {
        SendAs(kAdminToken, route, target, {{"Idempotency-Key", key}}, body);
      }
    }
  }

  // A token for each route that may be used once a minute.
  void SendMoreThanAllowed() {
    Stop();
    std::string config(kTestConfig);
    const auto token_of = [](size_t number) { return "limited-" + std::to_string(number); };
    const std::vector<Route> routes = RoutesOfApi();
    for (size_t i = 0; i < routes.size(); ++i) {
      config += "    - {name: " + token_of(i) + ", token: the-token-" + token_of(i) +
                ", roles: [admin], requests_per_minute: 1}\n";
    }
    Start(config);
    for (size_t i = 0; i < routes.size(); ++i) {
      for (int times = 0; times < 2; ++times) {
        SendAs("the-token-" + token_of(i), routes[i], TargetOf(routes[i], {}));
      }
    }
  }

  // The bodies of the examples, and others.
  std::vector<std::string> BodiesFor(const Route& route) {
    if (!route.takes_body) return {""};
    std::vector<std::string> bodies = {
        "",
        "{",
        "[]",
        "[1]",
        "1",
        "{}",
        "\xff",
        R"({"type":"log","message":"m","job_id":"job"})",
        R"({"type":"log","message":"m","job_id":"job","surprise":1})",
        R"({"type":"Log","job_id":"job"})",
        R"({"type":"log","message":1,"job_id":"job"})",
        R"({"type":"log","type":"log","job_id":"job"})",
        R"({"type":"log","message":"m","job_id":"job","occurred_at":"soon"})",
        R"({"type":"log","message":"m","job_id":"another one"})",
        R"({"type":"log","message":"m","job_id":"another"})",
        R"({"type":"log","message":"m","job_id":"job","event_id":"first"})",
        R"({"type":"stage_completed","stage":"never","job_id":"strict"})",
        R"({"type":"log","message":"m","job_id":"deleted"})",
        R"({"type":"heartbeat","job_id":"job"})",
        kLogEvent,
        R"({"job_id":"job"})",
        R"({"job_id":"job","pipeline":"another"})",
        R"({"job_id":"a b"})",
        R"({"job_id":"made"})",
        R"({"choice":"c"})",
        R"({"choice":"a","surprise":1})",
        R"({"message":1})",
        R"({"choice":"a"})",
        R"({"id":"build","url":"http://127.0.0.1:9/"})",
        R"({"id":"a b","url":"http://127.0.0.1:9/"})",
        R"({"id":"c","url":"no url"})",
        R"({"id":"c","url":"http://127.0.0.1:9/","surprise":1})",
        R"({"ids":["nothing"]})",
        R"({"id":"nothing"})",
        R"({"since":"soon"})",
        R"({"since":"1999-01-01T00:00:00Z"})",
        R"({"eventType":"START","eventTime":"2026-11-21T07:41:02Z"})",
        R"({"eventType":"NONE","eventTime":"2026-11-21T07:41:02Z","job":{"name":"n"},)"
        R"("run":{"runId":"0192f0c1-5e8a-7cc3-98c4-dc0c0c07398f"}})",
        R"({"message":")" + std::string(70'000, 'm') + R"("})",
        R"({"type":"log","job_id":"job","message":"m","payload":)" + std::string(80, '[') +
            std::string(80, ']') + "}",
        R"({"message":)" + std::string(80, '[') + std::string(80, ']') + "}",
        R"({"type":"log","job_id":"job","message":")" + std::string(300'000, 'm') + R"("})"};
    std::string batch = "[";
    for (int i = 0; i < 1'001; ++i) {
      batch += std::string(i > 0 ? "," : "") + R"({"type":"log","message":"m","job_id":"job"})";
    }
    bodies.push_back(batch + "]");
    const auto pointer = "/requestBody/content/application~1json/examples"_json_pointer;
    const Json examples = Operation(route).value(pointer, Json::object());
    for (const auto& [name, example] : examples.items()) {
      bodies.push_back(example["value"].dump());
      bodies.push_back(example["value"].dump());  // and again
    }
    for (const char* body :
         {R"({"token":1})", R"({"job":"a b"})", R"({"append":true})",
          R"({"job":"job","seconds":0})", R"({"job":"job","append":true,"seconds":1})",
          R"({"job":"job","job":"job"})"}) {
      bodies.emplace_back(body);
    }
    return bodies;
  }

  const Json& Operation(const Route& route) {
    const std::string name = NameOf(route);
    std::string method = route.method;
    for (char& c : method) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    return document_.at("paths").at(name.substr(name.find(' ') + 1)).at(method);
  }

  // "200", "422 unknown_key".
  Words Described(const Route& route) {
    Words answers;
    for (const auto& [status, response] : Operation(route).at("responses").items()) {
      if (status < "400" || !response.contains("$ref")) {
        answers.insert(status);
        continue;
      }
      std::string codes = response.value("description", "");
      for (size_t at = 0; at < codes.size();) {
        const size_t end = std::min(codes.find(", ", at), codes.size());
        answers.insert(status + " " + codes.substr(at, end - at));
        at = end + 2;
      }
    }
    return answers;
  }

  Json document_;
  std::string cookie_;  // of a session of the admin
  std::string secret_;
  bool has_deleted_ = false;
  int unknown_ = 0;  // jobs that nobody has heard of
  int keys_ = 0;
  std::map<std::string, Words> seen_;           // by NameOf()
  std::map<std::string, std::string> example_;  // a request of each that was seen
};

TEST_F(AnswersTest, EachIsDescribedForItsRouteAndWhatIsDescribedIsSeen) {
  StartWithSubjects();
  for (const Route& route : RoutesInOrder()) {
    MakeSubjects();
    SendTokens(route);
    SendApprovals(route);
    SendCredentials(route);
    SendHeads(route);
    SendQueries(route);
    MakeSubjects();
    SendTargets(route, BodiesFor(route));
    SendSignIns(route);
    if (HasFatalFailure()) return;
  }
  SendMoreThanAllowed();
  for (const Route& route : RoutesOfApi()) {
    const Words described = Described(route);
    for (const std::string& answer : seen_[NameOf(route)]) {
      EXPECT_TRUE(described.contains(answer) || OfAnyPath().contains(answer))
          << NameOf(route) << " answers " << answer << ", to\n"
          << example_[NameOf(route) + answer].substr(0, 400);
    }
    for (const std::string& answer : described) {
      EXPECT_TRUE(seen_[NameOf(route)].contains(answer) || NeedAFault().contains(answer))
          << NameOf(route) << " never answers " << answer;
    }
  }
}

}  // namespace
}  // namespace stagelog::answers_test
