#include "http/request_head.h"

#include <gmock/gmock.h>

namespace stagelog {
namespace {

constexpr size_t kMaxHead = 16'384;

std::string Code(std::string_view bytes) {
  const auto head = ReadRequestHead(bytes, kMaxHead);
  if (!head) return head.error().code;
  return head->has_value() ? "whole" : "unfinished";
}

RequestHead Read(std::string_view bytes) {
  const auto head = ReadRequestHead(bytes, kMaxHead);
  EXPECT_TRUE(head && head->has_value()) << bytes;
  return head && head->has_value() ? **head : RequestHead();
}

std::string Get(const std::string& fields) {
  return "GET / HTTP/1.1\r\nHost: localhost\r\n" + fields + "\r\n";
}

TEST(RequestHead, ReadsWhatMatters) {
  const std::string text =
      "POST /x?y=1 HTTP/1.1\r\nHost: localhost\r\ncontent-length: 12\r\nX-Blank:  a b \t\r\n"
      "Expect: 100-continue\r\n\r\nbody";
  const RequestHead head = Read(text);
  EXPECT_EQ(head.request_line, "POST /x?y=1 HTTP/1.1");
  EXPECT_EQ(head.content_length, 12u);
  EXPECT_TRUE(head.has_length);
  EXPECT_TRUE(head.expects_continue);
  EXPECT_TRUE(head.keep_alive);
  EXPECT_EQ(head.Field("x-blank"), "a b");
  EXPECT_EQ(head.Field("nothing"), std::nullopt);
  EXPECT_EQ(head.size, text.size() - 4);
}

TEST(RequestHead, EveryPrefixIsUnfinished) {
  const std::string text = Get("Content-Length: 0\r\n");
  for (size_t size = 0; size < text.size(); ++size) {
    EXPECT_EQ(Code(text.substr(0, size)), "unfinished") << size;
  }
  EXPECT_EQ(Code(text), "whole");
  EXPECT_EQ(Code("\r\n\r\n" + text), "whole") << "empty lines before a request are passed over";
}

TEST(RequestHead, KeepAliveByVersionAndField) {
  EXPECT_TRUE(Read(Get("")).keep_alive);
  EXPECT_FALSE(Read(Get("Connection: close\r\n")).keep_alive);
  EXPECT_FALSE(Read(Get("Connection: TE, close\r\n")).keep_alive);
  EXPECT_FALSE(Read("GET / HTTP/1.0\r\n\r\n").keep_alive);
  EXPECT_TRUE(Read("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n").keep_alive);
}

TEST(RequestHead, WhatTwoReadersCouldReadDifferentlyIsRefused) {
  const std::string refused[] = {
      Get("Content-Length: 1\r\nContent-Length: 1\r\n"),
      Get("Content-Length: 1\r\nTransfer-Encoding: chunked\r\n"),
      Get("Transfer-Encoding: chunked\r\nContent-Length: 1\r\n"),
      Get("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n"),
      Get("Transfer-Encoding: gzip, chunked\r\n"),
      Get("Transfer-Encoding: identity\r\n"),
      Get("Content-Length: +1\r\n"),
      Get("Content-Length: 1,1\r\n"),
      Get("Content-Length: 0x1\r\n"),
      Get("Content-Length: \r\n"),
      Get("Content-Length: 99999999999999999999\r\n"),
      Get("Content-Length : 1\r\n"),
      Get(" folded: 1\r\n"),
      Get("X: a\r\n b\r\n"),
      Get("X: a\nContent-Length: 5\r\n"),
      Get("X: a\rb\r\n"),
      Get(std::string("X: a\0b\r\n", 8)),
      Get("Host: other\r\n"),
      Get("Authorization: Bearer a\r\nauthorization: Bearer b\r\n"),
      Get(": empty\r\n"),
      Get("no colon\r\n"),
      "GET / HTTP/1.1\r\n\r\n",
      "GET  / HTTP/1.1\r\nHost: a\r\n\r\n",
      "GET /a b HTTP/1.1\r\nHost: a\r\n\r\n",
      "GET / HTTP/1.1 \r\nHost: a\r\n\r\n",
      "GET /\x01 HTTP/1.1\r\nHost: a\r\n\r\n",
      "GET /\xc3\xa9 HTTP/1.1\r\nHost: a\r\n\r\n",
      "G(T / HTTP/1.1\r\nHost: a\r\n\r\n",
      "/ HTTP/1.1\r\nHost: a\r\n\r\n",
      "GET / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n",
  };
  for (const std::string& text : refused) EXPECT_EQ(Code(text), "malformed_request") << text;
  EXPECT_EQ(Code("GET / HTTP/2.0\r\nHost: a\r\n\r\n"), "unsupported_version");
}

TEST(RequestHead, ABareLineFeedIsRefusedAtOnce) {
  EXPECT_EQ(Code("GET / HTTP/1.1\nHost: a\n"), "malformed_request");
  EXPECT_EQ(Code("\n"), "malformed_request");
}

TEST(RequestHead, AnAbsoluteTargetBringsItsHost) {
  const RequestHead head =
      Read("GET http://evil.example/a?b=1 HTTP/1.1\r\nHost: localhost\r\n\r\n");
  EXPECT_EQ(head.request_line, "GET /a?b=1 HTTP/1.1");
  EXPECT_EQ(head.authority, "evil.example");
  EXPECT_EQ(Read("GET HTTP://a HTTP/1.1\r\nHost: a\r\n\r\n").request_line, "GET / HTTP/1.1");
  EXPECT_EQ(Code("GET http:///path HTTP/1.1\r\nHost: a\r\n\r\n"), "malformed_request");
  EXPECT_EQ(Code("GET /path#part HTTP/1.1\r\nHost: a\r\n\r\n"), "malformed_request");
  EXPECT_EQ(Read("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n").request_line, "OPTIONS * HTTP/1.1");
}

TEST(RequestHead, Bounds) {
  EXPECT_EQ(Code("GET /" + std::string(9'000, 'a')), "uri_too_long");
  EXPECT_EQ(Code("GET /" + std::string(8'001, 'a') + " HTTP/1.1\r\nHost: a\r\n\r\n"),
            "uri_too_long");
  EXPECT_EQ(Code(Get("X: " + std::string(20'000, 'a') + "\r\n")), "head_too_large");
  EXPECT_EQ(Code("GET / HTTP/1.1\r\nX: " + std::string(20'000, 'a')), "head_too_large");
  for (const std::string& end : {std::string("\r\n"), std::string()}) {
    const auto head = ReadRequestHead(Get("X: " + std::string(20'000, 'a') + end), kMaxHead);
    ASSERT_FALSE(head);
    EXPECT_THAT(head.error().detail, testing::HasSubstr("16384 bytes"));
  }
  std::string fields;
  for (int i = 0; i < 200; ++i) fields += "X: 1\r\n";
  EXPECT_EQ(Code(Get(fields)), "head_too_large");
}

// Feeds `text` in pieces of `piece` bytes.
std::string Chunked(const std::string& text, size_t piece, std::string& body, size_t limit = 1000) {
  ChunkedReader reader(limit);
  std::string pending;
  for (size_t at = 0; at < text.size(); at += piece) {
    pending += text.substr(at, piece);
    const auto used = reader.Read(pending, body);
    if (!used) return used.error().code;
    pending.erase(0, *used);
  }
  return reader.done() ? "done, left " + std::to_string(pending.size()) : "unfinished";
}

TEST(ChunkedReader, WholeAndInPieces) {
  const std::string text = "5;name=value\r\nhello\r\n6\r\n world\r\n0\r\nTrailer: x\r\n\r\nGET";
  for (size_t piece = 1; piece <= text.size(); ++piece) {
    std::string body;
    EXPECT_EQ(Chunked(text, piece, body).substr(0, 4), "done") << piece;
    EXPECT_EQ(body, "hello world");
  }
  std::string body;
  EXPECT_EQ(Chunked(text, text.size(), body), "done, left 3");
}

// Whether a line is too long does not depend on how much of it came in at once.
TEST(ChunkedReader, LongLinesWholeAndInPieces) {
  for (const auto& [length, outcome] :
       {std::pair(1000, "done, left 0"), std::pair(1023, "done, left 0"),
        std::pair(1025, "malformed_request")}) {
    const std::string line(static_cast<size_t>(length), 'x');
    for (const std::string& text :
         {"1;" + line.substr(2) + "\r\na\r\n0\r\n\r\n", "1\r\na\r\n0\r\n" + line + "\r\n\r\n"}) {
      for (const size_t piece : {size_t{1}, size_t{100}, text.size()}) {
        std::string body;
        EXPECT_EQ(Chunked(text, piece, body), outcome) << length << ", " << piece << " at once";
      }
    }
  }
}

TEST(ChunkedReader, BadFraming) {
  for (const char* text : {"5\nhello\r\n", "x\r\n", "-1\r\n", "5\r\nhelloo\r\n", "\r\n", " 5\r\n",
                           "fffffffffffffffff\r\n", "5 \r\n"}) {
    std::string body;
    EXPECT_EQ(Chunked(text, 100, body), "malformed_request") << text;
  }
  std::string body;
  EXPECT_EQ(Chunked("3e9\r\n", 100, body), "body_too_large") << "1001 bytes";
  EXPECT_EQ(Chunked("fffffffffffffff\r\n", 100, body), "body_too_large");
  EXPECT_EQ(Chunked(std::string(2'000, '0'), 5'000, body), "malformed_request");
}

}  // namespace
}  // namespace stagelog
