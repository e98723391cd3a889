#include "log/batch_stager.h"

#include <algorithm>
#include <iterator>

#include "base/random.h"
#include "core/gate_rules.h"
#include "core/job_machine.h"
#include "core/job_size.h"
#include "core/json_text.h"
#include "core/payload.h"
#include "core/payload_keys.h"

namespace stagelog {
namespace {

std::string IdKey(const EventDraft& draft) { return draft.job_id + '\n' + draft.event_id; }

Refusal IdConflict(const EventDraft& draft, size_t index, size_t count) {
  Refusal refusal{.code = "event_id_conflict",
                  .detail = "event_id '" + draft.event_id + "' already exists in job '" +
                            draft.job_id + "' with different content",
                  .field = "event_id"};
  if (count > 1) refusal.line = static_cast<int64_t>(index) + 1;
  return refusal;
}

template <typename T>
bool NoneIsNull(const std::vector<std::unique_ptr<T>>& values) {
  return std::all_of(values.begin(), values.end(), [](const auto& value) { return !!value; });
}

Refusal StrictRefusal(const Event& event, size_t index, size_t count) {
  Refusal refusal{.code = "strict_violation",
                  .detail = "job '" + event.draft.job_id + "' is strict and '" + event.draft.type +
                            "' is invalid now: " + event.violations.front(),
                  .field = "type"};
  if (const auto suspect = FindSuspectKey(event.draft.kind, event.draft.payload)) {
    refusal.detail += " ('" + QuotableText(suspect->key, 128) + "' in the payload; did you mean '" +
                      std::string(suspect->meant) + "'?)";
  }
  if (count > 1) refusal.line = static_cast<int64_t>(index) + 1;
  return refusal;
}

// None of what decides nothing.
std::optional<GateStatus> GateStatusAfter(const Event& event) {
  if (!event.violations.empty()) return std::nullopt;
  switch (event.draft.kind) {
    case EventType::kGateApproved:
      return event.approval_count < event.approvals_required ? GateStatus::kPending
                                                             : GateStatus::kApproved;
    case EventType::kGateRejected:
      return GateStatus::kRejected;
    case EventType::kGateAutoApproved:
      return GateStatus::kAutoApproved;
    case EventType::kGateExpired:
      return GateStatus::kExpired;
    default:
      return std::nullopt;
  }
}

AppendedEvent Place(const Event& event, bool duplicate) {
  AppendedEvent place{.seq = event.seq,
                      .job_seq = event.job_seq,
                      .ts_micros = event.ts_micros,
                      .event_id = event.draft.event_id,
                      .duplicate = duplicate,
                      .job_id = event.draft.job_id,
                      .actor = duplicate ? event.draft.actor : "",
                      .gate_status = GateStatusAfter(event),
                      .approval_count = event.approval_count,
                      .approvals_required = event.approvals_required,
                      .violations = {}};
  std::copy_if(event.violations.begin(), event.violations.end(),
               std::back_inserter(place.violations), IsViolation);
  return place;
}

}  // namespace

Event Sequencer::Take(EventDraft draft, int64_t now_micros) {
  Event event;
  event.seq = next_seq++;
  event.ts_micros = last_ts_micros = std::max(now_micros, last_ts_micros + 1);
  event.draft = std::move(draft);
  if (event.draft.event_id.empty()) event.draft.event_id = MakeUuidV7(event.ts_micros);
  if (!event.draft.occurred_at_micros) event.draft.occurred_at_micros = event.ts_micros;
  return event;
}

bool BatchStager::CanStageAhead(const std::vector<EventDraft>& drafts,
                                const std::optional<Precondition>& precondition) const {
  if (precondition) return false;
  const std::string* known = nullptr;  // most batches are of one job
  for (const EventDraft& draft : drafts) {
    if (!draft.event_id.empty() && !cache_.IsNewId(draft.job_id, draft.event_id)) return false;
    if (known != nullptr && *known == draft.job_id) continue;
    if (!cache_.IsReady(draft.job_id)) return false;
    known = &draft.job_id;
  }
  return true;
}

AppendOutcome BatchStager::Stage(std::vector<EventDraft> drafts,
                                 const std::optional<Precondition>& precondition,
                                 bool& depends_on_commit) {
  // Everything that can be refused is found before anything is applied.
  if (auto refusal = RefuseDeleted(drafts)) return tl::unexpected(std::move(*refusal));
  auto found = FindDuplicates(drafts);
  if (!found) return tl::unexpected(std::move(found.error()));
  Duplicates& duplicates = *found;
  if (auto refusal = RefuseForeignRepeat(precondition, duplicates)) {
    return tl::unexpected(std::move(*refusal));
  }
  // A repeated request is answered as the first one was, whatever has become of the job since.
  const bool all_are_duplicates = NoneIsNull(duplicates);
  if (precondition && !all_are_duplicates) {
    std::optional<Refusal> refusal = CheckPrecondition(
        *precondition, [this](const std::string& job_id) { return cache_.Find(table_, job_id); });
    // What it saw may have been staged just now: a decision that the commit then does not keep,
    // say.
    depends_on_commit = !events_.empty();
    if (refusal) return tl::unexpected(std::move(*refusal));
  }
  if (auto refusal = CheckStrictJobs(drafts, duplicates)) {
    depends_on_commit = !events_.empty();
    return tl::unexpected(std::move(*refusal));
  }
  if (auto refusal = CheckSizes(drafts, duplicates)) {
    depends_on_commit = !events_.empty();
    return tl::unexpected(std::move(*refusal));
  }
  PrepareFiles(drafts, duplicates);
  std::vector<AppendedEvent> places;
  places.reserve(drafts.size());
  for (size_t i = 0; i < drafts.size(); ++i) {
    if (!duplicates[i]) {
      places.push_back(Place(events_[Apply(std::move(drafts[i]))].event, false));
      depends_on_commit = true;
    } else if (duplicates[i]->staged_index >= 0) {
      const size_t index = static_cast<size_t>(duplicates[i]->staged_index);
      places.push_back(Place(events_[index].event, true));
      depends_on_commit = true;
    } else if (duplicates[i]->request_index >= 0) {
      places.push_back(places[static_cast<size_t>(duplicates[i]->request_index)]);
      places.back().duplicate = true;
    } else {
      places.push_back(std::move(duplicates[i]->committed));
    }
  }
  const AppendedEvent* before = nullptr;
  for (AppendedEvent& place : places) {
    const bool is_same = before != nullptr && before->job_id == place.job_id;
    place.job_status = is_same ? before->job_status : cache_.Find(table_, place.job_id)->status;
    before = &place;
  }
  return places;
}

// Two people who approve with the same key have both approved: the second is no repeat of the
// first.
std::optional<Refusal> BatchStager::RefuseForeignRepeat(
    const std::optional<Precondition>& precondition, const Duplicates& duplicates) const {
  const auto* decision = precondition ? std::get_if<MayDecideGate>(&*precondition) : nullptr;
  if (decision == nullptr || !duplicates.front()) return std::nullopt;
  const Duplicate& original = *duplicates.front();
  const std::string& actor =
      original.staged_index >= 0
          ? events_[static_cast<size_t>(original.staged_index)].event.draft.actor
          : original.committed.actor;
  if (actor == decision->actor) return std::nullopt;
  return Refusal{.code = "event_id_conflict",
                 .detail = "this event_id, or Idempotency-Key, is that of a decision by '" + actor +
                           "'; use one of your own",
                 .field = "event_id"};
}

// A job that was deleted does not begin again: its events would come back with a late retry.
std::optional<Refusal> BatchStager::RefuseDeleted(const std::vector<EventDraft>& drafts) {
  for (size_t i = 0; i < drafts.size(); ++i) {
    const std::string& job_id = drafts[i].job_id;
    if (i > 0 && job_id == drafts[i - 1].job_id) continue;
    if (cache_.Find(table_, job_id) != nullptr || !table_.IsDeleted(job_id)) continue;
    Refusal refusal = DeletedJob(job_id);
    if (drafts.size() > 1) refusal.line = static_cast<int64_t>(i) + 1;
    return refusal;
  }
  return std::nullopt;
}

// Before anything is committed: nothing of ours is appended to somebody else's file.
void BatchStager::PrepareFiles(const std::vector<EventDraft>& drafts,
                               const Duplicates& duplicates) {
  for (size_t i = 0; i < drafts.size(); ++i) {
    const std::string& job_id = drafts[i].job_id;
    if (duplicates[i] || (i > 0 && job_id == drafts[i - 1].job_id && !duplicates[i - 1])) continue;
    if (cache_.IsReady(job_id)) continue;
    const JobState* job = cache_.Find(table_, job_id);
    prepare_file_(job_id, job);
    if (job != nullptr) cache_.SetReady(job_id);
  }
}

// A job has bounds (core/job_size.h). Most requests are so far from them that nothing is counted.
std::optional<Refusal> BatchStager::CheckSizes(const std::vector<EventDraft>& drafts,
                                               const Duplicates& duplicates) {
  bool is_far = true;
  for (size_t i = 0; is_far && i < drafts.size(); ++i) {
    if (i > 0 && drafts[i].job_id == drafts[i - 1].job_id) continue;
    is_far = IsWellBelowLimits(cache_.Find(table_, drafts[i].job_id), drafts);
  }
  if (is_far) return std::nullopt;
  std::unordered_map<std::string, JobSizeChecker> judges;
  for (size_t i = 0; i < drafts.size(); ++i) {
    if (duplicates[i]) continue;
    auto judge = judges.find(drafts[i].job_id);
    if (judge == judges.end()) {
      const JobState* job = cache_.Find(table_, drafts[i].job_id);
      judge = judges.emplace(drafts[i].job_id, job).first;
    }
    std::optional<Refusal> refusal = judge->second.Take(drafts[i]);
    if (!refusal) continue;
    if (drafts.size() > 1) {
      refusal->line = static_cast<int64_t>(i) + 1;
      refusal->detail = "event " + std::to_string(i + 1) + ": " + refusal->detail;
    }
    return refusal;
  }
  return std::nullopt;
}

bool BatchStager::AllJobsLenient(const std::vector<EventDraft>& drafts) {
  const std::string* known = nullptr;  // most batches are of one job
  for (const EventDraft& draft : drafts) {
    if (draft.kind == EventType::kJobCreated) return false;
    if (known != nullptr && *known == draft.job_id) continue;
    known = &draft.job_id;
    const JobState* job = cache_.Find(table_, draft.job_id);
    if (job != nullptr && job->strict) return false;
  }
  return true;
}

// Jobs that were created strict take nothing illegal. The request is folded into copies, for an
// event may be legal only because of one before it.
std::optional<Refusal> BatchStager::CheckStrictJobs(const std::vector<EventDraft>& drafts,
                                                    const Duplicates& duplicates) {
  if (AllJobsLenient(drafts)) return std::nullopt;
  if (drafts.size() == 1) return duplicates[0] ? std::nullopt : CheckStrictJobs(drafts[0]);
  std::unordered_map<std::string, JobState> copies;
  for (size_t i = 0; i < drafts.size(); ++i) {
    if (duplicates[i]) continue;
    auto copy = copies.find(drafts[i].job_id);
    if (copy == copies.end()) {
      const JobState* job = cache_.Find(table_, drafts[i].job_id);
      const bool is_strict = job != nullptr && job->strict;
      copy = copies.emplace(drafts[i].job_id, is_strict ? *job : JobState()).first;
      // Only the event that creates a job makes it strict.
      const bool may_become_strict = job == nullptr && drafts[i].kind == EventType::kJobCreated;
      if (!is_strict && !may_become_strict) copy->second.job_seq = 1;
    }
    if (!copy->second.strict && copy->second.job_seq > 0) continue;
    Event event;
    event.draft = drafts[i];
    event.job_seq = copy->second.job_seq + 1;
    JudgeEvent(copy->second, event);
    // The event that makes the job strict is judged strictly itself.
    const bool is_strict = copy->second.strict || ReadJobPayload(event.draft.payload).strict;
    const bool is_refused = is_strict && !event.violations.empty();
    if (is_refused) return StrictRefusal(event, i, drafts.size());
    if (i + 1 < drafts.size()) stagelog::Apply(copy->second, event, "");
  }
  return std::nullopt;
}

// One event alone needs no copy, which of a job of many stages is large.
std::optional<Refusal> BatchStager::CheckStrictJobs(const EventDraft& draft) {
  const JobState* job = cache_.Find(table_, draft.job_id);
  if (job != nullptr && !job->strict) return std::nullopt;
  Event event;
  event.draft = draft;
  JudgeEvent(job == nullptr ? JobState() : *job, event);
  // The event that makes the job strict is judged strictly itself.
  const bool is_strict = job != nullptr || (draft.kind == EventType::kJobCreated &&
                                            ReadJobPayload(draft.payload).strict);
  if (!is_strict || event.violations.empty()) return std::nullopt;
  return StrictRefusal(event, 0, 1);
}

// Most requests name no events, or events of one job with ids that are greater than all before:
// they are compared with nothing.
tl::expected<BatchStager::Duplicates, Refusal> BatchStager::FindDuplicates(
    const std::vector<EventDraft>& drafts) {
  Duplicates duplicates(drafts.size());
  std::unordered_map<std::string, size_t> earlier;  // of the first `indexed` drafts
  size_t indexed = 0;
  const EventDraft* before = nullptr;
  bool ascends = true;
  for (size_t i = 0; i < drafts.size(); ++i) {
    const EventDraft& draft = drafts[i];
    if (draft.event_id.empty()) continue;
    cache_.LoadNewestId(table_, draft.job_id);
    const bool is_new = cache_.IsNewId(draft.job_id, draft.event_id);
    ascends = ascends && (before == nullptr ||
                          (before->job_id == draft.job_id && before->event_id < draft.event_id));
    before = &draft;
    if (is_new && ascends) continue;
    for (; indexed < i; ++indexed) {
      const bool counts = !drafts[indexed].event_id.empty() && !duplicates[indexed];
      if (counts) earlier.emplace(IdKey(drafts[indexed]), indexed);
    }
    auto original = FindOriginal(drafts, i, earlier, is_new);
    if (!original) return tl::unexpected(std::move(original.error()));
    duplicates[i] = std::move(*original);
  }
  return duplicates;
}

// `is_new`: it is in this request or nowhere.
tl::expected<std::unique_ptr<BatchStager::Duplicate>, Refusal> BatchStager::FindOriginal(
    const std::vector<EventDraft>& drafts, size_t index,
    const std::unordered_map<std::string, size_t>& earlier, bool is_new) {
  const EventDraft& draft = drafts[index];
  const std::string key = IdKey(draft);
  if (!is_new) IndexStaged();
  Duplicate duplicate;
  const EventDraft* original = nullptr;
  if (const auto found = earlier.find(key); found != earlier.end()) {
    duplicate.request_index = static_cast<int64_t>(found->second);
    original = &drafts[found->second];
  } else if (const auto staged = staged_by_id_.find(key); staged != staged_by_id_.end()) {
    duplicate.staged_index = static_cast<int64_t>(staged->second);
    original = &events_[staged->second].event.draft;
  } else if (is_new) {
    return nullptr;
  } else {
    return FindCommitted(draft, index, drafts.size());
  }
  if (!SameContent(*original, draft)) {
    return tl::unexpected(IdConflict(draft, index, drafts.size()));
  }
  return std::make_unique<Duplicate>(std::move(duplicate));
}

tl::expected<std::unique_ptr<BatchStager::Duplicate>, Refusal> BatchStager::FindCommitted(
    const EventDraft& draft, size_t index, size_t count) {
  const JobState* job = cache_.Find(table_, draft.job_id);
  if (job == nullptr) return nullptr;
  const std::optional<FoundEvent> found = table_.FindEventById(job->first_seq, draft.event_id);
  if (!found) return nullptr;
  const Result<Event> original = DecodeStoredEvent(found->body);
  if (!original || !SameContent(original->draft, draft)) {
    return tl::unexpected(IdConflict(draft, index, count));
  }
  return std::make_unique<Duplicate>(Duplicate{-1, -1, Place(*original, true)});
}

void BatchStager::IndexStaged() {
  for (; indexed_ < events_.size(); ++indexed_) {
    staged_by_id_.emplace(IdKey(events_[indexed_].event.draft), indexed_);
  }
}

ChangedJob& BatchStager::Change(const std::string& job_id) {
  if (last_changed_ != nullptr && last_changed_->first == job_id) return last_changed_->second;
  const auto [entry, is_first_change] = changed_jobs_.try_emplace(job_id);
  last_changed_ = &*entry;
  ChangedJob& job = entry->second;
  if (is_first_change) {
    job.state = cache_.Find(table_, job_id);
    if (job.state == nullptr) job.state = cache_.Create(job_id);
    job.before_job_seq = job.state->job_seq;
  }
  return job;
}

size_t BatchStager::Apply(EventDraft draft) {
  ChangedJob& job = Change(draft.job_id);
  StagedEvent staged;
  staged.event = sequencer_.Take(std::move(draft), clock_.WallMicros());
  staged.event.job_seq = job.state->job_seq + 1;
  JudgeEvent(*job.state, staged.event);
  staged.line = EncodeEvent(staged.event, job.state->last_hash);
  stagelog::Apply(*job.state, staged.event, staged.line.hash, &job.changes);
  staged.first_seq = job.state->first_seq;
  staged.job_over = job.state->IsTerminal();
  job.seqs.push_back(staged.event.seq);
  job.lines += staged.line.body;
  job.lines += '\n';
  cache_.NoteId(staged.event.draft.job_id, staged.event.draft.event_id);
  events_.push_back(std::move(staged));
  return events_.size() - 1;
}

}  // namespace stagelog
