#include "journal/batch_stager.h"

#include <algorithm>

#include "base/random.h"

namespace stagelog {
namespace {

std::string IdKey(const EventDraft& draft) { return draft.job_id + '\n' + draft.event_id; }

Refusal IdConflict(const EventDraft& draft, size_t index, size_t count) {
  Refusal refusal{.code = "event_id_conflict",
                  .detail = "event_id '" + draft.event_id + "' is in job '" + draft.job_id +
                            "' already, with other content",
                  .field = "event_id"};
  if (count > 1) {
    refusal.line = static_cast<int64_t>(index) + 1;
    refusal.detail = "event " + std::to_string(index + 1) + ": " + refusal.detail;
  }
  return refusal;
}

template <typename T>
bool AllHaveValues(const std::vector<std::optional<T>>& values) {
  return std::all_of(values.begin(), values.end(), [](const auto& value) { return !!value; });
}

AppendedEvent Place(const Event& event, bool duplicate) {
  return {event.seq, event.job_seq, event.ts_micros, event.draft.event_id, duplicate};
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

const JobState* JobCache::Find(EventTable& table, const std::string& job_id) {
  if (const auto found = states_.find(job_id); found != states_.end()) return &found->second;
  std::optional<JobRow> row = table.FindJob(job_id);
  if (!row) return nullptr;
  if (states_.size() >= kMaxJobs) states_.clear();
  return &states_.emplace(job_id, std::move(row->state)).first->second;
}

void JobCache::Put(JobState state) {
  if (states_.size() >= kMaxJobs) states_.clear();
  std::string job_id = state.job_id;
  states_.insert_or_assign(std::move(job_id), std::move(state));
}

const JobState* BatchStager::FindJob(const std::string& job_id) {
  const auto changed = changed_jobs_.find(job_id);
  return changed == changed_jobs_.end() ? cache_.Find(table_, job_id) : &changed->second;
}

AppendOutcome BatchStager::Stage(std::vector<EventDraft> drafts, const Precondition& precondition,
                                 bool& rests_on_commit) {
  // Everything that can be refused is found before anything is applied.
  std::vector<std::optional<Duplicate>> duplicates(drafts.size());
  std::unordered_map<std::string, size_t> earlier;
  for (size_t i = 0; i < drafts.size(); ++i) {
    if (drafts[i].event_id.empty()) continue;
    auto original = FindOriginal(drafts, i, earlier);
    if (!original) return tl::unexpected(std::move(original.error()));
    duplicates[i] = std::move(*original);
    if (!duplicates[i]) earlier.emplace(IdKey(drafts[i]), i);
  }
  // A repeated request is answered as the first one was, whatever has become of the job since.
  const bool all_are_duplicates = AllHaveValues(duplicates);
  if (precondition && !all_are_duplicates) {
    std::optional<Refusal> refusal =
        precondition([this](const std::string& job_id) { return FindJob(job_id); });
    if (refusal) return tl::unexpected(std::move(*refusal));
  }
  std::vector<AppendedEvent> places;
  places.reserve(drafts.size());
  for (size_t i = 0; i < drafts.size(); ++i) {
    if (!duplicates[i]) {
      places.push_back(Place(events_[Apply(std::move(drafts[i]))].event, false));
      rests_on_commit = true;
    } else if (duplicates[i]->staged_index >= 0) {
      const size_t index = static_cast<size_t>(duplicates[i]->staged_index);
      places.push_back(Place(events_[index].event, true));
      rests_on_commit = true;
    } else if (duplicates[i]->request_index >= 0) {
      places.push_back(places[static_cast<size_t>(duplicates[i]->request_index)]);
      places.back().duplicate = true;
    } else {
      places.push_back(std::move(duplicates[i]->committed));
    }
  }
  return places;
}

tl::expected<std::optional<BatchStager::Duplicate>, Refusal> BatchStager::FindOriginal(
    const std::vector<EventDraft>& drafts, size_t index,
    const std::unordered_map<std::string, size_t>& earlier) {
  const EventDraft& draft = drafts[index];
  const std::string key = IdKey(draft);
  Duplicate duplicate;
  const EventDraft* original = nullptr;
  if (const auto found = earlier.find(key); found != earlier.end()) {
    duplicate.request_index = static_cast<int64_t>(found->second);
    original = &drafts[found->second];
  } else if (const auto staged = staged_by_id_.find(key); staged != staged_by_id_.end()) {
    duplicate.staged_index = static_cast<int64_t>(staged->second);
    original = &events_[staged->second].event.draft;
  } else {
    return FindCommitted(draft, index, drafts.size());
  }
  if (!SameContent(*original, draft)) {
    return tl::unexpected(IdConflict(draft, index, drafts.size()));
  }
  return std::optional<Duplicate>(std::move(duplicate));
}

tl::expected<std::optional<BatchStager::Duplicate>, Refusal> BatchStager::FindCommitted(
    const EventDraft& draft, size_t index, size_t count) {
  const JobState* job = cache_.Find(table_, draft.job_id);
  if (job == nullptr) return std::optional<Duplicate>();
  const std::optional<FoundEvent> found = table_.FindEventById(job->first_seq, draft.event_id);
  if (!found) return std::optional<Duplicate>();
  const Result<Event> original = DecodeStoredEvent(found->body);
  if (!original || !SameContent(original->draft, draft)) {
    return tl::unexpected(IdConflict(draft, index, count));
  }
  return std::optional<Duplicate>(Duplicate{-1, -1, Place(*original, true)});
}

size_t BatchStager::Apply(EventDraft draft) {
  const std::string job_id = draft.job_id;
  auto state = changed_jobs_.find(job_id);
  if (state == changed_jobs_.end()) {
    const JobState* committed = cache_.Find(table_, job_id);
    state = changed_jobs_.emplace(job_id, committed == nullptr ? JobState() : *committed).first;
  }
  const bool emitter_named_it = !draft.event_id.empty();
  StagedEvent staged;
  staged.event = sequencer_.Take(std::move(draft), clock_.WallMicros());
  staged.event.job_seq = state->second.job_seq + 1;
  staged.event.violations = Judge(state->second, staged.event.draft);
  staged.line = EncodeEvent(staged.event, state->second.last_hash);
  stagelog::Apply(state->second, staged.event, staged.line.hash);
  staged.first_seq = state->second.first_seq;
  staged.job_over = state->second.IsOver();
  if (emitter_named_it) staged_by_id_.emplace(IdKey(staged.event.draft), events_.size());
  events_.push_back(std::move(staged));
  return events_.size() - 1;
}

}  // namespace stagelog
