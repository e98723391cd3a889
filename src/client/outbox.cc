#include "client/outbox.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include <utility>

#include "base/file_system.h"
#include "base/mutex.h"
#include "client/spool_file.h"

namespace stagelog::cli {
namespace {

// A spool this large is cleared away as soon as it is all sent, not only at the end.
constexpr uint64_t kLargeSpoolBytes = uint64_t{64} << 20;

std::string Joined(const SpoolEvents& events) {
  std::string lines;
  for (const SpoolEvent& event : events) lines.append(event.line).append(1, '\n');
  return lines;
}

}  // namespace

Outbox::Outbox(std::string folder, size_t max_memory_bytes, Say say)
    : say_(std::move(say)),
      max_memory_bytes_(max_memory_bytes),
      reader_(folder),
      writer_(folder),
      has_spool_(!folder.empty()) {
  if (!has_spool_) ReportOnce("neither XDG_STATE_HOME nor HOME is set");
}

void Outbox::Add(SpoolEvents events) {
  const MutexLock lock(mutex_);
  if (has_spool_) {
    const auto place = writer_.Append(Joined(events));
    if (place) {
      last_spooled_ = *place;
      return;
    }
    has_spool_ = false;
    ReportOnce(place.error().message);
  }
  Remember(std::move(events));
}

void Outbox::ReportOnce(const std::string& problem) {
  say_("cannot write events to the spool (" + problem +
       "); keeping them in memory; free disk space or set XDG_STATE_HOME");
}

void Outbox::Remember(SpoolEvents events) {
  for (SpoolEvent& event : events) {
    if (event.is_log && memory_bytes_ + event.line.size() > max_memory_bytes_) {
      ++dropped_;
      continue;
    }
    memory_bytes_ += event.line.size();
    memory_.push_back(std::move(event));
  }
}

OutboxBatch Outbox::Next(size_t max_events, size_t max_bytes) {
  if (!folder().empty()) {
    const auto is_sender = reader_.Lock();
    if (is_sender && *is_sender) {
      OutboxBatch batch = NextSpooled(max_events, max_bytes);
      if (!batch.lines.empty()) return batch;
    } else if (is_sender) {
      const MutexLock lock(mutex_);
      // What is in memory comes after what is in the spool.
      const bool is_my_turn =
          !memory_.empty() && (!last_spooled_ || reader_.IsSent(*last_spooled_));
      if (!is_my_turn) return {OutboxBatch::Kind::kBusy, {}, false, 0};
    }
  }
  return NextRemembered(max_events, max_bytes);
}

OutboxBatch Outbox::NextSpooled(size_t max_events, size_t max_bytes) {
  auto next = reader_.Next(max_events, max_bytes);
  if (!next) return {};
  if (next->lines.empty() && next->end > kLargeSpoolBytes) reader_.RemoveIfSent();
  return {OutboxBatch::Kind::kEvents, std::move(next->lines), true, next->end};
}

OutboxBatch Outbox::NextRemembered(size_t max_events, size_t max_bytes) {
  const MutexLock lock(mutex_);
  OutboxBatch batch;
  size_t bytes = 0;
  for (const SpoolEvent& event : memory_) {
    bytes += event.line.size();
    if (batch.lines.size() == max_events || (bytes > max_bytes && !batch.lines.empty())) break;
    batch.lines.push_back(event.line);
  }
  if (!batch.lines.empty()) batch.kind = OutboxBatch::Kind::kEvents;
  return batch;
}

void Outbox::Taken(const OutboxBatch& batch) {
  if (!batch.is_spooled) return DropRemembered(batch.lines.size());
  // A failure (a full disk) is no harm: what is not marked is sent again, and known by its id.
  static_cast<void>(reader_.MarkSent(batch.end));
}

void Outbox::Refused(const OutboxBatch& batch, const std::string& reason) {
  if (!folder().empty() && !reader_.Refuse(batch.lines.front(), reason)) {
    say_("cannot save the refused event in " + refused_path());
  }
  Taken(batch);
}

void Outbox::DropRemembered(size_t count) {
  const MutexLock lock(mutex_);
  for (; count > 0; --count) {
    memory_bytes_ -= memory_.front().line.size();
    memory_.pop_front();
  }
}

bool Outbox::Leave() {
  if (!reader_.is_locked()) return true;
  if (!reader_.RemoveIfSent()) return false;
  reader_.Unlock();
  // Who appended after the look and could not get the lock relies on this second look.
  return !reader_.HasUnsent();
}

// The disk of the spool is full or out of reach; that of temporary files may be another one.
void Outbox::Rescue(const SpoolEvents& events, Rest& rest) {
  const std::string path = ProcessEnvironment("TMPDIR").value_or("/tmp") + "/stagelog-spool-XXXXXX";
  std::string name = path;
  const UniqueFd file(::mkostemp(name.data(), O_CLOEXEC));
  if (file.valid() && WriteAll(file.get(), Joined(events), name)) {
    rest.rescue_path = name;
    rest.rescued = events.size();
    return;
  }
  if (file.valid()) ::unlink(name.c_str());
  rest.lost += events.size();
}

Outbox::Rest Outbox::Settle() {
  reader_.Unlock();
  const MutexLock lock(mutex_);
  Rest rest{0, dropped_};
  if (!memory_.empty()) {
    const SpoolEvents events(memory_.begin(), memory_.end());
    if (folder().empty() || !writer_.Append(Joined(events))) Rescue(events, rest);
  }
  if (folder().empty()) return rest;
  const size_t slash = folder().rfind('/');
  rest.waiting = SummarizeSpool(folder().substr(0, slash), folder().substr(slash + 1)).events;
  return rest;
}

}  // namespace stagelog::cli
