#include "http/request_metrics.h"

#include <algorithm>
#include <array>
#include <string>

namespace stagelog {
namespace {

// The name of a method that lives for ever.
std::string_view KnownMethod(std::string_view method) {
  static constexpr std::array<std::string_view, 9> kMethods = {
      "GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "CONNECT", "TRACE"};
  const auto found = std::find(kMethods.begin(), kMethods.end(), method);
  return found == kMethods.end() ? "other" : *found;
}

std::string LabelsOf(const Route* route, std::string_view method) {
  return "method=\"" + std::string(method) + "\",route=\"" +
         (route == nullptr ? "none" : EscapeLabelValue(route->pattern)) + "\"";
}

}  // namespace

void RequestMetrics::Count(const Route* route, std::string_view method, int status,
                           std::optional<int64_t> micros) {
  method = KnownMethod(method);
  Counter*& counter = counters_[{route, method, status}];
  if (counter == nullptr) {
    counter = &metrics_.GetCounter(
        "stagelog_http_requests_total", "Requests by method, route and status.",
        LabelsOf(route, method) + ",status=\"" + std::to_string(status) + "\"");
  }
  counter->Add();
  if (!micros) return;
  Histogram*& histogram = histograms_[{route, method}];
  if (histogram == nullptr) {
    histogram = &metrics_.GetHistogram(
        "stagelog_http_request_seconds",
        "Time from complete request to response, without long polls (wait=).",
        LabelsOf(route, method));
  }
  histogram->ObserveMicros(*micros);
}

}  // namespace stagelog
