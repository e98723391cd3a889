// Sessions: who has signed in from a browser. The browser holds two secrets: a cookie, which no
// script can read and which it sends by itself, and a word that the page sends with what changes
// something. The store knows only digests of both.
#ifndef STAGELOG_HTTP_ACCESS_SESSION_STORE_H_
#define STAGELOG_HTTP_ACCESS_SESSION_STORE_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace stagelog {

struct SessionLimits {
  int64_t idle_micros = int64_t{24} * 3'600 * 1'000'000;       // since its last request
  int64_t life_micros = int64_t{30} * 24 * 3'600 * 1'000'000;  // since the sign-in
  size_t max_of_token = 100;  // one more ends that of the token which was used longest ago
};

struct Session {
  std::string id;           // SHA-256 of the cookie, 64 hex digits
  std::string secret_hash;  // the same of the word for changes
  std::string token_name;
  std::string fingerprint;   // of that token's secret (Principal)
  int64_t began_micros = 0;  // wall clock, as the next one
  int64_t used_micros = 0;

  bool operator==(const Session&) const = default;
};

// One thread at a time.
class SessionStore {
 public:
  explicit SessionStore(SessionLimits limits) : limits_(limits) {}

  void Add(Session session, int64_t now_micros);
  // Marks it as used. None for a cookie that opens no session any more.
  std::optional<Session> Use(std::string_view cookie, int64_t now_micros);
  // True if there was one.
  bool End(std::string_view id);
  // Ends those that `keeps` does not hold for.
  template <typename Keeps>
  void KeepOnly(const Keeps& keeps) {
    std::erase_if(sessions_, [&](const Session& session) {
      if (keeps(session)) return false;
      ended_.push_back(session.id);
      return true;
    });
  }

  // The ids of those that have ended in any way since the last call.
  std::vector<std::string> TakeEnded() { return std::exchange(ended_, {}); }

  int64_t ExpiresAtMicros(const Session& session) const {
    return session.began_micros + limits_.life_micros;
  }
  const SessionLimits& limits() const { return limits_; }
  const std::vector<Session>& sessions() const { return sessions_; }

 private:
  void DropExpired(int64_t now_micros);

  const SessionLimits limits_;
  std::vector<Session> sessions_;  // few
  std::vector<std::string> ended_;
};

// A stream knows its session by a number. The number of an id: its first 63 bits, never 0.
uint64_t GrantOfSession(std::string_view id);

}  // namespace stagelog

#endif  // STAGELOG_HTTP_ACCESS_SESSION_STORE_H_
