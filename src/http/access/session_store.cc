#include "http/access/session_store.h"

#include <algorithm>
#include <charconv>

#include "base/sha256.h"

namespace stagelog {

void SessionStore::Add(Session session, int64_t now_micros) {
  DropExpired(now_micros);
  size_t count = 0;
  const Session* oldest = nullptr;
  for (const Session& other : sessions_) {
    if (other.token_name != session.token_name) continue;
    ++count;
    if (oldest == nullptr || other.used_micros < oldest->used_micros) oldest = &other;
  }
  if (count >= limits_.max_of_token) End(std::string(oldest->id));
  sessions_.push_back(std::move(session));
}

// The id is a digest of an unpredictable secret: how long the comparison takes tells nothing.
std::optional<Session> SessionStore::Use(std::string_view cookie, int64_t now_micros) {
  DropExpired(now_micros);
  const std::string id = Sha256Hex(cookie);
  const auto found = std::find_if(sessions_.begin(), sessions_.end(),
                                  [&](const Session& session) { return session.id == id; });
  if (found == sessions_.end()) return std::nullopt;
  found->used_micros = std::max(found->used_micros, now_micros);
  return *found;
}

bool SessionStore::End(std::string_view id) {
  const size_t count = sessions_.size();
  KeepOnly([id](const Session& session) { return session.id != id; });
  return sessions_.size() < count;
}

void SessionStore::DropExpired(int64_t now_micros) {
  KeepOnly([&](const Session& session) {
    return now_micros < session.used_micros + limits_.idle_micros &&
           now_micros < session.began_micros + limits_.life_micros;
  });
}

uint64_t GrantOfSession(std::string_view id) {
  uint64_t number = 0;
  std::from_chars(id.data(), id.data() + std::min<size_t>(id.size(), 15), number, 16);
  return number + 1;
}

}  // namespace stagelog
