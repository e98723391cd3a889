// Guarantee 10 in src/GUARANTEES.md: whatever is wrong gets a clear answer with a stable code, and
// changes nothing. One row for each thing that can be wrong, all against one daemon.
#include <gmock/gmock.h>

#include "tests/support/daemon_fixture.h"

namespace stagelog {
namespace {

using ::testing::HasSubstr;

constexpr const char* kAllEvents = "/api/v1/events";
constexpr const char* kJson = "application/json";

// A body that is refused.
struct BadBody {
  const char* what;
  std::string body;
  int status;
  const char* code;
  std::string field = "";       // that the problem must name; empty: any
  std::string detail_has = "";  // a part of the sentence for a person
  const char* content_type = kJson;
  const char* target = kEvents;
  int64_t event = 0;  // which one of the batch, from 1; 0: none is named
};

// A target that is refused when it is asked for with GET.
struct BadTarget {
  std::string target;
  int status;
  const char* code;
  std::string detail_has = "";
};

std::string Nested(size_t depth) {
  return R"({"type":"log","message":"m","payload":{"a":)" + std::string(depth, '[') +
         std::string(depth, ']') + "}}";
}

std::string LogOfSize(size_t size) {
  std::string event = R"({"type":"log","message":""})";
  event.insert(event.size() - 2, size - event.size(), 'x');
  return event;
}

// One event for any job, with `job_id` as it stands in JSON.
std::string LogOfJob(const std::string& job_id) {
  return R"({"type":"log","message":"m","job_id":")" + job_id + "\"}";
}

const std::string kLong(129, 'a');

std::vector<BadBody> BodiesThatAreNotJson() {
  return {
      {"nothing", "", 400, "malformed_json"},
      {"white space", " \r\n\t ", 400, "malformed_json"},
      {"half an object", R"({"type":"log")", 400, "malformed_json"},
      {"two objects", R"({"type":"log","message":"m"}{})", 400, "malformed_json"},
      {"a comment", R"({"type":"log",/* */"message":"m"})", 400, "malformed_json"},
      {"a comma too many", R"({"type":"log","message":"m",})", 400, "malformed_json"},
      {"single quotes", "{'type':'log'}", 400, "malformed_json"},
      {"NaN", R"({"type":"log","message":"m","payload":{"a":NaN}})", 400, "malformed_json"},
      {"a bare control character", "{\"type\":\"log\",\"message\":\"a\nb\"}", 400,
       "malformed_json"},
      {"a byte that is no UTF-8", "{\"type\":\"log\",\"message\":\"\xff\"}", 400, "malformed_json"},
      {"an overlong encoding", "{\"type\":\"log\",\"message\":\"\xc0\xaf\"}", 400,
       "malformed_json"},
      {"half a surrogate pair", R"({"type":"log","message":"\ud800"})", 400, "malformed_json"},
      {"an array without an end", R"([{"type":"log","message":"m"})", 400, "malformed_json"},
      {"a NUL behind the object", std::string("{\"type\":\"log\",\"message\":\"m\"}\0", 29), 400,
       "malformed_json"},
      {"a text", R"("log")", 422, "not_an_object"},
      {"a number", "1", 422, "not_an_object"},
      {"null", "null", 422, "not_an_object"},
      {"an array of numbers", "[1]", 422, "not_an_object", "", "", kJson, kEvents, 1},
      {"an array in an array", "[[]]", 422, "not_an_object", "", "", kJson, kEvents, 1},
      {"an empty array", "[]", 422, "empty_batch"},
      {"depth 100,000", Nested(100'000), 422, "too_deep"},
      {"depth 200", Nested(200), 422, "too_deep"},
  };
}

std::vector<BadBody> BodiesWithWrongMembers() {
  return {
      {"type missing", R"({"message":"m"})", 422, "missing_field", "type"},
      {"type null", R"({"type":null,"message":"m"})", 422, "missing_field", "type"},
      {"type a number", R"({"type":5})", 422, "invalid_field", "type"},
      {"type unknown", R"({"type":"stage_complete","stage":"s"})", 422, "unknown_type", "type",
       "stage_completed"},
      {"type empty", R"({"type":""})", 422, "unknown_type", "type"},
      {"own type in capitals", R"({"type":"x-MINE"})", 422, "unknown_type", "type"},
      {"own type too long", R"({"type":"x-)" + std::string(64, 'a') + "\"}", 422, "unknown_type"},
      {"key unknown", R"({"type":"log","mesage":"m"})", 422, "unknown_key", "mesage", "message"},
      {"key twice", R"({"type":"log","message":"a","message":"b"})", 422, "duplicate_key",
       "message"},
      {"key twice by an escape", R"({"type":"log","message":"a","m\u0065ssage":"b"})", 422,
       "duplicate_key", "message"},
      {"both spellings of type", R"({"type":"log","event_type":"log","message":"m"})", 422,
       "duplicate_key"},
      {"both spellings of payload", R"({"type":"log","message":"m","payload":{},"metadata":{}})",
       422, "duplicate_key"},
      {"message a number", R"({"type":"log","message":5})", 422, "invalid_field", "message"},
      {"message missing", R"({"type":"log"})", 422, "missing_field", "message"},
      {"stage missing", R"({"type":"stage_started"})", 422, "missing_field", "stage"},
      {"gate missing", R"({"type":"gate_pause"})", 422, "missing_field", "gate"},
      {"payload an array", R"({"type":"log","message":"m","payload":[]})", 422, "invalid_field",
       "payload"},
      {"payload a text", R"({"type":"log","message":"m","metadata":"x"})", 422, "invalid_field",
       "metadata"},
      {"attempt a text", R"({"type":"log","message":"m","attempt":"1"})", 422, "invalid_field",
       "attempt"},
      {"attempt zero", R"({"type":"log","message":"m","attempt":0})", 422, "invalid_field",
       "attempt"},
      {"attempt and a half", R"({"type":"log","message":"m","attempt":1.5})", 422, "invalid_field",
       "attempt"},
      {"attempt beyond all bounds", R"({"type":"log","message":"m","attempt":1e99})", 422,
       "invalid_field", "attempt"},
      {"level unknown", R"({"type":"log","message":"m","level":"wraning"})", 422, "invalid_field",
       "level", "warning"},
      {"status with a newline", R"({"type":"log","message":"m","status":"a\nb"})", 422,
       "invalid_field", "status"},
      {"time without a zone", R"({"type":"log","message":"m","occurred_at":"2026-11-21T07:41:02"})",
       422, "invalid_time", "occurred_at"},
      {"no such day", R"({"type":"log","message":"m","ts":"2026-02-30T00:00:00Z"})", 422,
       "invalid_time", "ts"},
      {"time true", R"({"type":"log","message":"m","timestamp":true})", 422, "invalid_time",
       "timestamp"},
  };
}

std::vector<BadBody> BodiesWithBadIds() {
  std::vector<BadBody> bodies = {
      {"job missing", R"({"type":"log","message":"m"})", 422, "missing_field", "job_id", "", kJson,
       kAllEvents},
      {"another job than the address", LogOfJob("other"), 422, "job_mismatch", "job_id"},
      {"a job that is no UTF-8", LogOfJob("\xff\xfe"), 400, "malformed_json", "", "", kJson,
       kAllEvents},
      {"a stage that climbs", R"({"type":"stage_started","stage":"a/../b"})", 422, "invalid_id",
       "stage"},
      {"a stage with an empty part", R"({"type":"stage_started","stage":"a//b"})", 422,
       "invalid_id", "stage"},
      {"a stage too long", R"({"type":"stage_started","stage":")" + kLong + "\"}", 422,
       "invalid_id", "stage"},
      {"a gate with a slash", R"({"type":"gate_pause","gate":"a/b"})", 422, "invalid_id", "gate"},
      {"an event_id too long", R"({"type":"log","message":"m","event_id":")" + kLong + "\"}", 422,
       "invalid_id", "event_id"},
      {"an event_id with a blank", R"({"type":"log","message":"m","event_id":"a b"})", 422,
       "invalid_id", "event_id"},
      {"an event_id empty", R"({"type":"log","message":"m","event_id":""})", 422, "invalid_id",
       "event_id"},
  };
  for (const std::string& job_id :
       {std::string(), std::string(".."), std::string("."), std::string("../../etc"),
        std::string("a/b"), std::string("/a"), kLong, std::string("a\\u0000b"),
        std::string("\\u0000"), std::string(".hidden"), std::string("-a"), std::string("a b"),
        std::string("é"), std::string("stagelog.db"), std::string("stagelog.x"),
        std::string("a\\\\b")}) {
    bodies.push_back(
        {"a job's bad id", LogOfJob(job_id), 422, "invalid_id", "job_id", "", kJson, kAllEvents});
  }
  return bodies;
}

