#include "app/token_entries.h"

#include <algorithm>
#include <array>
#include <string>
#include <string_view>
#include <utility>

#include "app/secret_value.h"
#include "base/nearest.h"
#include "base/sha256.h"
#include "base/text.h"
#include "core/event.h"
#include "core/identifier.h"

namespace stagelog {
namespace {

constexpr size_t kMinTokenBytes = 8;
constexpr size_t kMaxTokenBytes = 1024;
constexpr int64_t kMaxRequestsPerMinute = 1'000'000'000;
constexpr std::string_view kTokenRule = "8 to 1024 printable ASCII characters without spaces";

constexpr std::array<std::string_view, 7> kTokenKeys = {
    "name", "token", "token_sha256", "token_file", "token_env", "roles", "requests_per_minute"};

// Printable ASCII without blanks travels in a header unchanged.
bool IsToken(std::string_view text) {
  return text.size() >= kMinTokenBytes && text.size() <= kMaxTokenBytes &&
         std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c < 127; });
}

bool IsSha256Hex(std::string_view text) {
  return text.size() == 64 && text.find_first_not_of("0123456789abcdefABCDEF") == text.npos;
}

void ReadTokenName(const YamlValue& value, TokenEntry& entry) {
  const std::optional<std::string> text = value.Text();
  if (!text) return;
  if (!IsName(*text)) value.Fail("must be " + std::string(kNameRule));
  if (*text == kOwnActor) value.Fail("must not be the daemon's own name, which its timers carry");
  entry.name = *text;
}

void TakeToken(const YamlValue& value, const std::string& what, std::string_view token,
               TokenEntry& entry) {
  if (!IsToken(token)) value.Fail(what + "must be " + std::string(kTokenRule));
  entry.sha256_hex = Sha256Hex(token);
}

void ReadPlainToken(const YamlValue& value, TokenEntry& entry) {
  const std::optional<std::string> text = value.Text();
  if (text) TakeToken(value, "", *text, entry);
}

void ReadHashedToken(const YamlValue& value, TokenEntry& entry) {
  const std::optional<std::string> text = value.Text();
  if (!text) return;
  if (!IsSha256Hex(*text)) value.Fail("must be 64 hex digits");
  entry.sha256_hex = LowerCase(*text);
}

void ReadTokenFile(const YamlValue& value, TokenEntry& entry) {
  const auto token = ReadSecretFile(value, "token", 2 * kMaxTokenBytes);
  if (token) TakeToken(value, "the token in the file ", *token, entry);
}

void ReadTokenVariable(const YamlValue& value, TokenEntry& entry) {
  const auto token = ReadSecretVariable(value, "token");
  if (token) TakeToken(value, "the token in the environment variable ", *token, entry);
}

std::string OneOfTheRoles(std::string_view text) {
  std::string rule = "must be one of";
  for (const std::string_view name : RoleNames()) rule += " " + std::string(name);
  const std::string_view nearest = NearestWord(text, RoleNames());
  return nearest.empty() ? rule : rule + "; did you mean '" + std::string(nearest) + "'?";
}

void ReadRoles(const YamlValue& value, TokenEntry& entry) {
  const std::optional<std::vector<YamlValue>> items = value.ItemsOrOne();
  if (!items) return;
  for (const YamlValue& item : *items) {
    const std::optional<std::string> text = item.Text();
    if (!text) continue;
    const std::optional<Role> role = ParseRole(*text);
    if (!role) item.Fail(OneOfTheRoles(*text));
    entry.roles.push_back(role.value_or(Role::kReader));
  }
  if (items->empty()) value.Fail("must list at least one of reader, writer, approver, admin");
}

void ReadTokenMember(std::string_view key, const YamlValue& value, TokenEntry& entry) {
  if (key == "name") ReadTokenName(value, entry);
  if (key == "token") ReadPlainToken(value, entry);
  if (key == "token_sha256") ReadHashedToken(value, entry);
  if (key == "token_file") ReadTokenFile(value, entry);
  if (key == "token_env") ReadTokenVariable(value, entry);
  if (key == "roles") ReadRoles(value, entry);
  if (key == "requests_per_minute") {
    entry.requests_per_minute = value.WholeNumber(1, kMaxRequestsPerMinute).value_or(0);
  }
}

TokenEntry ReadTokenEntry(const YamlValue& value) {
  TokenEntry entry;
  const auto members = value.Members(kTokenKeys);
  for (const auto& [key, member] : members) ReadTokenMember(key, member, entry);
  const auto count = [&members](std::string_view key) {
    return std::count_if(members.begin(), members.end(),
                         [key](const auto& member) { return member.first == key; });
  };
  if (count("name") == 0) value.Fail("missing key 'name'");
  if (count("roles") == 0) value.Fail("missing key 'roles'");
  if (count("token") + count("token_sha256") + count("token_file") + count("token_env") != 1) {
    value.Fail(
        "must have exactly one of the keys 'token', 'token_sha256', 'token_file' and 'token_env'");
  }
  return entry;
}

// Two entries of one name, or of one token, would leave open who it was.
void CheckTokenIsNew(const YamlValue& value, const TokenEntry& entry,
                     const std::vector<TokenEntry>& earlier) {
  for (const TokenEntry& other : earlier) {
    if (!entry.name.empty() && entry.name == other.name) {
      value.Fail("duplicate name: an earlier token has it; names must be unique");
    }
    if (!entry.sha256_hex.empty() && entry.sha256_hex == other.sha256_hex) {
      value.Fail("duplicate token: an earlier entry has it; tokens must be unique");
    }
  }
}

}  // namespace

std::optional<std::vector<TokenEntry>> ReadTokenEntries(const YamlValue& value) {
  const std::optional<std::vector<YamlValue>> items = value.Items();
  if (!items) return std::nullopt;
  if (items->empty())
    value.Fail("must list at least one token; without one the daemon cannot be used");
  std::vector<TokenEntry> tokens;
  for (const YamlValue& item : *items) {
    TokenEntry entry = ReadTokenEntry(item);
    CheckTokenIsNew(item, entry, tokens);
    tokens.push_back(std::move(entry));
  }
  return tokens;
}

}  // namespace stagelog
