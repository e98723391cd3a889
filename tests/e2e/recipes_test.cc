// conf/recipes: the rules for Prometheus do what they say, of metrics that the daemon has.
#include <gmock/gmock.h>

#include <cstdlib>
#include <regex>
#include <set>
#include <string>

#include "tests/support/daemon_fixture.h"
#include "tests/support/journal_evidence.h"
#include "tests/support/requirement.h"

namespace stagelog::recipes_test {
namespace {

class RecipesTest : public DaemonTest {};

TEST_F(RecipesTest, RulesKeepTheirTests) {
  if (std::system("command -v promtool >/dev/null") != 0) SKIP_TEST() << "no promtool here";
  const std::string command = "cd " STAGELOG_RECIPES
                              " && promtool test rules prometheus-rules-test.yml > " +
                              directory_.Path("out") + " 2>&1";
  EXPECT_EQ(std::system(command.c_str()), 0) << ReadAll(directory_.Path("out"));
}

TEST_F(RecipesTest, RulesNameMetricsThatThereAre) {
  Start();
  Append("job", kLogEvent);
  const std::string metrics = admin().Get("/metrics").body;
  const std::string rules = ReadAll(STAGELOG_RECIPES "/prometheus-rules.yml");
  const std::regex name("\\bstagelog_[a-z_0-9]+");
  std::set<std::string> named;
  for (std::sregex_iterator at(rules.begin(), rules.end(), name), end; at != end; ++at) {
    named.insert(at->str());
  }
  EXPECT_GE(named.size(), 8);
  for (const std::string& metric : named) {
    EXPECT_THAT(metrics, ::testing::ContainsRegex("\n" + metric + "[ {]")) << metric;
  }
}

}  // namespace
}  // namespace stagelog::recipes_test