std::vector<BadBody> BatchesWithOneBadLine() {
  const std::string good = "{\"type\":\"log\",\"message\":\"m\"}";
  std::string long_array = "[";
  for (int i = 0; i < 999; ++i) long_array += good + ",";
  return {
      {"the third line", good + "\n" + good + "\n{\"type\":\"log\"\n" + good, 400, "malformed_json",
       "", "3", kNdjson, kEvents, 3},
      {"the last line, after blank ones", good + "\n\n\n{\"type\":\"lob\"}", 422, "unknown_type",
       "type", "4", kNdjson, kEvents, 4},
      {"two objects on a line", good + good, 400, "malformed_json", "", "", kNdjson, kEvents, 1},
      {"an array on a line", "[" + good + "]", 422, "not_an_object", "", "", kNdjson, kEvents, 1},
      {"only blank lines", "\n\r\n \n", 422, "empty_batch", "", "", kNdjson},
      {"nothing", "", 422, "empty_batch", "", "", kNdjson},
      {"the second element", "[" + good + ",{\"type\":\"stage_started\"}]", 422, "missing_field",
       "stage", "[1]", kJson, kEvents, 2},
      {"the last of a thousand", long_array + "{}]", 422, "missing_field", "type", "[999]", kJson,
       kEvents, 1000},
      {"one without its job", "{\"type\":\"log\",\"message\":\"m\",\"job_id\":\"a\"}\n" + good, 422,
       "missing_field", "job_id", "2", kNdjson, kAllEvents, 2},
      {"an element too large", "[" + good + "," + LogOfSize((256 << 10) + 1) + "]", 413,
       "event_too_large", "", "", kJson, kEvents, 2},
  };
}

