// Room for connections and for what they are owed: who goes when there is none left.
#include <algorithm>
#include <utility>
#include <vector>

#include "http/http_server.h"

namespace stagelog {
namespace {

// At the limit of connections: so many are closed at once that were idle for so long.
constexpr size_t kRoomAtOnce = 64;
constexpr int64_t kIdleBeforeRoomMicros = 1'000'000;
constexpr int64_t kMicrosBetweenLooksForRoom = 50'000;

}  // namespace

size_t HttpServer::OpenCount() const {
  return static_cast<size_t>(connection_count_.load()) + streams_.SubscriberCount();
}

// Closes those that have been idle for longest, which HTTP allows at any time. False when there is
// no room all the same.
bool HttpServer::MakeRoom() {
  const int64_t now = clock_.MonotonicMicros();
  if (now < next_look_for_room_micros_) return false;
  next_look_for_room_micros_ = now + kMicrosBetweenLooksForRoom;
  std::vector<std::pair<int64_t, uint64_t>> idle;  // since when, and which
  for (const auto& [id, connection] : connections_) {
    const int64_t since = connection->idle_since_micros;
    if (connection->IsIdle() && since <= now - kIdleBeforeRoomMicros) idle.emplace_back(since, id);
  }
  const size_t count = std::min({idle.size(), kRoomAtOnce, limits_.max_connections / 4 + 1});
  std::partial_sort(idle.begin(), idle.begin() + static_cast<std::ptrdiff_t>(count), idle.end());
  for (size_t i = 0; i < count; ++i) {
    Connection& connection = *Find(idle[i].second);
    if (connection.HasBytesWaiting()) continue;  // its next request
    if (!connection.HasClientTakenAll()) continue;
    Close(connection);
    closed_idle_.Add();
  }
  return OpenCount() <= limits_.max_connections;
}

// Looks for room until the spare connections are spare again: beyond them nobody is let in who
// could be the cause of another look.
void HttpServer::MakeRoomLater() {
  if (std::exchange(makes_room_later_, true)) return;
  CallAt(clock_.MonotonicMicros() + kIdleBeforeRoomMicros / 4, [this] {
    makes_room_later_ = false;
    if (OpenCount() > limits_.max_connections && !MakeRoom()) MakeRoomLater();
  });
}

// Keeps the sum of what clients have not taken, and bounds it.
void HttpServer::CountUnsent(Connection& connection, size_t bytes) {
  if (bytes == connection.unsent_counted) return;
  const bool is_more = bytes > connection.unsent_counted;
  unsent_bytes_ += bytes - connection.unsent_counted;
  connection.unsent_counted = bytes;
  unsent_bytes_gauge_.Set(static_cast<int64_t>(unsent_bytes_));
  if (is_more && unsent_bytes_ > limits_.unsent_bytes) Post([this] { CloseSlowestReaders(); });
}

// Closes those that have taken nothing for longest, until the rest is within the bound.
void HttpServer::CloseSlowestReaders() {
  std::vector<std::pair<int64_t, uint64_t>> waiting;  // since when, and which
  if (unsent_bytes_ <= limits_.unsent_bytes) return;
  for (const auto& [id, connection] : connections_) {
    if (!connection->HasUnsent()) continue;
    waiting.emplace_back(connection->send_progress_micros, id);
  }
  std::sort(waiting.begin(), waiting.end());
  for (const auto& [since, id] : waiting) {
    if (unsent_bytes_ <= limits_.unsent_bytes - limits_.unsent_bytes / 8) return;
    GiveUp(*Find(id));
    closed_unread_.Add();
  }
}

}  // namespace stagelog
