// Warns of output lines that look like markers but are not valid: they become log lines, and a
// stage with a misspelled marker would never appear.
#ifndef STAGELOG_CLI_RUN_MARKER_WARNINGS_H_
#define STAGELOG_CLI_RUN_MARKER_WARNINGS_H_

#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <string_view>

namespace stagelog::cli {

// The problem with a line that is not a marker; empty for one that does not resemble one.
struct MarkerProblem {
  std::string kind;  // "progress", "stage", "word": for the count of warnings
  std::string text;  // for people
};
MarkerProblem DescribeMarkerProblem(std::string_view line);

// One thread at a time. Warns of each line once, of each kind at most three times; the rest are
// counted.
class MarkerWarnings {
 public:
  using Say = std::function<void(const std::string& message)>;

  explicit MarkerWarnings(Say say) : say_(std::move(say)) {}

  // `line` is kept as output, for what `problem` says.
  void Warn(const MarkerProblem& problem, std::string_view line);
  // A stage that was not declared begins.
  void WarnOfStage(const std::string& stage);
  // Reports the number of suppressed warnings, if any.
  void End();

 private:
  const Say say_;
  std::set<std::string, std::less<>> warned_;
  std::map<std::string, int> warned_by_kind_;
  int64_t suppressed_ = 0;
};

}  // namespace stagelog::cli

#endif  // STAGELOG_CLI_RUN_MARKER_WARNINGS_H_
