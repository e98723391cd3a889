// Which zone the times of a screen are in: said once to a person, and never to a program.
#include <gmock/gmock.h>

#include "tests/cli/person.h"
#include "tests/cli/run_fixture.h"
#include "tests/support/requirement.h"

namespace stagelog {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

class ZoneLineTest : public RunTest {
 protected:
  void SetUp() override {
    if (!HasPseudoTerminals()) SKIP_TEST() << "no pseudo-terminals here";
    StartDaemon();
    // At noon in winter, so that a zone shows in the hour.
    Append("job", R"({"type":"job_created","occurred_at":"2026-01-02T12:00:00Z"})");
    Append("job", R"({"type":"job_completed","occurred_at":"2026-01-02T12:00:01Z"})");
  }

  // What a person sees who runs the command in that zone.
  std::string Screen(std::vector<std::string> words, const std::string& zone) {
    words.insert(words.begin(), CliPath());
    Person person(words, {{"STAGELOG_URL", "http://127.0.0.1:" + std::to_string(port_)},
                          {"STAGELOG_TOKEN", std::string(kAdminToken)},
                          {"HOME", cli_.home()},
                          {"TZ", zone}});
    EXPECT_EQ(person.Wait(), 0) << person.screen();
    return person.screen();
  }

  std::vector<std::string> Replay() { return {"replay", runs_dir() + "/job", "--speed", "max"}; }
};

size_t CountOf(const std::string& text, const std::string& part) {
  size_t count = 0;
  for (size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++count;
  return count;
}

TEST_F(ZoneLineTest, ItIsSaidOnceBeforeTheFirstTime) {
  const std::pair<const char*, const char*> zones[] = {{"UTC", "times: UTC"},
                                                       {"CET-1", "times: +01:00"},
                                                       {"<+0545>-5:45", "times: +05:45"},
                                                       {"<-0330>3:30", "times: -03:30"}};
  for (const auto& [zone, said] : zones) {
    SCOPED_TRACE(zone);
    for (const auto& command :
         {std::vector<std::string>{"tail", "job", "--until-terminal"}, Replay()}) {
      SCOPED_TRACE(command.front());
      const std::string screen = Screen(command, zone);
      EXPECT_EQ(CountOf(screen, said), 1u) << screen;
      EXPECT_EQ(CountOf(screen, "times:"), 1u) << screen;
      EXPECT_LT(screen.find(said), screen.find("job_created")) << screen;
    }
  }
}

TEST_F(ZoneLineTest, TheTimesAreInThatZone) {
  EXPECT_THAT(Screen(Replay(), "UTC"), HasSubstr("12:00:00.000"));
  EXPECT_THAT(Screen(Replay(), "<+0545>-5:45"), HasSubstr("17:45:00.000"));
  EXPECT_THAT(Screen(Replay(), "<-0330>3:30"), HasSubstr("08:30:00.000"));
}

TEST_F(ZoneLineTest, AProgramThatReadsIsNotTold) {
  for (const auto& command :
       {std::vector<std::string>{"tail", "job", "--until-terminal"}, Replay()}) {
    SCOPED_TRACE(command.front());
    const CliResultText piped = Run(command);
    EXPECT_THAT(piped.out, AllOf(HasSubstr("job_completed"), Not(HasSubstr("times:"))));
    EXPECT_EQ(piped.err, "");
    std::vector<std::string> as_json = command;
    as_json.emplace_back("--json");
    EXPECT_THAT(Screen(as_json, "UTC"),
                AllOf(HasSubstr(R"("type":"job_completed")"), Not(HasSubstr("times:"))));
  }
}

}  // namespace
}  // namespace stagelog
