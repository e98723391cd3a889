#include "tools/bench/bench_support.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <fstream>
#include <iostream>
#include <sstream>

namespace stagelog {
namespace {

constexpr uint32_t kFirstLoopback = 0x7f000001;  // 127.0.0.1

[[noreturn]] void EndWithUsage(const std::string& program,
                               const std::map<std::string, std::string>& defaults) {
  std::cerr << "usage: " << program;
  for (const auto& [name, value] : defaults) std::cerr << " [--" << name << " " << value << "]";
  std::cerr << "\n";
  std::exit(2);
}

// The one cast that the sockets interface asks for.
const sockaddr* Generic(const sockaddr_in& address) {
  return reinterpret_cast<const sockaddr*>(&address);
}

}  // namespace

size_t AnswerSize(std::string_view bytes) {
  constexpr std::string_view kLength = "Content-Length: ";
  const size_t head_end = bytes.find("\r\n\r\n");
  const size_t field = bytes.find(kLength);
  if (head_end == std::string_view::npos || field > head_end) return 0;
  size_t length = 0;
  std::from_chars(bytes.data() + field + kLength.size(), bytes.data() + head_end, length);
  return head_end + 4 + length;
}

Flags::Flags(int count, char** arguments, const std::string& program,
             std::map<std::string, std::string> defaults)
    : values_(std::move(defaults)) {
  for (int i = 1; i < count; i += 2) {
    const std::string_view word = arguments[i];
    const std::string name(word.starts_with("--") ? word.substr(2) : "");
    if (i + 1 == count || values_.count(name) == 0) EndWithUsage(program, values_);
    values_[name] = arguments[i + 1];
  }
}

int64_t Flags::Number(const std::string& name) const {
  const std::string& text = values_.at(name);
  int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error == std::errc() && end == text.data() + text.size() && value >= 0) return value;
  std::cerr << "--" << name << " must be a whole number, not '" << text << "'\n";
  std::exit(2);
}

Result<ServerAddress> ParseUrl(const std::string& url) {
  constexpr std::string_view kScheme = "http://";
  std::string_view rest = url;
  if (!rest.starts_with(kScheme)) return Failure("--url must begin with http://");
  rest.remove_prefix(kScheme.size());
  while (rest.ends_with('/')) rest.remove_suffix(1);
  ServerAddress server;
  server.host = rest;
  const size_t colon = rest.find(':');
  std::string address(rest.substr(0, colon));
  if (address == "localhost") address = "127.0.0.1";
  uint16_t port = 80;
  if (colon != std::string_view::npos) {
    const std::string_view digits = rest.substr(colon + 1);
    std::from_chars(digits.data(), digits.data() + digits.size(), port);
  }
  server.socket_address.sin_family = AF_INET;
  server.socket_address.sin_port = htons(port);
  if (::inet_pton(AF_INET, address.c_str(), &server.socket_address.sin_addr) != 1) {
    return Failure("--url must name an IPv4 address: " + url);
  }
  return server;
}

