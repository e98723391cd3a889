// Authentication and authorization: bearer tokens (RFC 6750, section 2.1) with roles.
#ifndef STAGELOG_HTTP_ACCESS_AUTH_H_
#define STAGELOG_HTTP_ACCESS_AUTH_H_

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <vector>

#include "core/refusal.h"

namespace stagelog {

// What a token may be used for. A writer and an approver read as well; an admin does everything.
enum class Role {
  kReader,    // read events and jobs
  kWriter,    // append events
  kApprover,  // decide gates
  kAdmin,
};

// "reader", "writer", "approver", "admin", in the order of the enumeration.
std::span<const std::string_view> RoleNames();
std::string_view RoleName(Role role);
std::optional<Role> ParseRole(std::string_view name);

// The sender of a request, by its token.
struct Principal {
  // How it has shown who it is. What comes by a session or a ticket is not the token itself.
  enum class Door { kToken, kSession, kTicket };

  std::string token_name;   // the `actor` of what it appends
  std::string fingerprint;  // of the token's secret: another one is another token
  Door door = Door::kToken;
  std::string scope;              // of a ticket: what its paths must name first; empty: anything
  std::string session_id;         // of a session; else empty
  uint64_t grant = 0;             // of a session, as streams know it
  int64_t expires_at_micros = 0;  // of a session or a ticket, since 1970; 0: not by time
  bool reader = false;
  bool writer = false;
  bool approver = false;
  bool admin = false;
  int64_t requests_per_minute = 0;  // 0: as many as it likes

  bool May(Role role) const;

  // A minimal list of its roles: no "reader" for a writer or approver, and only "admin" for an
  // admin.
  std::vector<std::string_view> Roles() const;

  bool operator==(const Principal&) const = default;
};

// 403: `what` needs a role that the token does not have. `or_else` follows the role's name.
Refusal MissingRole(const std::string& what, Role needed, const Principal& principal,
                    const std::string& or_else = "");

// One token as the configuration gives it. The token itself is never kept.
struct TokenEntry {
  std::string name;        // unique among the entries
  std::string sha256_hex;  // of the token's bytes; 64 lower-case hex digits
  std::vector<Role> roles;
  int64_t requests_per_minute = 0;  // 0: no limit

  bool operator==(const TokenEntry&) const = default;
};

// The configured tokens. Immutable, hence safe from any thread: a reload creates a new table.
// The token of "Bearer <token>"; empty for anything else.
std::string_view PresentedToken(std::string_view authorization);

class TokenTable {
 public:
  explicit TokenTable(std::span<const TokenEntry> entries);

  // `authorization` is the value of the Authorization header; empty if there is none. Refusals:
  // missing_token (no bearer token), invalid_token (unknown token). Constant time for tokens of the
  // same length.
  tl::expected<Principal, Refusal> Authenticate(std::string_view authorization) const;

  // The same for a token by itself. Refusal: invalid_token.
  tl::expected<Principal, Refusal> AuthenticateToken(std::string_view token) const;

  std::optional<Principal> FindByName(std::string_view name) const;
  // The same, where the secret is still the one that `fingerprint` is of.
  std::optional<Principal> Find(std::string_view name, std::string_view fingerprint) const;

  // The names of all tokens, in the order of the configuration.
  std::vector<std::string> Names() const;

 private:
  struct Row {
    std::string sha256_hex;
    Principal principal;
  };

  std::vector<Row> rows_;
};

}  // namespace stagelog

#endif  // STAGELOG_HTTP_ACCESS_AUTH_H_
