// Journals compressed by other programs: `gzip events.jsonl`, `zstd events.jsonl`.
#ifndef STAGELOG_CLI_OFFLINE_PACKED_FILE_H_
#define STAGELOG_CLI_OFFLINE_PACKED_FILE_H_

#include <memory>
#include <string>

#include "base/file_system.h"
#include "base/result.h"
#include "log/file/compressed_file.h"

namespace stagelog::cli {

// Whether `path` is gzip, or zstd without the table of frames that the journal's own files end
// with. A journal's own file whose table is damaged or cut off must not pass for one of another
// program: what has the journal's name (events.jsonl.zst) and frames of the journal's size counts
// only when it is one whole frame.
bool IsPackedByOthers(const std::string& path);

// Opens a journal's file or a pipe ("-": standard input), whoever packed it (IsPackedByOthers(),
// else OpenStoredFile()). A pipe, and what others packed, can only be read from its beginning to
// its end; there `damage` changes nothing.
Result<std::unique_ptr<ReadFile>> OpenJournalFile(
    const std::string& path, CompressedFile::Damage damage = CompressedFile::Damage::kIsAnError);

}  // namespace stagelog::cli

#endif  // STAGELOG_CLI_OFFLINE_PACKED_FILE_H_
