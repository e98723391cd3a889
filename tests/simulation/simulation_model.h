// What a journal under simulation has promised so far, in plain maps, and whether it keeps it.
#ifndef STAGELOG_TESTS_SIMULATION_SIMULATION_MODEL_H_
#define STAGELOG_TESTS_SIMULATION_SIMULATION_MODEL_H_

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "core/event.h"
#include "core/event_appender.h"
#include "core/event_source.h"
#include "core/job_deleter.h"
#include "core/refusal.h"

namespace stagelog {

// What an emitter knows of an answer.
enum class Knowledge { kAcknowledged, kRefused, kUnknown };

// One request as it was sent. Every draft's `message` is a word of its own: by it an event is known
// wherever it turns up.
struct SentRequest {
  size_t number = 0;
  std::vector<EventDraft> drafts;
  std::set<std::string> jobs_gone;  // known as deleted when it was sent
};

// A subscriber: a cursor and what it was given. No job: all of them.
struct ModelSubscriber {
  std::optional<std::string> job_id;
  int64_t cursor = 0;
  std::vector<PageEvent> seen;
};

// What one incarnation of the journal has announced, from its opening on.
struct Announced {
  int64_t head_at_opening = 0;
  std::vector<int64_t> seqs;
};

// The journal as it is found in the end.
struct FoundJournal {
  std::vector<PageEvent> events;  // of all jobs, by seq
  std::set<std::string> deleted;  // of the jobs that the model knows
};

class SimulationModel {
 public:
  // An answer has come; with `is_lost` the power failed before the emitter heard of it.
  Knowledge OnAnswer(const SentRequest& request, const AppendOutcome& outcome, bool is_lost);
  void OnDeleteAnswer(const std::string& job_id,
                      const tl::expected<DeletedJobReport, Refusal>& outcome, bool is_lost);

  // Whatever anybody is shown is committed, and stays.
  void OnAnnounced(int64_t seq, const std::string& body);
  void OnPage(ModelSubscriber& subscriber, const Page& page);

  void OnJobIsDeleted(const std::string& job_id) { deleted_.insert(job_id); }
  void OnDeletionAnnounced(const std::string& job_id, int64_t seq);
  void OnJobMayBeDeleted(const std::string& job_id) { maybe_deleted_.insert(job_id); }
  const std::set<std::string>& deleted_jobs() const { return deleted_; }

  void OnOpened(int64_t head_seq) { announced_.push_back({head_seq, {}}); }

  // Holds what is there against all that was promised.
  void Check(const FoundJournal& found, const std::vector<ModelSubscriber>& subscribers);

  int64_t highest_seq() const { return highest_seq_; }
  int64_t highest_ts_micros() const { return highest_ts_micros_; }

  void ReportFailure(std::string text);
  const std::vector<std::string>& complaints() const { return complaints_; }

 private:
  struct Place {
    int64_t seq = 0;
    int64_t job_seq = 0;
    int64_t ts_micros = 0;
    bool operator==(const Place&) const = default;
  };
  struct Word {
    EventDraft draft;
    std::optional<Place> place;  // once acknowledged or shown
    bool may_be_there = false;   // some outcome is unknown
    std::set<size_t> requests;   // that carried it
  };
  struct Doubtful {
    size_t number = 0;
    std::vector<std::string> words;
  };

  void OnPlace(const SentRequest& request, const EventDraft& draft, const AppendedEvent& given);
  void OnShown(int64_t seq, const std::string& body, bool is_announced);
  void RaiseHighest(const Place& place);
  void Settle(const std::string& word, const Place& place, bool must_be_later);
  void CheckWords(const FoundJournal& found, const std::map<std::string, PageEvent>& by_word);
  void CheckWord(const std::string& name, const Word& word, const PageEvent* event);
  void CheckWholeness(const FoundJournal& found, const std::map<std::string, PageEvent>& by_word);
  void CheckSubscriber(const FoundJournal& found, const ModelSubscriber& subscriber);
  void CheckAnnounced(const FoundJournal& found, const Announced& announced);
  void CheckDeleted(const FoundJournal& found);

  std::map<std::string, Word> words_;
  std::map<int64_t, std::string> word_by_seq_;
  std::map<int64_t, std::string> body_by_seq_;  // of what was shown
  std::vector<Doubtful> doubtful_;
  std::set<std::string> deleted_;
  std::set<std::string> maybe_deleted_;
  std::vector<Announced> announced_;
  int64_t highest_seq_ = 0;
  int64_t highest_ts_micros_ = 0;
  std::vector<std::string> complaints_;
};

}  // namespace stagelog

#endif  // STAGELOG_TESTS_SIMULATION_SIMULATION_MODEL_H_
