#include "http/route_table.h"

#include <gmock/gmock.h>

namespace stagelog {
namespace {

using ::testing::ElementsAre;

RouteTable Table() {
  return RouteTable({{.method = "GET", .pattern = "/jobs"},
                     {.method = "POST", .pattern = "/jobs"},
                     {.method = "GET", .pattern = "/jobs/{job}/events"},
                     {.method = "POST", .pattern = "/jobs/{job}/events"},
                     {.method = "POST", .pattern = "/only/post"}});
}

TEST(RouteTable, MatchesPartsAndCaptures) {
  const RouteTable table = Table();
  const RouteMatch match = table.Match("POST", "/jobs/render-42/events");
  ASSERT_NE(match.route, nullptr);
  EXPECT_EQ(match.route->method, "POST");
  EXPECT_THAT(match.captures, ElementsAre("render-42"));
  EXPECT_NE(table.Match("HEAD", "/jobs").route, nullptr) << "HEAD is served as GET";
}

TEST(RouteTable, UnknownPathsAndMethods) {
  const RouteTable table = Table();
  for (const char* path : {"", "/", "/job", "/jobs/", "/jobs/a", "/jobs/a/events/", "jobs",
                           "/jobs/a/b/events", "//jobs", "/only", "/only/post/more"}) {
    const RouteMatch match = table.Match("GET", path);
    EXPECT_EQ(match.route, nullptr) << path;
    EXPECT_EQ(match.allowed, "") << path;
  }
  const RouteMatch match = table.Match("DELETE", "/jobs");
  EXPECT_EQ(match.route, nullptr);
  EXPECT_EQ(match.allowed, "GET, HEAD, POST, OPTIONS");
  EXPECT_EQ(table.Match("GET", "/only/post").allowed, "POST, OPTIONS");
}

TEST(RouteTable, Access) {
  Principal reader{.token_name = "r", .reader = true};
  Principal writer{.token_name = "w", .reader = true, .writer = true};
  Principal approver{.token_name = "a", .reader = true, .approver = true};
  EXPECT_TRUE(Admits(Access::kOpen, Principal()));
  EXPECT_FALSE(Admits(Access::kReader, Principal()));
  EXPECT_TRUE(Admits(Access::kReader, reader));
  EXPECT_FALSE(Admits(Access::kWriter, reader));
  EXPECT_FALSE(Admits(Access::kAppender, reader));
  EXPECT_TRUE(Admits(Access::kAppender, writer));
  EXPECT_TRUE(Admits(Access::kAppender, approver));
  EXPECT_FALSE(Admits(Access::kWriter, approver));
}

}  // namespace
}  // namespace stagelog
