// A job's events.jsonl held against itself, the state.json beside it and, if wanted, the database.
#ifndef STAGELOG_CLI_OFFLINE_JOURNAL_VERIFIER_H_
#define STAGELOG_CLI_OFFLINE_JOURNAL_VERIFIER_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "cli/offline/database_rows.h"
#include "cli/offline/journal_path.h"
#include "client/exit_code.h"
#include "core/chain_check.h"

namespace stagelog::cli {

// Told of the bytes that were read since the last call.
using BytesRead = std::function<void(uint64_t bytes)>;

// Reads the file once from end to end, in little memory. `database` may be null. A journal that a
// daemon writes at this moment is no fault: what came into file, state.json or database while it
// was read is not held against it. kBadFile when the file cannot be read.
CliResult<ChainCheck> VerifyJournal(const JournalPath& journal, DatabaseRows* database,
                                    const BytesRead& bytes_read);

// What a state.json notes of the event it was folded up to; none where there is no such file. A
// file that is no state is an error.
CliResult<std::optional<ChainAnchor>> ReadStateAnchor(const std::string& path);

}  // namespace stagelog::cli

#endif  // STAGELOG_CLI_OFFLINE_JOURNAL_VERIFIER_H_
