// Tells the listeners what was committed.
#ifndef STAGELOG_LOG_COMMIT_ANNOUNCER_H_
#define STAGELOG_LOG_COMMIT_ANNOUNCER_H_

#include <cstdint>
#include <string>
#include <vector>

#include "core/commit_listener.h"
#include "log/journal_health.h"
#include "log/table/event_table.h"

namespace stagelog {

// Every batch once, in the order of `seq`. Writing thread only.
class CommitAnnouncer {
 public:
  explicit CommitAnnouncer(JournalHealth& health) : health_(health) {}

  void AddListener(CommitListener* listener) { listeners_.push_back(listener); }

  // Nobody has listened yet: what there is up to `seq` is no news.
  void BeginAfter(int64_t seq) { announced_seq_ = seq; }

  // The batch is committed. It is the head of the journal before the first listener hears of it.
  void Announce(const CommittedBatchPointer& batch);

  // The journal was reopened. A commit whose outcome was unknown may have happened after all:
  // announces its events, and mirrors them to the console. Throws SQLite::Exception.
  void AnnounceMissed(EventTable& table);

  // The same for a deletion, which has its place in that order.
  void AnnounceDeletion(const std::string& job_id, int64_t seq);

 private:
  JournalHealth& health_;
  std::vector<CommitListener*> listeners_;
  int64_t announced_seq_ = 0;
};

}  // namespace stagelog

#endif  // STAGELOG_LOG_COMMIT_ANNOUNCER_H_
