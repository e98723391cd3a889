// Where does a request's head end, and what of it decides where the request ends? A small strict
// reader: whatever two readers could understand in two ways is refused (RFC 9112; request
// smuggling).
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

// The head at the start of `bytes`: a value when it is there whole, none when more bytes are
// needed, a refusal when it will never be one (malformed_request, head_too_large, uri_too_long,
// unsupported_version). Empty lines before the request line are passed over.
tl::expected<std::optional<RequestHead>, Refusal> ReadRequestHead(std::string_view bytes,
                                                                  size_t max_head_bytes);

// Takes the chunked framing (RFC 9112, section 7.1) off a body as it comes in.
class ChunkedReader {
 public:
  explicit ChunkedReader(size_t max_body_bytes) : max_body_bytes_(max_body_bytes) {}

  // Appends what `bytes` holds of the body to `body`; says how many bytes were used. Refusals:
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
