// Polling: pages of the log by cursor, time or "the newest", with a long poll at the head.
#include <algorithm>
#include <array>
#include <memory>

#include "api/api.h"
#include "api/job_query.h"
#include "api/long_polls.h"
#include "api/next_link.h"
#include "api/parameters.h"
#include "core/dialect/cloud_event_encoder.h"
#include "core/json_text.h"
#include "http/media_type.h"
#include "http/problem.h"

namespace stagelog {
namespace {

// Beside JSON.
constexpr std::array<std::string_view, 2> kOtherPageTypes = {kNdjsonType, kCloudEventBatchType};
constexpr size_t kMaxPageBytes = size_t{8} << 20;
// What reads, or looks through, more than so many events waits with the searches.
constexpr int64_t kQuickEvents = 1'000;
constexpr int64_t kQuickFilteredEvents = 2'000;
// How long a poll looks that was woken by something that matches: it is among the newest.
constexpr int64_t kWokenMicros = 25'000;

// One poll from its query to its answer.
struct Poll {
  ReadRequest read;
  std::optional<Position> position;         // none: the newest events
  int64_t deadline_micros = 0;              // monotonic, of the wait
  std::string_view media_type = kJsonType;  // of the answer
  NextLink next;
  bool as_cd_events = false;                                         // of CloudEvents
  CancelFlag canceled = std::make_shared<std::atomic<bool>>(false);  // `read` looks at it too
};

// Whether a poll may take as long as a search does, if `most_events` can lie in its range.
bool IsSearch(const ReadRequest& read, int64_t most_events) {
  if (!read.filter.empty()) return most_events > kQuickFilteredEvents;
  return std::min(most_events, static_cast<int64_t>(read.max_events)) > kQuickEvents;
}

// Of the whole journal, by what is known without a look at the disk.
int64_t MostEventsAfter(const std::optional<Position>& position, int64_t head_seq) {
  if (!position) return head_seq;
  if (position->kind == Position::Kind::kNow) return 0;
  return position->kind == Position::Kind::kCursor ? head_seq - position->value : head_seq;
}

tl::expected<std::optional<Position>, Refusal> ParsePosition(const Call& call, Clock& clock) {
  const std::optional<std::string> after = call.Parameter("after");
  const std::optional<std::string> since = call.Parameter("since");
  if (after && since) {
    return tl::unexpected(Refusal{.code = "invalid_parameter",
                                  .detail = "give either 'after' or 'since', not both",
                                  .field = "since"});
  }
  if (after) {
    const std::optional<int64_t> cursor = ParseCursor(*after);
    if (cursor) return Position{Position::Kind::kCursor, *cursor};
    return tl::unexpected(Refusal{.code = "invalid_parameter",
                                  .detail = "'after' must be a seq (an integer, 0 or greater)",
                                  .field = "after"});
  }
  if (!since) return std::optional<Position>();
  const auto position = ParseSince(*since, clock.WallMicros());
  if (!position) return tl::unexpected(position.error());
  return *position;
}

tl::expected<Poll, Refusal> ParsePoll(const Call& call, std::optional<std::string> job_id,
                                      Clock& clock) {
  auto position = ParsePosition(call, clock);
  if (!position) return tl::unexpected(position.error());
  auto filter = ParseFilter(LookupIn(call));
  if (!filter) return tl::unexpected(filter.error());
  const auto limit = ParseLimit(call.Parameter("limit"));
  if (!limit) return tl::unexpected(limit.error());
  const auto wait_seconds = ParseWaitSeconds(call);
  if (!wait_seconds) return tl::unexpected(wait_seconds.error());
  Poll poll{.next = NextLink(call)};
  poll.read.job_id = std::move(job_id);
  poll.read.filter = std::move(*filter);
  poll.read.max_events = *limit;
  poll.read.max_bytes = kMaxPageBytes;
  poll.read.canceled = poll.canceled;
  poll.position = *position;
  poll.deadline_micros = WaitDeadline(call, *wait_seconds, clock);
  poll.media_type = PreferredType(call.Header("Accept").value_or(""), kOtherPageTypes);
  const std::string format = call.Parameter("format").value_or("stagelog");
  if (format == "cloudevents" || format == "cdevents") {
    poll.media_type = kCloudEventBatchType;
    poll.as_cd_events = format == "cdevents";
  } else if (format == "stagelog") {
    const bool is_asked_for = call.Parameter("format").has_value();
    if (is_asked_for && poll.media_type == kCloudEventBatchType) poll.media_type = kJsonType;
  } else {
    return tl::unexpected(
        Refusal{.code = "invalid_parameter",
                .detail = "'format' must be 'cloudevents', 'cdevents' or 'stagelog' (the default)",
                .field = "format"});
  }
  return poll;
}

// The events of a page; lines end with a newline, elements of an array are apart by a comma.
std::string PageText(const Page& page, const Poll& poll, const std::string& journal_id) {
  const std::string_view media_type = poll.media_type;
  std::string text;
  for (const PageEvent& event : page.events) {
    if (media_type != kNdjsonType && !text.empty()) text += ',';
    if (media_type == kCloudEventBatchType) {
      text += poll.as_cd_events ? EncodeCdEvent(event.body, journal_id)
                                : EncodeCloudEvent(event.body, journal_id);
    } else {
      text += event.body;
    }
    if (media_type == kNdjsonType) text += '\n';
  }
  return text;
}

httplib::Response PageResponse(const ApiServices& services, const Page& page, const Poll& poll) {
  const std::string_view media_type = poll.media_type;
  const bool is_cloud_events = media_type == kCloudEventBatchType;
  const std::string text =
      PageText(page, poll, is_cloud_events ? services.journal.GetStatus().journal_id : "");
  const std::string next_after = std::to_string(page.scanned_through);
  const std::string head_seq = std::to_string(page.head_seq);
  const char* has_more = page.has_more ? "true" : "false";
  httplib::Response response;
  response.status = 200;
  response.headers.emplace("Content-Type", std::string(media_type));
  if (page.has_more) poll.next.Add(response, page.scanned_through);
  if (media_type == kJsonType) {
    response.body = "{\"events\":[" + text + "],\"next_after\":" + next_after +
                    ",\"has_more\":" + has_more + ",\"head_seq\":" + head_seq + "}\n";
    return response;
  }
  response.body = is_cloud_events ? "[" + text + "]\n" : text;
  response.headers.emplace("Stagelog-Next-After", next_after);
  response.headers.emplace("Stagelog-Has-More", has_more);
  response.headers.emplace("Stagelog-Head-Seq", head_seq);
  return response;
}

// Turns the position into a cursor. Waits for the disk.
std::optional<Refusal> ResolvePosition(const ApiServices& services, Poll& poll) {
  const JournalStatus journal = services.journal.GetStatus();
  if (!poll.position) {
    poll.read.newest = true;
    return std::nullopt;
  }
  switch (poll.position->kind) {
    case Position::Kind::kBeginning:
      poll.read.after = 0;
      return std::nullopt;
    case Position::Kind::kNow:
      poll.read.after = journal.head_seq;
      return std::nullopt;
    case Position::Kind::kTime: {
      const Result<int64_t> seq = services.source.SeqAtTime(poll.position->value);
      if (!seq) return ReadRefusal(seq.error());
      poll.read.after = *seq;
      return std::nullopt;
    }
    case Position::Kind::kCursor:
      break;
  }
  poll.read.after = poll.position->value;
  return std::nullopt;
}

// A cursor that this journal has not reached is of another one, or of this one before it was
// restored: to wait for it would be a silent gap.
Refusal CursorBeyondHead(const ApiServices& services, const Page& page, int64_t after) {
  Refusal refusal{.code = "cursor_beyond_head",
                  .detail = "after=" + std::to_string(after) + " is after the newest event (seq " +
                            std::to_string(page.head_seq) +
                            "); the cursor comes from "
                            "another journal or from before a restore; continue with after=" +
                            std::to_string(page.head_seq),
                  .field = "after",
                  .members = {{"head_seq", std::to_string(page.head_seq)}}};
  std::string journal_id;
  AppendJsonString(journal_id, services.journal.GetStatus().journal_id);
  refusal.members.emplace_back("journal_id", journal_id);
  return refusal;
}

HandlerResult ReadPage(const ApiServices& services, const std::shared_ptr<Poll>& poll,
                       const Responder& responder);

// Parks the poll until something matches or its time is up; also for a job that is not there yet.
HandlerResult Park(const ApiServices& services, const std::shared_ptr<Poll>& poll, const Page& page,
                   const Responder& responder) {
  poll->read.after = page.scanned_through;
  poll->read.newest = false;
  ParkedPoll parked;
  parked.job_id = poll->read.job_id;
  parked.filter = poll->read.filter;
  parked.scanned_through = page.scanned_through;
  parked.deadline_micros = poll->deadline_micros;
  parked.canceled = poll->canceled;
  parked.wake = [services, poll, responder, page](bool something_came) {
    if (!something_came) {
      const bool is_known = page.job_known || !poll->read.job_id;
      return responder.Finish(is_known ? HandlerResult{PageResponse(services, page, *poll)}
                                       : Refused(NoSuchJob(services, *poll->read.job_id)));
    }
    poll->read.max_micros = kWokenMicros;
    responder.Finish({RunOnPool{
        .work = [services, poll, responder] { return ReadPage(services, poll, responder); },
        .canceled = poll->canceled}});
  };
  services.long_polls.Park(std::move(parked));
  return {Deferred{}};
}

HandlerResult ReadPage(const ApiServices& services, const std::shared_ptr<Poll>& poll,
                       const Responder& responder) {
  const Result<Page> page = services.source.Read(poll->read);
  if (!page) return Refused(ReadRefusal(page.error()));
  const bool may_wait = services.clock.MonotonicMicros() < poll->deadline_micros;
  if (poll->read.job_id && !page->job_known) {
    const Refusal refusal = NoSuchJob(services, *poll->read.job_id);
    const bool may_come = refusal.code == "unknown_job" && poll->read.after <= page->head_seq;
    if (!may_come || !may_wait) return Refused(refusal);
  }
  if (poll->read.after > page->head_seq) {
    return Refused(CursorBeyondHead(services, *page, poll->read.after));
  }
  if (page->events.empty() && !page->has_more && may_wait) {
    return Park(services, poll, *page, responder);
  }
  return {PageResponse(services, *page, *poll)};
}

HandlerResult StartPoll(const ApiServices& services, const Call& call,
                        std::optional<std::string> job_id, const Responder& responder) {
  auto parsed = ParsePoll(call, std::move(job_id), services.clock);
  if (!parsed) return Refused(parsed.error());
  auto poll = std::make_shared<Poll>(std::move(*parsed));
  const auto work = [services, poll, responder]() -> HandlerResult {
    if (auto refusal = ResolvePosition(services, *poll)) return Refused(*refusal);
    return ReadPage(services, poll, responder);
  };
  const int64_t most = MostEventsAfter(poll->position, services.journal.GetStatus().head_seq);
  if (!IsSearch(poll->read, most)) return {RunOnPool{.work = work, .canceled = poll->canceled}};
  const RunOnPool search{.work = work, .is_search = true, .canceled = poll->canceled};
  if (!poll->read.job_id) return {search};
  // However long the journal is, its job may be short.
  const auto look = [services, poll, work, search]() -> HandlerResult {
    const Result<int64_t> most_of_job = services.source.MostEventsOf(*poll->read.job_id);
    if (!most_of_job || IsSearch(poll->read, *most_of_job)) return {search};
    return work();
  };
  return {RunOnPool{.work = look, .canceled = poll->canceled}};
}

}  // namespace

HandlerResult PollJob(const ApiServices& services, Call call, const Responder& responder) {
  auto job_id = JobOfPath(call);
  if (!job_id) return Refused(job_id.error());
  return StartPoll(services, call, std::move(*job_id), responder);
}

HandlerResult PollJobs(const ApiServices& services, Call call, const Responder& responder) {
  return StartPoll(services, call, std::nullopt, responder);
}

}  // namespace stagelog
