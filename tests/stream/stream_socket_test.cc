#include "stream/stream_socket.h"

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <array>

#include "tests/support/deadline.h"

namespace stagelog {
namespace {

constexpr int64_t kTimeout = 1'000;

// Both ends of a TCP connection over loopback; the first is the one that sends.
std::pair<UniqueFd, UniqueFd> Connect() {
  const UniqueFd listener(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  auto* generic = reinterpret_cast<sockaddr*>(&address);
  socklen_t size = sizeof(address);
  EXPECT_EQ(::bind(listener.get(), generic, size), 0);
  EXPECT_EQ(::listen(listener.get(), 1), 0);
  EXPECT_EQ(::getsockname(listener.get(), generic, &size), 0);
  UniqueFd peer(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  EXPECT_EQ(::connect(peer.get(), generic, size), 0);
  return {UniqueFd(::accept4(listener.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC)),
          std::move(peer)};
}

TEST(StreamSocketTest, APeerThatTakesLittleHasNotStalled) {
  auto [ours, peer] = Connect();
  StreamSocket socket(std::move(ours));
  socket.QueueHead(std::string(size_t{32} << 20, 'x'));
  ASSERT_EQ(socket.Send({}, 0).outcome, SendOutcome::kBlocked);
  EXPECT_FALSE(socket.HasStalled(1, kTimeout));
  // Far less than a third of what is on its way: the socket stays full for epoll.
  std::array<char, 65536> bytes;
  for (int i = 0; i < 10; ++i) {
    ASSERT_GT(::recv(peer.get(), bytes.data(), bytes.size(), MSG_WAITALL), 0);
  }
  EXPECT_FALSE(socket.HasStalled(kTimeout, kTimeout));
  EXPECT_FALSE(socket.HasStalled(2 * kTimeout - 1, kTimeout));
  EXPECT_TRUE(socket.HasStalled(2 * kTimeout, kTimeout)) << "nothing was taken since";
}

TEST(StreamSocketTest, WhoGoesOnSendingIsTakenForGone) {
  auto [ours, peer] = Connect();
  StreamSocket socket(std::move(ours));
  const std::string bytes(1'024, 'x');
  int sent = 0;
  for (; sent < 1'000 && socket.DiscardInput(); ++sent) {
    ASSERT_EQ(::send(peer.get(), bytes.data(), bytes.size(), 0), 1'024);
  }
  EXPECT_GT(sent, 32);
  EXPECT_LT(sent, 200) << "however slowly it does so";
}

// What the kernel takes for a peer that reads nothing.
size_t BytesTaken(StreamSocket& socket) {
  socket.QueueHead(std::string(size_t{32} << 20, 'x'));
  const SendReport report = socket.Send({}, 0);
  EXPECT_EQ(report.outcome, SendOutcome::kBlocked);
  return report.bytes;
}

TEST(StreamSocketTest, WhatTheKernelHoldsIsBounded) {
  auto [ours, peer] = Connect();
  const int small = 16'384;
  ::setsockopt(peer.get(), SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
  StreamSocket socket(std::move(ours));
  const int granted = socket.BoundKernelBytes(64 << 10);
  EXPECT_GE(granted, 64 << 10);
  EXPECT_LE(granted, 128 << 10);
  // Some of it is with the peer already.
  EXPECT_LE(BytesTaken(socket), size_t{512} << 10);
  EXPECT_EQ(socket.kernel_bytes(), 0) << "nobody has asked";
  EXPECT_FALSE(socket.HasStalled(1, kTimeout));
  EXPECT_GT(socket.kernel_bytes(), 0);
  EXPECT_LE(socket.kernel_bytes(), granted);
}

TEST(StreamSocketTest, WhatThePeerHasTakenIsNoLongerHeld) {
  auto [ours, peer] = Connect();
  StreamSocket socket(std::move(ours));
  socket.BoundKernelBytes(64 << 10);
  socket.QueueHead(std::string(size_t{4} << 20, 'x'));
  ASSERT_EQ(socket.Send({}, 0).outcome, SendOutcome::kBlocked);
  EXPECT_FALSE(socket.HasStalled(1, kTimeout));
  ASSERT_GT(socket.kernel_bytes(), 0);
  std::array<char, 65536> bytes;
  while (socket.HasUnsent()) {
    ASSERT_GT(::recv(peer.get(), bytes.data(), bytes.size(), 0), 0);
    socket.Unblock();
    socket.Send({}, 2);
  }
  ::shutdown(socket.fd(), SHUT_WR);
  while (::recv(peer.get(), bytes.data(), bytes.size(), 0) > 0) {
  }
  // Asked again although it is neither blocked nor long ago. The peer's last ACK may be on its way.
  const Deadline deadline(std::chrono::seconds(30));
  do {
    EXPECT_FALSE(socket.HasStalled(3, kTimeout));
  } while (socket.kernel_bytes() > 0 && !deadline.Passed());
  EXPECT_EQ(socket.kernel_bytes(), 0);
}

}  // namespace
}  // namespace stagelog
