// The metrics of requests, by method and route.
#ifndef STAGELOG_HTTP_REQUEST_METRICS_H_
#define STAGELOG_HTTP_REQUEST_METRICS_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string_view>
#include <tuple>
#include <utility>

#include "base/metrics.h"
#include "http/route_table.h"

namespace stagelog {

// One thread at a time. The routes outlive it.
class RequestMetrics {
 public:
  explicit RequestMetrics(MetricsRegistry& metrics) : metrics_(metrics) {}

  // `route` is null if none matched; the method is then a label only if it is a standard HTTP
  // method, because clients may send any string. `micros`: from the complete request to its
  // response; none for long polls and invalid requests.
  void Count(const Route* route, std::string_view method, int status,
             std::optional<int64_t> micros);

 private:
  MetricsRegistry& metrics_;
  std::map<std::tuple<const Route*, std::string_view, int>, Counter*> counters_;
  std::map<std::pair<const Route*, std::string_view>, Histogram*> histograms_;
};

}  // namespace stagelog

#endif  // STAGELOG_HTTP_REQUEST_METRICS_H_
