// Sessions, one-time links and tickets, on a clock that the test moves.
#include "http/access/grants.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "base/sha256.h"
#include "tests/support/manual_clock.h"
#include "tests/support/temporary_directory.h"
#include "tests/support/time_units.h"

namespace stagelog {
namespace {

constexpr int64_t kHour = 3'600 * kSecond;

std::shared_ptr<const TokenTable> Tokens(const std::string& secret_of_ann = "ann-secret") {
  const std::vector<TokenEntry> entries = {
      {.name = "ann", .sha256_hex = Sha256Hex(secret_of_ann), .roles = {Role::kApprover}},
      {.name = "wes", .sha256_hex = Sha256Hex("wes-secret"), .roles = {Role::kWriter}},
      {.name = "admin", .sha256_hex = Sha256Hex("admin-secret"), .roles = {Role::kAdmin}}};
  return std::make_shared<const TokenTable>(entries);
}

template <typename T>
std::string CodeOf(const tl::expected<T, Refusal>& result) {
  return result ? "" : result.error().code;
}

class GrantsTest : public testing::Test {
 protected:
  GrantsTest() { Reopen(); }

  void Reopen() {
    auto opened =
        Grants::Open({.path = path_, .cookie_name = "c", .limits = {}}, RealFileSystem(), clock_);
    ASSERT_TRUE(opened) << opened.error().message;
    grants_ = std::move(*opened);
    grants_->SetTokens(Tokens());
  }

  SignedIn SignIn(const std::string& token = "ann-secret") {
    auto signed_in = grants_->SignIn(token, "1.2.3.4");
    EXPECT_TRUE(signed_in);
    return *signed_in;
  }

  std::string Session(const SignedIn& signed_in) {
    const auto used = grants_->UseSession(signed_in.cookie);
    return used ? used->first.token_name : used.error().code;
  }

  Principal PrincipalOf(const std::string& token) { return *Tokens()->AuthenticateToken(token); }

  std::string Ticket(const std::string& text) {
    const auto principal = grants_->UseTicket(text);
    return principal ? principal->token_name : principal.error().code;
  }

