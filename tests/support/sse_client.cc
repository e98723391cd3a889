#include "tests/support/sse_client.h"

#include <algorithm>
#include <cerrno>
#include <charconv>

#include "tests/support/deadline.h"

namespace stagelog {
namespace {

constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

}  // namespace

void SseParser::Feed(std::string_view bytes, std::deque<SseFrame>& frames) {
  for (const char c : bytes) {
    const bool second_of_pair = after_return_ && c == '\n';
    after_return_ = c == '\r';
    if (second_of_pair) continue;
    if (c == '\n' || c == '\r') {
      EndLine(frames);
    } else {
      line_ += c;
    }
  }
}

void SseParser::EndLine(std::deque<SseFrame>& frames) {
  std::string_view line = line_;
  if (at_start_ && line.starts_with(kByteOrderMark)) line.remove_prefix(kByteOrderMark.size());
  at_start_ = false;
  if (line.empty()) {
    Dispatch(frames);
  } else if (line.front() != ':') {
    const size_t colon = line.find(':');
    std::string_view value = colon == std::string_view::npos ? "" : line.substr(colon + 1);
    if (value.starts_with(' ')) value.remove_prefix(1);
    TakeField(line.substr(0, colon), value);
  }
  line_.clear();
}

void SseParser::TakeField(std::string_view name, std::string_view value) {
  frame_is_empty_ = false;
  if (name == "event") event_ = value;
  if (name == "data") data_.append(value).append("\n");
  if (name == "id" && value.find('\0') == std::string_view::npos) {
    id_buffer_ = value;
    has_id_ = true;
  }
  const bool digits =
      std::all_of(value.begin(), value.end(), [](char c) { return c >= '0' && c <= '9'; });
  if (name == "retry" && digits && !value.empty()) {
    int64_t milliseconds = 0;
    std::from_chars(value.data(), value.data() + value.size(), milliseconds);
    retry_ms_ = milliseconds;
  }
}

void SseParser::Dispatch(std::deque<SseFrame>& frames) {
  last_event_id_ = id_buffer_;
  if (!data_.empty()) {
    data_.pop_back();
    frames.push_back({.event = event_.empty() ? "message" : std::move(event_),
                      .data = std::move(data_),
                      .last_event_id = last_event_id_,
                      .has_id = has_id_});
  }
  event_.clear();
  data_.clear();
  has_id_ = false;
  frame_is_empty_ = true;
}

Result<SseClient> SseClient::Open(uint16_t port, const std::string& target, std::string_view token,
                                  const HttpHeaders& more) {
  auto connection = HttpConnection::Connect(port);
  if (!connection) return Failure(connection.error().message, connection.error().error_number);
  HttpHeaders headers = more;
  for (auto& header : BearerHeader(token)) headers.push_back(std::move(header));
  headers.emplace_back("Accept", "text/event-stream");
  const Status sent = connection->Send(RequestText("GET", target, headers));
  if (!sent) return Failure(sent.error().message, sent.error().error_number);
  auto head = connection->ReadHead();
  if (!head) return Failure(head.error().message, head.error().error_number);
  if (head->status == 200 || head->status == 204) {
    return SseClient(std::move(*connection), std::move(*head));
  }
  while (true) {
    const auto bytes = connection->ReadSome(std::chrono::milliseconds(200));
    if (!bytes || bytes->empty()) break;
    head->body += *bytes;
    if (head->body.size() >= std::stoul("0" + head->Header("content-length"))) break;
  }
  return SseClient(std::move(*connection), std::move(*head));
}

Result<SseFrame> SseClient::Next(std::chrono::milliseconds timeout) {
  const Deadline deadline(timeout);
  while (frames_.empty()) {
    const auto bytes = connection_.ReadSome(std::chrono::milliseconds(deadline.RemainingMs()));
    if (!bytes) return Failure(bytes.error().message, bytes.error().error_number);
    if (bytes->empty() && !chunks_.has_ended()) return Failure("the stream was cut", ECONNRESET);
    if (bytes->empty()) return Failure("the stream has ended", EPIPE);
    std::string text;
    if (!chunks_.Feed(*bytes, text))
      return Failure("the stream is not in chunks: " + *bytes, EPROTO);
    parser_.Feed(text, frames_);
  }
  SseFrame frame = std::move(frames_.front());
  frames_.pop_front();
  return frame;
}

Result<SseFrame> SseClient::NextNamed(std::string_view name, std::chrono::milliseconds timeout) {
  const Deadline deadline(timeout);
  while (true) {
    auto frame = Next(std::chrono::milliseconds(deadline.RemainingMs()));
    if (!frame || frame->event == name) return frame;
  }
}

Result<SseFrame> SseClient::NextEvent(std::chrono::milliseconds timeout) {
  const Deadline deadline(timeout);
  while (true) {
    auto frame = Next(std::chrono::milliseconds(deadline.RemainingMs()));
    if (!frame || (frame->event != "connected" && frame->event != "heartbeat")) return frame;
  }
}

bool SseClient::WaitForEnd(std::chrono::milliseconds timeout) {
  return WaitForFailure(timeout) == EPIPE && parser_.AtFrameEnd();
}

bool SseClient::WaitForCut(std::chrono::milliseconds timeout) {
  return WaitForFailure(timeout) == ECONNRESET && parser_.AtFrameEnd();
}

// The number of the error that comes behind the last frame.
int SseClient::WaitForFailure(std::chrono::milliseconds timeout) {
  const Deadline deadline(timeout);
  while (true) {
    const auto frame = Next(std::chrono::milliseconds(deadline.RemainingMs()));
    if (!frame) return frame.error().error_number;
  }
}

}  // namespace stagelog
