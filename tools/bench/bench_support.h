// What the load programs share: flags, sockets, percentiles, and what a process costs.
#ifndef STAGELOG_TOOLS_BENCH_BENCH_SUPPORT_H_
#define STAGELOG_TOOLS_BENCH_BENCH_SUPPORT_H_

#include <netinet/in.h>

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/unique_fd.h"

namespace stagelog {

// `--name value` pairs, each name one of those given with its default.
class Flags {
 public:
  // Prints the usage and ends the program with 2 when the command line has anything else.
  Flags(int count, char** arguments, const std::string& program,
        std::map<std::string, std::string> defaults);

  const std::string& Text(const std::string& name) const { return values_.at(name); }
  int64_t Number(const std::string& name) const;  // ends the program with 2 when it is none

 private:
  std::map<std::string, std::string> values_;
};

// Where the daemon is: "http://127.0.0.1:8008", IPv4 only.
struct ServerAddress {
  sockaddr_in socket_address = {};
  std::string host;  // for the Host field
};
Result<ServerAddress> ParseUrl(const std::string& url);

// A non-blocking socket that connects, from the n-th loopback address (127.0.0.1, 127.0.0.2, ...):
// each address has ports of its own, so that these do not run out. `source` 0 leaves it to the
// kernel.
Result<UniqueFd> StartConnect(const ServerAddress& server, int source);

// The size of the HTTP answer that `bytes` begin with; 0 while its head is not there. The answer
// must have a Content-Length.
size_t AnswerSize(std::string_view bytes);

// Raises the soft limit of open files to the hard one; returns it.
size_t RaiseFileLimit();

// CLOCK_MONOTONIC.
int64_t MonotonicNanos();

// Durations, kept in buckets less than one percent wide, however many there are.
class Latencies {
 public:
  void Add(int64_t nanos);
  int64_t count() const { return count_; }

  // "p50 0.21  p90 0.30  p99 1.02  max 4.00 ms".
  std::string Summary() const;

 private:
  static constexpr size_t kMantissas = 128;

  double PercentileMillis(double fraction) const;

  std::array<int64_t, 64 * kMantissas> buckets_{};
  int64_t count_ = 0;
  int64_t max_nanos_ = 0;
};

// What one blocking request after the other gets on one connection.
class Requester {
 public:
  explicit Requester(const ServerAddress& server) : server_(server) {}

  // Sends the request, waits for the whole answer, and returns its status.
  Result<int> Send(const std::string& request);

 private:
  Status Connect();

  const ServerAddress& server_;
  UniqueFd socket_;
};

// What /proc says about a process.
struct ProcessCost {
  int64_t resident_kib = 0;
  int64_t threads = 0;
  double cpu_seconds = 0;
};
std::optional<ProcessCost> ReadProcessCost(int64_t pid);

// The rows of a table: a name and a value each.
void PrintRow(std::string_view name, const std::string& value);
std::string Fixed(double value, int digits);

}  // namespace stagelog

#endif  // STAGELOG_TOOLS_BENCH_BENCH_SUPPORT_H_
