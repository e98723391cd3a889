#include "http/host_check.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace stagelog {
namespace {

const std::vector<std::string> kHosts = {"journal.example.org", "Other.Example.Net."};

TEST(HostCheckTest, AddressesAndNamesWithoutADot) {
  for (const char* host :
       {"127.0.0.1", "127.0.0.1:8008", "10.1.2.3:65535", "[::1]", "[::1]:8008", "[2001:db8::7]:1",
        "[::ffff:10.0.0.1]", "localhost", "localhost:8008", "LOCALHOST", "my-box", "my_service:80",
        "localhost.", "localhost.:8008", "127.0.0.1."}) {
    EXPECT_TRUE(IsAllowedHost(host, {})) << host;
  }
}

TEST(HostCheckTest, NamesWithADotAreAllowedWhenListed) {
  for (const char* host : {"journal.example.org", "journal.example.org:443", "JOURNAL.Example.ORG",
                           "journal.example.org.", "other.example.net", "other.example.net.:80"}) {
    EXPECT_TRUE(IsAllowedHost(host, kHosts)) << host;
    EXPECT_FALSE(IsAllowedHost(host, {})) << host;
  }
}

TEST(HostCheckTest, ForeignNames) {
  for (const char* host :
       {"evil.example", "journal.example.org.evil.example", "x.journal.example.org", "example.org",
        "127.0.0.1.evil.example", "127.1", "0x7f.1", "256.0.0.1", "1.2.3.4.5"}) {
    EXPECT_FALSE(IsAllowedHost(host, kHosts)) << host;
  }
}

TEST(HostCheckTest, Garbage) {
  for (const std::string& host : std::vector<std::string>{"",
                                                          " ",
                                                          ".",
                                                          "..",
                                                          ":8008",
                                                          "localhost:",
                                                          "localhost:x",
                                                          "localhost:-1",
                                                          "localhost:65536",
                                                          "localhost:80:80",
                                                          "::1",
                                                          "::1:8008",
                                                          "[::1",
                                                          "::1]",
                                                          "[]",
                                                          "[]:80",
                                                          "[::1]8008",
                                                          "[::1]:",
                                                          "[::1]x",
                                                          "[localhost]",
                                                          "[127.0.0.1]",
                                                          "[::1%25lo]",
                                                          "user@host",
                                                          "user:secret@localhost",
                                                          "localhost/",
                                                          "http://localhost",
                                                          "local host",
                                                          "localhost ",
                                                          "localhost\t",
                                                          "a..b",
                                                          ".localhost",
                                                          "localhost..",
                                                          "lo\xc3\xa9",
                                                          "a,b",
                                                          "localhost#",
                                                          "*",
                                                          std::string("localhost\0", 10),
                                                          std::string("[::1\0]", 6),
                                                          std::string(300, 'a')}) {
    EXPECT_FALSE(IsAllowedHost(host, kHosts)) << host;
  }
}

TEST(HostCheckTest, HostNames) {
  for (const char* name : {"localhost", "a.example", "a.example.", "10.0.0.1", "::1", "::"}) {
    EXPECT_TRUE(IsHostName(name)) << name;
  }
  for (const char* name : {"", "a:80", "[::1]", "http://a", "a/b", "a b", "*", "*.example"}) {
    EXPECT_FALSE(IsHostName(name)) << name;
  }
}

TEST(HostCheckTest, LoopbackHosts) {
  for (const char* name :
       {"127.0.0.1", "127.255.255.254", "::1", "0:0:0:0:0:0:0:1", "localhost", "Localhost."}) {
    EXPECT_TRUE(IsLoopbackHost(name)) << name;
  }
  for (const char* name : {"", "0.0.0.0", "::", "128.0.0.1", "127.example.org", "mybox"}) {
    EXPECT_FALSE(IsLoopbackHost(name)) << name;
  }
}

}  // namespace
}  // namespace stagelog
