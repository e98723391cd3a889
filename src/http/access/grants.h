// What tokens have granted to browsers and workers: sessions, one-time links and tickets. All of it
// ends with the token that it came from.
#ifndef STAGELOG_HTTP_ACCESS_GRANTS_H_
#define STAGELOG_HTTP_ACCESS_GRANTS_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/clock.h"
#include "base/file_system.h"
#include "base/mutex.h"
#include "base/result.h"
#include "http/access/auth.h"
#include "http/access/session_store.h"
#include "http/access/ticket.h"
#include "http/access/try_limiter.h"

namespace stagelog {

inline constexpr const char* kGrantsFile = "stagelog.access.json";
inline constexpr int64_t kLinkSeconds = 600;

struct GrantsOptions {
  std::string path;         // of the file with the key of tickets and the sessions
  std::string cookie_name;  // one for each journal: cookies do not tell ports apart
  SessionLimits limits;
};

// What the browser gets at a sign-in.
struct SignedIn {
  Principal principal;
  std::string cookie;
  std::string secret;  // for changes
  int64_t expires_at_micros = 0;
};

// A one-time link.
struct SignInLink {
  std::string secret;
  int64_t expires_at_micros = 0;
};

// Safe from any thread.
class Grants {
 public:
  // Reads the file, or makes one. A damaged one is set aside: everybody signs in again.
  static Result<std::unique_ptr<Grants>> Open(GrantsOptions options, FileSystem& files,
                                              Clock& clock);

  // At the start and at each reload. Writes the file when sessions end.
  void SetTokens(const std::shared_ptr<const TokenTable>& tokens);

  // Called when a session has ended, however, with its number (GrantOfSession()). Set before the
  // first request; any thread, and must not call back.
  void OnEnd(std::function<void(uint64_t grant)> on_end) { on_end_ = std::move(on_end); }

  const std::string& cookie_name() const { return options_.cookie_name; }
  const SessionLimits& limits() const { return options_.limits; }

  // Refusals: invalid_token; rate_limited, with the member `retry_after`; access_not_stored.
  // `address` is the peer's. Writes the file: not on the loop.
  tl::expected<SignedIn, Refusal> SignIn(std::string_view token, const std::string& address);
  // The same with the secret of a link, which opens nothing after that. Refusal: invalid_link.
  tl::expected<SignedIn, Refusal> SignInByLink(std::string_view secret);
  SignInLink MakeLink(const Principal& principal);

  // Who has the cookie, and the session. Refusal: invalid_session.
  tl::expected<std::pair<Principal, Session>, Refusal> UseSession(std::string_view cookie);
  // Writes the file. Refusal: access_not_stored, and the session is still there.
  std::optional<Refusal> SignOut(const std::string& session_id);

  std::string MakeTicket(const Principal& principal, const std::string& scope, bool may_append,
                         int64_t expires_at_micros) const;
  // Whom the ticket stands for, with the roles that it has. Refusal: invalid_ticket.
  tl::expected<Principal, Refusal> UseTicket(std::string_view text) const;

  // Stores when sessions were last used: `at_once` at the end, else once in ten minutes. Writes the
  // file.
  void StoreUse(bool at_once);

 private:
  struct Link {
    std::string token_name;
    std::string fingerprint;
    int64_t expires_at_micros = 0;
  };

  Grants(GrantsOptions options, FileSystem& files, Clock& clock)
      : options_(std::move(options)), files_(files), clock_(clock), sessions_(options_.limits) {}

  Status Load();
  Status LoadFrom(std::string_view text);
  Status Write() STAGELOG_REQUIRES(mutex_);
  // Tells of sessions that have ended.
  void Announce() STAGELOG_REQUIRES(mutex_);
  // What a ticket shows of a token's secret: nothing that one can guess against.
  std::string MarkOf(const Principal& principal) const;
  tl::expected<SignedIn, Refusal> Begin(Principal principal) STAGELOG_REQUIRES(mutex_);
  std::optional<Refusal> CheckTries(const std::string& address) STAGELOG_REQUIRES(mutex_);

  const GrantsOptions options_;
  FileSystem& files_;
  Clock& clock_;
  std::string key_;  // of tickets
  std::optional<TicketSigner> signer_;
  std::function<void(uint64_t grant)> on_end_ = [](uint64_t) {};

  mutable Mutex mutex_;
  std::shared_ptr<const TokenTable> tokens_ STAGELOG_GUARDED_BY(mutex_);
  SessionStore sessions_ STAGELOG_GUARDED_BY(mutex_);
  TryLimiter tries_ STAGELOG_GUARDED_BY(mutex_);
  std::unordered_map<std::string, Link> links_
      STAGELOG_GUARDED_BY(mutex_);  // by the digests of their secrets
  int64_t stored_micros_ STAGELOG_GUARDED_BY(mutex_) = 0;
  std::optional<int64_t> warned_micros_ STAGELOG_GUARDED_BY(mutex_);
};

}  // namespace stagelog

#endif  // STAGELOG_HTTP_ACCESS_GRANTS_H_
