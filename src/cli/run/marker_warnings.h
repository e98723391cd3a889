// Lines of output that look like markers and are none, told to people: they become log lines, and
// whoever has misspelled one waits for his stage in vain.
#ifndef STAGELOG_CLI_RUN_MARKER_WARNINGS_H_
#define STAGELOG_CLI_RUN_MARKER_WARNINGS_H_

#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <string_view>

namespace stagelog::cli {

// What is wrong with a line that is no marker; empty for one that does not look like any.
struct MarkerProblem {
  std::string kind;  // "progress", "stage", "word": for the count of warnings
  std::string text;  // for people
};
MarkerProblem ProblemOfNoMarker(std::string_view line);

// One thread at a time. Each line is warned of once, of each kind three at most; the rest are
// counted.
class MarkerWarnings {
 public:
  using Say = std::function<void(const std::string& message)>;

  explicit MarkerWarnings(Say say) : say_(std::move(say)) {}

  // `line` is kept as output, for what `problem` says.
  void Warn(const MarkerProblem& problem, std::string_view line);
  // A stage that was not declared begins.
  void WarnOfStage(const std::string& stage);
  // How many were not told, once more than none.
  void End();

 private:
  const Say say_;
  std::set<std::string, std::less<>> told_;
  std::map<std::string, int> told_of_kind_;
  int64_t untold_ = 0;
};

}  // namespace stagelog::cli

#endif  // STAGELOG_CLI_RUN_MARKER_WARNINGS_H_
