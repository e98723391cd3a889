// Fields of a head that change what a request means: known, or refused, and never passed over.
#include <gmock/gmock.h>

#include "tests/support/daemon_fixture.h"

namespace stagelog {
namespace {

using ::testing::HasSubstr;

class RequestHeadsTest : public DaemonTest {
 protected:
  void SetUp() override { Start(); }

  HttpResponse PostAs(const std::string& content_type, const HttpHeaders& more = {},
                      const std::string& body = kLogEvent) {
    return admin().Post(kEvents, body, content_type, more);
  }

  Json ExpectRefused(const HttpResponse& response, int status, const std::string& code,
                     const std::string& field) {
    ExpectProblem(response, status, code);
    const Json problem = Json::parse(response.body, nullptr, false);
    EXPECT_EQ(problem.value("field", ""), field) << response.body;
    EXPECT_EQ(HeadSeq(), 0) << "something was journaled";
    return problem;
  }
};

TEST_F(RequestHeadsTest, OtherContentCodingsAreRefused) {
  for (const char* coding : {"deflate", "br", "gzip, gzip", "gzip, zstd", "identity, br",
                             "compress", "aes128gcm", "made-up"}) {
    const HttpResponse refused = PostAs("application/json", {{"Content-Encoding", coding}});
    const Json problem = ExpectRefused(refused, 415, "unsupported_encoding", "Content-Encoding");
    EXPECT_THAT(problem.value("detail", ""), HasSubstr("identity")) << coding;
    EXPECT_EQ(refused.Header("accept-encoding"), "gzip, zstd");
  }
  ExpectRefused(
      PostAs("application/json", {{"Content-Encoding", "identity"}, {"Content-Encoding", "br"}}),
      415, "unsupported_encoding", "Content-Encoding");
  for (const char* target : {"/api/v1/events", "/api/v1/jobs", "/api/v1/jobs/job/cancel",
                             "/api/v1/jobs/job/gates/g/approve", "/api/v1/admin/backup"}) {
    ExpectRefused(admin().Post(target, "{}", "application/json", {{"Content-Encoding", "br"}}), 415,
                  "unsupported_encoding", "Content-Encoding");
    ExpectRefused(admin().Post(target, "{}", "application/json", {{"Content-Encoding", "gzip"}}),
                  400, "malformed_encoding", "Content-Encoding");
  }
  EXPECT_EQ(PostAs("application/json", {{"Content-Encoding", "Identity"}}).status, 201);
  EXPECT_EQ(PostAs("application/json", {{"Content-Encoding", ""}}).status, 201);
}

TEST_F(RequestHeadsTest, OtherCharsetsAreRefused) {
  for (const char* type :
       {"application/json; charset=iso-8859-1", "application/json;charset=latin1",
        "application/json; charset=\"UTF-16\"", "Application/JSON; CHARSET=Windows-1252",
        "application/x-ndjson; charset=utf-32",
        "application/json; charset=", "application/json; q=1; charset=utf-8; charset=utf-7",
        "application/json; a=\";charset=utf-8\"; charset=shift_jis"}) {
    const Json problem = ExpectRefused(PostAs(type), 415, "unsupported_media_type", "Content-Type");
    EXPECT_THAT(problem.value("detail", ""), HasSubstr("UTF-8")) << type;
  }
  for (const char* type : {"application/json; charset=utf-8", "application/json;charset=UTF-8",
                           "application/json ; Charset=\"Utf-8\"", "application/json; charset=utf8",
                           "application/json; profile=\"a;charset=latin1\"", "application/json;",
                           "APPLICATION/JSON; version=1"}) {
    EXPECT_EQ(PostAs(type).status, 201) << type;
  }
}

TEST_F(RequestHeadsTest, OtherTypesAreToldWhatIsTaken) {
  for (const char* type :
       {"text/plain", "application/x-www-form-urlencoded", "text/json", "application/xml",
        "application/jsonp", "application/jsonlines", "application/vnd.api+json", "json",
        "application/json2", "text/plain; x=application/json", "ndjson", "*/*"}) {
    const Json problem = ExpectRefused(PostAs(type), 415, "unsupported_media_type", "Content-Type");
    EXPECT_THAT(problem.value("detail", ""), HasSubstr("application/json")) << type;
    EXPECT_THAT(problem.value("detail", ""), HasSubstr("application/x-ndjson")) << type;
  }
}

TEST_F(RequestHeadsTest, TheTypeDecidesHowABodyIsReadWhateverItsCase) {
  const std::string lines = std::string(kLogEvent) + "\n" + kLogEvent + "\n";
  EXPECT_EQ(PostAs("Application/X-NDJSON", {}, lines).status, 201);
  EXPECT_EQ(PostAs("application/x-ndjson; charset=utf-8", {}, lines).status, 201);
  ExpectProblem(PostAs("application/json; like=ndjson", {}, lines), 400, "malformed_json");
  EXPECT_EQ(HeadSeq(), 4);
}

TEST_F(RequestHeadsTest, AnotherMethodThanThatOfTheRequestLineIsRefused) {
  for (const char* name : {"X-HTTP-Method-Override", "x-http-method", "X-Method-Override"}) {
    for (const char* method : {"DELETE", "PUT", "GET"}) {
      ExpectProblem(PostAs("application/json", {{name, method}}), 400, "malformed_request");
    }
    ExpectProblem(admin().Get("/api/v1/jobs/job", {{name, "DELETE"}}), 400, "malformed_request");
  }
  EXPECT_EQ(HeadSeq(), 0);
  EXPECT_EQ(PostAs("application/json", {{"X-HTTP-Method-Override", "post"}}).status, 201);
}

TEST_F(RequestHeadsTest, WhatCannotBeMetIsRefused) {
  ExpectRefused(PostAs("application/json", {{"Expect", "200-ok"}}), 417, "expectation_failed",
                "Expect");
  ExpectRefused(PostAs("application/json", {{"If-Match", "\"1\""}}), 412, "precondition_failed",
                "If-Match");
  for (const char* tag : {"*", "\"1\"", "W/\"1\""}) {
    ExpectRefused(PostAs("application/json", {{"If-None-Match", tag}}), 412, "precondition_failed",
                  "If-None-Match");
    EXPECT_EQ(admin().Get("/api/v1/events", {{"If-None-Match", tag}}).status, 200);
  }
  ExpectRefused(
      PostAs("application/json", {{"If-Unmodified-Since", "Sat, 21 Nov 2026 07:41:02 GMT"}}), 412,
      "precondition_failed", "If-Unmodified-Since");
  ExpectRefused(PostAs("application/json", {{"Content-Range", "bytes 0-27/100"}}), 400,
                "malformed_request", "Content-Range");
  EXPECT_EQ(admin().Get("/api/v1/events", {{"If-Match", "\"1\""}}).status, 200);
}

TEST_F(RequestHeadsTest, UnknownParametersOfAnAppendAreRefused) {
  for (const char* target :
       {"/api/v1/jobs/job/events?dry_run=1", "/api/v1/events?job=job", "/api/v1/jobs?job_id=job"}) {
    ExpectProblem(admin().Post(target, R"({"type":"job_created","job_id":"job"})"), 400,
                  "unknown_parameter");
  }
  EXPECT_EQ(HeadSeq(), 0);
}

TEST_F(RequestHeadsTest, AcceptIsWeighedAndPassedOverWhereItCannotBeMet) {
  AppendLogs("job", 1);
  const auto type_for = [&](const std::string& accept) {
    return admin().Get("/api/v1/events?after=0", {{"Accept", accept}}).Header("content-type");
  };
  for (const char* accept :
       {"application/x-ndjson", "Application/X-NDJSON", "application/x-ndjson, */*",
        "application/x-ndjson, application/json", "application/json;q=0.5, application/x-ndjson"}) {
    EXPECT_EQ(type_for(accept), "application/x-ndjson") << accept;
  }
  for (const char* accept :
       {"*/*", "application/json", "text/html", "application/*", "application/x-ndjson;q=0",
        "application/json, application/x-ndjson;q=0.1", "application/x-ndjson2", "a,,b;q=x"}) {
    EXPECT_EQ(type_for(accept), "application/json") << accept;
  }
}

}  // namespace
}  // namespace stagelog
