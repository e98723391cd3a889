#include "log/commit_announcer.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "core/event_codec.h"
#include "log/console_mirror.h"

namespace stagelog {
namespace {

constexpr size_t kPageEvents = 1'000;

}  // namespace

void CommitAnnouncer::Announce(const CommittedBatchPointer& batch) {
  announced_seq_ = batch->events.back().seq;
  health_.SetHead(announced_seq_);
  for (CommitListener* listener : listeners_) listener->OnCommit(batch);
}

void CommitAnnouncer::AnnounceMissed(EventTable& table) {
  auto batch = std::make_shared<CommittedBatch>();
  const auto announce = [&] {
    if (batch->events.empty()) return;
    for (const CommittedEvent& event : batch->events) {
      MirrorToConsole(ViewEvent(event.body).level, event.body);
    }
    Announce(batch);
    batch = std::make_shared<CommittedBatch>();
  };
  table.VisitEvents(announced_seq_, [&](int64_t seq, std::string_view body) {
    const EventView view = ViewEvent(body);
    const std::optional<JobRow> job = table.FindJob(std::string(view.job_id));
    const TypeTraits* type = FindType(view.type);
    batch->events.push_back({seq, type == nullptr ? EventType::kCustom : type->type,
                             std::string(view.job_id), std::string(body),
                             job && job->last_seq == seq && job->IsTerminal()});
    if (batch->events.size() == kPageEvents) announce();
    return true;
  });
  announce();
}

void CommitAnnouncer::AnnounceDeletion(const std::string& job_id, int64_t seq) {
  // A reopening may have announced events behind it first.
  announced_seq_ = std::max(announced_seq_, seq);
  health_.SetHead(announced_seq_);
  for (CommitListener* listener : listeners_) listener->OnJobDeleted(job_id, seq);
}

}  // namespace stagelog
