// Lines by which a script reports its progress: "::progress 40/100 frames", "::progress 40%",
// "::stage encode".
#ifndef STAGELOG_CLI_RUN_RUN_MARKER_H_
#define STAGELOG_CLI_RUN_RUN_MARKER_H_

#include <optional>
#include <string>
#include <string_view>

namespace stagelog::cli {

struct RunMarker {
  enum class Kind { kProgress, kStage };
  Kind kind = Kind::kStage;
  std::string stage;    // kStage: a path of names; empty: the stage that is open ends
  std::string payload;  // kProgress: the JSON object of the event
};

// No value for a line that is not a valid marker: invalid numbers, above 1e18 or above their total,
// a percentage above 100, a stage that is not a valid path. Trailing blanks are ignored.
std::optional<RunMarker> ParseRunMarker(std::string_view line);

}  // namespace stagelog::cli

#endif  // STAGELOG_CLI_RUN_RUN_MARKER_H_
