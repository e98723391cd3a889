#include "http/access/auth.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "base/sha256.h"

namespace stagelog {
namespace {

using ::testing::ElementsAre;

TokenTable MakeTable() {
  const std::vector<TokenEntry> entries = {
      {"eye", Sha256Hex("reader-token"), {Role::kReader}},
      {"gpu-3", Sha256Hex("writer-token"), {Role::kWriter}},
      {"boss", Sha256Hex("approver-token"), {Role::kApprover}},
      {"ci", Sha256Hex("both-token"), {Role::kApprover, Role::kWriter}},
      {"root", Sha256Hex("admin-token"), {Role::kAdmin}},
  };
  return TokenTable(entries);
}

// What the bearer of the token may do: a letter for each role, in order.
std::string RolesOf(const std::string& token) {
  const auto principal = MakeTable().Authenticate("Bearer " + token);
  if (!principal) return principal.error().code;
  std::string roles;
  for (const Role role : {Role::kReader, Role::kWriter, Role::kApprover, Role::kAdmin}) {
    if (principal->May(role)) roles += RoleName(role).substr(0, 2);
  }
  return principal->token_name + " " + roles;
}

std::string CodeOf(std::string_view authorization) {
  const auto principal = MakeTable().Authenticate(authorization);
  return principal ? principal->token_name : principal.error().code;
}

TEST(AuthTest, RolesImplyOthers) {
  EXPECT_EQ(RolesOf("reader-token"), "eye re");
  EXPECT_EQ(RolesOf("writer-token"), "gpu-3 rewr");
  EXPECT_EQ(RolesOf("approver-token"), "boss reap");
  EXPECT_EQ(RolesOf("both-token"), "ci rewrap");
  EXPECT_EQ(RolesOf("admin-token"), "root rewrapad");
}

TEST(AuthTest, MissingToken) {
  for (const char* authorization :
       {"", " ", "Bearer", "Bearer ", "Bearer \t ", "Basic cmVhZGVyLXRva2Vu", "reader-token",
        "Bearerreader-token", "Bear reader-token", "BearerX reader-token"}) {
    EXPECT_EQ(CodeOf(authorization), "missing_token") << authorization;
  }
}

TEST(AuthTest, InvalidToken) {
  for (const std::string& token :
       {std::string("nobody"), std::string("reader-toke"), std::string("reader-token2"),
        std::string("Reader-Token"), std::string("reader-token, Bearer reader-token"),
        std::string("reader-token\0", 13), Sha256Hex("reader-token")}) {
    EXPECT_EQ(CodeOf("Bearer " + token), "invalid_token") << token;
  }
}

TEST(AuthTest, SchemeHasNoCaseAndBlanksAroundDoNotCount) {
  for (const char* authorization :
       {"Bearer reader-token", "bearer reader-token", "BEARER reader-token",
        "  Bearer   reader-token  ", "Bearer\treader-token"}) {
    EXPECT_EQ(CodeOf(authorization), "eye") << authorization;
  }
}

TEST(AuthTest, RefusalNamesTheFieldAndNotTheToken) {
  const auto principal = MakeTable().Authenticate("Bearer my-secret");
  ASSERT_FALSE(principal.has_value());
  EXPECT_EQ(principal.error().field, "Authorization");
  EXPECT_EQ(principal.error().detail.find("my-secret"), std::string::npos);
}

TEST(AuthTest, EmptyTableKnowsNobody) {
  const TokenTable table({});
  EXPECT_FALSE(table.Authenticate("Bearer reader-token").has_value());
}

TEST(AuthTest, Names) {
  EXPECT_THAT(MakeTable().Names(), ElementsAre("eye", "gpu-3", "boss", "ci", "root"));
}

TEST(RoleTest, NamesGoBothWays) {
  for (const std::string_view name : RoleNames()) {
    const auto role = ParseRole(name);
    ASSERT_TRUE(role.has_value()) << name;
    EXPECT_EQ(RoleName(*role), name);
  }
  EXPECT_FALSE(ParseRole("Reader").has_value());
  EXPECT_FALSE(ParseRole("").has_value());
}

TEST(RoleTest, PrincipalWithoutRolesMayNothing) {
  const Principal principal;
  for (const Role role : {Role::kReader, Role::kWriter, Role::kApprover, Role::kAdmin}) {
    EXPECT_FALSE(principal.May(role));
  }
}

}  // namespace
}  // namespace stagelog
