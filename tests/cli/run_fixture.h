// A daemon, the stagelog binary pointed at it, and what tests of `stagelog run` ask of both.
#ifndef STAGELOG_TESTS_CLI_RUN_FIXTURE_H_
#define STAGELOG_TESTS_CLI_RUN_FIXTURE_H_

#include <memory>
#include <string>
#include <vector>

#include "base/unique_fd.h"
#include "tests/cli/command_fixture.h"

namespace stagelog {

// A gate made of a named pipe: a script stands at it ("read line < FILE") until it is opened.
class ScriptGate {
 public:
  explicit ScriptGate(std::string path);

  // The line of shell that stands at it.
  std::string Shell() const { return "read line < " + path_ + "\n"; }
  void Open();

 private:
  std::string path_;
  UniqueFd pipe_;
};

class RunTest : public CommandTest {
 protected:
  // Starts the daemon (again, on the same port) and points the commands at it.
  void StartDaemon();
  void KillDaemon();

  // Events of a job as the daemon has them: "type stage 'message'", what is empty left out.
  std::vector<std::string> Told(const std::string& job);
  // The same as whole documents.
  std::vector<Json> Events(const std::string& job);
  // The messages of the log events of a stream ("stdout"), or of a stage as well.
  std::vector<std::string> LogsOf(const std::string& job, const std::string& stage = "");

  // Returns when the job has an event with that message; the test fails when none comes.
  void WaitForMessage(const std::string& job, const std::string& message);
  // The same for a type.
  void WaitForType(const std::string& job, const std::string& type);
  // Returns when the command has printed `text` to its standard output or standard error.
  void WaitForOutput(const CliProcess& process, const std::string& text);

  // Fails the test unless `stagelog verify` is content with the job.
  void ExpectVerified(const std::string& job);
  bool HasSpool(const std::string& job) const;
  std::string SpoolOf(const std::string& job) const;

  uint16_t port_ = 0;
};

}  // namespace stagelog

#endif  // STAGELOG_TESTS_CLI_RUN_FIXTURE_H_
