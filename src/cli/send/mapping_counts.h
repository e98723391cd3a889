// Counts what a mapping found in lines of other programs.
#ifndef STAGELOG_CLI_SEND_MAPPING_COUNTS_H_
#define STAGELOG_CLI_SEND_MAPPING_COUNTS_H_

#include <array>
#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "cli/send/field_mapping.h"
#include "cli/send/foreign_line.h"

namespace stagelog::cli {

// What was found in the lines that became events.
struct MappingCounts {
  int64_t lines = 0;    // all
  int64_t objects = 0;  // of these, JSON objects; the others became logs
  std::array<int64_t, kPartCount> matched{};
  std::array<bool, kPartCount> found{};  // in any line, taken or not
  std::set<std::string> used_types;      // entries of the table of types that a line had
  std::set<std::string> used_levels;     // likewise, of levels
  int64_t typed = 0;                     // lines that name their type
  // Lines whose type needs a stage, or a gate, and their first such type (theirs).
  std::array<int64_t, kPartCount> needed{};
  std::array<std::string, kPartCount> needed_by{};
  // Of FieldMapping::failures: the paths that a line had, and by their number, the entries whose
  // value a line had, and those that made an end a failure.
  std::set<std::string> failure_paths;
  std::set<size_t> failure_values;
  std::set<size_t> used_failures;
  std::vector<std::string> keys;  // of the first object, to name one that was meant

  void AddObject(ForeignLine& line);
  // `type`: ours, of a line; `theirs`: as it spells it, empty where it names none.
  void AddType(const std::string& type, const std::string& theirs);
  // `is_end`: the line became the end of a stage or job.
  void AddFailures(const FieldMapping& mapping, ForeignLine& line, bool is_end);
};

}  // namespace stagelog::cli

#endif  // STAGELOG_CLI_SEND_MAPPING_COUNTS_H_
