// What tests of `stagelog import` with lines of other programs stand on.
#ifndef STAGELOG_TESTS_CLI_IMPORT_FIXTURE_H_
#define STAGELOG_TESTS_CLI_IMPORT_FIXTURE_H_

#include <fstream>
#include <string>
#include <utility>
#include <vector>

#include "tests/cli/command_fixture.h"

namespace stagelog {

class ForeignLinesTest : public CommandTest {
 protected:
  void SetUp() override { StartDaemon(); }

  std::string Write(const std::string& name, const std::string& text) {
    std::ofstream(cli_.Path(name), std::ios::binary) << text;
    return cli_.Path(name);
  }

  Json Event(const std::string& job, size_t index) { return Json::parse(Lines(job).at(index)); }

  // What `import` prints for a file of that text.
  CliResultText Import(const std::string& text, std::vector<std::string> flags, int exit_code = 0) {
    return ImportInto("j", text, std::move(flags), exit_code);
  }
  CliResultText ImportInto(const std::string& job, const std::string& text,
                           std::vector<std::string> flags, int exit_code = 0) {
    std::vector<std::string> arguments = {"import", Write("file", text), "--job", job};
    arguments.insert(arguments.end(), flags.begin(), flags.end());
    return Run(std::move(arguments), "", exit_code);
  }

  // The levels of a job's events, in order.
  std::vector<std::string> LevelsOf(const std::string& job) {
    std::vector<std::string> levels;
    for (const std::string& line : Lines(job)) {
      levels.push_back(Json::parse(line).value("level", ""));
    }
    return levels;
  }
};

}  // namespace stagelog

#endif  // STAGELOG_TESTS_CLI_IMPORT_FIXTURE_H_
