// What `stagelog` ends with. The numbers are documented (src/cli/README.md, man page) and
// never change.
#ifndef STAGELOG_CLIENT_EXIT_CODE_H_
#define STAGELOG_CLIENT_EXIT_CODE_H_

#include <string>
#include <tl/expected.hpp>

namespace stagelog::cli {

// `run` ends with its command's own code instead, `gate wait` with the decision's.
enum class ExitCode {
  kOk = 0,
  kProblem = 1,         // verify found something wrong; a file that cannot be written
  kUsage = 2,           // a flag, argument, setting or input that makes no sense
  kRejected = 3,        // gate wait: rejected
  kUndecided = 4,       // gate wait: expired, canceled, or the time was over
  kUnreachable = 5,     // no daemon answers at the URL
  kRefused = 6,         // the daemon said no: token, role, unknown job, conflict
  kBadFile = 7,         // a file that is not there, cannot be read, or is no journal
  kFlagged = 8,         // emit --strict: taken, and flagged as illegal
  kInterrupted = 130,   // Ctrl-C, as a shell spells it
  kClosedOutput = 141,  // who read standard output has gone (`| head`), as after SIGPIPE
  kTerminated = 143,    // SIGTERM, or the terminal has gone
};

// A failure with its message for standard error (one line, saying what to do).
struct CliError {
  ExitCode code = ExitCode::kProblem;
  std::string message;
};

template <typename T>
using CliResult = tl::expected<T, CliError>;
using CliStatus = CliResult<void>;

inline tl::unexpected<CliError> Fail(ExitCode code, std::string message) {
  return tl::unexpected<CliError>(CliError{code, std::move(message)});
}

}  // namespace stagelog::cli

#endif  // STAGELOG_CLIENT_EXIT_CODE_H_
