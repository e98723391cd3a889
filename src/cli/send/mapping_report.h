// Reports mapping options that match nothing, instead of ignoring them silently.
#ifndef STAGELOG_CLI_SEND_MAPPING_REPORT_H_
#define STAGELOG_CLI_SEND_MAPPING_REPORT_H_

#include <string>
#include <vector>

#include "cli/send/byte_source.h"
#include "cli/send/line_identity.h"
#include "cli/send/mapping_counts.h"

namespace stagelog::cli {

// kProblem that names the first option that matched none of the lines that would need it. No lines:
// nothing is wrong. A stage, or a gate, is needed by lines of a type that requires one, where lines
// name types; with `skips_invalid` it is not needed there, for such lines are skipped.
CliStatus CheckMatched(const FieldMapping& mapping, const MappingCounts& counts,
                       bool skips_invalid);

// A sentence for each option that matched fewer than half of the objects, for entries of --type-map
// and --level-map that no line had, and for values of --failed-if that made nothing a failure.
std::vector<std::string> FewMatched(const FieldMapping& mapping, const MappingCounts& counts);

// Reads a file once before anything of it is sent. Adds to `counts` what CheckMatched() asks for
// (lines are parsed only until every option has matched), and returns the outline by which the
// ledger knows the file. kBadFile when it cannot be read.
CliResult<FileOutline> Survey(const std::string& path, const std::string& name,
                              const FieldMapping& mapping, const ImportLedger& ledger,
                              MappingCounts& counts);

}  // namespace stagelog::cli

#endif  // STAGELOG_CLI_SEND_MAPPING_REPORT_H_
