#include "base/metrics.h"

#include <fmt/core.h>

#include <iterator>
#include <utility>

#include "base/mutex.h"

namespace stagelog {
namespace {

std::string Braces(std::string_view labels) {
  return labels.empty() ? "" : "{" + std::string(labels) + "}";
}

}  // namespace

void Histogram::ObserveMicros(int64_t micros) {
  const double seconds = static_cast<double>(micros) / 1e6;
  size_t bucket = 0;
  while (bucket < kBoundsSeconds.size() && seconds > kBoundsSeconds[bucket]) ++bucket;
  buckets_[bucket].fetch_add(1, std::memory_order_relaxed);
  sum_micros_.fetch_add(static_cast<uint64_t>(micros), std::memory_order_relaxed);
}

void Histogram::Render(std::string_view name, std::string_view labels, std::string& out) const {
  const std::string before_bound = labels.empty() ? "" : std::string(labels) + ",";
  const std::string braces = Braces(labels);
  uint64_t total = 0;
  for (size_t i = 0; i < kBoundsSeconds.size(); ++i) {
    total += buckets_[i].load(std::memory_order_relaxed);
    out +=
        fmt::format("{}_bucket{{{}le=\"{}\"}} {}\n", name, before_bound, kBoundsSeconds[i], total);
  }
  total += buckets_.back().load(std::memory_order_relaxed);
  const double sum_seconds = static_cast<double>(sum_micros_.load(std::memory_order_relaxed)) / 1e6;
  out += fmt::format("{}_bucket{{{}le=\"+Inf\"}} {}\n", name, before_bound, total);
  out += fmt::format("{0}_sum{1} {2}\n{0}_count{1} {3}\n", name, braces, sum_seconds, total);
}

MetricsRegistry::Family& MetricsRegistry::FamilyOf(const std::string& name, const std::string& help,
                                                   std::string_view type) {
  Family& family = families_[name];
  if (family.help.empty()) family.help = help;
  family.type = type;
  return family;
}

Counter& MetricsRegistry::GetCounter(const std::string& name, const std::string& help,
                                     const std::string& labels) {
  const MutexLock lock(mutex_);
  std::unique_ptr<Counter>& counter = FamilyOf(name, help, "counter").counters[labels];
  if (counter == nullptr) counter = std::make_unique<Counter>();
  return *counter;
}

Gauge& MetricsRegistry::GetGauge(const std::string& name, const std::string& help,
                                 const std::string& labels) {
  const MutexLock lock(mutex_);
  std::unique_ptr<Gauge>& gauge = FamilyOf(name, help, "gauge").gauges[labels];
  if (gauge == nullptr) gauge = std::make_unique<Gauge>();
  return *gauge;
}

Histogram& MetricsRegistry::GetHistogram(const std::string& name, const std::string& help,
                                         const std::string& labels) {
  const MutexLock lock(mutex_);
  std::unique_ptr<Histogram>& histogram = FamilyOf(name, help, "histogram").histograms[labels];
  if (histogram == nullptr) histogram = std::make_unique<Histogram>();
  return *histogram;
}

void MetricsRegistry::SetGaugeFunction(const std::string& name, const std::string& help,
                                       std::function<int64_t()> value, const std::string& labels) {
  const MutexLock lock(mutex_);
  FamilyOf(name, help, "gauge").functions[labels] = std::move(value);
}

void MetricsRegistry::SetFunction(Kind kind, const std::string& name, const std::string& help,
                                  std::function<double()> value) {
  const MutexLock lock(mutex_);
  const char* type = kind == Kind::kCounter ? "counter" : "gauge";
  FamilyOf(name, help, type).real_function = std::move(value);
}

std::string MetricsRegistry::RenderText() const {
  const MutexLock lock(mutex_);
  std::string out;
  const auto put = [&](const std::string& name, const std::string& labels, auto value) {
    out += fmt::format("{}{} {}\n", name, Braces(labels), value);
  };
  for (const auto& [name, family] : families_) {
    out += fmt::format("# HELP {0} {1}\n# TYPE {0} {2}\n", name, family.help, family.type);
    for (const auto& [labels, counter] : family.counters) put(name, labels, counter->Value());
    for (const auto& [labels, gauge] : family.gauges) put(name, labels, gauge->Value());
    for (const auto& [labels, function] : family.functions) put(name, labels, function());
    if (family.real_function) put(name, "", family.real_function());
    for (const auto& [labels, histogram] : family.histograms) histogram->Render(name, labels, out);
  }
  return out;
}

std::string EscapeLabelValue(std::string_view value) {
  std::string out;
  for (const char c : value) {
    if (c == '\\' || c == '"') out += '\\';
    if (c == '\n') {
      out += "\\n";
    } else {
      out += c;
    }
  }
  return out;
}

}  // namespace stagelog
