#include "client/batch_sender.h"

#include <algorithm>
#include <chrono>
#include <thread>

#include "base/clock.h"
#include "base/random.h"
#include "client/json_member.h"
#include "client/receipt.h"
#include "core/draft_decoder.h"
#include "core/json_object_reader.h"
#include "core/json_text.h"
#include "core/json_value.h"

namespace stagelog::cli {
namespace {

constexpr size_t kBatchEvents = 1'000;
constexpr int64_t kMaxTold = 20;  // flagged events
constexpr size_t kBatchBytes = size_t{1} << 20;
constexpr auto kFirstRetryWait = std::chrono::milliseconds(100);
constexpr auto kLongestRetryWait = std::chrono::milliseconds(2'000);

// Another attempt may end otherwise: nobody answered, or the daemon cannot write just now.
bool IsWorthRetrying(const CliResult<Answer>& answer) {
  return !answer || (answer->status >= 502 && answer->status <= 504);
}

bool IsIdConflict(const Answer& answer) {
  return answer.status == 409 &&
         TextAt(ParseOrderedJson(answer.body), "code") == "event_id_conflict";
}

}  // namespace

CliStatus BatchSender::Add(OutgoingEvent event) {
  const size_t bytes = event.json.size() + 1;
  if (!queued_.empty() && queued_bytes_ + bytes > kBatchBytes) {
    if (CliStatus sent = Flush(); !sent) return sent;
  }
  queued_bytes_ += bytes;
  queued_.push_back(std::move(event));
  return queued_.size() < kBatchEvents ? CliStatus() : Flush();
}

CliStatus BatchSender::Flush() {
  // A request is taken whole or not at all. Where events must be left out it is sent in parts, so
  // that not all the others are sent again for each.
  size_t part = queued_.size();
  while (!queued_.empty()) {
    part = std::clamp<size_t>(part, 1, queued_.size());
    const auto end = queued_.begin() + static_cast<std::ptrdiff_t>(part);
    std::string body;
    for (auto event = queued_.begin(); event != end; ++event) body += event->json + "\n";
    const CliResult<Answer> answer = Post(target_, body, "application/x-ndjson");
    if (!answer) return tl::unexpected(answer.error());
    if (answer->ok()) {
      if (auto receipt = client_.DocumentIn(*answer, kReceiptKey); !receipt) {
        return tl::unexpected(std::move(receipt.error()));
      }
      Count(*answer);
      queued_.erase(queued_.begin(), end);
      part *= 2;
      continue;
    }
    const size_t refused = RefusedEvent(*answer, part);
    CliError error = Refused(*answer, refused);
    if (refused == 0) return tl::unexpected(std::move(error));
    const auto at = queued_.begin() + static_cast<std::ptrdiff_t>(refused - 1);
    const bool is_known = at->has_derived_id && IsIdConflict(*answer);
    if (is_known || skip_) {
      if (is_known) {
        ++differing_;
      } else {
        skip_(*at, error.message);
      }
      queued_.erase(at);
      part = refused - 1;
      continue;
    }
    queued_.erase(at, queued_.end());
    if (CliStatus sent = Flush(); !sent) return sent;  // what came before it
    return tl::unexpected(std::move(error));
  }
  queued_bytes_ = 0;
  return {};
}

std::string BatchSender::FlaggedText() const {
  return flagged_ == 0 ? "" : ", " + std::to_string(flagged_) + " flagged as invalid";
}

void BatchSender::Count(const Answer& answer) {
  const Json json = ParseOrderedJson(answer.body);
  if (!json.is_object()) return;  // of nothing but heartbeats there is no count
  accepted_ += json.value("accepted", int64_t{0});
  duplicates_ += json.value("duplicates", int64_t{0});
  last_seq_ = std::max(last_seq_, json.value("last_seq", int64_t{0}));
  TakeReceipt(json);
}

void BatchSender::TakeReceipt(const Json& answer) {
  const Receipt receipt = ReadReceipt(answer, "");
  flagged_ += receipt.flagged;
  for (const FlaggedEvent& event : receipt.events) {
    if (!say_ || reported_ >= kMaxTold) return;
    if (event.line < 1 || event.line > static_cast<int64_t>(queued_.size())) continue;
    const OutgoingEvent& sent = queued_[static_cast<size_t>(event.line - 1)];
    ++reported_;
    say_("line " + std::to_string(sent.line) + ": " + FlagText(event, sent.json));
  }
}

CliResult<Answer> BatchSender::Post(const std::string& target, const std::string& body,
                                    const std::string& content_type) {
  const int64_t give_up_at = SystemClock().MonotonicMicros() + int64_t{retry_seconds_} * 1'000'000;
  auto wait = kFirstRetryWait;
  has_sent_ = true;
  while (true) {
    CliResult<Answer> answer = client_.Post(target, body, content_type);
    const bool is_over = SystemClock().MonotonicMicros() >= give_up_at;
    if (!IsWorthRetrying(answer) || is_over) return answer;
    std::this_thread::sleep_for(wait);
    wait = std::min(wait * 2, kLongestRetryWait);
  }
}

CliResult<Answer> BatchSender::PostTo(const std::string& target, const std::string& body) {
  return Post(target, body, "application/json");
}

CliResult<Answer> BatchSender::PostOne(const std::string& event) {
  CliResult<Answer> answer = Post(target_, event, "application/json");
  if (!answer) return answer;
  if (auto receipt = client_.DocumentIn(*answer, kReceiptKey); !receipt) {
    return tl::unexpected(std::move(receipt.error()));
  }
  return answer;
}

size_t BatchSender::RefusedEvent(const Answer& answer, size_t sent) const {
  const Json problem = ParseOrderedJson(answer.body);
  if (answer.status >= 500 || !problem.is_object()) return 0;
  // Of one event the daemon gives no number.
  const bool is_of_the_one =
      sent == 1 && (answer.status == 409 || answer.status == 410 || answer.status == 422);
  const int64_t line = IntegerAt(problem, "line", is_of_the_one ? 1 : 0);
  return line >= 1 && line <= static_cast<int64_t>(sent) ? static_cast<size_t>(line) : 0;
}

CliError BatchSender::Refused(const Answer& answer, size_t event) const {
  CliError error = client_.AsError(answer);
  if (event == 0) return error;
  const std::string place = "line " + std::to_string(event) + ": ";  // in the batch
  if (error.message.starts_with(place)) error.message.erase(0, place.size());
  error.message = "line " + std::to_string(queued_[event - 1].line) + ": " + error.message;
  return error;
}

CliResult<std::string> WithEventId(std::string_view event) {
  const auto members = ReadJsonObject(event, kMaxJsonDepth);
  if (!members) return Fail(ExitCode::kUsage, members.error().detail);
  const bool has_id = std::any_of(members->begin(), members->end(), [](const JsonMember& member) {
    return member.key == "event_id";
  });
  std::string compact = CompactJson(event);
  if (has_id) return compact;
  const std::string id = MakeForeignUuidV7(SystemClock().WallMicros());
  return "{\"event_id\":\"" + id + "\"" + (members->empty() ? "" : ",") + compact.substr(1);
}

}  // namespace stagelog::cli
