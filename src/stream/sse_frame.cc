#include "stream/sse_frame.h"

#include <fmt/core.h>

#include <algorithm>
#include <charconv>
#include <iterator>

#include "base/check.h"
#include "core/json_text.h"

namespace stagelog {
namespace {

void AppendNumber(std::string& out, int64_t value) {
  char digits[24];
  out.append(digits, std::to_chars(digits, digits + sizeof(digits), value).ptr);
}

void AppendMember(std::string& out, std::string_view key, int64_t value) {
  out += key;
  AppendNumber(out, value);
}

void AppendChunkHead(std::string& out, size_t size) {
  char digits[24];
  out.append(digits, std::to_chars(digits, digits + sizeof(digits), size, 16).ptr);
  out += "\r\n";
}

bool IsAscii(char c) { return static_cast<unsigned char>(c) < 0x80; }

}  // namespace

EventChunk AppendEventChunk(std::string& out, int64_t seq, std::string_view type,
                            std::string_view body) {
  constexpr std::string_view kId = "id: ";
  constexpr std::string_view kEvent = "\nevent: ";
  constexpr std::string_view kData = "\ndata: ";
  char digits[24];
  const std::string_view id(
      digits, static_cast<size_t>(std::to_chars(digits, std::end(digits), seq).ptr - digits));
  size_t size = kId.size() + id.size() + kData.size() + body.size() + kEventFrameEndBytes;
  if (!type.empty()) size += kEvent.size() + type.size();
  AppendChunkHead(out, size);
  EventChunk chunk{.frame_begin = out.size()};
  out.append(kId).append(id);
  if (!type.empty()) out.append(kEvent).append(type);
  out += kData;
  chunk.body_begin = out.size();
  out += body;
  out += "\n\n\r\n";
  return chunk;
}

void AppendChunk(std::string& out, std::string_view frames) {
  STAGELOG_CHECK(!frames.empty());
  AppendChunkHead(out, frames.size());
  out += frames;
  out += "\r\n";
}

void AppendConnectedFrame(std::string& out, const ConnectedFrame& frame) {
  AppendMember(out, "retry: ", frame.retry_ms);
  AppendMember(out, "\nid: ", frame.cursor);
  out += "\nevent: connected\ndata: {\"journal_id\":";
  AppendJsonString(out, frame.journal_id);
  if (frame.job_id) {
    out += ",\"job_id\":";
    AppendJsonString(out, *frame.job_id);
  }
  AppendMember(out, ",\"head_seq\":", frame.head_seq);
  AppendMember(out, ",\"resumed_after\":", frame.cursor);
  out += fmt::format(",\"heartbeat_seconds\":{:g}}}\n\n",
                     static_cast<double>(frame.heartbeat_interval_ms) / 1000);
}

void AppendGapFrame(std::string& out, const GapFrame& frame) {
  out += "event: gap\ndata: {\"requested\":";
  out += frame.requested;
  AppendMember(out, ",\"oldest\":", frame.oldest);
  AppendMember(out, ",\"head\":", frame.head);
  out += ",\"reason\":";
  AppendJsonString(out, frame.reason);
  AppendMember(out, ",\"resumed_after\":", frame.resumed_after);
  out += "}\n\n";
}

void AppendHeartbeatFrame(std::string& out, std::string_view timestamp, int64_t head_seq,
                          int64_t sent_through) {
  out += "event: heartbeat\ndata: {\"ts\":\"";
  out += timestamp;
  AppendMember(out, "\",\"head_seq\":", head_seq);
  AppendMember(out, ",\"sent_through\":", sent_through);
  out += "}\n\n";
}

void AppendEndFrame(std::string& out, std::string_view job_id, int64_t as_of_seq,
                    std::string_view reason) {
  out += "event: end\ndata: {\"job_id\":";
  AppendJsonString(out, job_id);
  AppendMember(out, ",\"as_of_seq\":", as_of_seq);
  out.append(",\"reason\":\"").append(reason).append("\"}\n\n");
}

void AppendRetry(std::string& out, int64_t retry_ms) {
  AppendMember(out, "retry: ", retry_ms);
  out += "\n\n";
}

std::string JsonTextOfAnyBytes(std::string_view text) {
  // A cursor that is not even ASCII is nothing that anybody wants back byte by byte, and a stream
  // that is not UTF-8 would break the client's decoder.
  std::string ascii(text);
  std::replace_if(
      ascii.begin(), ascii.end(), [](char c) { return !IsAscii(c); }, '?');
  std::string json;
  AppendJsonString(json, ascii);
  return json;
}

}  // namespace stagelog
