#include "stream/stream_socket.h"

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <array>

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

}  // namespace
}  // namespace stagelog
