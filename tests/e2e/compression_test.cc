// Compressed bodies of requests and answers.
#include <gmock/gmock.h>

#include <string>

#include "http/content_coding.h"
#include "tests/support/daemon_fixture.h"

namespace stagelog {
namespace {

constexpr size_t kMegabyte = size_t{1} << 20;

std::string Packed(ContentCoding coding, std::string text) {
  text.append(std::max(text.size(), kCompressedAnswerBytes) - text.size(), ' ');
  httplib::Response response;
  response.body = std::move(text);
  CompressAnswer(coding, response);
  return response.body;
}

std::string LogLines(int count) {
  std::string lines;
  for (int i = 1; i <= count; ++i) {
    lines += R"({"type":"log","message":")" + std::to_string(i) + "\"}\n";
  }
  return lines;
}

class CompressionTest : public DaemonTest {
 protected:
  void SetUp() override { Start(); }

  HttpResponse Post(const std::string& body, const char* coding, const char* type = kNdjson) {
    return admin().Post(kEvents, body, type, {{"Content-Encoding", coding}});
  }
};

TEST_F(CompressionTest, BodiesMayBePacked) {
  EXPECT_EQ(Post(Packed(ContentCoding::kGzip, LogLines(1'000)), "gzip").status, 201);
  EXPECT_EQ(Post(Packed(ContentCoding::kZstd, LogLines(1'000)), "zstd").status, 201);
  EXPECT_EQ(Post(Packed(ContentCoding::kGzip, kLogEvent), "X-GZIP", "application/json").status,
            201);
  EXPECT_EQ(HeadSeq(), 2'001);
  const Json made =
      Json::parse(admin()
                      .Post("/api/v1/jobs", Packed(ContentCoding::kGzip, R"({"job_id":"packed"})"),
                            "application/json", {{"Content-Encoding", "gzip"}})
                      .body);
  EXPECT_EQ(made["job_id"], "packed");
}

TEST_F(CompressionTest, PackedRequestsOfAConnectionStayInOrder) {
  auto connection = HttpConnection::Connect(daemon_->port());
  ASSERT_TRUE(connection);
  std::string requests;
  for (int i = 1; i <= 20; ++i) {
    HttpHeaders headers = BearerHeader(kAdminToken);
    headers.emplace_back("Content-Type", "application/json");
    std::string body = R"({"type":"log","message":")" + std::to_string(i) + "\"}";
    if (i % 2 == 0) {
      headers.emplace_back("Content-Encoding", "zstd");
      body = Packed(ContentCoding::kZstd, body);
    }
    requests += RequestText("POST", kEvents, headers, body);
  }
  ASSERT_TRUE(connection->Send(requests));
  for (int i = 1; i <= 20; ++i) {
    const auto answer = connection->ReadResponse();
    ASSERT_TRUE(answer);
    EXPECT_EQ(Json::parse(answer->body)["seq"], i) << answer->body;
  }
  const Json page = GetJson(std::string(kEvents) + "?after=0");
  for (int i = 1; i <= 20; ++i) EXPECT_EQ(page["events"][i - 1]["message"], std::to_string(i));
}

TEST_F(CompressionTest, ABombAndADamagedBodyAreRefused) {
  const std::string bomb = Packed(ContentCoding::kGzip, std::string(64 * kMegabyte, ' '));
  ExpectProblem(Post(bomb, "gzip"), 413, "body_too_large");
  const std::string packed = Packed(ContentCoding::kGzip, LogLines(1'000));
  ExpectProblem(Post(packed.substr(0, packed.size() - 1), "gzip"), 400, "malformed_encoding");
  ExpectProblem(Post(LogLines(1), "gzip"), 400, "malformed_encoding");
  ExpectProblem(Post(packed, "zstd"), 400, "malformed_encoding");
  EXPECT_EQ(HeadSeq(), 0);
}

TEST_F(CompressionTest, ACommandIsNoLargerThanAnEvent) {
  const std::string large = "{\"comment\":\"" + std::string(kMegabyte, 'c') + "\"}";
  for (const char* target : {"/api/v1/jobs", "/api/v1/jobs/job/cancel"}) {
    ExpectProblem(admin().Post(target, large), 413, "event_too_large");
    ExpectProblem(admin().Post(target, Packed(ContentCoding::kGzip, large), "application/json",
                               {{"Content-Encoding", "gzip"}}),
                  413, "event_too_large");
  }
}

TEST_F(CompressionTest, LargeAnswersArePackedWhereTheClientAsks) {
  AppendLogs("job", 100);
  const HttpResponse plain = admin().Get(kEvents);
  EXPECT_EQ(plain.Header("content-encoding"), "");
  EXPECT_EQ(plain.Header("vary"), "Accept-Encoding");
  const HttpResponse zstd = admin().Get(kEvents, {{"Accept-Encoding", "gzip, deflate, br, zstd"}});
  EXPECT_EQ(zstd.Header("content-encoding"), "zstd");
  EXPECT_LT(zstd.body.size(), plain.body.size() / 3);
  EXPECT_EQ(Expand(ContentCoding::kZstd, zstd.body, kMegabyte), plain.body);
  const HttpResponse gzip = admin().Get(kEvents, {{"Accept-Encoding", "gzip"}});
  EXPECT_EQ(Expand(ContentCoding::kGzip, gzip.body, kMegabyte), plain.body);
  const HttpResponse small =
      admin().Get(std::string(kEvents) + "?limit=1", {{"Accept-Encoding", "gzip"}});
  EXPECT_EQ(small.Header("content-encoding"), "");
}

TEST_F(CompressionTest, StreamsAreNeverPacked) {
  AppendLogs("job", 50);
  SseClient stream = OpenStream(kJobStream, {{"Accept-Encoding", "gzip, zstd"}});
  EXPECT_EQ(stream.head().Header("content-encoding"), "");
  EXPECT_EQ(Json::parse(stream.NextEvent()->data)["message"], "1");
}

}  // namespace
}  // namespace stagelog
