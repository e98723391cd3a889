// Checks a job's events.jsonl by itself, against its state.json and, on request, the database.
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

// The code of a finding that is no damage: events that the database has, and that a daemon has
// noted as not written to the file yet.
inline constexpr const char* kBehind = "behind";

// Called with the number of bytes read since the last call.
using BytesRead = std::function<void(uint64_t bytes)>;

// Reads the file once, in little memory. `database` may be null. A journal being written by a
// daemon is not a fault: what was added to the file, state.json or database meanwhile is ignored.
// kBadFile if the file cannot be read.
CliResult<ChainCheck> VerifyJournal(const JournalPath& journal, DatabaseRows* database,
                                    const BytesRead& bytes_read);

// The event that a state.json was folded up to; none if there is no such file. A file that is not a
// state is an error.
CliResult<std::optional<ChainAnchor>> ReadStateAnchor(const std::string& path);

}  // namespace stagelog::cli

#endif  // STAGELOG_CLI_OFFLINE_JOURNAL_VERIFIER_H_
