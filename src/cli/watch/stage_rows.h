// A job's stages in the order in which they are drawn: each below the stage whose path it
// continues, attempts below one another.
#ifndef STAGELOG_CLI_WATCH_STAGE_ROWS_H_
#define STAGELOG_CLI_WATCH_STAGE_ROWS_H_

#include <cstddef>
#include <string>
#include <vector>

#include "client/daemon_client.h"

namespace stagelog::cli {

struct StageRow {
  size_t depth = 0;
  std::string name;  // the last part of the path, with " #2" for a later attempt
  // An element of `stages`: an attempt, or a stage that is pending; null: a path that only others
  // continue.
  const Json* attempt = nullptr;
};

// `stages` is that member of a job's document and must outlive the rows. Siblings stand in the
// order of their beginning.
std::vector<StageRow> OrderStages(const Json& stages);

// At most `max_attempts` of the rows with attempts, in order, with their parent rows: running ones
// first, then failed ones, then the most recent.
std::vector<StageRow> SelectStages(const std::vector<StageRow>& rows, size_t max_attempts);

}  // namespace stagelog::cli

#endif  // STAGELOG_CLI_WATCH_STAGE_ROWS_H_
