// Compressed bodies, in both directions (RFC 9110, sections 8.4 and 12.5.3): gzip and zstd.
#ifndef STAGELOG_HTTP_CONTENT_CODING_H_
#define STAGELOG_HTTP_CONTENT_CODING_H_

#include <httplib.h>

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <tl/expected.hpp>

#include "core/refusal.h"

namespace stagelog {

enum class ContentCoding { kIdentity, kGzip, kZstd };

// What an Accept-Encoding field may name here.
inline constexpr std::string_view kContentCodings = "gzip, zstd";

// The coding of that name, case ignored; "x-gzip" is gzip (RFC 9110, section 8.4.1.3).
std::optional<ContentCoding> ParseContentCoding(std::string_view name);

// `body` as it was before it was compressed. All of it must be there, checksums and lengths are
// checked, and nothing may follow. At most `max_bytes`, and little more memory. Refusals:
// malformed_encoding, body_too_large.
tl::expected<std::string, Refusal> Expand(ContentCoding coding, std::string_view body,
                                          size_t max_bytes);

// The coding that an Accept-Encoding field prefers, zstd among equals; kIdentity where it names
// neither, or nothing.
ContentCoding PreferredCoding(std::string_view accept_encoding);

// Below this size an answer is not worth the work.
inline constexpr size_t kCompressedAnswerBytes = 2'048;

// Compresses the body of a large answer. Blocks for some 5 ms a MiB (zstd), 15 (gzip).
void CompressAnswer(ContentCoding coding, httplib::Response& response);

}  // namespace stagelog

#endif  // STAGELOG_HTTP_CONTENT_CODING_H_
