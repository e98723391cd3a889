#include "client/send_verdict.h"

#include <algorithm>
#include <array>

#include "client/json_member.h"
#include "core/json_value.h"

namespace stagelog::cli {
namespace {

// Statuses by which a stagelog daemon refuses an event for what it says. Others speak of the
// sender (401, 403), the address (404, 421) or the moment (408, 5xx): the events are kept.
constexpr std::array<int, 7> kForGood = {400, 409, 410, 413, 415, 422, 431};

std::optional<size_t> CulpritOf(const Json& problem, size_t batch_size) {
  if (batch_size == 1) return 0;
  const auto line = problem.find("line");
  if (line == problem.end() || !line->is_number_unsigned()) return std::nullopt;
  const auto number = line->get<uint64_t>();
  if (number < 1 || number > batch_size) return std::nullopt;
  return static_cast<size_t>(number - 1);
}

}  // namespace

SendVerdict ClassifyAnswer(const DaemonClient& client, const Answer& answer, size_t batch_size) {
  const Json json = ParseOrderedJson(answer.body);
  SendVerdict verdict;
  if (answer.ok() && json.is_object() && json.contains(kReceiptKey)) {
    verdict.kind = SendVerdict::Kind::kTaken;
    verdict.job_status = TextAt(json, "job_status");
    verdict.receipt = ReadReceipt(json, "");
    return verdict;
  }
  const bool is_problem = json.is_object() && !TextAt(json, "code").empty();
  const bool is_for_good =
      std::find(kForGood.begin(), kForGood.end(), answer.status) != kForGood.end();
  if (is_problem && is_for_good) {
    verdict.kind = SendVerdict::Kind::kRefused;
    verdict.culprit = CulpritOf(json, batch_size);
    verdict.text =
        std::to_string(answer.status) + " " + TextAt(json, "code") + ": " + TextAt(json, "detail");
    verdict.reason = DumpJson(Json{{"status", answer.status},
                                   {"code", TextAt(json, "code")},
                                   {"detail", TextAt(json, "detail")}});
    return verdict;
  }
  const bool may_pass = answer.status >= 500 || answer.status == 408 || answer.status == 429;
  verdict.kind = may_pass ? SendVerdict::Kind::kLater : SendVerdict::Kind::kUnavailable;
  verdict.reason = client.AsError(answer).message;
  return verdict;
}

}  // namespace stagelog::cli
