// The exit codes of `stagelog`. They are documented (src/cli/README.md, man page) and never change.
#ifndef STAGELOG_CLIENT_EXIT_CODE_H_
#define STAGELOG_CLIENT_EXIT_CODE_H_

#include <string>
#include <tl/expected.hpp>

namespace stagelog::cli {

// `run` ends with its command's own code instead, `gate wait` with the decision's.
enum class ExitCode {
  kOk = 0,
  kProblem = 1,      // verify found something wrong; bad input data; a file that cannot be written
  kUsage = 2,        // an invalid flag, argument or setting
  kRejected = 3,     // gate wait: rejected
  kUndecided = 4,    // gate wait: expired, canceled, or timed out
  kUnreachable = 5,  // no daemon answers at the URL
  kRefused = 6,      // refused by the daemon: token, role, unknown job, conflict
  kBadFile = 7,      // a file that is missing, unreadable, or not a journal
  kFlagged = 8,      // emit --strict: stored, but flagged as invalid
  kInterrupted = 130,   // Ctrl-C, as a shell spells it
  kClosedOutput = 141,  // the reader of standard output has exited (`| head`), as SIGPIPE
  kTerminated = 143,    // SIGTERM or SIGHUP
};

// Of `run` whose command was not started, as a shell's: it cannot be executed; it does not exist.
inline constexpr int kExitCannotExecute = 126;
inline constexpr int kExitNotFound = 127;

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
