// Which events a poll or a stream requests: start position and filter. Both use the same grammar.
#ifndef STAGELOG_CORE_QUERY_H_
#define STAGELOG_CORE_QUERY_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "core/event_codec.h"
#include "core/refusal.h"

namespace stagelog {

// A stored line as filters look at it, parsed once for however many filters.
class FilterSubject {
 public:
  // `body` must outlive the subject.
  explicit FilterSubject(std::string_view body) : view_(ViewEvent(body)) {}

  const EventView& view() const { return view_; }

  // Message, type, stage, gate and payload in lower case (ASCII), put together when first asked
  // for. One thread at a time.
  const std::string& Text() const;

 private:
  EventView view_;
  mutable std::string text_;
};

// Conditions that an event must meet, all of them; an empty list admits everything.
struct EventFilter {
  std::vector<std::string> types;
  std::vector<std::string> stages;
  std::vector<std::string> levels;
  std::vector<std::string> jobs;
  std::string text;  // in lower case; found in message, type, stage, gate or payload, case ignored

  bool empty() const {
    return types.empty() && stages.empty() && levels.empty() && jobs.empty() && text.empty();
  }

  bool Matches(const FilterSubject& subject) const;
  bool Matches(std::string_view body) const { return empty() || Matches(FilterSubject(body)); }
};

// A place in the log: an exact cursor, a time, or one of the ends.
struct Position {
  enum class Kind { kCursor, kTime, kBeginning, kNow };
  Kind kind = Kind::kBeginning;
  int64_t value = 0;  // seq for kCursor, microseconds since 1970 for kTime

  bool operator==(const Position&) const = default;
};

// Where a stream starts. `requested` keeps a cursor that could not be read, as it was sent, for the
// `gap` frame; `foreign_journal` is true when the cursor belongs to another journal.
struct StreamStart {
  std::optional<Position> position;  // none: the default start
  std::string unreadable;            // the text of an unreadable cursor; empty when it was read
  bool foreign_journal = false;
};

// Named values of a query or a head: the first value of a key, or none.
using ParameterLookup = std::function<std::optional<std::string>(const std::string&)>;

// `after=`: a whole number, 0 to 2^63-1.
std::optional<int64_t> ParseCursor(std::string_view text);

// `since=`: a time with a zone as ParseForeignTime() reads it (a blank where a '+' was is taken
// back), a number as ParseUnixTime() does, a duration before `now_micros` ("90s", "10m", "1h30m",
// "7d", "1w"; see base/duration.h), "all" or "now".
tl::expected<Position, Refusal> ParseSince(std::string_view text, int64_t now_micros);

// `type`, `stage`, `level`, `job` (lists separated by commas) and `q`. A level may be spelled as
// LevelOfWord() knows it; the filter has our own word for it.
tl::expected<EventFilter, Refusal> ParseFilter(const ParameterLookup& parameters);

// The parts between commas: at least one, which may be empty.
std::vector<std::string> SplitList(std::string_view text);

// The list in parameter `name`, each item one of `known`; empty when there is none.
tl::expected<std::vector<std::string>, Refusal> ParseWordList(
    const ParameterLookup& parameters, const std::string& name,
    std::span<const std::string_view> known);

// `limit=`: 1 to 10000, 100 when left out.
tl::expected<size_t, Refusal> ParseLimit(const std::optional<std::string>& text);

// Start of a stream by its headers and query: Last-Event-ID, last_event_id, lastEventId,
// evs_last_event_id, after, since; the first one present wins. `journal_id` is this journal's.
// Never refuses a cursor: an invalid one, or an invalid `since`, is reported in the stream.
StreamStart ParseStreamStart(const std::optional<std::string>& last_event_id_header,
                             const ParameterLookup& parameters, const std::string& journal_id,
                             int64_t now_micros);

}  // namespace stagelog

#endif  // STAGELOG_CORE_QUERY_H_
