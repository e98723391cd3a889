#include "http/request_head.h"

#include <algorithm>
#include <cctype>
#include <charconv>

#include "base/text.h"

namespace stagelog {
namespace {

constexpr size_t kMaxChunkLineBytes = 1024;
constexpr size_t kMaxTrailerBytes = 8192;

Refusal Malformed(std::string detail) {
  return {.code = "malformed_request", .detail = std::move(detail)};
}

// RFC 9110, section 5.6.2.
bool IsToken(std::string_view text) {
  constexpr std::string_view kMarks = "!#$%&'*+-.^_`|~";
  return !text.empty() && std::all_of(text.begin(), text.end(), [&](unsigned char c) {
    return (c < 128 && std::isalnum(c)) || kMarks.find(static_cast<char>(c)) != kMarks.npos;
  });
}

// Visible characters, blanks and tabs; bytes above ASCII pass as they always have.
bool IsFieldText(std::string_view text) {
  return std::all_of(text.begin(), text.end(),
                     [](unsigned char c) { return c == '\t' || (c >= 0x20 && c != 0x7f); });
}

// "http://host/path" is what a proxy would be sent; its host then counts instead of the Host field
// (RFC 9112, section 3.2.2). Returns the target in its usual form.
std::string TakeAuthority(std::string_view target, RequestHead& head) {
  constexpr std::string_view kHttpScheme = "http://";
  if (!EqualsIgnoringCase(target.substr(0, kHttpScheme.size()), kHttpScheme))
    return std::string(target);
  target.remove_prefix(kHttpScheme.size());
  const size_t end = std::min(target.find_first_of("/?"), target.size());
  head.authority = target.substr(0, end);
  const std::string rest(target.substr(end));
  return rest.starts_with('/') ? rest : "/" + rest;
}

std::optional<Refusal> ReadRequestLine(std::string_view line, RequestHead& head) {
  const size_t first = line.find(' ');
  const size_t last = line.rfind(' ');
  if (first == std::string_view::npos || first == last || line.find(' ', first + 1) != last ||
      !IsToken(line.substr(0, first))) {
    return Malformed(
        "the request line must be 'METHOD TARGET HTTP/1.1', separated by single spaces");
  }
  const std::string_view target = line.substr(first + 1, last - first - 1);
  const std::string_view version = line.substr(last + 1);
  if (target.size() > kMaxTargetBytes) {
    return Refusal{
        .code = "uri_too_long",
        .detail = "the target is longer than " + std::to_string(kMaxTargetBytes) + " bytes"};
  }
  // A fragment never travels: who reads up to the '#' and who reads on would see two targets.
  const auto is_target_byte = [](unsigned char c) { return c > 0x20 && c < 0x7f && c != '#'; };
  if (target.empty() || !std::all_of(target.begin(), target.end(), is_target_byte)) {
    return Malformed("the target may contain visible ASCII characters only");
  }
  if (version != "HTTP/1.1" && version != "HTTP/1.0") {
    return Refusal{.code = "unsupported_version",
                   .detail = "only HTTP/1.1 and HTTP/1.0 are supported"};
  }
  head.request_line = line.substr(0, first + 1);
  const std::string path = TakeAuthority(target, head);
  // RFC 9110, section 4.2.1: a host that is empty is none, and the Host field must not step in.
  if (path != target && head.authority.empty()) return Malformed("the target has no host");
  head.request_line += path;
  head.request_line += line.substr(last);
  head.is_http_1_1 = version == "HTTP/1.1";
  head.keep_alive = head.is_http_1_1;
  return std::nullopt;
}

std::optional<Refusal> ReadLength(std::string_view value, RequestHead& head) {
  if (head.has_length) return Malformed("Content-Length is given twice");
  const bool digits =
      !value.empty() && value.size() <= 18 &&
      std::all_of(value.begin(), value.end(), [](unsigned char c) { return std::isdigit(c); });
  if (!digits) return Malformed("Content-Length must be a whole number");
  std::from_chars(value.data(), value.data() + value.size(), head.content_length);
  head.has_length = true;
  return std::nullopt;
}

// True when one of the items between the commas is `word`.
bool ListHolds(std::string_view list, std::string_view word) {
  while (true) {
    const size_t comma = list.find(',');
    if (EqualsIgnoringCase(Trimmed(list.substr(0, comma), kOptionalSpace), word)) return true;
    if (comma == std::string_view::npos) return false;
    list.remove_prefix(comma + 1);
  }
}

std::optional<Refusal> ReadFramingField(std::string_view name, std::string_view value,
                                        RequestHead& head) {
  if (EqualsIgnoringCase(name, "Content-Length")) return ReadLength(value, head);
  if (EqualsIgnoringCase(name, "Transfer-Encoding")) {
    if (head.chunked || !head.is_http_1_1 || !EqualsIgnoringCase(value, "chunked")) {
      return Malformed("Transfer-Encoding must be 'chunked', given once, in HTTP/1.1");
    }
    head.chunked = true;
  }
  if (EqualsIgnoringCase(name, "Connection")) {
    if (ListHolds(value, "keep-alive")) head.keep_alive = true;
    if (ListHolds(value, "close")) head.keep_alive = false;
  }
  if (EqualsIgnoringCase(name, "Expect") && EqualsIgnoringCase(value, "100-continue")) {
    head.expects_continue = head.is_http_1_1;
  }
  return std::nullopt;
}

std::optional<Refusal> ReadField(std::string_view line, RequestHead& head) {
  const size_t colon = line.find(':');
  if (colon == std::string_view::npos || !IsToken(line.substr(0, colon))) {
    return Malformed("a header must be 'name: value' on one line");
  }
  const std::string_view name = line.substr(0, colon);
  const std::string_view value = Trimmed(line.substr(colon + 1), kOptionalSpace);
  if (!IsFieldText(value)) return Malformed("a header contains a control character");
  if (head.fields.size() == kMaxHeaderFields) {
    return Refusal{.code = "head_too_large",
                   .detail = "more than " + std::to_string(kMaxHeaderFields) + " headers"};
  }
  head.fields.emplace_back(name, value);
  return ReadFramingField(name, value, head);
}

bool IsGivenTwice(const RequestHead& head, std::string_view name) {
  const auto is_it = [&](const auto& field) { return EqualsIgnoringCase(field.first, name); };
  return std::count_if(head.fields.begin(), head.fields.end(), is_it) > 1;
}

std::optional<Refusal> CheckWhole(const RequestHead& head) {
  if (head.chunked && head.has_length) {
    return Malformed("Content-Length and Transfer-Encoding must not be given together");
  }
  for (const char* name : {"Host", "Authorization", "Content-Type", "Origin", "Last-Event-ID"}) {
    if (IsGivenTwice(head, name)) return Malformed(std::string(name) + " is given twice");
  }
  if (head.is_http_1_1 && !head.Field("Host")) return Malformed("Host is missing");
  return std::nullopt;
}

// The refusal of a head that has no end yet, or one too far away, and can only get worse.
std::optional<Refusal> CheckUnfinished(std::string_view bytes, size_t max_head_bytes,
                                       bool is_too_large) {
  const size_t line_end = bytes.find('\n');
  if (line_end != std::string_view::npos && (line_end == 0 || bytes[line_end - 1] != '\r')) {
    return Malformed("lines of the request head must end in CR LF");
  }
  if (line_end == std::string_view::npos && bytes.size() > kMaxTargetBytes + 64) {
    return Refusal{
        .code = "uri_too_long",
        .detail = "the target is longer than " + std::to_string(kMaxTargetBytes) + " bytes"};
  }
  if (is_too_large || bytes.size() > max_head_bytes) {
    return Refusal{
        .code = "head_too_large",
        .detail = "the request head is longer than " + std::to_string(max_head_bytes) + " bytes"};
  }
  return std::nullopt;
}

}  // namespace

std::optional<std::string> RequestHead::Field(std::string_view name) const {
  for (const auto& [field, value] : fields) {
    if (EqualsIgnoringCase(field, name)) return value;
  }
  return std::nullopt;
}

tl::expected<std::optional<RequestHead>, Refusal> ReadRequestHead(std::string_view bytes,
                                                                  size_t max_head_bytes) {
  RequestHead head;
  size_t at = 0;
  while (bytes.substr(at).starts_with("\r\n")) at += 2;
  const size_t end = bytes.find("\r\n\r\n", at);
  if (end == std::string_view::npos || end + 4 > max_head_bytes) {
    // Empty lines are of the head too: there is no end of them otherwise.
    const bool is_too_large = end != bytes.npos || bytes.size() > max_head_bytes;
    if (auto refusal = CheckUnfinished(bytes.substr(at), max_head_bytes, is_too_large)) {
      return tl::unexpected(std::move(*refusal));
    }
    return std::optional<RequestHead>();
  }
  head.size = end + 4;
  bool is_first = true;
  while (at < end + 2) {
    const size_t line_end = bytes.find("\r\n", at);
    const std::string_view line = bytes.substr(at, line_end - at);
    at = line_end + 2;
    if (line.find_first_of(std::string_view("\r\n\0", 3)) != std::string_view::npos) {
      return tl::unexpected(Malformed("lines of the request head must end in CR LF"));
    }
    auto refusal = is_first ? ReadRequestLine(line, head) : ReadField(line, head);
    if (refusal) return tl::unexpected(std::move(*refusal));
    is_first = false;
  }
  if (auto refusal = CheckWhole(head)) return tl::unexpected(std::move(*refusal));
  return std::optional<RequestHead>(std::move(head));
}

tl::expected<size_t, Refusal> ChunkedReader::Read(std::string_view bytes, std::string& body) {
  size_t used = 0;
  while (state_ != State::kDone && used < bytes.size()) {
    const std::string_view rest = bytes.substr(used);
    if (state_ == State::kData) {
      const size_t part = static_cast<size_t>(std::min<uint64_t>(left_, rest.size()));
      body.append(rest, 0, part);
      used += part;
      left_ -= part;
      if (left_ == 0) state_ = State::kDataEnd;
      continue;
    }
    const size_t newline = rest.find('\n');
    // Judged in the same way whether the line is here already or not.
    if (std::min(newline, rest.size()) > kMaxChunkLineBytes) {
      return tl::unexpected(Malformed("a chunk header line is too long"));
    }
    if (newline == std::string_view::npos) break;
    if (newline == 0 || rest[newline - 1] != '\r') {
      return tl::unexpected(Malformed("lines of the chunked encoding must end in CR LF"));
    }
    if (auto refusal = TakeLine(rest.substr(0, newline - 1), body.size())) {
      return tl::unexpected(std::move(*refusal));
    }
    used += newline + 1;
  }
  return used;
}

std::optional<Refusal> ChunkedReader::TakeLine(std::string_view line, size_t body_bytes) {
  if (state_ == State::kDataEnd) {
    if (!line.empty()) return Malformed("a chunk is longer than its declared size");
    state_ = State::kSize;
    return std::nullopt;
  }
  if (state_ == State::kTrailer) {
    trailer_bytes_ += line.size() + 2;
    if (trailer_bytes_ > kMaxTrailerBytes) return Malformed("the chunked trailer is too long");
    if (line.empty()) state_ = State::kDone;
    return std::nullopt;
  }
  const std::string_view digits = line.substr(0, line.find(';'));
  uint64_t size = 0;
  const auto [stop, error] =
      std::from_chars(digits.data(), digits.data() + digits.size(), size, 16);
  if (error != std::errc() || stop != digits.data() + digits.size() || digits.size() > 15) {
    return Malformed("a chunk size must be a hexadecimal number");
  }
  if (size > max_body_bytes_ || body_bytes + size > max_body_bytes_) {
    return Refusal{.code = "body_too_large",
                   .detail = "the request body is too large: the limit is " +
                             std::to_string(max_body_bytes_) + " bytes"};
  }
  left_ = size;
  state_ = size == 0 ? State::kTrailer : State::kData;
  return std::nullopt;
}

}  // namespace stagelog
