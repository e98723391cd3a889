// What clients write reaches logs, files, streams and heads as text, and never as structure.
#include <gmock/gmock.h>

#include <algorithm>

#include "tests/support/daemon_fixture.h"

namespace stagelog {
namespace {

using ::testing::AnyOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

class InjectionTest : public DaemonTest {
 protected:
  void SetUp() override { Start(); }

  // All that comes back for the bytes until the daemon closes.
  std::string AllAnswers(const std::string& bytes) {
    auto connection = HttpConnection::Connect(daemon_->port());
    if (!connection) return "no connection";
    connection->Send(bytes);
    connection->FinishSending();
    std::string all;
    while (true) {
      const auto some = connection->ReadSome(std::chrono::seconds(10));
      if (!some) return all + " (not closed)";
      if (some->empty()) return all;
      all += *some;
    }
  }
};

// Each would be a frame, a line or an escape of its own if it got out of its string.
const std::vector<std::string>& EvilTexts() {
  static const std::vector<std::string> texts = {
      "a\r\nid: 999\r\ndata: {}\r\n\r\n",
      "a\n\nevent: end\ndata: {}\n\n",
      "a\n{\"seq\":1}\n",
      "\x1b[2J\x1b]0;title\x07",
      std::string("a\0b", 3),
      "\xc2\x9b"
      "2J\xc2\x85\xe2\x80\xa8\xe2\x80\xae",
      "\x7f\x08\x0b\x0c",
      "</script><!--",
      "%s%n{}{0}",
      "[events] 2026-11-21T07:41:02.123456Z other#1 job_completed",
  };
  return texts;
}

TEST_F(InjectionTest, MessagesStayMessages) {
  for (const std::string& text : EvilTexts()) {
    Append("job", Json{{"type", "log"}, {"message", text}, {"payload", {{text, text}}}}.dump());
  }
  auto stream = OpenStream("/api/v1/jobs/job/events/stream?named=1");
  int64_t seq = 0;
  for (const std::string& text : EvilTexts()) {
    const auto frame = stream.NextEvent();
    ASSERT_TRUE(frame) << frame.error().message;
    EXPECT_EQ(frame->event, "log");
    EXPECT_EQ(frame->last_event_id, std::to_string(++seq));
    EXPECT_EQ(Json::parse(frame->data).at("message"), text);
  }
  EXPECT_EQ(Lines("job").size(), EvilTexts().size());
  Stop();
  // One line an event, and of control characters only its newline.
  const std::string console = daemon_->StderrText();
  const std::vector<std::string> lines = SplitLines(console);
  const auto is_event = [](const std::string& line) { return line.starts_with("[events] "); };
  EXPECT_EQ(std::count_if(lines.begin(), lines.end(), is_event), seq) << console;
  const auto steers = [](unsigned char c) { return (c < 0x20 && c != '\n') || c == 0x7f; };
  EXPECT_TRUE(std::none_of(console.begin(), console.end(), steers));
  EXPECT_THAT(console, Not(HasSubstr("\xc2\x9b")));
}

TEST_F(InjectionTest, NamesAndStatesAreRefused) {
  Append("job", R"({"type":"log","message":"m"})");
  for (const std::string& text : EvilTexts()) {
    if (text.starts_with("%s")) continue;  // is a fine status, and a fine event_id
    for (const char* key :
         {"stage", "gate", "event_id", "type", "level", "job_id", "occurred_at"}) {
      Json event = {{"type", "log"}, {"message", "m"}};
      event[key] = text;
      const HttpResponse response = admin().Post(kEvents, event.dump());
      if (response.status == 201 && std::string(key) == "event_id") continue;
      EXPECT_EQ(response.status, 422) << key << ": " << event.dump() << response.body;
      EXPECT_TRUE(Json::accept(response.body)) << response.body;
      EXPECT_EQ(response.headers.size(), 4U) << response.body;
    }
  }
}

std::string Encoded(const std::string& text) {
  static constexpr char kHex[] = "0123456789abcdef";
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    out += {'%', kHex[byte >> 4], kHex[byte & 15]};
  }
  return out;
}

TEST_F(InjectionTest, FiltersAndCursorsStayText) {
  Append("job", R"({"type":"log","message":"m"})");
  for (const std::string& text : EvilTexts()) {
    const std::string value = Encoded(text);
    for (const char* parameter :
         {"type", "stage", "level", "job", "q", "since", "after", "limit"}) {
      const HttpResponse response =
          admin().Get("/api/v1/events?" + std::string(parameter) + "=" + value);
      EXPECT_THAT(response.status, AnyOf(200, 400)) << parameter << response.body;
      EXPECT_TRUE(Json::accept(response.body)) << response.body;
      EXPECT_EQ(response.headers.size(), response.status == 200 ? 3U : 4U) << parameter;
    }
    ExpectProblem(admin().Get("/api/v1/events?" + value + "=1"), 400, "unknown_parameter");
    auto stream = OpenStream("/api/v1/events/stream?last_event_id=" + value);
    const auto gap = stream.NextNamed("gap");
    ASSERT_TRUE(gap) << gap.error().message;
    EXPECT_FALSE(gap->has_id);
    EXPECT_TRUE(Json::parse(gap->data).at("requested").is_string());
  }
}

TEST_F(InjectionTest, HeadFieldsAreNotCarriedOver) {
  for (const std::string& origin : std::vector<std::string>{
           "http://localhost:5173\tX: y", "http://localhost:5173, http://evil.example",
           "http://localhost:5173/", "http://evil.example", "null", "\xff\xfe"}) {
    const HttpResponse response = admin().Get("/api/v1/events", {{"Origin", origin}});
    EXPECT_EQ(response.Header("access-control-allow-origin"), "") << origin;
  }
  const HttpResponse kind =
      admin().Request("POST", kEvents, {{"Content-Type", "text/\xc2\x9b\"\\"}}, "{}");
  ExpectProblem(kind, 415, "unsupported_media_type");
  // Bytes that would end a line are no part of a field at all.
  for (const std::string& byte : {std::string("\r"), std::string("\n"), std::string("\0", 1),
                                  std::string("\x1b"), std::string("\x7f")}) {
    const std::string answer = AllAnswers(
        "GET /api/v1/events/stream HTTP/1.1\r\nHost: localhost\r\nLast-Event-ID: 1" + byte +
        "X-Injected: 1\r\nAuthorization: Bearer " + std::string(kAdminToken) + "\r\n\r\n");
    EXPECT_THAT(answer, HasSubstr("HTTP/1.1 400 ")) << static_cast<int>(byte[0]);
  }
}

TEST_F(InjectionTest, PathsStayInTheirPlace) {
  for (const std::string& segment : std::vector<std::string>{"..",
                                                             "%2e%2e",
                                                             "%2E.",
                                                             ".",
                                                             "%00",
                                                             "a%00b",
                                                             "%2e%2e%2f%2e%2e%2fetc",
                                                             "..%5c..%5cetc",
                                                             "a%2fb",
                                                             "%c0%ae%c0%ae",
                                                             "%ef%bc%8e%ef%bc%8e",
                                                             "%u002e",
                                                             "%252e%252e",
                                                             "....//....//etc",
                                                             "~root",
                                                             "a%0d%0aX-Injected:%201",
                                                             "a%1b%5b2J",
                                                             "stagelog.db",
                                                             "journal.json",
                                                             "-rf",
                                                             "%20",
                                                             "%ff"}) {
    for (const std::string& target : std::vector<std::string>{
             "/api/v1/jobs/" + segment, "/api/v1/jobs/" + segment + "/events",
             "/api/v1/jobs/" + segment + "/events/stream", "/api/v1/jobs/job/stages/" + segment,
             "/api/v1/jobs/job/gates/" + segment}) {
      const HttpResponse response = admin().Get(target);
      EXPECT_THAT(response.status, AnyOf(400, 404, 422)) << target;
      EXPECT_FALSE(response.HasHeader("x-injected")) << target;
      EXPECT_TRUE(Json::accept(response.body)) << response.body;
    }
    for (const std::string& target : std::vector<std::string>{
             "/api/v1/jobs/" + segment + "/events", "/api/v1/jobs/" + segment + "/cancel",
             "/api/v1/jobs/job/gates/" + segment + "/approve"}) {
      const HttpResponse response = admin().Post(target, R"({"type":"log","message":"m"})");
      EXPECT_THAT(response.status, AnyOf(400, 404, 422)) << target;
    }
  }
  EXPECT_EQ(HeadSeq(), 0);
  EXPECT_THAT(ListJobFolders(runs_dir()), ElementsAre());
}

// What two readers could understand in two ways is refused, and nothing behind it is read: there
// the request of somebody else would hide.
TEST_F(InjectionTest, NothingIsSmuggled) {
  const std::string event = R"({"type":"log","message":"m"})";  // 28 bytes
  const std::string head =
      "POST /api/v1/jobs/job/events HTTP/1.1\r\nHost: localhost\r\n"
      "Authorization: Bearer " +
      std::string(kAdminToken) + "\r\nContent-Type: application/json\r\n";
  const std::string hidden = "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n";
  const std::string chunk = "1c\r\n" + event + "\r\n0\r\n\r\n";
  const std::string length = "Content-Length: 28\r\n";
  const std::vector<std::string> requests = {
      head + length + "Content-Length: 28\r\n\r\n" + event,
      head + length + "Content-Length: 0\r\n\r\n" + event,
      head + length + "Transfer-Encoding: chunked\r\n\r\n" + chunk,
      head + "Transfer-Encoding: chunked\r\n" + length + "\r\n" + chunk,
      head + "Content-Length: 28,28\r\n\r\n" + event,
      head + "Content-Length: 28 28\r\n\r\n" + event,
      head + "Content-Length:\r\n\r\n" + event,
      head + "Content-Length: -28\r\n\r\n" + event,
      head + "Content-Length: 0x1c\r\n\r\n" + event,
      head + "Content-Length: 1c\r\n\r\n" + event,
      head + "Content-Length: 28.0\r\n\r\n" + event,
      head + "Content-Length: 18446744073709551644\r\n\r\n" + event,  // 2^64 + 28
      head + "Content-Length : 28\r\n\r\n" + event,
      head + " Content-Length: 28\r\n\r\n" + event,
      head + "X: y\r\n Content-Length: 28\r\n\r\n" + event,
      head + "Content-Length:\r\n 28\r\n\r\n" + event,
      head + "Content-Length\t: 28\r\n\r\n" + event,
      head + "Content-Length: 28\n\r\n" + event,
      head + "X: y\rContent-Length: 28\r\n\r\n" + event,
      head + "X: y\nContent-Length: 28\r\n\r\n" + event,
      head + "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n" + chunk,
      head + "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n" + chunk,
      head + "Transfer-Encoding: identity\r\n" + length + "\r\n" + event,
      head + "Transfer-Encoding: chunked, identity\r\n\r\n" + chunk,
      head + "Transfer-Encoding: ,chunked\r\n\r\n" + chunk,
      head + "Transfer-Encoding: chunked;q=1\r\n\r\n" + chunk,
      head + "Transfer-Encoding: \"chunked\"\r\n\r\n" + chunk,
      head +
          "Transfer-Encoding: \x0b"
          "chunked\r\n\r\n" +
          chunk,
      head + "Transfer-Encoding : chunked\r\n\r\n" + chunk,
      head + "Transfer_Encoding: chunked\r\nTransfer-Encoding: x\r\n\r\n" + chunk,
      head + "Transfer-Encoding:\r\n chunked\r\n\r\n" + chunk,
      head + "Transfer-Encoding: chunked\r\n\r\n0x1c\r\n" + event + "\r\n0\r\n\r\n",
      head + "Transfer-Encoding: chunked\r\n\r\n+1c\r\n" + event + "\r\n0\r\n\r\n",
      head + "Transfer-Encoding: chunked\r\n\r\n-1c\r\n" + event + "\r\n0\r\n\r\n",
      head + "Transfer-Encoding: chunked\r\n\r\n 1c\r\n" + event + "\r\n0\r\n\r\n",
      head + "Transfer-Encoding: chunked\r\n\r\n1c\n" + event + "\r\n0\r\n\r\n",
      head + "Transfer-Encoding: chunked\r\n\r\n1c\r\n" + event + "\n0\r\n\r\n",
      head + "Transfer-Encoding: chunked\r\n\r\n1c\r\n" + event + "0\r\n\r\n",
      head + "Transfer-Encoding: chunked\r\n\r\n1b\r\n" + event + "\r\n0\r\n\r\n",
      head + "Transfer-Encoding: chunked\r\n\r\n;x\r\n" + event + "\r\n0\r\n\r\n",
      head + "Transfer-Encoding: chunked\r\n\r\n1000000000000001c\r\n" + event + "\r\n0\r\n\r\n",
      "POST /api/v1/events#/healthz HTTP/1.1\r\nHost: localhost\r\n" + length + "\r\n" + event,
      "GET  /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n",
      "GET /healthz\tHTTP/1.1\r\nHost: localhost\r\n\r\n",
      "GET /healthz HTTP/1.1 \r\nHost: localhost\r\n\r\n",
      "GET /healthz\r\n\r\n",
      "GET /healthz HTTP/1.1\r\n Host: localhost\r\n\r\n",
  };
  for (const std::string& request : requests) {
    const std::string answers = AllAnswers(request + hidden);
    EXPECT_TRUE(answers.starts_with("HTTP/1.1 400 ")) << request << "\n" << answers.substr(0, 400);
    EXPECT_EQ(answers.find("HTTP/1.1 ", 1), std::string::npos) << request << "\n" << answers;
    EXPECT_THAT(answers, HasSubstr("\r\nConnection: close\r\n"));
    EXPECT_THAT(answers, Not(HasSubstr("not closed")));
  }
  EXPECT_EQ(HeadSeq(), 0);
}

// A refusal by the head alone leaves the body unread: it must not be taken for a request.
TEST_F(InjectionTest, ABodyThatNobodyReadIsNoRequest) {
  const std::string hidden = "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n";
  const std::string length = "Content-Length: " + std::to_string(hidden.size()) + "\r\n";
  for (const std::string& head : {"POST /api/v1/events HTTP/1.1\r\nHost: localhost\r\n" + length,
                                  "POST /nowhere HTTP/1.1\r\nHost: localhost\r\n" + length,
                                  "POST /api/v1/events HTTP/1.1\r\nHost: evil.example\r\n" + length,
                                  "OPTIONS /api/v1/events HTTP/1.1\r\nHost: localhost\r\n" + length,
                                  "GET /nowhere HTTP/1.1\r\nHost: localhost\r\n" + length}) {
    const std::string answers = AllAnswers(head + "\r\n" + hidden);
    EXPECT_EQ(answers.find("\"status\":\"ok\""), std::string::npos) << head << "\n" << answers;
    EXPECT_EQ(answers.find("HTTP/1.1 ", 1), std::string::npos) << head << "\n" << answers;
  }
}

TEST_F(InjectionTest, NoForeignNameReachesTheDaemon) {
  const auto status = [&](const std::string& target, const std::string& host) {
    const std::string answer = AllAnswers("GET " + target + " HTTP/1.1\r\nHost: " + host +
                                          "\r\nConnection: close\r\n\r\n");
    return answer.size() < 12 ? answer : answer.substr(9, 3);
  };
  for (const char* host : {"evil.example",
                           "evil.example:80",
                           "evil.example.",
                           "EVIL.EXAMPLE",
                           "a.journal.example.org",
                           "journal.example.org.evil.example",
                           "127.0.0.1.evil.example",
                           "localhost.evil.example",
                           "user@localhost",
                           "localhost@evil.example",
                           "localhost:80@evil.example",
                           "127.0.0.1:",
                           "[::1].evil.example",
                           "[::1",
                           "[evil.example]",
                           "127.0.0.1:99999",
                           "127.0.0.1:+80",
                           "",
                           "localhost,evil.example",
                           "localhost evil.example",
                           "[::1]evil",
                           "localhost/",
                           "127.1"}) {
    EXPECT_EQ(status("/healthz", host), "421") << host;
  }
  for (const char* host :
       {"localhost", "localhost.", "LOCALHOST:8008", "127.0.0.1:80", "[::1]:8008",
        "journal.example.org", "JOURNAL.example.org.:443", "builder"}) {
    EXPECT_EQ(status("/healthz", host), "200") << host;
  }
  // The name in an absolute target is the one that counts.
  EXPECT_EQ(status("http://evil.example/healthz", "localhost"), "421");
  EXPECT_EQ(status("HTTP://localhost@evil.example/healthz", "localhost"), "421");
  EXPECT_EQ(status("http://localhost/healthz", "localhost"), "200");
  EXPECT_EQ(status("http:///healthz", "localhost"), "400");
  EXPECT_EQ(status("https://evil.example/healthz", "localhost"), "404");
  EXPECT_EQ(status("//evil.example/healthz", "localhost"), "404");
  EXPECT_EQ(status("/healthz#@evil.example", "localhost"), "400");
}

// Searching for what is almost everywhere takes no longer than searching for a word.
TEST_F(InjectionTest, QueriesThatExplodeAreAnswered) {
  Append("job", Json{{"type", "log"}, {"message", std::string(200'000, 'a')}}.dump());
  const auto code = [&](const std::string& target) {
    const HttpResponse response = admin().Get(target);
    EXPECT_TRUE(Json::accept(response.body)) << response.body.substr(0, 200);
    return response.status == 200 ? std::string("ok")
                                  : Json::parse(response.body, nullptr, false).value("code", "");
  };
  const auto repeated = [](const std::string& text, int count) {
    std::string out;
    for (int i = 0; i < count; ++i) out += text;
    return out;
  };
  EXPECT_EQ(code("/api/v1/events?q=" + std::string(1023, 'a') + "b"), "ok");
  EXPECT_EQ(code("/api/v1/events?q=" + std::string(1025, 'a')), "invalid_parameter");
  EXPECT_EQ(code("/api/v1/events?type=" + repeated("log,", 1500) + "log"), "invalid_parameter");
  EXPECT_EQ(code("/api/v1/events?job=" + std::string(7'000, ',')), "invalid_parameter");
  EXPECT_EQ(code("/api/v1/events?" + repeated("q=a&q=b&", 900)), "invalid_parameter");
  EXPECT_EQ(code("/api/v1/events?" + std::string(7'000, '&')), "ok");
  EXPECT_EQ(code("/api/v1/events?_=" + repeated("%F0%9F%98%80", 600)), "ok");
  EXPECT_EQ(code("/api/v1/jobs?pipeline=" + std::string(7'000, ',')), "ok");
  EXPECT_EQ(code("/api/v1/jobs?pipeline=%ff%00%22%5c"), "ok");
  EXPECT_EQ(code("/api/v1/jobs?q=" + repeated("%25_", 1500)), "ok");
  EXPECT_EQ(code("/api/v1/events?q=" + std::string(8'000, 'a')), "uri_too_long");
}

TEST_F(InjectionTest, ADecisionIsGivenOnce) {
  Append("job", R"({"type":"gate_pause","gate":"g"})");
  ExpectProblem(
      admin().Post("/api/v1/jobs/job/gates/g/approve", R"({"choice":"a","ch\u006fice":"b"})"), 422,
      "duplicate_key");
  ExpectProblem(admin().Post("/api/v1/jobs/job/gates/g/reject", R"({"comment":"a","comment":"b"})"),
                422, "duplicate_key");
}

}  // namespace
}  // namespace stagelog
