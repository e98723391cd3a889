// A daemon, and the command line pointed at it.
#ifndef STAGELOG_TESTS_CLI_COMMAND_FIXTURE_H_
#define STAGELOG_TESTS_CLI_COMMAND_FIXTURE_H_

#include <gmock/gmock.h>

#include <string>
#include <vector>

#include "tests/cli/cli_runner.h"
#include "tests/support/daemon_fixture.h"

namespace stagelog {

class CommandTest : public DaemonTest {
 protected:
  // Starts the daemon and points the commands at it, with the admin's token.
  void StartDaemon(uint16_t port = 0, std::string_view config = kTestConfig) {
    Start(config, port);
    cli_.SetEnvironment("STAGELOG_URL", "http://127.0.0.1:" + std::to_string(daemon_->port()));
    cli_.SetEnvironment("STAGELOG_TOKEN", std::string(kAdminToken));
  }

  // Runs the command; fails the test unless it ends with `exit_code`.
  CliResultText Run(std::vector<std::string> arguments, const std::string& input = "",
                    int exit_code = 0) {
    CliResultText result = cli_.Run(arguments, input);
    EXPECT_EQ(result.exit_code, exit_code) << ::testing::PrintToString(arguments) << "\n"
                                           << result.out << result.err;
    return result;
  }

  // Ends with that code and says so in one line on standard error.
  void ExpectFailure(std::vector<std::string> arguments, int exit_code, const std::string& says,
                     const std::string& input = "") {
    const CliResultText result = Run(std::move(arguments), input, exit_code);
    EXPECT_THAT(result.err, ::testing::HasSubstr(says));
    EXPECT_THAT(result.err, ::testing::Not(::testing::HasSubstr("what()")));
  }

  CliRunner cli_;
};

}  // namespace stagelog

#endif  // STAGELOG_TESTS_CLI_COMMAND_FIXTURE_H_
