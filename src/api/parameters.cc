#include "api/parameters.h"

#include <algorithm>

#include "base/nearest.h"
#include "core/identifier.h"
#include "core/json_text.h"

namespace stagelog {

std::optional<Refusal> CheckParameters(const Call& call, std::span<const std::string_view> known,
                                       std::string_view repeatable) {
  for (const auto& [name, value] : call.request.params) {
    if (name.starts_with('_')) continue;
    if (name == "token" || name == "access_token") {
      return Refusal{
          .code = "unknown_parameter",
          .detail =
              "tokens are not accepted in URLs; send the header 'Authorization: Bearer <token>'",
          .field = name};
    }
    if (std::find(known.begin(), known.end(), name) == known.end()) {
      const std::string shown = QuotableText(name, 80);
      return Refusal{.code = "unknown_parameter",
                     .detail = "unknown parameter '" + shown + "'" +
                               (known.empty() ? "; this path takes none" : DidYouMean(name, known)),
                     .field = shown};
    }
    if (call.request.params.count(name) > 1 && name != repeatable) {
      return Refusal{.code = "invalid_parameter",
                     .detail = "duplicate parameter '" + name + "'",
                     .field = name};
    }
  }
  return std::nullopt;
}

ParameterLookup LookupIn(const Call& call) {
  return [&call](const std::string& name) { return call.Parameter(name); };
}

tl::expected<bool, Refusal> ParseSwitch(const Call& call, const std::string& name) {
  const std::optional<std::string> value = call.Parameter(name);
  if (!value || *value == "0" || *value == "false") return false;
  if (value->empty() || *value == "1" || *value == "true") return true;
  return tl::unexpected(Refusal{
      .code = "invalid_parameter", .detail = "'" + name + "' must be 1 or 0", .field = name});
}

tl::expected<int64_t, Refusal> ParseWaitSeconds(const Call& call) {
  const std::optional<std::string> text = call.Parameter("wait");
  if (!text) return 0;
  const std::optional<int64_t> seconds = ParseCursor(*text);
  if (seconds && *seconds <= 60) return *seconds;
  return tl::unexpected(Refusal{.code = "invalid_parameter",
                                .detail = "'wait' must be a whole number of seconds from 0 to 60",
                                .field = "wait"});
}

int64_t WaitDeadline(const Call& call, int64_t wait_seconds, Clock& clock) {
  int64_t wait_micros = wait_seconds * 1'000'000;
  if (const int64_t expires = call.principal.expires_at_micros; expires != 0) {
    wait_micros = std::clamp<int64_t>(expires - clock.WallMicros(), 0, wait_micros);
  }
  return clock.MonotonicMicros() + wait_micros;
}

std::string PagingMembers(bool has_more, int64_t next_after) {
  return "\"next_after\":" + (has_more ? std::to_string(next_after) : "null") +
         ",\"has_more\":" + (has_more ? "true" : "false");
}

tl::expected<std::string, Refusal> JobOfPath(const Call& call) {
  const std::string& job_id = call.captures.at(0);
  if (IsJobId(job_id)) return job_id;
  return tl::unexpected(Refusal{.code = "invalid_id",
                                .detail = "a job id must be " + std::string(kNameRule) +
                                          ", and must not start with 'stagelog.'",
                                .field = "job_id"});
}

}  // namespace stagelog