  TemporaryDirectory directory_;
  const std::string path_ = directory_.Path(kGrantsFile);
  ManualClock clock_;
  std::unique_ptr<Grants> grants_;
};

TEST_F(GrantsTest, ASessionIsItsTokensWithItsRoles) {
  const SignedIn signed_in = SignIn();
  const auto used = grants_->UseSession(signed_in.cookie);
  ASSERT_TRUE(used);
  EXPECT_EQ(used->first.token_name, "ann");
  EXPECT_TRUE(used->first.approver);
  EXPECT_FALSE(used->first.writer);
  EXPECT_EQ(used->first.door, Principal::Door::kSession);
  EXPECT_EQ(used->second.secret_hash, Sha256Hex(signed_in.secret));
  EXPECT_NE(signed_in.cookie, SignIn().cookie);
  EXPECT_EQ(CodeOf(grants_->UseSession("guess")), "invalid_session");
  EXPECT_EQ(CodeOf(grants_->UseSession("")), "invalid_session");
  EXPECT_EQ(CodeOf(grants_->UseSession(signed_in.secret)), "invalid_session");
}

TEST_F(GrantsTest, ASessionEndsWhenItIsNotUsedForADay) {
  const SignedIn signed_in = SignIn();
  for (int i = 0; i < 3; ++i) {
    clock_.AdvanceMicros(23 * kHour);
    EXPECT_EQ(Session(signed_in), "ann");
  }
  clock_.AdvanceMicros(24 * kHour);
  EXPECT_EQ(Session(signed_in), "invalid_session");
}

TEST_F(GrantsTest, ASessionEndsAfterThirtyDaysHoweverItIsUsed) {
  const SignedIn signed_in = SignIn();
  for (int i = 0; i < 30 * 2 - 1; ++i) {
    clock_.AdvanceMicros(12 * kHour);
    ASSERT_EQ(Session(signed_in), "ann") << i;
  }
  clock_.AdvanceMicros(12 * kHour);
  EXPECT_EQ(Session(signed_in), "invalid_session");
}

TEST_F(GrantsTest, SessionsOutliveARestartAndSoDoesTheirAge) {
  const SignedIn used = SignIn();
  const SignedIn idle = SignIn();
  clock_.AdvanceMicros(20 * kHour);
  EXPECT_EQ(Session(used), "ann");
  grants_->StoreUse(/*at_once=*/true);
  Reopen();
  clock_.AdvanceMicros(5 * kHour);
  EXPECT_EQ(Session(used), "ann");
  EXPECT_EQ(Session(idle), "invalid_session");
}

TEST_F(GrantsTest, ASignOutIsForGood) {
  const SignedIn signed_in = SignIn();
  EXPECT_FALSE(grants_->SignOut(Sha256Hex(signed_in.cookie)));
  EXPECT_EQ(Session(signed_in), "invalid_session");
  Reopen();
  EXPECT_EQ(Session(signed_in), "invalid_session");
}

TEST_F(GrantsTest, EverythingEndsWithItsToken) {
  const SignedIn ann = SignIn();
  const SignedIn admin = SignIn("admin-secret");
  const std::string ticket = grants_->MakeTicket(PrincipalOf("ann-secret"), "", false, 0);
  const SignInLink link = grants_->MakeLink(PrincipalOf("ann-secret"));
  std::vector<uint64_t> ended;
  grants_->OnEnd([&](uint64_t grant) { ended.push_back(grant); });
  grants_->SetTokens(Tokens("another secret of ann"));
  EXPECT_EQ(ended, std::vector<uint64_t>{GrantOfSession(Sha256Hex(ann.cookie))});
  EXPECT_EQ(Session(ann), "invalid_session");
  EXPECT_EQ(Session(admin), "admin");
  EXPECT_EQ(Ticket(ticket), "invalid_ticket");
  EXPECT_EQ(CodeOf(grants_->SignInByLink(link.secret)), "invalid_link");
  // The token comes back; the session does not.
  grants_->SetTokens(Tokens());
  EXPECT_EQ(Session(ann), "invalid_session");
  Reopen();
  EXPECT_EQ(Session(ann), "invalid_session");
}

TEST_F(GrantsTest, ALinkSignsInOnceWithinTenMinutes) {
  const SignInLink link = grants_->MakeLink(PrincipalOf("ann-secret"));
  const auto signed_in = grants_->SignInByLink(link.secret);
  ASSERT_TRUE(signed_in);
  EXPECT_EQ(Session(*signed_in), "ann");
  EXPECT_EQ(CodeOf(grants_->SignInByLink(link.secret)), "invalid_link");
  const SignInLink late = grants_->MakeLink(PrincipalOf("ann-secret"));
  clock_.AdvanceMicros(600 * kSecond);
  EXPECT_EQ(CodeOf(grants_->SignInByLink(late.secret)), "invalid_link");
}

TEST_F(GrantsTest, WrongTriesAreLimitedByAddress) {
  for (int i = 0; i < 10; ++i) {
    EXPECT_EQ(CodeOf(grants_->SignIn("guess", "6.6.6.6")), "invalid_token") << i;
  }
  const auto refused = grants_->SignIn("ann-secret", "6.6.6.6");
  ASSERT_EQ(CodeOf(refused), "rate_limited");
  EXPECT_EQ(refused.error().members.front(),
            std::pair(std::string("retry_after"), std::string("6")));
  EXPECT_EQ(CodeOf(grants_->SignInByLink("guess")), "invalid_link");
  EXPECT_EQ(CodeOf(grants_->SignIn("ann-secret", "7.7.7.7")), "");
  clock_.AdvanceMicros(6 * kSecond);
  EXPECT_EQ(CodeOf(grants_->SignIn("guess", "6.6.6.6")), "invalid_token");
  EXPECT_EQ(CodeOf(grants_->SignIn("guess", "6.6.6.6")), "rate_limited");
  clock_.AdvanceMicros(60 * kSecond);
  for (int i = 0; i < 20; ++i) {
    EXPECT_EQ(CodeOf(grants_->SignIn("ann-secret", "6.6.6.6")), "") << "right ones do not count";
  }
}

TEST_F(GrantsTest, ATicketReadsAndMayAppendForAWriter) {
  const int64_t expires = clock_.WallMicros() + 60 * kSecond;
  const std::string reads = grants_->MakeTicket(PrincipalOf("admin-secret"), "job", false, expires);
  const auto principal = grants_->UseTicket(reads);
  ASSERT_TRUE(principal);
  EXPECT_EQ(principal->scope, "job");
  EXPECT_EQ(principal->door, Principal::Door::kTicket);
  EXPECT_TRUE(principal->reader);
  EXPECT_FALSE(principal->writer || principal->approver || principal->admin);
  const std::string appends = grants_->MakeTicket(PrincipalOf("wes-secret"), "job", true, 0);
  EXPECT_TRUE(grants_->UseTicket(appends)->writer);
  EXPECT_FALSE(grants_->UseTicket(appends)->approver);
  Reopen();
  EXPECT_EQ(Ticket(reads), "admin") << "a restart";
  clock_.AdvanceMicros(60 * kSecond);
  EXPECT_EQ(Ticket(reads), "invalid_ticket");
  EXPECT_EQ(Ticket(appends), "wes");
}

TEST_F(GrantsTest, NothingButWhatWasSignedIsATicket) {
  const std::string good =
      grants_->MakeTicket(PrincipalOf("ann-secret"), "job", false, clock_.WallMicros() + kHour);
  EXPECT_EQ(Ticket(good), "ann");
  for (size_t i = 0; i < good.size(); ++i) {
    for (const char other : {'A', 'b', '.', '=', ' '}) {
      if (good[i] == other) continue;
      std::string changed = good;
      changed[i] = other;
      ASSERT_EQ(Ticket(changed), "invalid_ticket") << i << other;
    }
    ASSERT_EQ(Ticket(good.substr(0, i)), "invalid_ticket") << i;
  }
  EXPECT_EQ(Ticket(good + "A"), "invalid_ticket");
  EXPECT_EQ(Ticket(std::string(1 << 20, 'A')), "invalid_ticket");
  // Another daemon's.
  const std::string path = directory_.Path("other");
  auto other =
      Grants::Open({.path = path, .cookie_name = "c", .limits = {}}, RealFileSystem(), clock_);
  EXPECT_EQ(Ticket((*other)->MakeTicket(PrincipalOf("ann-secret"), "job", false, 0)),
            "invalid_ticket");
}

TEST_F(GrantsTest, TheFileIsTheDaemonsAloneAndHoldsNoSecretOfASession) {
  const SignedIn signed_in = SignIn();
  const auto mode = std::filesystem::status(path_).permissions();
  EXPECT_EQ(mode, std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
  const auto text = ReadWholeFile(RealFileSystem(), path_);
  ASSERT_TRUE(text);
  EXPECT_EQ(text->find(signed_in.cookie), std::string::npos);
  EXPECT_EQ(text->find(signed_in.secret), std::string::npos);
  EXPECT_EQ(text->find("ann-secret"), std::string::npos);
}

TEST_F(GrantsTest, ADamagedFileIsSetAside) {
  const SignedIn signed_in = SignIn();
  for (
      const char* damaged :
      {"", "{", "[]", "{}", R"({"version":2,"ticket_key":"","sessions":[]})",
       R"({"version":1,"ticket_key":"AAAA","sessions":[]})",
       R"({"version":1,"ticket_key":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA","sessions":[7]})",
       R"({"version":1,"ticket_key":7,"sessions":7})"}) {
    grants_.reset();
    std::ofstream(path_) << damaged;
    Reopen();
    EXPECT_EQ(Session(signed_in), "invalid_session") << damaged;
    EXPECT_EQ(*ReadWholeFile(RealFileSystem(), path_ + ".damaged"), damaged);
    EXPECT_EQ(Session(SignIn()), "ann");
  }
}

TEST_F(GrantsTest, WhatCannotBeStoredIsNoSession) {
  const SignedIn before = SignIn();
  std::filesystem::create_directory(path_ + ".tmp");
  const auto refused = grants_->SignIn("ann-secret", "1.2.3.4");
  EXPECT_EQ(CodeOf(refused), "access_not_stored");
  const auto not_ended = grants_->SignOut(Sha256Hex(before.cookie));
  ASSERT_TRUE(not_ended);
  EXPECT_EQ(not_ended->code, "access_not_stored");
  EXPECT_EQ(Session(before), "ann");
}

TEST(SessionStoreTest, OneTooManyEndsTheOneThatWasUsedLongestAgo) {
  SessionStore store({.idle_micros = kHour, .life_micros = kHour, .max_of_token = 2});
  const auto add = [&](const std::string& cookie, int64_t now, const std::string& token = "ann") {
    store.Add(
        {.id = Sha256Hex(cookie), .token_name = token, .began_micros = now, .used_micros = now},
        now);
  };
  add("a", 1);
  add("b", 2);
  EXPECT_TRUE(store.Use("a", 3));
  add("c", 4);
  EXPECT_TRUE(store.Use("a", 5));
  EXPECT_FALSE(store.Use("b", 5));
  EXPECT_TRUE(store.Use("c", 5));
  EXPECT_EQ(store.TakeEnded(), std::vector<std::string>{Sha256Hex("b")});
  for (int i = 0; i < 5; ++i) add("other-" + std::to_string(i), 6, "ben");
  EXPECT_TRUE(store.Use("a", 7)) << "another token's sessions end none of ann's";
}

TEST(TryLimiterTest, ForgetsTheOldestAddresses) {
  TryLimiter limiter;
  for (int64_t i = 0; i < 10; ++i) limiter.NoteFailure("first", i);
  EXPECT_GT(limiter.SecondsToWait("first", 10), 0);
  for (int i = 0; i < 20'000; ++i)
    limiter.NoteFailure("other-" + std::to_string(i), 60 * kSecond + i);
  EXPECT_EQ(limiter.SecondsToWait("first", 61 * kSecond), 0);
}

}  // namespace
}  // namespace stagelog
