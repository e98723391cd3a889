// The seam to cpp-httplib: these tests fail the day the library no longer lets us in as it does
// now.
#include "http/library_server.h"

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <sys/socket.h>

#include <cstring>
#include <future>

namespace stagelog {
namespace {

UniqueFd ConnectTo(int port) {
  UniqueFd socket(::socket(AF_INET, SOCK_STREAM, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  sockaddr generic{};
  static_assert(sizeof(generic) == sizeof(address));
  std::memcpy(&generic, &address, sizeof(address));
  if (::connect(socket.get(), &generic, sizeof(generic)) != 0) return UniqueFd();
  return socket;
}

TEST(LibraryServer, HandsEachConnectionOnOpenAndUnread) {
  std::promise<UniqueFd> accepted;
  LibraryServer server([&](UniqueFd socket) { accepted.set_value(std::move(socket)); });
  const auto port = server.Bind("127.0.0.1", 0);
  ASSERT_TRUE(port);
  server.Start();
  const UniqueFd client = ConnectTo(*port);
  ASSERT_TRUE(client.valid());
  ASSERT_EQ(::send(client.get(), "hello", 5, 0), 5);
  const UniqueFd socket = accepted.get_future().get();
  char buffer[8] = {};
  EXPECT_EQ(::recv(socket.get(), buffer, 5, MSG_WAITALL), 5);
  EXPECT_STREQ(buffer, "hello");
  // The library closes its side when a connection is done; it must not have shut this one down.
  ASSERT_EQ(::send(socket.get(), "world", 5, 0), 5);
  EXPECT_EQ(::recv(client.get(), buffer, 5, MSG_WAITALL), 5);
  EXPECT_STREQ(buffer, "world");
  server.StopAccepting();
}

TEST(LibraryServer, StopsBeforeAndAfterStart) {
  LibraryServer never_started([](const UniqueFd&) {});
  ASSERT_TRUE(never_started.Bind("127.0.0.1", 0));
  never_started.StopAccepting();
  for (int i = 0; i < 20; ++i) {
    LibraryServer server([](const UniqueFd&) {});
    ASSERT_TRUE(server.Bind("127.0.0.1", 0));
    server.Start();
    server.StopAccepting();
    server.StopAccepting();
  }
}

TEST(LibraryServer, APortInUseIsRefused) {
  LibraryServer first([](const UniqueFd&) {});
  const auto port = first.Bind("127.0.0.1", 0);
  ASSERT_TRUE(port);
  LibraryServer second([](const UniqueFd&) {});
  const auto taken = second.Bind("127.0.0.1", *port);
  ASSERT_FALSE(taken);
  EXPECT_THAT(taken.error().message, testing::HasSubstr(std::to_string(*port)));
}

TEST(LibraryServer, ReadsRequestLines) {
  LibraryServer server([](const UniqueFd&) {});
  const auto request = server.ParseRequestLine("GET /a%20b/c?x=1+2&y=%2B&x=3 HTTP/1.1");
  ASSERT_TRUE(request);
  EXPECT_EQ(request->method, "GET");
  EXPECT_EQ(request->path, "/a b/c");
  EXPECT_EQ(request->get_param_value("x", 0), "1 2");
  EXPECT_EQ(request->get_param_value_count("x"), 2u);
  EXPECT_EQ(request->get_param_value("y"), "+");
  EXPECT_FALSE(server.ParseRequestLine("BREW /pot HTTP/1.1"));
  EXPECT_FALSE(server.ParseRequestLine("nonsense"));
}

}  // namespace
}  // namespace stagelog
