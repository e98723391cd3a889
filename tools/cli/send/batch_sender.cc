#include "tools/cli/send/batch_sender.h"

#include <algorithm>
#include <chrono>
#include <thread>

#include "base/clock.h"
#include "base/random.h"
#include "core/draft_decoder.h"
#include "core/json_object_reader.h"
#include "core/json_text.h"
#include "tools/cli/receipt.h"

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
  if (queued_.empty()) return {};
  std::string body;
  for (const OutgoingEvent& event : queued_) body += event.json + "\n";
  const CliResult<Answer> answer = Post(body, "application/x-ndjson");
  if (!answer) return tl::unexpected(answer.error());
  if (!answer->ok()) return tl::unexpected(Refused(*answer));
  const Json json = Json::parse(answer->body, nullptr, false);
  // Of nothing but heartbeats there is no count.
  if (json.is_object()) {
    accepted_ += json.value("accepted", int64_t{0});
    duplicates_ += json.value("duplicates", int64_t{0});
    last_seq_ = std::max(last_seq_, json.value("last_seq", int64_t{0}));
    TakeReceipt(json);
  }
  queued_.clear();
  queued_bytes_ = 0;
  return {};
}

std::string BatchSender::FlaggedText() const {
  return flagged_ == 0 ? "" : ", " + std::to_string(flagged_) + " flagged as illegal";
}

void BatchSender::TakeReceipt(const Json& answer) {
  const Receipt receipt = ReadReceipt(answer, "");
  flagged_ += receipt.flagged;
  for (const FlaggedEvent& event : receipt.events) {
    if (!say_ || told_ >= kMaxTold) return;
    if (event.line < 1 || event.line > static_cast<int64_t>(queued_.size())) continue;
    const OutgoingEvent& sent = queued_[static_cast<size_t>(event.line - 1)];
    ++told_;
    say_("line " + std::to_string(sent.line) + ": " + FlagText(event, sent.json));
  }
}

CliResult<Answer> BatchSender::Post(const std::string& body, const std::string& content_type) {
  const int64_t give_up_at = SystemClock().MonotonicMicros() + int64_t{retry_seconds_} * 1'000'000;
  auto wait = kFirstRetryWait;
  while (true) {
    CliResult<Answer> answer = client_.Post(target_, body, content_type);
    const bool is_over = SystemClock().MonotonicMicros() >= give_up_at;
    if (!IsWorthRetrying(answer) || is_over) return answer;
    std::this_thread::sleep_for(wait);
    wait = std::min(wait * 2, kLongestRetryWait);
  }
}

CliResult<Answer> BatchSender::PostOne(const std::string& event) {
  CliResult<Answer> answer = Post(event, "application/json");
  if (answer && !answer->ok()) return tl::unexpected(client_.AsError(*answer));
  return answer;
}

CliError BatchSender::Refused(const Answer& answer) const {
  CliError error = client_.AsError(answer);
  const Json problem = Json::parse(answer.body, nullptr, false);
  const int64_t line = problem.is_object() ? problem.value("line", int64_t{0}) : 0;
  if (line >= 1 && line <= static_cast<int64_t>(queued_.size())) {
    const std::string place = "line " + std::to_string(line) + ": ";  // in the batch
    if (error.message.starts_with(place)) error.message.erase(0, place.size());
    error.message = "line " + std::to_string(queued_[static_cast<size_t>(line - 1)].line) + ": " +
                    error.message;
  }
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
