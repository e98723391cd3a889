#include "tests/crash/crash_writer.h"

#include <cerrno>
#include <nlohmann/json.hpp>

namespace stagelog {
namespace {

using Json = nlohmann::json;

constexpr std::chrono::seconds kAnswerTimeout(60);

}  // namespace

CrashWriter::CrashWriter(int number, uint64_t seed, const std::vector<std::string>& jobs,
                         DaemonAddress& address, Violations& violations)
    : number_(number),
      random_(seed + static_cast<uint64_t>(number) * 7919),
      jobs_(jobs),
      address_(address),
      violations_(violations) {}

void CrashWriter::Run() {
  while (!finishing_ && !violations_.Any()) {
    if (Pick(10) == 0) {
      SendNameless();
    } else {
      SendUntilAcknowledged(MakeWork());
    }
  }
}

CrashWriter::Work CrashWriter::MakeWork() {
  const uint64_t kind = Pick(10);
  if (kind < 7) return MakeSingle();
  return MakeBatch(kind == 9);
}

const std::string& CrashWriter::PickJob() { return jobs_[Pick(jobs_.size())]; }

// `job_key` is `"job_id":"...",` or empty where the address names the job.
std::string CrashWriter::MakeEvent(const std::string& event_id, const std::string& job_key) {
  const uint64_t size = Pick(50) == 0 ? 20'000 : Pick(400);
  const std::string text(size, static_cast<char>('a' + Pick(26)));
  return "{" + job_key + R"("event_id":")" + event_id + R"(","type":"stage_progress","stage":"s)" +
         std::to_string(Pick(4)) + R"(","payload":{"current":)" + std::to_string(next_event_) +
         R"(,"text":")" + text + "\"}}";
}

CrashWriter::Work CrashWriter::MakeSingle() {
  const std::string& job = PickJob();
  const std::string id = "w" + std::to_string(number_) + "-" + std::to_string(next_event_++);
  return {.target = "/api/v1/jobs/" + job + "/events",
          .content_type = "application/json",
          .body = MakeEvent(id, ""),
          .events = {{.job_id = job, .event_id = id}},
          .is_batch = false};
}

CrashWriter::Work CrashWriter::MakeBatch(bool for_many_jobs) {
  Work work{.target = "/api/v1/events",
            .content_type = "application/x-ndjson",
            .body = "",
            .events = {},
            .is_batch = true};
  std::string job = PickJob();
  if (!for_many_jobs) work.target = "/api/v1/jobs/" + job + "/events";
  const uint64_t count = 1 + Pick(30);
  for (uint64_t i = 0; i < count; ++i) {
    if (for_many_jobs) job = PickJob();
    const std::string id = "w" + std::to_string(number_) + "-" + std::to_string(next_event_++);
    work.body += MakeEvent(id, for_many_jobs ? R"("job_id":")" + job + "\"," : "") + "\n";
    work.events.push_back({.job_id = job, .event_id = id});
  }
  return work;
}

std::optional<HttpResponse> CrashWriter::SendOnce(const Work& work, uint16_t port) {
  if (!connection_) {
    auto connection = HttpConnection::Connect(port, kAnswerTimeout);
    if (!connection) return std::nullopt;
    connection_ = std::move(*connection);
  }
  HttpHeaders headers = BearerHeader(kAdminToken);
  headers.emplace_back("Content-Type", work.content_type);
  if (connection_->Send(RequestText("POST", work.target, headers, work.body))) {
    auto response = connection_->ReadResponse();
    if (response) return std::move(*response);
    if (response.error().error_number == ETIMEDOUT) {
      violations_.Add("writer " + std::to_string(number_) + ": no answer within a minute");
    }
  }
  connection_.reset();
  return std::nullopt;
}

void CrashWriter::SendUntilAcknowledged(Work work) {
  for (bool is_retry = false; !violations_.Any(); is_retry = true) {
    const std::optional<uint16_t> port = address_.Wait();
    if (!port) return;
    if (is_retry) ++retries_;
    const auto response = SendOnce(work, *port);
    if (response) return TakeAcknowledgement(work, *response, is_retry);
  }
}

void CrashWriter::TakeAcknowledgement(Work& work, const HttpResponse& response, bool is_retry) {
  if (response.status != 201 && !(response.status == 200 && is_retry)) {
    return ReportFailure("an append was answered", response);
  }
  const Json answer = Json::parse(response.body, nullptr, false);
  if (!answer.is_object()) return ReportFailure("an answer that is not JSON", response);
  if (work.is_batch) {
    const auto duplicates = answer.value("duplicates", size_t{0});
    duplicates_ += static_cast<int64_t>(duplicates);
    if (answer.value("accepted", size_t{0}) + duplicates != work.events.size()) {
      return ReportFailure("a batch whose numbers do not add up", response);
    }
  } else {
    work.events.front().seq = answer.value("seq", int64_t{0});
    if (answer.value("duplicate", false)) ++duplicates_;
    if (answer.value("event_id", "") != work.events.front().event_id) {
      return ReportFailure("an answer for another event", response);
    }
  }
  for (AcknowledgedEvent& event : work.events) acknowledged_.push_back(std::move(event));
}

void CrashWriter::SendNameless() {
  const std::optional<uint16_t> port = address_.Wait();
  if (!port) return;
  std::string message = "nameless " + std::to_string(number_) + "-" + std::to_string(next_event_++);
  const Work work{.target = "/api/v1/jobs/" + PickJob() + "/events",
                  .content_type = "application/json",
                  .body = R"({"type":"log","message":")" + message + "\"}",
                  .events = {},
                  .is_batch = false};
  const auto response = SendOnce(work, *port);
  if (response && response->status != 201)
    return ReportFailure("an append was answered", *response);
  (response ? nameless_acknowledged_ : nameless_unanswered_).push_back(std::move(message));
}

void CrashWriter::ReportFailure(const std::string& what, const HttpResponse& response) {
  violations_.Add("writer " + std::to_string(number_) + ": " + what + " with " +
                  std::to_string(response.status) + " " + response.body);
}

}  // namespace stagelog
