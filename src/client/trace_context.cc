#include "client/trace_context.h"

#include <algorithm>
#include <array>

#include "base/random.h"
#include "base/text.h"

namespace stagelog::cli {
namespace {

constexpr size_t kTraceDigits = 32;
constexpr size_t kSpanDigits = 16;
constexpr size_t kHeaderBytes = 55;  // of version 00; later ones may be longer

bool IsHex(std::string_view text) {
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return IsDigit(c) || (c >= 'a' && c <= 'f'); });
}

bool IsId(std::string_view text) {
  return IsHex(text) && text.find_first_not_of('0') != std::string_view::npos;
}

// Not all of them 0.
std::string RandomHex(size_t digits) {
  static constexpr char kHex[] = "0123456789abcdef";
  std::string text;
  while (text.size() < digits) {
    uint64_t bits = RandomBits();
    for (int i = 0; i < 16 && text.size() < digits; ++i, bits >>= 4) text += kHex[bits & 15];
  }
  return IsId(text) ? text : RandomHex(digits);
}

// Section 3.2: versions to come may add members at the end.
std::optional<TraceContext> Parse(std::string_view header) {
  if (header.size() < kHeaderBytes || header[2] != '-' || header[35] != '-' || header[52] != '-') {
    return std::nullopt;
  }
  const std::string_view version = header.substr(0, 2);
  const bool is_later = version != "00" && header.size() > kHeaderBytes;
  const bool has_good_end =
      header.size() == kHeaderBytes || (is_later && header[kHeaderBytes] == '-');
  const std::string_view trace_id = header.substr(3, kTraceDigits);
  const std::string_view span_id = header.substr(36, kSpanDigits);
  const std::string_view flags = header.substr(53, 2);
  const bool is_valid = IsHex(version) && version != "ff" && has_good_end && IsId(trace_id) &&
                        IsId(span_id) && IsHex(flags);
  if (!is_valid) return std::nullopt;
  // Of the flags only "sampled" and "random" are known: others are not passed on.
  const bool is_sampled = ((flags[1] >= 'a' ? flags[1] - 'a' + 10 : flags[1] - '0') & 1) != 0;
  return TraceContext{.trace_id = std::string(trace_id),
                      .span_id = "",
                      .parent_span_id = std::string(span_id),
                      .flags = is_sampled ? "01" : "00"};
}

}  // namespace

std::string TraceContext::Traceparent() const {
  return "00-" + trace_id + "-" + span_id + "-" + flags;
}

TraceContext ContinueTrace(const Environment& environment) {
  std::optional<TraceContext> context = Parse(environment("TRACEPARENT").value_or(""));
  if (!context) context = TraceContext{.trace_id = RandomHex(kTraceDigits)};
  context->span_id = RandomHex(kSpanDigits);
  return std::move(*context);
}

}  // namespace stagelog::cli
