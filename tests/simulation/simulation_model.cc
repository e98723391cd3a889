#include "tests/simulation/simulation_model.h"

#include <algorithm>

#include "base/timestamp.h"
#include "core/event_codec.h"

namespace stagelog {
namespace {

constexpr size_t kMaxComplaints = 20;

std::string WordOf(std::string_view body) { return std::string(ViewEvent(body).message); }

std::string JobOf(std::string_view body) { return std::string(ViewEvent(body).job_id); }

bool SaysNotApplied(const Refusal& refusal) {
  if (refusal.code != "journal_unavailable") return true;  // refused for what it says
  return !refusal.members.empty() && refusal.members[0].second == "\"not_applied\"";
}

}  // namespace

void SimulationModel::ReportFailure(std::string text) {
  if (complaints_.size() < kMaxComplaints) complaints_.push_back(std::move(text));
}

Knowledge SimulationModel::OnAnswer(const SentRequest& request, const AppendOutcome& outcome,
                                    bool is_lost) {
  for (const EventDraft& draft : request.drafts) {
    Word& word = words_[draft.message];
    word.draft = draft;
    word.requests.insert(request.number);
  }
  if (outcome && outcome->size() != request.drafts.size()) {
    ReportFailure("request " + std::to_string(request.number) + ": not a place for each draft");
    return Knowledge::kUnknown;
  }
  if (outcome) {
    for (size_t i = 0; i < outcome->size(); ++i) {
      if (is_lost && !(*outcome)[i].duplicate) {
        ReportFailure("request " + std::to_string(request.number) + " was written without power");
      }
      OnPlace(request, request.drafts[i], (*outcome)[i]);
    }
    return Knowledge::kAcknowledged;
  }
  if (SaysNotApplied(outcome.error())) return Knowledge::kRefused;
  Doubtful doubtful{.number = request.number, .words = {}};
  for (const EventDraft& draft : request.drafts) {
    words_[draft.message].may_be_there = true;
    doubtful.words.push_back(draft.message);
  }
  doubtful_.push_back(std::move(doubtful));
  return Knowledge::kUnknown;
}

void SimulationModel::OnPlace(const SentRequest& request, const EventDraft& draft,
                              const AppendedEvent& given) {
  const std::string name = "request " + std::to_string(request.number) + ", " + draft.message;
  const bool is_named_right = draft.event_id.empty() || draft.event_id == given.event_id;
  if (given.job_id != draft.job_id || !is_named_right) ReportFailure(name + ": another's place");
  if (request.jobs_gone.contains(draft.job_id)) ReportFailure(name + ": a deleted job took it");
  const bool is_known = words_[draft.message].place.has_value();
  if (given.duplicate && draft.event_id.empty()) ReportFailure(name + ": duplicate of nothing");
  Settle(draft.message, {given.seq, given.job_seq, given.ts_micros}, !given.duplicate && !is_known);
  RaiseHighest({given.seq, given.job_seq, given.ts_micros});
}

// An event has one place for ever, and each place one event.
void SimulationModel::Settle(const std::string& name, const Place& place, bool must_be_later) {
  Word& word = words_[name];
  if (word.place && !(*word.place == place)) {
    ReportFailure(name + " was at seq " + std::to_string(word.place->seq) + ", now at " +
                  std::to_string(place.seq));
  }
  const auto [owner, is_new] = word_by_seq_.emplace(place.seq, name);
  if (!is_new && owner->second != name) {
    ReportFailure("seq " + std::to_string(place.seq) + " was given to " + owner->second +
                  " and to " + name);
  }
  const bool is_later = place.seq > highest_seq_ && place.ts_micros > highest_ts_micros_;
  if (must_be_later && !is_later) {
    ReportFailure(name + ": seq " + std::to_string(place.seq) + ", ts " +
                  FormatTimestamp(place.ts_micros) + " after seq " + std::to_string(highest_seq_) +
                  ", ts " + FormatTimestamp(highest_ts_micros_));
  }
  word.place = place;
}

void SimulationModel::RaiseHighest(const Place& place) {
  highest_seq_ = std::max(highest_seq_, place.seq);
  highest_ts_micros_ = std::max(highest_ts_micros_, place.ts_micros);
}

void SimulationModel::OnDeleteAnswer(const std::string& job_id,
                                     const tl::expected<DeletedJobReport, Refusal>& outcome,
                                     bool is_lost) {
  if (outcome && !is_lost) deleted_.insert(job_id);
  if (is_lost) maybe_deleted_.insert(job_id);
  if (outcome) return;
  if (outcome.error().code == "job_deleted") deleted_.insert(job_id);
  if (!SaysNotApplied(outcome.error())) maybe_deleted_.insert(job_id);
}

void SimulationModel::OnShown(int64_t seq, const std::string& body, bool is_announced) {
  const EventView view = ViewEvent(body);
  const std::string name(view.message);
  const auto [shown, is_new] = body_by_seq_.emplace(seq, body);
  if (shown->second != body) {
    ReportFailure("seq " + std::to_string(seq) + " was shown as\n  " + shown->second +
                  "\n  and as\n  " + body);
  }
  if (!is_new && !is_announced) return;
  const bool must_be_later = is_announced && !words_[name].place;
  const Place place{view.seq, view.job_seq, ParseTimestamp(std::string(view.ts)).value_or(0)};
  Settle(name, place, must_be_later);
  if (is_announced) RaiseHighest(place);
}

void SimulationModel::OnAnnounced(int64_t seq, const std::string& body) {
  std::vector<int64_t>& seqs = announced_.back().seqs;
  if (!seqs.empty() && seq <= seqs.back()) {
    ReportFailure("seq " + std::to_string(seq) + " announced after " + std::to_string(seqs.back()));
  }
  seqs.push_back(seq);
  OnShown(seq, body, true);
}

// It has a seq of its own, behind all that was given before.
void SimulationModel::OnDeletionAnnounced(const std::string& job_id, int64_t seq) {
  deleted_.insert(job_id);
  if (seq <= highest_seq_) {
    ReportFailure("the deletion of " + job_id + " has seq " + std::to_string(seq) + ", after " +
                  std::to_string(highest_seq_));
  }
  RaiseHighest({.seq = seq});
  announced_.back().seqs.push_back(seq);
}

void SimulationModel::OnPage(ModelSubscriber& subscriber, const Page& page) {
  for (const PageEvent& event : page.events) {
    const int64_t last = subscriber.seen.empty() ? 0 : subscriber.seen.back().seq;
    if (event.seq <= subscriber.cursor || event.seq <= last) {
      ReportFailure("a page after " + std::to_string(subscriber.cursor) + " has seq " +
                    std::to_string(event.seq) + " after " + std::to_string(last));
    }
    subscriber.seen.push_back(event);
    OnShown(event.seq, event.body, false);
  }
  if (page.scanned_through < subscriber.cursor) ReportFailure("a page moves the cursor back");
  subscriber.cursor = page.scanned_through;
}

// --- In the end ---

void SimulationModel::Check(const FoundJournal& found,
                            const std::vector<ModelSubscriber>& subscribers) {
  std::map<std::string, PageEvent> by_word;
  for (const PageEvent& event : found.events) {
    const std::string word = WordOf(event.body);
    if (!by_word.emplace(word, event).second) ReportFailure(word + " is there twice");
    if (!words_.contains(word)) ReportFailure("nobody has sent " + event.body);
    const auto shown = body_by_seq_.find(event.seq);
    if (shown != body_by_seq_.end() && shown->second != event.body) {
      ReportFailure("seq " + std::to_string(event.seq) + " was shown as\n  " + shown->second +
                    "\n  and is\n  " + event.body);
    }
  }
  CheckDeleted(found);
  CheckWords(found, by_word);
  CheckWholeness(found, by_word);
  for (const ModelSubscriber& subscriber : subscribers) CheckSubscriber(found, subscriber);
  for (const Announced& announced : announced_) CheckAnnounced(found, announced);
}

void SimulationModel::CheckDeleted(const FoundJournal& found) {
  for (const std::string& job : deleted_) {
    if (!found.deleted.contains(job)) ReportFailure("job " + job + " was deleted and is back");
  }
  for (const std::string& job : found.deleted) {
    const bool may_be = deleted_.contains(job) || maybe_deleted_.contains(job);
    if (!may_be) ReportFailure("nobody has deleted job " + job);
  }
  for (const PageEvent& event : found.events) {
    const std::string job = JobOf(event.body);
    if (found.deleted.contains(job)) ReportFailure("deleted job " + job + " has " + event.body);
  }
}

void SimulationModel::CheckWords(const FoundJournal& found,
                                 const std::map<std::string, PageEvent>& by_word) {
  for (const auto& [name, word] : words_) {
    if (found.deleted.contains(word.draft.job_id)) continue;
    const auto event = by_word.find(name);
    CheckWord(name, word, event == by_word.end() ? nullptr : &event->second);
  }
}

void SimulationModel::CheckWord(const std::string& name, const Word& word, const PageEvent* event) {
  if (event == nullptr) {
    if (word.place) {
      ReportFailure(name + " was acknowledged or shown at seq " + std::to_string(word.place->seq) +
                    " and is lost");
    }
    return;
  }
  if (!word.place && !word.may_be_there) ReportFailure(name + " was refused and is there");
  const Result<Event> stored = DecodeStoredEvent(event->body);
  if (!stored) return ReportFailure(event->body + ": " + stored.error().message);
  const Place place{stored->seq, stored->job_seq, stored->ts_micros};
  if (word.place && !(*word.place == place)) {
    ReportFailure(name + " is not at seq " + std::to_string(word.place->seq) + ": " + event->body);
  }
  const bool is_same = SameContent(stored->draft, word.draft) &&
                       stored->draft.job_id == word.draft.job_id &&
                       stored->draft.actor == word.draft.actor;
  const bool is_named_right =
      word.draft.event_id.empty() || word.draft.event_id == stored->draft.event_id;
  if (!is_same || !is_named_right) ReportFailure(name + " is there otherwise: " + event->body);
}

// Of a request whose outcome is unknown all is there or nothing. What other requests have carried
// too says nothing about this one.
void SimulationModel::CheckWholeness(const FoundJournal& found,
                                     const std::map<std::string, PageEvent>& by_word) {
  for (const Doubtful& request : doubtful_) {
    std::set<bool> present;
    for (const std::string& name : request.words) {
      const Word& word = words_.at(name);
      if (word.requests.size() > 1 || found.deleted.contains(word.draft.job_id)) continue;
      present.insert(by_word.contains(name));
    }
    if (present.size() > 1) {
      ReportFailure("request " + std::to_string(request.number) + " is there in part");
    }
  }
}

void SimulationModel::CheckSubscriber(const FoundJournal& found,
                                      const ModelSubscriber& subscriber) {
  const auto is_ours = [&](const PageEvent& event) {
    const std::string job = JobOf(event.body);
    if (found.deleted.contains(job)) return false;
    return !subscriber.job_id || *subscriber.job_id == job;
  };
  std::vector<int64_t> wanted;
  for (const PageEvent& event : found.events) {
    if (event.seq <= subscriber.cursor && is_ours(event)) wanted.push_back(event.seq);
  }
  std::vector<int64_t> seen;
  for (const PageEvent& event : subscriber.seen) {
    if (is_ours(event)) seen.push_back(event.seq);
  }
  if (wanted == seen) return;
  std::string text = "a subscriber of " + subscriber.job_id.value_or("all jobs") + " at " +
                     std::to_string(subscriber.cursor) + " saw";
  for (const int64_t seq : seen) text += " " + std::to_string(seq);
  text += " and not";
  for (const int64_t seq : wanted) text += " " + std::to_string(seq);
  ReportFailure(std::move(text));
}

void SimulationModel::CheckAnnounced(const FoundJournal& found, const Announced& announced) {
  if (announced.seqs.empty()) return;
  const std::set<int64_t> seqs(announced.seqs.begin(), announced.seqs.end());
  for (const PageEvent& event : found.events) {
    const bool is_in_range =
        event.seq > announced.head_at_opening && event.seq <= announced.seqs.back();
    if (is_in_range && !seqs.contains(event.seq)) {
      ReportFailure("seq " + std::to_string(event.seq) + " was never announced");
    }
  }
}

}  // namespace stagelog
