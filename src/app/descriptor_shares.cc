#include "app/descriptor_shares.h"

#include <fmt/core.h>
#include <sys/resource.h>

#include <algorithm>
#include <cerrno>

#include "base/logging.h"

namespace stagelog {
namespace {

// What may be open at once beside journal files that are kept open and clients.
// Three standard streams, the lock and its folder, the writer's database with its log and index,
// some fifteen of loops, their timers and sockets; and some that whoever started us left open.
constexpr size_t kAlwaysOpen = 27;
// Each has its database, the log of that, a file with older events, and the folder on the way.
constexpr size_t kPerReader = 4;
// Three threads of the pool, the gate timer, the state files and webhooks; those for streams come
// to them.
constexpr size_t kReaders = 6;
// A backup, which opens its copy as a journal (12), a file that is compressed (6), one that is
// repaired (4), one that is replaced by the writer and one by the state files (4 each: a folder
// within a folder), and what SQLite sorts on the disk (2).
constexpr size_t kUpkeep = 32;
// A connection to a webhook under way, one that is kept, and two while its name is looked up.
constexpr size_t kPerOutgoing = 4;
constexpr size_t kOutgoing = 192;
constexpr size_t kLeastOutgoing = 2;
// The database of webhooks with its log and index, and what wakes its thread.
constexpr size_t kWebhooks = 6 + kPerOutgoing * kLeastOutgoing;

constexpr size_t kMaxReserve = 256;
constexpr size_t kLeastOpenFiles = 16;
constexpr size_t kLeastConnections = 8;
constexpr size_t kLeastForClients = kLeastConnections + kLeastConnections / 4;  // with the spare

}  // namespace

Result<DescriptorShares> ShareDescriptors(size_t limit, size_t open_files, size_t reader_threads) {
  if (limit >= 2 * (kMaxReserve + open_files + kPerOutgoing * kOutgoing)) {
    constexpr size_t kForOutgoing = kPerOutgoing * kOutgoing;
    return DescriptorShares{open_files, kOutgoing, limit - kMaxReserve - open_files - kForOutgoing};
  }
  const size_t needed =
      kAlwaysOpen + kPerReader * (kReaders + reader_threads) + kUpkeep + kWebhooks;
  const size_t least = needed + kLeastOpenFiles + kLeastForClients;
  if (limit < least) {
    return Failure(
        fmt::format("the file descriptor limit is {}, at least {} are needed: {} for the database, "
                    "its readers and upkeep, {} for journal files, {} for connections; raise it "
                    "(ulimit -n, or LimitNOFILE= of the service)",
                    limit, least, needed, kLeastOpenFiles, kLeastForClients),
        EMFILE);
  }
  const size_t left = limit - std::clamp(limit / 4, needed, std::max(needed, kMaxReserve));
  DescriptorShares shares;
  shares.outgoing = kLeastOutgoing;
  shares.open_files =
      std::min(open_files, std::clamp(limit / 4, kLeastOpenFiles, left - kLeastForClients));
  shares.connections = (left - shares.open_files) / 5 * 4;  // a fifth is spare
  LogWarning(
      "[stagelogd] the file descriptor limit ({}, see ulimit -n) is low: at most {} connections "
      "and {} open journal files; raise it to serve more",
      limit, shares.connections, shares.open_files);
  return shares;
}

size_t RaiseDescriptorLimit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return 1024;
  limit.rlim_cur = limit.rlim_max;
  if (::setrlimit(RLIMIT_NOFILE, &limit) != 0) ::getrlimit(RLIMIT_NOFILE, &limit);
  return static_cast<size_t>(limit.rlim_cur);
}

}  // namespace stagelog
