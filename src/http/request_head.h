// Finds the end of a request head and the fields that frame the request. A small strict parser:
// anything that two parsers could interpret differently is refused (RFC 9112; request smuggling).
#ifndef STAGELOG_HTTP_REQUEST_HEAD_H_
#define STAGELOG_HTTP_REQUEST_HEAD_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <utility>
#include <vector>

#include "core/refusal.h"

namespace stagelog {

inline constexpr size_t kMaxTargetBytes = 8'000;
inline constexpr size_t kMaxHeaderFields = 100;
// What may stand around the value of a field (RFC 9110, section 5.6.3).
inline constexpr std::string_view kOptionalSpace = " \t";

struct RequestHead {
  std::string request_line;  // "GET /healthz HTTP/1.1"
  std::string authority;     // host of a target in absolute form, else empty
  std::vector<std::pair<std::string, std::string>> fields;  // names as sent, values trimmed
  bool is_http_1_1 = true;
  bool keep_alive = true;
  bool expects_continue = false;
  bool has_length = false;  // Content-Length was sent
  bool chunked = false;
  uint64_t content_length = 0;  // bytes
  size_t size = 0;              // of the head itself, its empty line included

  // The value of the first field of that name, case ignored; none when there is none.
  std::optional<std::string> Field(std::string_view name) const;
};

// Parses the head at the start of `bytes`: a value if it is complete, none if more bytes are
// needed, a refusal if it is invalid (malformed_request, head_too_large, uri_too_long,
// unsupported_version). Empty lines before the request line are skipped.
tl::expected<std::optional<RequestHead>, Refusal> ReadRequestHead(std::string_view bytes,
                                                                  size_t max_head_bytes);

// Decodes the chunked encoding of a body (RFC 9112, section 7.1) incrementally.
class ChunkedReader {
 public:
  explicit ChunkedReader(size_t max_body_bytes) : max_body_bytes_(max_body_bytes) {}

  // Appends the decoded bytes to `body`; returns the number of input bytes consumed. Refusals:
  // malformed_request, body_too_large.
  tl::expected<size_t, Refusal> Read(std::string_view bytes, std::string& body);

  bool done() const { return state_ == State::kDone; }

 private:
  enum class State { kSize, kData, kDataEnd, kTrailer, kDone };

  std::optional<Refusal> TakeLine(std::string_view line, size_t body_bytes);

  const size_t max_body_bytes_;
  State state_ = State::kSize;
  uint64_t left_ = 0;  // bytes of the current chunk still to come
  size_t trailer_bytes_ = 0;
};

}  // namespace stagelog

#endif  // STAGELOG_HTTP_REQUEST_HEAD_H_
