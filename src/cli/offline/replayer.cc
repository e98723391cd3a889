#include "cli/offline/replayer.h"

#include <algorithm>
#include <utility>

#include "base/timestamp.h"

namespace stagelog::cli {
namespace {

constexpr size_t kBatchEvents = 512;
constexpr size_t kBatchBytes = size_t{1} << 20;

}  // namespace

// Puts the next event into next_; none at the end.
CliStatus Replayer::Load() {
  auto next = events_.Next();
  if (!next) return tl::unexpected(std::move(next.error()));
  next_ = std::move(*next);
  if (!next_) return {};
  // Of what came late, and of clocks that differ, nothing goes back in time.
  const int64_t happened_micros = EffectiveMicros(next_->event);
  next_micros_ = std::max(next_micros_, happened_micros);
  if (!first_micros_) {
    first_micros_ = next_micros_ = happened_micros;
    job_id_ = next_->event.draft.job_id;
  }
  return {};
}

bool Replayer::IsFull() const {
  return batch_.size() >= kBatchEvents || batch_bytes_ >= kBatchBytes;
}

CliResult<bool> Replayer::Prepare() {
  while (true) {
    if (CliStatus loaded = Load(); !loaded) return tl::unexpected(loaded.error());
    const bool is_past = next_ && next_micros_ < range_.from.At(first_micros_.value_or(0));
    if (!batch_.empty() && (!is_past || IsFull())) {
      batch_bytes_ = 0;
      const CliStatus taken = sink_.TakePast(std::exchange(batch_, {}));
      if (!taken) return tl::unexpected(taken.error());
      if (!waiter_.WaitUntil(waiter_.NowMicros())) return false;
    }
    if (!is_past) break;
    Keep();
  }
  const bool is_there = next_ && next_micros_ <= range_.to.At(*first_micros_);
  if (!is_there) return tl::unexpected(NothingInRange());
  return true;
}

// Moves the event that was read into the batch.
void Replayer::Keep() {
  batch_bytes_ += next_->body.size();
  batch_.push_back(std::move(*next_));
}

CliResult<bool> Replayer::Run() {
  while (next_ && next_micros_ <= range_.to.At(*first_micros_)) {
    const int64_t now = waiter_.NowMicros();
    const int64_t due = rhythm_.NextDueMicros(next_micros_, now);
    if (due > now || IsFull()) {
      if (CliStatus flushed = Flush(); !flushed) return tl::unexpected(flushed.error());
      if (!waiter_.WaitUntil(due)) return false;
    }
    Keep();
    if (CliStatus loaded = Load(); !loaded) {
      static_cast<void>(Flush());  // what came before the failure is shown all the same
      return tl::unexpected(loaded.error());
    }
  }
  if (batch_.empty()) return true;
  const CliStatus taken = sink_.TakeLast(std::exchange(batch_, {}));
  if (!taken) return tl::unexpected(taken.error());
  return true;
}

CliStatus Replayer::Flush() {
  if (batch_.empty()) return {};
  batch_bytes_ = 0;
  return sink_.Take(std::exchange(batch_, {}));
}

CliError Replayer::NothingInRange() const {
  std::string message = "no event lies between --from and --to";
  if (first_micros_) {
    message += "; the run begins at " + FormatTimestamp(*first_micros_);
    if (!next_) message += " and ends at " + FormatTimestamp(next_micros_);
  }
  return {ExitCode::kUsage, message};
}

}  // namespace stagelog::cli
