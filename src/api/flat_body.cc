#include "api/flat_body.h"

#include <algorithm>
#include <utility>

#include "base/nearest.h"
#include "core/draft_decoder.h"
#include "core/json_text.h"
#include "core/text_line.h"

namespace stagelog {
namespace {

tl::unexpected<Refusal> MustBe(std::string_view key, const std::string& what) {
  return tl::unexpected<Refusal>(Refusal{.code = "invalid_field",
                                         .detail = "'" + std::string(key) + "' must be " + what,
                                         .field = std::string(key)});
}

}  // namespace

Refusal UnknownKey(const std::string& key, std::span<const std::string_view> keys) {
  const std::string shown = QuotableText(key, 128);
  return {.code = "unknown_key",
          .detail = "unknown key '" + shown + "'" + DidYouMean(key, keys),
          .field = shown};
}

tl::expected<FlatBody, Refusal> FlatBody::Read(const Call& call,
                                               std::span<const std::string_view> keys) {
  const std::string_view body = WithoutByteOrderMark(call.request.body);
  auto members = ReadJsonObject(body.empty() ? "{}" : body, kMaxJsonDepth);
  if (!members) return tl::unexpected(std::move(members.error()));
  FlatBody flat;
  for (JsonMember& member : *members) {
    if (std::find(keys.begin(), keys.end(), member.key) == keys.end()) {
      return tl::unexpected(UnknownKey(member.key, keys));
    }
    const std::string key = member.key;
    if (!flat.members_.emplace(key, std::move(member)).second) {
      return tl::unexpected(DuplicateKey(key));
    }
  }
  std::erase_if(flat.members_,
                [](const auto& member) { return member.second.kind == JsonMember::Kind::kNull; });
  return flat;
}

tl::expected<std::optional<std::string>, Refusal> FlatBody::Text(std::string_view key) const {
  const auto found = members_.find(key);
  if (found == members_.end()) return std::nullopt;
  if (found->second.kind != JsonMember::Kind::kText) return MustBe(key, "a string");
  return found->second.text;
}

tl::expected<std::optional<int64_t>, Refusal> FlatBody::WholeNumber(std::string_view key,
                                                                    int64_t least,
                                                                    int64_t greatest) const {
  const auto found = members_.find(key);
  if (found == members_.end()) return std::nullopt;
  const JsonMember& member = found->second;
  const bool is_right = member.kind == JsonMember::Kind::kInteger && member.integer >= least &&
                        member.integer <= greatest;
  if (is_right) return member.integer;
  return MustBe(key,
                "a whole number from " + std::to_string(least) + " to " + std::to_string(greatest));
}

tl::expected<bool, Refusal> FlatBody::Truth(std::string_view key) const {
  const auto found = members_.find(key);
  if (found == members_.end()) return false;
  if (found->second.kind != JsonMember::Kind::kBoolean) return MustBe(key, "true or false");
  return found->second.raw == "true";
}

}  // namespace stagelog
