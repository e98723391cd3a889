// Is the daemon alive, is it ready, and how is it doing?
#include "api/api.h"
#include "api/journal_metrics.h"
#include "base/version.h"
#include "core/json_text.h"
#include "http/problem.h"

namespace stagelog {
namespace {

constexpr size_t kMaxLabelValues = 200;

// Jobs by the values of the labels that are configured.
Result<std::string> LabeledJobs(const ApiServices& services) {
  std::string text =
      "# HELP stagelog_labeled_jobs Jobs by value of a configured label and by status.\n"
      "# TYPE stagelog_labeled_jobs gauge\n";
  for (const std::string& key : services.metric_labels) {
    const auto counts = services.jobs.CountByLabel(key, kMaxLabelValues);
    if (!counts) return tl::unexpected(counts.error());
    for (const LabelCount& count : *counts) {
      text += "stagelog_labeled_jobs{label=\"" + EscapeLabelValue(key) + "\",value=\"" +
              EscapeLabelValue(count.value) + "\",status=\"" + count.status + "\"} " +
              std::to_string(count.jobs) + "\n";
    }
  }
  return text;
}

void AppendFiles(std::string& body, const char* key, const std::vector<ObstructedFile>& files) {
  body += std::string(",\"") + key + "\":[";
  for (size_t i = 0; i < files.size(); ++i) {
    const ObstructedFile& file = files[i];
    body += i > 0 ? ",{\"job_id\":" : "{\"job_id\":";
    AppendJsonString(body, file.job_id);
    body += ",\"first_missing_job_seq\":" + std::to_string(file.first_missing_job_seq) +
            ",\"problem\":";
    AppendJsonString(body, file.problem);
    body += '}';
  }
  body += ']';
}

// One that lags, or cannot go on, is shown: it keeps the daemon from nothing.
void AppendFollowers(std::string& body, const std::vector<const Follower*>& followers) {
  body += ",\"followers\":[";
  for (size_t i = 0; i < followers.size(); ++i) {
    const FollowerStatus status = followers[i]->GetFollowerStatus();
    body += i > 0 ? ",{\"name\":" : "{\"name\":";
    AppendJsonString(body, status.name);
    body += ",\"lag_events\":" + std::to_string(status.lag_events);
    if (!status.problem.empty()) {
      body += ",\"problem\":";
      AppendJsonString(body, status.problem);
    }
    body += '}';
  }
  body += ']';
}

httplib::Response MetricsResponse(std::string text) {
  httplib::Response response;
  response.status = 200;
  response.body = std::move(text);
  response.headers.emplace("Content-Type", "text/plain; version=0.0.4; charset=utf-8");
  return response;
}

}  // namespace

HandlerResult ShowHealth(const ApiServices&, Call, const Responder&) {
  return {
      JsonResponse(200, "{\"status\":\"ok\",\"version\":\"" + std::string(Version()) + "\"}\n")};
}

HandlerResult ShowReadiness(const ApiServices& services, Call, const Responder&) {
  const JournalStatus journal = services.journal.GetStatus();
  std::string body = journal.writable ? "{\"status\":\"ready\"" : "{\"status\":\"unavailable\"";
  if (!journal.writable) {
    body += ",\"problem\":";
    AppendJsonString(body, journal.problem);
  }
  body += ",\"journal_id\":";
  AppendJsonString(body, journal.journal_id);
  body += ",\"head_seq\":" + std::to_string(journal.head_seq) + ",\"set_aside\":[";
  for (size_t i = 0; i < journal.set_aside.size(); ++i) {
    if (i > 0) body += ',';
    AppendJsonString(body, journal.set_aside[i]);
  }
  body += ']';
  if (journal.obstructed_file_count > 0) {  // served from the database: the daemon is ready
    body += ",\"obstructed_file_count\":" + std::to_string(journal.obstructed_file_count);
    AppendFiles(body, "obstructed_files", journal.obstructed_files);
  }
  if (!journal.lost_tails.empty()) AppendFiles(body, "lost_tails", journal.lost_tails);
  if (!services.followers.empty()) AppendFollowers(body, services.followers);
  return {JsonResponse(journal.writable ? 200 : 503, body + "}\n")};
}

HandlerResult ShowMetrics(const ApiServices& services, Call, const Responder&) {
  const auto work = [services]() -> HandlerResult {
    services.journal_metrics->Refresh();
    std::string text = services.metrics.RenderText();
    if (services.metric_labels.empty()) return {MetricsResponse(std::move(text))};
    // The other metrics are served while the database cannot be read, too.
    const Result<std::string> labeled = LabeledJobs(services);
    return {MetricsResponse(text + labeled.value_or(""))};
  };
  return {RunOnPool{.work = work, .is_search = services.jobs.MustWait()}};
}

}  // namespace stagelog
