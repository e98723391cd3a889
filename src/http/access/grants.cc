#include "http/access/grants.h"

#include <filesystem>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/base64.h"
#include "base/logging.h"
#include "base/sha256.h"
#include "base/signing.h"
#include "core/json_value.h"

namespace stagelog {
namespace {

using OrderedJson = nlohmann::ordered_json;

constexpr size_t kSecretBytes = 32;
constexpr size_t kMaxLinksOfToken = 20;
constexpr int64_t kWarnMicros = int64_t{60} * 1'000'000;
constexpr uint64_t kMaxFileBytes = uint64_t{4} << 20;
// How far the stored time of a session's last use may lag behind: after a crash it may end that
// much too early.
constexpr int64_t kStoreUseMicros = int64_t{600} * 1'000'000;

std::string NewSecret() { return Base64Url(RandomBytes(kSecretBytes)); }

OrderedJson JsonOfSession(const Session& session) {
  return {{"id", session.id},
          {"secret_sha256", session.secret_hash},
          {"token", session.token_name},
          {"fingerprint", session.fingerprint},
          {"began", session.began_micros},
          {"used", session.used_micros}};
}

Session SessionOfJson(const OrderedJson& json) {
  return {.id = json.at("id"),
          .secret_hash = json.at("secret_sha256"),
          .token_name = json.at("token"),
          .fingerprint = json.at("fingerprint"),
          .began_micros = json.at("began"),
          .used_micros = json.at("used")};
}

Refusal NotStored(const Status& problem) {
  return {.code = "access_not_stored",
          .detail = "the sessions cannot be stored: " + problem.error().message};
}

Refusal NoSession() {
  return {.code = "invalid_session",
          .detail = "the session has ended; sign in again (POST /api/v1/session)",
          .field = "Cookie"};
}

Refusal NoTicket(const std::string& why) {
  return {.code = "invalid_ticket", .detail = why, .field = "ticket"};
}

}  // namespace

Result<std::unique_ptr<Grants>> Grants::Open(GrantsOptions options, FileSystem& files,
                                             Clock& clock) {
  std::unique_ptr<Grants> grants(new Grants(std::move(options), files, clock));
  if (Status loaded = grants->Load(); !loaded) return tl::unexpected(loaded.error());
  return grants;
}

Status Grants::Load() {
  const auto info = files_.Stat(options_.path);
  if (!info) return tl::unexpected(info.error());
  if (*info) {
    const auto text = ReadWholeFile(files_, options_.path, kMaxFileBytes);
    if (!text) return tl::unexpected(text.error());
    const Status read = LoadFrom(*text);
    if (read) return {};
    LogWarning("[stagelogd] {}: {}; renamed to .damaged: sessions and tickets have ended",
               options_.path, read.error().message);
    if (Status aside = files_.Rename(options_.path, options_.path + ".damaged"); !aside) {
      return aside;
    }
  }
  key_ = RandomBytes(kSecretBytes);
  signer_.emplace(key_);
  const MutexLock lock(mutex_);
  return Write();
}

Status Grants::LoadFrom(std::string_view text) {
  try {
    const OrderedJson json = ParseOrderedJson(text);
    if (json.is_discarded() || json.at("version") != 1) return Failure("unknown version");
    const auto key = DecodeBase64Url(json.at("ticket_key").get<std::string>());
    if (!key || key->size() != kSecretBytes) return Failure("has no key");
    std::vector<Session> sessions;  // all of them, or none
    for (const OrderedJson& session : json.at("sessions")) {
      sessions.push_back(SessionOfJson(session));
    }
    const MutexLock lock(mutex_);
    for (Session& session : sessions) sessions_.Add(std::move(session), clock_.WallMicros());
    key_ = *key;
    signer_.emplace(key_);
    return {};
  } catch (const nlohmann::json::exception&) {
    return Failure("cannot be read");
  }
}

Status Grants::Write() {
  OrderedJson json = {{"version", 1}, {"ticket_key", Base64Url(key_)}};
  json["sessions"] = OrderedJson::array();
  for (const Session& session : sessions_.sessions()) {
    json["sessions"].push_back(JsonOfSession(session));
  }
  if (Status written = ReplaceFile(files_, options_.path, DumpJson(json) + "\n"); !written) {
    return written;
  }
  // The key is nobody's but the daemon's. Where the disk is simulated there is no such file.
  std::error_code ignored;
  std::filesystem::permissions(
      options_.path, std::filesystem::perms::owner_read | std::filesystem::perms::owner_write,
      ignored);
  stored_micros_ = clock_.MonotonicMicros();
  return {};
}

void Grants::StoreUse(bool at_once) {
  const MutexLock lock(mutex_);
  const int64_t now = clock_.MonotonicMicros();
  const bool is_due = at_once || now - stored_micros_ > kStoreUseMicros;
  if (sessions_.sessions().empty() || !is_due) return;
  stored_micros_ = now;
  if (Status written = Write(); !written) LogWarning("[stagelogd] {}", written.error().message);
}

void Grants::Announce() {
  for (const std::string& id : sessions_.TakeEnded()) on_end_(GrantOfSession(id));
}

void Grants::SetTokens(const std::shared_ptr<const TokenTable>& tokens) {
  const MutexLock lock(mutex_);
  tokens_ = tokens;
  const size_t count = sessions_.sessions().size();
  sessions_.KeepOnly([&tokens](const Session& session) {
    return tokens->Find(session.token_name, session.fingerprint).has_value();
  });
  if (sessions_.sessions().size() == count) return;
  Announce();
  // Not to come back with the token.
  if (Status written = Write(); !written) LogWarning("[stagelogd] {}", written.error().message);
}

std::optional<Refusal> Grants::CheckTries(const std::string& address) {
  const int64_t seconds = tries_.SecondsToWait(address, clock_.MonotonicMicros());
  if (seconds == 0) return std::nullopt;
  const int64_t now = clock_.MonotonicMicros();
  if (!warned_micros_ || now - *warned_micros_ > kWarnMicros) {
    warned_micros_ = now;
    LogWarning("[stagelogd] too many wrong tries to sign in from {}", address);
  }
  return Refusal{.code = "rate_limited",
                 .detail = "too many wrong tries from this address; see Retry-After",
                 .members = {{"retry_after", std::to_string(seconds)}}};
}

tl::expected<SignedIn, Refusal> Grants::SignIn(std::string_view token, const std::string& address) {
  const MutexLock lock(mutex_);
  if (auto refusal = CheckTries(address)) return tl::unexpected(std::move(*refusal));
  auto principal = tokens_->AuthenticateToken(token);
  if (!principal) {
    tries_.NoteFailure(address, clock_.MonotonicMicros());
    return tl::unexpected(std::move(principal.error()));
  }
  return Begin(std::move(*principal));
}

SignInLink Grants::MakeLink(const Principal& principal) {
  const MutexLock lock(mutex_);
  const int64_t now = clock_.WallMicros();
  std::erase_if(links_, [now](const auto& link) { return link.second.expires_at_micros <= now; });
  auto oldest = links_.end();
  size_t count = 0;
  for (auto link = links_.begin(); link != links_.end(); ++link) {
    if (link->second.token_name != principal.token_name) continue;
    ++count;
    const bool is_older =
        oldest == links_.end() || link->second.expires_at_micros < oldest->second.expires_at_micros;
    if (is_older) oldest = link;
  }
  if (count >= kMaxLinksOfToken) links_.erase(oldest);
  SignInLink link{NewSecret(), now + kLinkSeconds * 1'000'000};
  links_[Sha256Hex(link.secret)] = {principal.token_name, principal.fingerprint,
                                    link.expires_at_micros};
  return link;
}

// Not limited: nobody guesses 256 bits.
tl::expected<SignedIn, Refusal> Grants::SignInByLink(std::string_view secret) {
  const MutexLock lock(mutex_);
  const auto found = links_.find(Sha256Hex(secret));
  const bool is_valid =
      found != links_.end() && clock_.WallMicros() < found->second.expires_at_micros;
  std::optional<Principal> principal;
  if (is_valid) principal = tokens_->Find(found->second.token_name, found->second.fingerprint);
  if (!principal) {
    return tl::unexpected(
        Refusal{.code = "invalid_link",
                .detail = "the link was used already, is older than ten minutes, or its token is "
                          "gone; make another one with 'stagelog open'",
                .field = "link"});
  }
  auto signed_in = Begin(std::move(*principal));
  if (signed_in) links_.erase(found);
  return signed_in;
}

tl::expected<SignedIn, Refusal> Grants::Begin(Principal principal) {
  const int64_t now = clock_.WallMicros();
  SignedIn signed_in{std::move(principal), NewSecret(), NewSecret(), 0};
  const Session session{.id = Sha256Hex(signed_in.cookie),
                        .secret_hash = Sha256Hex(signed_in.secret),
                        .token_name = signed_in.principal.token_name,
                        .fingerprint = signed_in.principal.fingerprint,
                        .began_micros = now,
                        .used_micros = now};
  signed_in.expires_at_micros = sessions_.ExpiresAtMicros(session);
  sessions_.Add(session, now);
  Announce();
  if (Status written = Write(); !written) {
    sessions_.End(session.id);
    return tl::unexpected(NotStored(written));
  }
  return signed_in;
}

tl::expected<std::pair<Principal, Session>, Refusal> Grants::UseSession(std::string_view cookie) {
  const MutexLock lock(mutex_);
  auto session = sessions_.Use(cookie, clock_.WallMicros());
  Announce();
  if (!session) return tl::unexpected(NoSession());
  auto principal = tokens_->Find(session->token_name, session->fingerprint);
  if (!principal) return tl::unexpected(NoSession());
  principal->door = Principal::Door::kSession;
  principal->grant = GrantOfSession(session->id);
  principal->expires_at_micros = sessions_.ExpiresAtMicros(*session);
  return std::pair(std::move(*principal), std::move(*session));
}

std::optional<Refusal> Grants::SignOut(const std::string& session_id) {
  const MutexLock lock(mutex_);
  std::optional<Session> ended;
  for (const Session& session : sessions_.sessions()) {
    if (session.id == session_id) ended = session;
  }
  if (!ended) return std::nullopt;
  sessions_.End(session_id);
  if (Status written = Write(); !written) {
    static_cast<void>(sessions_.TakeEnded());
    sessions_.Add(std::move(*ended), clock_.WallMicros());
    return NotStored(written);
  }
  Announce();
  return std::nullopt;
}

std::string Grants::MarkOf(const Principal& principal) const {
  return Base64Url(HmacSha256(key_, "token\n" + principal.fingerprint).substr(0, 12));
}

std::string Grants::MakeTicket(const Principal& principal, const std::string& scope,
                               bool may_append, int64_t expires_at_micros) const {
  return signer_->Sign({.token_name = principal.token_name,
                        .fingerprint = MarkOf(principal),
                        .scope = scope,
                        .may_append = may_append,
                        .expires_at_micros = expires_at_micros});
}

tl::expected<Principal, Refusal> Grants::UseTicket(std::string_view text) const {
  const auto ticket = signer_->Verify(text);
  if (!ticket) return tl::unexpected(NoTicket("not a ticket of this daemon"));
  if (ticket->expires_at_micros != 0 && clock_.WallMicros() >= ticket->expires_at_micros) {
    return tl::unexpected(NoTicket("the ticket has expired; get another one"));
  }
  std::shared_ptr<const TokenTable> tokens;
  {
    const MutexLock lock(mutex_);
    tokens = tokens_;
  }
  auto principal = tokens->FindByName(ticket->token_name);
  if (principal && MarkOf(*principal) != ticket->fingerprint) principal.reset();
  if (!principal || (ticket->may_append && !principal->writer)) {
    return tl::unexpected(NoTicket("the token that the ticket was made with is gone"));
  }
  principal->door = Principal::Door::kTicket;
  principal->scope = ticket->scope;
  principal->writer = ticket->may_append;
  principal->approver = principal->admin = false;
  principal->expires_at_micros = ticket->expires_at_micros;
  return std::move(*principal);
}

}  // namespace stagelog