std::vector<BadBody> BodiesOfTheWrongSizeOrKind() {
  const std::string good = "{\"type\":\"log\",\"message\":\"m\"}";
  return {
      {"an event too large", LogOfSize((256 << 10) + 1), 413, "event_too_large"},
      {"text", good, 415, "unsupported_media_type", "", "json", "text/plain"},
      {"a form", good, 415, "unsupported_media_type", "", "curl --json",
       "application/x-www-form-urlencoded"},
      {"a large form", std::string(20'000, 'a'), 415, "unsupported_media_type", "", "curl --json",
       "application/x-www-form-urlencoded"},
      {"a form in parts", good, 415, "unsupported_media_type", "", "",
       "multipart/form-data; boundary=x"},
      {"a kind that is no UTF-8", good, 415, "unsupported_media_type", "", "text/?\?",
       "text/\xe9\xff"},
      {"no kind at all", good, 415, "unsupported_media_type", "", "", ""},
  };
}

std::vector<BadTarget> BadTargets() {
  std::vector<BadTarget> targets = {
      {"/api/v1/jobs/nobody/events", 404, "unknown_job"},
      {"/api/v1/nowhere", 404, "unknown_route"},
      {"/nowhere", 404, "unknown_route"},
      {"/api/v2/events", 404, "unknown_route"},
      {"/api/v1/events/", 404, "unknown_route"},
      {"/api/v1/jobs/job/events/stream/more", 404, "unknown_route"},
      {"/api/v1/jobs/%2e%2e/events", 422, "invalid_id"},
      {"/api/v1/jobs/a%2Fb/events", 404, "unknown_route"},
      {"/api/v1/jobs/a%2fstages/b", 404, "unknown_route"},
      {"/api/v1/jobs/a/stages%2Fb", 404, "unknown_route"},
      {"/api/v1/jobs/a%00b/events", 422, "invalid_id"},
      {"/api/v1/jobs/%ff/events", 422, "invalid_id"},
      {"/api/v1/jobs/stagelog.db", 422, "invalid_id"},
      {"/api/v1/jobs/" + kLong + "/events", 422, "invalid_id"},
      {"/api/v1/jobs/" + kLong + "/events/stream", 422, "invalid_id"},
      {"/api/v1/events?after=99", 410, "cursor_beyond_head", "\"head_seq\":1"},
      {"/api/v1/events?afer=1", 400, "unknown_parameter", "after"},
      {"/api/v1/events?%ff%fe=1", 400, "unknown_parameter", "'?\?'"},
      {"/api/v1/events?since=12", 400, "invalid_parameter", "did you mean after=12"},
      {"/api/v1/events?type=stage_startd", 400, "invalid_parameter", "stage_started"},
      {"/api/v1/events?level=wraning", 400, "invalid_parameter", "warning"},
      {"/api/v1/events?q=" + std::string(1025, 'a'), 400, "invalid_parameter"},
      {"/api/v1/events/stream?level=wraning", 400, "invalid_parameter"},
  };
  for (const char* parameter : {"since=",
                                "since=yesterday",
                                "since=2026-11-21",
                                "since=2026-02-30T00:00:00Z",
                                "since=-5m",
                                "since=1e400",
                                "limit=0",
                                "limit=10001",
                                "limit=-1",
                                "limit=x",
                                "limit=",
                                "limit=1.5",
                                "limit=99999999999999999999",
                                "after=-1",
                                "after=x",
                                "after=",
                                "after=1.5",
                                "after=99999999999999999999",
                                "after=0x10",
                                "wait=61",
                                "wait=-1",
                                "wait=x",
                                "stage=../a",
                                "job=..",
                                "job="}) {
    targets.push_back(
        {"/api/v1/jobs/job/events?" + std::string(parameter), 400, "invalid_parameter"});
  }
  return targets;
}

class BadInputTest : public DaemonTest {
 protected:
  void SetUp() override {
    Start();
    Append("job", R"({"type":"log","message":"the only one","event_id":"e-1"})");
  }

  void TearDown() override {
    EXPECT_EQ(HeadSeq(), 1);
    EXPECT_EQ(Lines("job").size(), 1U);
    EXPECT_THAT(ListJobFolders(runs_dir()), ::testing::ElementsAre("job"));
    DaemonTest::TearDown();
  }

  void Check(const BadBody& bad) {
    SCOPED_TRACE(std::string(bad.what) + ": " + bad.body.substr(0, 200));
    const HttpResponse response = *bad.content_type == '\0'
                                      ? admin().Request("POST", bad.target, {}, bad.body)
                                      : admin().Post(bad.target, bad.body, bad.content_type);
    ExpectProblem(response, bad.status, bad.code);
    const Json problem = Json::parse(response.body, nullptr, false);
    if (!problem.is_object()) return;
    if (!bad.field.empty()) {
      EXPECT_EQ(problem.value("field", ""), bad.field) << response.body;
    }
    const bool is_array = bad.body.starts_with('[') && bad.content_type == std::string(kJson);
    EXPECT_EQ(problem.value("line", int64_t{0}), is_array ? 0 : bad.event) << response.body;
    EXPECT_EQ(problem.value("index", int64_t{-1}), is_array ? bad.event - 1 : -1) << response.body;
    EXPECT_THAT(problem.value("detail", ""), HasSubstr(bad.detail_has));
  }

  void CheckAll(const std::vector<BadBody>& rows) {
    for (const BadBody& row : rows) Check(row);
  }

  // Sends the bytes as they are; the answer must be that problem, and the connection must end.
  void ExpectRefusedAndClosed(const std::string& what, const std::string& bytes, int status,
                              const std::string& code) {
    SCOPED_TRACE(what);
    auto connection = HttpConnection::Connect(daemon_->port());
    ASSERT_TRUE(connection);
    connection->Send(bytes);
    const auto response = connection->ReadResponse();
    ASSERT_TRUE(response) << response.error().message;
    ExpectProblem(*response, status, code);
    EXPECT_TRUE(connection->WaitForClose(std::chrono::seconds(5)));
  }

  static std::string PostHead(const std::string& more_lines, const std::string& body = "") {
    return "POST " + std::string(kEvents) +
           " HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer " + std::string(kAdminToken) +
           "\r\nContent-Type: application/json\r\n" + more_lines + "\r\n" + body;
  }
};

TEST_F(BadInputTest, BodiesThatAreNotJson) { CheckAll(BodiesThatAreNotJson()); }
TEST_F(BadInputTest, BodiesWithWrongMembers) { CheckAll(BodiesWithWrongMembers()); }
TEST_F(BadInputTest, BodiesWithBadIds) { CheckAll(BodiesWithBadIds()); }
TEST_F(BadInputTest, BatchesWithOneBadLine) { CheckAll(BatchesWithOneBadLine()); }
TEST_F(BadInputTest, BodiesOfTheWrongSizeOrKind) { CheckAll(BodiesOfTheWrongSizeOrKind()); }

TEST_F(BadInputTest, Targets) {
  for (const BadTarget& bad : BadTargets()) {
    SCOPED_TRACE(bad.target.substr(0, 200));
    const HttpResponse response = admin().Get(bad.target);
    ExpectProblem(response, bad.status, bad.code);
    EXPECT_THAT(response.body, HasSubstr(bad.detail_has));
  }
}

TEST_F(BadInputTest, PathsThatClimb) {
  for (const char* target :
       {"/api/v1/jobs/../events", "/api/v1/jobs//events", "/api/v1/jobs/../../etc/events",
        "/../../etc/passwd", "/api/v1/jobs/./events"}) {
    SCOPED_TRACE(target);
    const HttpResponse response = admin().Post(target, R"({"type":"log","message":"m"})");
    EXPECT_TRUE(response.status == 404 || response.status == 422) << response.status;
    EXPECT_EQ(response.Header("content-type"), "application/problem+json");
  }
}

TEST_F(BadInputTest, TheSameEventIdWithOtherContent) {
  Check({"another message", R"({"type":"log","message":"another","event_id":"e-1"})", 409,
         "event_id_conflict"});
}

TEST_F(BadInputTest, AJobThatIsThere) {
  ExpectProblem(admin().Post("/api/v1/jobs", R"({"job_id":"job"})"), 409, "job_exists");
  ExpectProblem(admin().Post("/api/v1/jobs", R"({"job_id":"../x"})"), 422, "invalid_id");
  ExpectProblem(admin().Post("/api/v1/jobs", R"({"job":"x"})"), 422, "unknown_key");
  ExpectProblem(admin().Post("/api/v1/jobs", "{"), 400, "malformed_json");
}

TEST_F(BadInputTest, NoTokenOrTheWrongOne) {
  const std::string log = R"({"type":"log","message":"m"})";
  for (const char* target : {"/api/v1/events", "/api/v1/jobs", "/api/v1/events/stream", kEvents}) {
    SCOPED_TRACE(target);
    ExpectProblem(HttpClient(daemon_->port(), "").Get(target), 401, "missing_token");
    ExpectProblem(As("no-such-token").Get(target), 401, "invalid_token");
  }
  ExpectProblem(HttpClient(daemon_->port(), "").Post(kEvents, log), 401, "missing_token");
  ExpectProblem(As(std::string(kAdminToken) + "x").Post(kEvents, log), 401, "invalid_token");
  ExpectProblem(As(std::string(4096, 'x')).Post(kEvents, log), 401, "invalid_token");
  ExpectProblem(HttpClient(daemon_->port(), "")
                    .Get("/api/v1/events", {{"Authorization", "Basic YWRtaW46YWRtaW4="}}),
                401, "missing_token");
  ExpectProblem(As(kReaderToken).Post(kEvents, log), 403, "forbidden");
  ExpectProblem(As(kApproverToken).Post(kEvents, log), 403, "forbidden");
  ExpectProblem(As(kWriterToken).Post(kEvents, R"({"type":"gate_rejected","gate":"g"})"), 403,
                "forbidden");
}

TEST_F(BadInputTest, TheWrongMethod) {
  struct Row {
    const char* method;
    const char* target;
    const char* allow;
  };
  for (const Row& row : {Row{"DELETE", kEvents, "POST"}, Row{"PUT", kEvents, "GET"},
                         Row{"PATCH", "/api/v1/jobs/job", "GET"}, Row{"POST", "/healthz", "GET"},
                         Row{"POST", "/api/v1/events/stream", "GET"}}) {
    SCOPED_TRACE(std::string(row.method) + " " + row.target);
    const HttpResponse response =
        admin().Request(row.method, row.target, {{"Content-Type", kJson}}, "{}");
    ExpectProblem(response, 405, "method_not_allowed");
    EXPECT_THAT(response.Header("allow"), HasSubstr(row.allow));
  }
}

TEST_F(BadInputTest, AForeignHost) {
  const HttpHeaders foreign = {{"Host", "evil.example"}};
  ExpectProblem(admin().Request("GET", kAllEvents, foreign), 421, "unknown_host");
  ExpectProblem(
      admin().Request("POST", kEvents, {{"Host", "evil.example"}, {"Content-Type", kJson}},
                      R"({"type":"log","message":"m"})"),
      421, "unknown_host");
  ExpectRefusedAndClosed("no Host", "GET /healthz HTTP/1.1\r\n\r\n", 400, "malformed_request");
  ExpectRefusedAndClosed("two Hosts", "GET /healthz HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400,
                         "malformed_request");
}

TEST_F(BadInputTest, HeadsAndUrlsWithoutEnd) {
  ExpectRefusedAndClosed("a head too large",
                         "GET /healthz HTTP/1.1\r\nHost: a\r\nX: " + std::string(40'000, 'x'), 431,
                         "head_too_large");
  std::string many = "GET /healthz HTTP/1.1\r\nHost: a\r\n";
  for (int i = 0; i < 5000; ++i) many += "X-" + std::to_string(i) + ": y\r\n";
  ExpectRefusedAndClosed("fields without end", many, 431, "head_too_large");
  ExpectRefusedAndClosed("a URL too long", "GET /" + std::string(40'000, 'x'), 414, "uri_too_long");
  ExpectRefusedAndClosed("a whole URL too long",
                         "GET /" + std::string(9'000, 'x') + " HTTP/1.1\r\nHost: a\r\n\r\n", 414,
                         "uri_too_long");
}

TEST_F(BadInputTest, BodiesWithoutEnd) {
  ExpectRefusedAndClosed("a length too large", PostHead("Content-Length: 16777217\r\n"), 413,
                         "body_too_large");
  ExpectProblem(HttpClient(daemon_->port()).SendRaw(PostHead("")), 411, "length_required");
  std::string chunks = PostHead("Transfer-Encoding: chunked\r\n");
  const std::string chunk = "100000\r\n" + std::string(0x100000, ' ') + "\r\n";
  for (int i = 0; i < 17; ++i) chunks += chunk;
  ExpectRefusedAndClosed("chunks too large", chunks, 413, "body_too_large");
}

TEST_F(BadInputTest, AmbiguousFraming) {
  const std::string body = R"({"type":"log","message":"m"})";
  const std::string length = "Content-Length: " + std::to_string(body.size()) + "\r\n";
  const std::string chunked = "Transfer-Encoding: chunked\r\n";
  struct Row {
    const char* what;
    std::string bytes;
  };
  const std::vector<Row> rows = {
      {"two lengths", PostHead(length + "Content-Length: 5\r\n", body)},
      {"a list of lengths", PostHead("Content-Length: 28, 5\r\n", body)},
      {"a length with chunks", PostHead(length + chunked, body)},
      {"a negative length", PostHead("Content-Length: -1\r\n", body)},
      {"a length with a sign", PostHead("Content-Length: +28\r\n", body)},
      {"a length in hex", PostHead("Content-Length: 0x1c\r\n", body)},
      {"a length without bounds", PostHead("Content-Length: 99999999999999999999\r\n", body)},
      {"a blank before the colon", PostHead("Content-Length : 28\r\n", body)},
      {"a folded field", PostHead(length + "X: a\r\n b\r\n", body)},
      {"a field without a colon", PostHead(length + "nonsense\r\n", body)},
      {"another transfer coding", PostHead("Transfer-Encoding: gzip, chunked\r\n", body)},
      {"a coding by a trick", PostHead("Transfer-Encoding: xchunked\r\n", body)},
      {"a bad chunk size", PostHead(chunked, "zz\r\n" + body + "\r\n0\r\n\r\n")},
      {"a chunk size without bounds", PostHead(chunked, "fffffffffffffffff\r\n")},
      {"a chunk that is too long", PostHead(chunked, "3\r\nabcdef\r\n0\r\n\r\n")},
      {"no request line", "nonsense\r\n\r\n"},
      {"TLS", std::string("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 15)},
      {"a NUL in a field", PostHead(length + std::string("X: a\0b\r\n", 8), body)},
  };
  for (const Row& row : rows) ExpectRefusedAndClosed(row.what, row.bytes, 400, "malformed_request");
}

TEST_F(BadInputTest, AConnectionThatGoesInTheMiddle) {
  const std::string whole = RequestText(
      "POST", kEvents,
      {{"Authorization", "Bearer " + std::string(kAdminToken)}, {"Content-Type", kJson}},
      R"({"type":"log","message":"never whole"})");
  for (size_t length = 1; length < whole.size(); length += 7) {
    auto connection = HttpConnection::Connect(daemon_->port());
    ASSERT_TRUE(connection);
    ASSERT_TRUE(connection->Send(whole.substr(0, length)));
  }
}

constexpr std::string_view kImpatient = R"(
limits:
  head_timeout_seconds: 1
  body_timeout_seconds: 1
)";

// Both at once, for each takes a second.
TEST_F(DaemonTest, HalfARequestAndThenSilence) {
  Start(kImpatient);
  std::vector<HttpConnection> connections;
  for (const std::string& half :
       {std::string("GET /healthz HT"), std::string("GET /healthz HTTP/1.1\r\nHost: a\r\n"),
        RequestText("POST", kEvents,
                    {{"Authorization", "Bearer " + std::string(kAdminToken)},
                     {"Content-Type", kJson},
                     {"Transfer-Encoding", "chunked"}})}) {
    auto connection = HttpConnection::Connect(daemon_->port());
    ASSERT_TRUE(connection);
    std::string bytes = half;
    const size_t length = bytes.find("Content-Length: 0\r\n");
    if (length != std::string::npos) bytes.erase(length, 19);
    ASSERT_TRUE(connection->Send(bytes));
    connections.push_back(std::move(*connection));
  }
  for (HttpConnection& connection : connections) {
    const auto response = connection.ReadResponse();
    if (response) ExpectProblem(*response, 408, "request_timeout");
    EXPECT_TRUE(connection.WaitForClose(std::chrono::seconds(10)));
  }
  EXPECT_EQ(HeadSeq(), 0);
}

}  // namespace
}  // namespace stagelog
