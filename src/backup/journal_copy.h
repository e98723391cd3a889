// Copies a journal that is in use.
#ifndef STAGELOG_BACKUP_JOURNAL_COPY_H_
#define STAGELOG_BACKUP_JOURNAL_COPY_H_

#include <functional>
#include <string>

#include "base/clock.h"
#include "base/file_system.h"
#include "base/result.h"
#include "core/backup_maker.h"

namespace stagelog {

// Copies the journal in `runs_dir` into the new folder `target`, whose parent is made when it is
// missing. The copy is that of one moment: SQLite's own backup copies the database, a few pages at
// a time out of one snapshot, and every events.jsonl is written anew from what that database knows,
// its lines taken from the rows or, where only the files have them, from there, each compared with
// its digest. Then the copy is opened as a journal is, which compares it whole. So it holds neither
// more nor less than the events up to `head_seq`. state.json and the like are left out: a daemon
// writes them anew.
//
// While the pages are copied SQLite keeps its write-ahead log; nothing else waits, and nothing of
// the journal is changed. A job that is deleted meanwhile is not in the copy.
//
// The copy is complete and synced before it gets its name: a failure removes what there is, a crash
// leaves it as `.<name>.partial` beside the target, which the next copy to that target replaces.
// `is_cancelled` is asked now and then. Fails with EEXIST when there is something at `target`.
Result<BackupReport> CopyJournal(FileSystem& files, Clock& clock, const std::string& runs_dir,
                                 const std::string& target,
                                 const std::function<bool()>& is_cancelled);

}  // namespace stagelog

#endif  // STAGELOG_BACKUP_JOURNAL_COPY_H_
