// The way of a group of requests through the journal: staged, committed, published, answered.
#ifndef STAGELOG_LOG_GROUP_COMMIT_H_
#define STAGELOG_LOG_GROUP_COMMIT_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/single_task_thread.h"
#include "log/append_group.h"
#include "log/append_queue.h"
#include "log/commit_publisher.h"
#include "log/journal_upkeep.h"
#include "log/obstructed_file_notes.h"
#include "log/writer_parts.h"

namespace stagelog {

// What is left to do when a group has failed. The caller closes the journal (and reopens it soon if
// something was committed), and only then answers: the groups, then those that wait.
struct FailedCommit {
  std::string problem;
  bool is_committed = false;                         // something that was not published
  std::vector<std::unique_ptr<AppendGroup>> groups;  // SendAnswers() is not done, or not all
  std::vector<AppendRequest> waiting;                // not applied, to be refused
};

// Writing thread only, with the journal open. A large group is committed on a thread of its own,
// and meanwhile the one before is published and the next one staged. A small one is done sooner
// than a thread is woken.
class GroupCommit {
 public:
  // A turn of many groups ends when `upkeep` has maintenance.
  GroupCommit(WriterParts& parts, const JournalUpkeep& upkeep, ObstructedFileNotes& notes)
      : parts_(parts), upkeep_(upkeep), publisher_(parts, notes) {}

  // Large groups are committed on a thread from now on, until StopThread(); else within Write().
  void StartThread() { thread_ = std::make_unique<SingleTaskThread>("commits"); }
  void StopThread() { thread_.reset(); }

  // Writes the requests, and those that come meanwhile. Everybody is answered but for what the
  // value says.
  std::optional<FailedCommit> Write(std::vector<AppendRequest> requests);

 private:
  using Group = std::unique_ptr<AppendGroup>;

  std::vector<AppendRequest> CommitBetween(AppendGroup* committed, AppendGroup& group,
                                           AppendGroup& next);
  std::vector<AppendRequest> StageAhead(AppendGroup& next);
  void Begin(AppendGroup& group);
  void Commit(AppendGroup& group);
  void Publish(AppendGroup& group);
  static std::optional<FailedCommit> Conclude(Group committed, Group group, Group next,
                                              std::vector<AppendRequest> waiting);

  WriterParts& parts_;
  const JournalUpkeep& upkeep_;
  CommitPublisher publisher_;
  int64_t started_micros_ = 0;            // monotonic; of the commit under way
  std::atomic<bool> commit_done_{false};  // the one on the thread
  std::unique_ptr<SingleTaskThread> thread_;
};

}  // namespace stagelog

#endif  // STAGELOG_LOG_GROUP_COMMIT_H_
