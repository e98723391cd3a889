#include "base/metrics.h"

#include <fmt/format.h>

#include <iterator>

namespace stagelog {

void Histogram::ObserveMicros(int64_t micros) {
  const double seconds = static_cast<double>(micros) / 1e6;
  size_t bucket = 0;
  while (bucket < kBoundsSeconds.size() && seconds > kBoundsSeconds[bucket]) ++bucket;
  buckets_[bucket].fetch_add(1, std::memory_order_relaxed);
  sum_micros_.fetch_add(static_cast<uint64_t>(micros), std::memory_order_relaxed);
}

void Histogram::Render(std::string_view name, std::string& out) const {
  auto inserter = std::back_inserter(out);
  uint64_t total = 0;
  for (size_t i = 0; i < kBoundsSeconds.size(); ++i) {
    total += buckets_[i].load(std::memory_order_relaxed);
    fmt::format_to(inserter, "{}_bucket{{le=\"{}\"}} {}\n", name, kBoundsSeconds[i], total);
  }
  total += buckets_.back().load(std::memory_order_relaxed);
  const double sum_seconds = static_cast<double>(sum_micros_.load(std::memory_order_relaxed)) / 1e6;
  fmt::format_to(inserter, "{}_bucket{{le=\"+Inf\"}} {}\n", name, total);
  fmt::format_to(inserter, "{}_sum {}\n{}_count {}\n", name, sum_seconds, name, total);
}

MetricsRegistry::Family& MetricsRegistry::FamilyOf(const std::string& name,
                                                   const std::string& help) {
  Family& family = families_[name];
  if (family.help.empty()) family.help = help;
  return family;
}

Counter& MetricsRegistry::GetCounter(const std::string& name, const std::string& help,
                                     const std::string& labels) {
  const std::lock_guard lock(mutex_);
  std::unique_ptr<Counter>& counter = FamilyOf(name, help).counters[labels];
  if (counter == nullptr) counter = std::make_unique<Counter>();
  return *counter;
}

Gauge& MetricsRegistry::GetGauge(const std::string& name, const std::string& help) {
  const std::lock_guard lock(mutex_);
  std::unique_ptr<Gauge>& gauge = FamilyOf(name, help).gauge;
  if (gauge == nullptr) gauge = std::make_unique<Gauge>();
  return *gauge;
}

Histogram& MetricsRegistry::GetHistogram(const std::string& name, const std::string& help) {
  const std::lock_guard lock(mutex_);
  std::unique_ptr<Histogram>& histogram = FamilyOf(name, help).histogram;
  if (histogram == nullptr) histogram = std::make_unique<Histogram>();
  return *histogram;
}

void MetricsRegistry::SetGaugeFunction(const std::string& name, const std::string& help,
                                       std::function<int64_t()> value) {
  const std::lock_guard lock(mutex_);
  FamilyOf(name, help).function = std::move(value);
}

std::string MetricsRegistry::RenderText() const {
  const std::lock_guard lock(mutex_);
  std::string out;
  auto inserter = std::back_inserter(out);
  for (const auto& [name, family] : families_) {
    const std::string_view type = family.histogram          ? "histogram"
                                  : family.counters.empty() ? "gauge"
                                                            : "counter";
    fmt::format_to(inserter, "# HELP {} {}\n# TYPE {} {}\n", name, family.help, name, type);
    for (const auto& [labels, counter] : family.counters) {
      const std::string braces = labels.empty() ? "" : "{" + labels + "}";
      fmt::format_to(inserter, "{}{} {}\n", name, braces, counter->Value());
    }
    if (family.gauge) fmt::format_to(inserter, "{} {}\n", name, family.gauge->Value());
    if (family.function) fmt::format_to(inserter, "{} {}\n", name, family.function());
    if (family.histogram) family.histogram->Render(name, out);
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
