#include "core/chain_check.h"

#include <algorithm>
#include <utility>

#include "base/sha256.h"
#include "core/event_codec.h"
#include "core/json_text.h"
#include "core/text_line.h"

namespace stagelog {
namespace {

std::string Number(int64_t value) { return std::to_string(value); }

bool IsCanonical(std::string_view line, const Event& event) {
  return WithoutHash(EncodeEvent(event, "").body) == WithoutHash(line);
}

}  // namespace

std::optional<Event> ChainCheck::Take(std::string_view raw, uint64_t offset, bool terminated) {
  ++lines_;
  const std::string_view line = LineContent(raw);
  const Result<Event> event = DecodeStoredEvent(line);
  if (event) NoteMarks(raw, line, offset);
  if (!terminated) {
    Note(offset, "torn_tail",
         event ? "the last line has no newline"
               : "the last line is truncated after " + std::to_string(line.size()) + " bytes");
  }
  if (!event) {
    if (terminated)
      TakeDamaged(line, offset, line.empty() ? "the line is empty" : event.error().message);
    return std::nullopt;
  }
  if (job_id_.empty()) job_id_ = event->draft.job_id;
  TakeEvent(line, offset, *event);
  previous_line_ = line;
  return *event;
}

void ChainCheck::NoteMarks(std::string_view line, std::string_view content, uint64_t offset) {
  if (content.data() != line.data() && !std::exchange(has_byte_order_mark_, true)) {
    Note(offset, "byte_order_mark",
         lines_ == 1 ? "the file begins with a byte order mark"
                     : "the line begins with a byte order mark");
  }
  if (line.ends_with('\r') && !std::exchange(has_crlf_, true)) {
    Note(offset, "crlf", "the file has CRLF line ends");
  }
}

// It stands for the event whose turn it was; what it was chained to is as good as its end says.
void ChainCheck::TakeDamaged(std::string_view line, uint64_t offset, const std::string& why) {
  Note(offset, "not_an_event", QuotableText(why, 200));
  const int64_t expected = continuations_.front().job_seq;
  std::vector<Continuation> next = {{expected + 1, HashesAfter(line, continuations_.front())}};
  for (Continuation& before : continuations_) next.push_back(std::move(before));
  continuations_ = std::move(next);
  previous_line_.clear();
}

void ChainCheck::TakeEvent(std::string_view line, uint64_t offset, const Event& event) {
  if (lines_ > 1 && line == previous_line_) {
    return Note(offset, "repeated", "identical to the previous line");
  }
  const Continuation* continuation = Find(event.job_seq);
  if (continuation == nullptr) return TakeMisplaced(line, offset, event);
  const std::vector<std::string>& hashes = continuation->previous_hashes;
  const bool is_chained = std::any_of(hashes.begin(), hashes.end(), [&](const auto& previous) {
    return VerifyHash(line, previous);
  });
  if (!is_chained && !hashes.empty()) {
    Note(offset, "changed",
         "event " + Number(event.job_seq) +
             ": the hash does not match the content and the previous event");
    continuations_ = {{event.job_seq + 1, HashesAfter(line, *continuation)}};
    last_job_seq_ = event.job_seq;
    last_hash_ = StoredHash(line);
    return;
  }
  Accept(line, offset, event, is_chained);
}

// The line may have lost those before it, have come from elsewhere, or stand in another's place.
void ChainCheck::TakeMisplaced(std::string_view line, uint64_t offset, const Event& event) {
  const int64_t expected = continuations_.front().job_seq;
  Note(
      offset, "misplaced",
      "event " + Number(event.job_seq) + " found where event " + Number(expected) + " is expected");
  std::vector<Continuation> next;
  // An earlier misplaced line may have said what the event behind this place is chained to.
  const Continuation* in_place = Find(expected + 1);
  next.push_back(in_place != nullptr ? *in_place : Continuation{expected + 1, {}});
  next.push_back({event.job_seq + 1, {std::string(StoredHash(line))}});
  for (Continuation& before : continuations_) {
    if (before.job_seq != expected + 1) next.push_back(std::move(before));
  }
  constexpr size_t kMaxContinuations = 8;
  if (next.size() > kMaxContinuations) next.resize(kMaxContinuations);
  continuations_ = std::move(next);
}

void ChainCheck::Accept(std::string_view line, uint64_t offset, const Event& event,
                        bool is_chained) {
  const int64_t findings_before = finding_count_;
  if (event.draft.job_id != job_id_) {
    Note(offset, "foreign_job",
         "event belongs to job " + event.draft.job_id + ", not to " + job_id_);
  }
  if (event.seq <= last_seq_ || event.ts_micros <= last_ts_micros_) {
    Note(offset, "order", "event " + Number(event.job_seq) + ": seq or ts does not increase");
  }
  if (is_chained && !IsCanonical(line, event)) {
    Note(offset, "encoding",
         "event " + Number(event.job_seq) + " is not in the journal's canonical encoding");
  }
  last_hash_ = StoredHash(line);
  if (anchor_ && anchor_->job_seq == event.job_seq) {
    anchor_matches_ = anchor_->hash == last_hash_;
    if (!anchor_matches_) {
      Note(offset, "wrong_end",
           anchor_->source + " has a different hash for event " + Number(event.job_seq));
    }
  }
  const bool goes_on = is_chained && !runs_.empty() && runs_.back().last_line == lines_ - 1 &&
                       runs_.back().last_job_seq == event.job_seq - 1;
  // What is chained and wrong all the same is not to be trusted.
  const bool is_trusted = finding_count_ == findings_before;
  if (is_trusted && !goes_on) runs_.push_back({lines_, lines_, event.job_seq, event.job_seq});
  if (is_trusted) {
    runs_.back().last_line = lines_;
    runs_.back().last_job_seq = event.job_seq;
  }
  last_job_seq_ = event.job_seq;
  last_seq_ = event.seq;
  last_ts_micros_ = event.ts_micros;
  // Two neighbours that have changed places: the second one was the way back, and what follows
  // both is chained to the first.
  std::vector<Continuation> next = {{event.job_seq + 1, {last_hash_}}};
  for (Continuation& other : continuations_) {
    if (other.job_seq > event.job_seq + 1) next.push_back(std::move(other));
  }
  continuations_ = std::move(next);
}

void ChainCheck::Finish(uint64_t size) {
  if (anchor_ && anchor_->job_seq > last_job_seq_) {
    ++lines_;
    Note(size, "missing_tail",
         anchor_->source + " has event " + Number(anchor_->job_seq) +
             ", but the file ends with event " + Number(last_job_seq_));
    --lines_;
  }
  const int64_t marks = (has_byte_order_mark_ ? 1 : 0) + (has_crlf_ ? 1 : 0);
  if (finding_count_ != marks) return;
  for (ChainFinding& mark : findings_) mark.detail += "; the content is otherwise intact";
}

const ChainCheck::Continuation* ChainCheck::Find(int64_t job_seq) const {
  for (const Continuation& continuation : continuations_) {
    if (continuation.job_seq == job_seq) return &continuation;
  }
  return nullptr;
}

// What an event behind `line` may be chained to: the hash it carries, or the one it should.
std::vector<std::string> ChainCheck::HashesAfter(std::string_view line,
                                                 const Continuation& before) {
  const std::string_view carried = StoredHash(line);
  if (carried.empty()) return {};
  std::vector<std::string> hashes = {std::string(carried)};
  for (const std::string& previous : before.previous_hashes) {
    hashes.push_back(ComputeHash(line, previous));
  }
  return hashes;
}

void ChainCheck::Note(uint64_t offset, std::string code, std::string detail) {
  Add({lines_, offset, std::move(code), std::move(detail)});
}

void ChainCheck::Add(ChainFinding finding) {
  ++finding_count_;
  if (findings_.size() < kMaxFindings) findings_.push_back(std::move(finding));
}

}  // namespace stagelog
