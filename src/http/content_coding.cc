#include "http/content_coding.h"

#include <zlib.h>
#include <zstd.h>
#include <zstd_errors.h>

#include <algorithm>
#include <memory>

#include "base/check.h"
#include "base/text.h"
#include "http/media_type.h"

namespace stagelog {
namespace {

constexpr size_t kStepBytes = size_t{64} << 10;
constexpr int kGzipWindow = 15 + 16;  // zlib's way to say: with the head and tail of gzip
constexpr int kGzipLevel = 4;
constexpr int kZstdLevel = 3;
constexpr int kMaxZstdWindowLog = 24;  // 16 MiB

tl::unexpected<Refusal> Damaged(std::string_view coding) {
  return tl::unexpected(Refusal{.code = "malformed_encoding",
                                .detail = "the body is not whole " + std::string(coding) +
                                          ": it is cut, damaged, or something follows its end",
                                .field = "Content-Encoding"});
}

tl::unexpected<Refusal> TooLarge(size_t max_bytes) {
  return tl::unexpected(
      Refusal{.code = "body_too_large",
              .detail = "the request body is too large once it is expanded: the limit is " +
                        std::to_string(max_bytes) + " bytes"});
}

// Members may follow each other (RFC 1952, section 2.2).
tl::expected<std::string, Refusal> ExpandGzip(std::string_view body, size_t max_bytes) {
  z_stream stream = {};
  STAGELOG_CHECK(::inflateInit2(&stream, kGzipWindow) == Z_OK);
  const std::unique_ptr<z_stream, decltype(&::inflateEnd)> ends(&stream, &::inflateEnd);
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(body.data()));
  stream.avail_in = static_cast<uInt>(body.size());
  std::string step(kStepBytes, '\0');
  std::string text;
  bool is_at_end = false;
  while (!is_at_end || stream.avail_in > 0) {
    if (is_at_end && ::inflateReset(&stream) != Z_OK) return Damaged("gzip");
    stream.next_out = reinterpret_cast<Bytef*>(step.data());
    stream.avail_out = kStepBytes;
    const int result = ::inflate(&stream, Z_NO_FLUSH);
    text.append(step, 0, kStepBytes - stream.avail_out);
    if (text.size() > max_bytes) return TooLarge(max_bytes);
    if (result != Z_OK && result != Z_STREAM_END) return Damaged("gzip");
    is_at_end = result == Z_STREAM_END;
    if (!is_at_end && stream.avail_in == 0 && stream.avail_out > 0) return Damaged("gzip");
  }
  return text;
}

tl::expected<std::string, Refusal> ExpandZstd(std::string_view body, size_t max_bytes) {
  const std::unique_ptr<ZSTD_DCtx, decltype(&::ZSTD_freeDCtx)> context(::ZSTD_createDCtx(),
                                                                       &::ZSTD_freeDCtx);
  ::ZSTD_DCtx_setParameter(context.get(), ZSTD_d_windowLogMax, kMaxZstdWindowLog);
  ZSTD_inBuffer input{body.data(), body.size(), 0};
  std::string step(kStepBytes, '\0');
  std::string text;
  size_t wanted = 1;  // 0: at the end of a frame
  while (input.pos < input.size || wanted != 0) {
    ZSTD_outBuffer output{step.data(), step.size(), 0};
    const size_t consumed = input.pos;
    wanted = ::ZSTD_decompressStream(context.get(), &output, &input);
    text.append(step, 0, output.pos);
    if (text.size() > max_bytes) return TooLarge(max_bytes);
    if (::ZSTD_getErrorCode(wanted) == ZSTD_error_frameParameter_windowTooLarge) {
      return tl::unexpected(
          Refusal{.code = "malformed_encoding",
                  .detail = "the zstd frame needs a window of more than 16 MiB; compress without "
                            "--long and --ultra",
                  .field = "Content-Encoding"});
    }
    if (::ZSTD_isError(wanted) != 0) return Damaged("zstd");
    const bool is_stuck = input.pos == consumed && output.pos == 0;
    if (wanted != 0 && is_stuck && input.pos == input.size) return Damaged("zstd");
  }
  return text;
}

std::string Gzip(std::string_view text) {
  z_stream stream = {};
  STAGELOG_CHECK(
      ::deflateInit2(&stream, kGzipLevel, Z_DEFLATED, kGzipWindow, 8, Z_DEFAULT_STRATEGY) == Z_OK);
  const std::unique_ptr<z_stream, decltype(&::deflateEnd)> ends(&stream, &::deflateEnd);
  std::string packed(::deflateBound(&stream, text.size()), '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  stream.avail_in = static_cast<uInt>(text.size());
  stream.next_out = reinterpret_cast<Bytef*>(packed.data());
  stream.avail_out = static_cast<uInt>(packed.size());
  STAGELOG_CHECK(::deflate(&stream, Z_FINISH) == Z_STREAM_END);
  packed.resize(stream.total_out);
  return packed;
}

std::string Zstd(std::string_view text) {
  const std::unique_ptr<ZSTD_CCtx, decltype(&::ZSTD_freeCCtx)> context(::ZSTD_createCCtx(),
                                                                       &::ZSTD_freeCCtx);
  ::ZSTD_CCtx_setParameter(context.get(), ZSTD_c_compressionLevel, kZstdLevel);
  ::ZSTD_CCtx_setParameter(context.get(), ZSTD_c_checksumFlag, 1);
  std::string packed(::ZSTD_compressBound(text.size()), '\0');
  const size_t size =
      ::ZSTD_compress2(context.get(), packed.data(), packed.size(), text.data(), text.size());
  STAGELOG_CHECK(::ZSTD_isError(size) == 0);
  packed.resize(size);
  return packed;
}

}  // namespace

std::optional<ContentCoding> ParseContentCoding(std::string_view name) {
  if (name.empty() || EqualsIgnoringCase(name, "identity")) return ContentCoding::kIdentity;
  if (EqualsIgnoringCase(name, "gzip") || EqualsIgnoringCase(name, "x-gzip")) {
    return ContentCoding::kGzip;
  }
  if (EqualsIgnoringCase(name, "zstd")) return ContentCoding::kZstd;
  return std::nullopt;
}

tl::expected<std::string, Refusal> Expand(ContentCoding coding, std::string_view body,
                                          size_t max_bytes) {
  switch (coding) {
    case ContentCoding::kGzip:
      return ExpandGzip(body, max_bytes);
    case ContentCoding::kZstd:
      return ExpandZstd(body, max_bytes);
    case ContentCoding::kIdentity:
      break;
  }
  return std::string(body);
}

ContentCoding PreferredCoding(std::string_view accept_encoding) {
  const double zstd = WeightIn(accept_encoding, "zstd").value_or(0);
  const double gzip = std::max(WeightIn(accept_encoding, "gzip").value_or(0),
                               WeightIn(accept_encoding, "x-gzip").value_or(0));
  const double identity = WeightIn(accept_encoding, "identity").value_or(0);
  if (std::max(zstd, gzip) <= 0 || identity > std::max(zstd, gzip)) {
    return ContentCoding::kIdentity;
  }
  return zstd >= gzip ? ContentCoding::kZstd : ContentCoding::kGzip;
}

void CompressAnswer(ContentCoding coding, httplib::Response& response) {
  if (response.body.size() < kCompressedAnswerBytes) return;
  // A cache must not give one client what another one asked for.
  response.headers.emplace("Vary", "Accept-Encoding");
  if (coding == ContentCoding::kIdentity) return;
  const bool is_gzip = coding == ContentCoding::kGzip;
  response.body = is_gzip ? Gzip(response.body) : Zstd(response.body);
  response.headers.emplace("Content-Encoding", is_gzip ? "gzip" : "zstd");
}

}  // namespace stagelog