Result<UniqueFd> StartConnect(const ServerAddress& server, int source) {
  UniqueFd socket(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!socket.valid()) return Failure("socket", errno);
  const int on = 1;
  ::setsockopt(socket.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
  if (source > 0) {
    sockaddr_in own = {};
    own.sin_family = AF_INET;
    own.sin_addr.s_addr = htonl(kFirstLoopback + static_cast<uint32_t>(source) - 1);
    ::setsockopt(socket.get(), IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof(on));
    if (::bind(socket.get(), Generic(own), sizeof(own)) != 0) return Failure("bind", errno);
  }
  const sockaddr_in& there = server.socket_address;
  if (::connect(socket.get(), Generic(there), sizeof(there)) != 0 && errno != EINPROGRESS) {
    return Failure("connect", errno);
  }
  return socket;
}

size_t RaiseFileLimit() {
  rlimit limit = {};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
  return limit.rlim_cur;
}

int64_t MonotonicNanos() {
  timespec now = {};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

void Latencies::Add(int64_t nanos) {
  const auto value = static_cast<uint64_t>(std::max<int64_t>(nanos, 0));
  const auto width = static_cast<size_t>(std::bit_width(value));
  const size_t shift = width > 8 ? width - 8 : 0;
  ++buckets_[shift * kMantissas + (value >> shift)];
  ++count_;
  max_nanos_ = std::max(max_nanos_, nanos);
}

double Latencies::PercentileMillis(double fraction) const {
  const double rank = fraction * static_cast<double>(count_);
  double seen = 0;
  for (size_t i = 0; i < buckets_.size(); ++i) {
    seen += static_cast<double>(buckets_[i]);
    if (seen < rank || buckets_[i] == 0) continue;
    const size_t shift = i < 2 * kMantissas ? 0 : i / kMantissas - 1;
    return static_cast<double>((i - shift * kMantissas) << shift) / 1e6;
  }
  return static_cast<double>(max_nanos_) / 1e6;
}

std::string Latencies::Summary() const {
  if (count_ == 0) return "none";
  return "p50 " + Fixed(PercentileMillis(0.5), 2) + "  p90 " + Fixed(PercentileMillis(0.9), 2) +
         "  p99 " + Fixed(PercentileMillis(0.99), 2) + "  max " +
         Fixed(static_cast<double>(max_nanos_) / 1e6, 2) + " ms";
}

Status Requester::Connect() {
  auto socket = StartConnect(server_, 0);
  if (!socket) return Failure(socket.error().message, socket.error().error_number);
  socket_ = std::move(*socket);
  const int flags = ::fcntl(socket_.get(), F_GETFL);
  ::fcntl(socket_.get(), F_SETFL, flags & ~O_NONBLOCK);
  pollfd wait = {.fd = socket_.get(), .events = POLLOUT, .revents = 0};
  ::poll(&wait, 1, 10'000);
  const timeval timeout = {.tv_sec = 30, .tv_usec = 0};
  ::setsockopt(socket_.get(), SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout));
  ::setsockopt(socket_.get(), SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof(timeout));
  return {};
}

Result<int> Requester::Send(const std::string& request) {
  if (!socket_.valid()) {
    const Status connected = Connect();
    if (!connected) return Failure(connected.error().message, connected.error().error_number);
  }
  for (size_t sent = 0; sent < request.size();) {
    const ssize_t count =
        ::send(socket_.get(), request.data() + sent, request.size() - sent, MSG_NOSIGNAL);
    if (count <= 0) return Failure("send", errno);
    sent += static_cast<size_t>(count);
  }
  std::string answer;
  std::array<char, 4096> bytes;
  while (AnswerSize(answer) == 0 || answer.size() < AnswerSize(answer)) {
    const ssize_t count = ::recv(socket_.get(), bytes.data(), bytes.size(), 0);
    if (count <= 0) return Failure("recv", errno);
    answer.append(bytes.data(), static_cast<size_t>(count));
  }
  int status = 0;
  std::from_chars(answer.data() + 9, answer.data() + 12, status);
  return status;
}

std::optional<ProcessCost> ReadProcessCost(int64_t pid) {
  const std::string folder = "/proc/" + std::to_string(pid);
  std::ifstream stat(folder + "/stat");
  std::string text;
  if (!std::getline(stat, text)) return std::nullopt;
  // The fields of proc(5) from the third on; the second may hold blanks and ends with ')'.
  std::istringstream fields(text.substr(text.rfind(')') + 2));
  std::vector<std::string> values;
  for (std::string value; fields >> value;) values.push_back(value);
  if (values.size() < 22) return std::nullopt;
  const double ticks = std::stod(values[11]) + std::stod(values[12]);  // utime, stime
  ProcessCost cost;
  cost.cpu_seconds = ticks / static_cast<double>(::sysconf(_SC_CLK_TCK));
  cost.threads = std::stoll(values[17]);
  cost.resident_kib = std::stoll(values[21]) * ::sysconf(_SC_PAGESIZE) / 1024;
  return cost;
}

void PrintRow(std::string_view name, const std::string& value) {
  std::string padded(name);
  padded.resize(std::max<size_t>(padded.size(), 26), ' ');
  std::cout << padded << value << std::endl;
}

std::string Fixed(double value, int digits) {
  std::array<char, 64> text;
  std::snprintf(text.data(), text.size(), "%.*f", digits, value);
  return text.data();
}

}  // namespace stagelog
