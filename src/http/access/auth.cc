#include "http/access/auth.h"

#include <openssl/crypto.h>
#include <strings.h>

#include <array>
#include <utility>

#include "base/check.h"
#include "base/nearest.h"
#include "base/sha256.h"
#include "base/text.h"
#include "core/json_text.h"
#include "http/request_head.h"

namespace stagelog {
namespace {

constexpr std::array<std::string_view, 4> kRoleNames = {"reader", "writer", "approver", "admin"};
constexpr std::string_view kScheme = "Bearer";
constexpr size_t kSha256HexDigits = 64;
constexpr size_t kFingerprintDigits = 16;

Principal MakePrincipal(const TokenEntry& entry) {
  Principal principal;
  principal.token_name = entry.name;
  principal.fingerprint = entry.sha256_hex.substr(0, kFingerprintDigits);
  principal.requests_per_minute = entry.requests_per_minute;
  for (const Role role : entry.roles) {
    principal.reader = true;  // every role reads
    principal.writer |= role == Role::kWriter || role == Role::kAdmin;
    principal.approver |= role == Role::kApprover || role == Role::kAdmin;
    principal.admin |= role == Role::kAdmin;
  }
  return principal;
}

tl::unexpected<Refusal> Refuse(std::string code, std::string detail) {
  return tl::unexpected<Refusal>(
      Refusal{.code = std::move(code), .detail = std::move(detail), .field = "Authorization"});
}

}  // namespace

// A scheme has no case (RFC 9110, section 11.1).
std::string_view PresentedToken(std::string_view authorization) {
  authorization = Trimmed(authorization, kOptionalSpace);
  if (authorization.size() <= kScheme.size() ||
      kOptionalSpace.find(authorization[kScheme.size()]) == std::string_view::npos)
    return {};
  if (strncasecmp(authorization.data(), kScheme.data(), kScheme.size()) != 0) return {};
  return Trimmed(authorization.substr(kScheme.size()), kOptionalSpace);
}

std::span<const std::string_view> RoleNames() { return kRoleNames; }

std::string_view RoleName(Role role) { return kRoleNames[static_cast<size_t>(role)]; }

std::optional<Role> ParseRole(std::string_view name) {
  for (size_t i = 0; i < kRoleNames.size(); ++i) {
    if (kRoleNames[i] == name) return static_cast<Role>(i);
  }
  return std::nullopt;
}

bool Principal::May(Role role) const {
  switch (role) {
    case Role::kReader:
      return reader;
    case Role::kWriter:
      return writer;
    case Role::kApprover:
      return approver;
    case Role::kAdmin:
      return admin;
  }
  return false;
}

std::vector<std::string_view> Principal::Roles() const {
  if (admin) return {RoleName(Role::kAdmin)};
  std::vector<std::string_view> roles;
  if (writer) roles.push_back(RoleName(Role::kWriter));
  if (approver) roles.push_back(RoleName(Role::kApprover));
  if (roles.empty() && reader) roles.push_back(RoleName(Role::kReader));
  return roles;
}

Refusal MissingRole(const std::string& what, Role needed, const Principal& principal,
                    const std::string& or_else) {
  const std::vector<std::string_view> roles = principal.Roles();
  std::string list = "[";
  for (const std::string_view role : roles) {
    if (list.size() > 1) list += ',';
    AppendJsonString(list, role);
  }
  std::string token;
  AppendJsonString(token, principal.token_name);
  const std::string needed_name(RoleName(needed));
  return {.code = "forbidden",
          .detail = what + " requires the role '" + needed_name + "'" + or_else + "; token '" +
                    principal.token_name + "' has " +
                    (roles.empty() ? "no role" : JoinWords(roles)),
          .members = {
              {"needed_role", "\"" + needed_name + "\""}, {"token", token}, {"roles", list + "]"}}};
}

TokenTable::TokenTable(std::span<const TokenEntry> entries) {
  rows_.reserve(entries.size());
  for (const TokenEntry& entry : entries) {
    STAGELOG_CHECK(entry.sha256_hex.size() == kSha256HexDigits);
    rows_.push_back({.sha256_hex = entry.sha256_hex, .principal = MakePrincipal(entry)});
  }
}

tl::expected<Principal, Refusal> TokenTable::Authenticate(std::string_view authorization) const {
  const std::string_view token = PresentedToken(authorization);
  if (token.empty()) {
    return Refuse("missing_token",
                  "missing token; send the header 'Authorization: Bearer <token>'");
  }
  return AuthenticateToken(token);
}

tl::expected<Principal, Refusal> TokenTable::AuthenticateToken(std::string_view token) const {
  // Every row is compared, whole, so that the time taken does not tell how near a guess was.
  const std::string sha256_hex = Sha256Hex(token);
  const Row* found = nullptr;
  for (const Row& row : rows_) {
    if (CRYPTO_memcmp(row.sha256_hex.data(), sha256_hex.data(), kSha256HexDigits) == 0) {
      found = &row;
    }
  }
  if (found == nullptr) return Refuse("invalid_token", "unknown bearer token");
  return found->principal;
}

std::optional<Principal> TokenTable::FindByName(std::string_view name) const {
  for (const Row& row : rows_) {
    if (row.principal.token_name == name) return row.principal;
  }
  return std::nullopt;
}

std::optional<Principal> TokenTable::Find(std::string_view name,
                                          std::string_view fingerprint) const {
  auto principal = FindByName(name);
  return principal && principal->fingerprint == fingerprint ? principal : std::nullopt;
}

std::vector<std::string> TokenTable::Names() const {
  std::vector<std::string> names;
  for (const Row& row : rows_) names.push_back(row.principal.token_name);
  return names;
}

}  // namespace stagelog
