// Counters, gauges and histograms, written by any thread without a lock and rendered as Prometheus
// text (exposition format 0.0.4).
#ifndef STAGELOG_BASE_METRICS_H_
#define STAGELOG_BASE_METRICS_H_

#include <array>
#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/mutex.h"

namespace stagelog {

// A number that only grows. Safe from any thread.
class Counter {
 public:
  void Add(uint64_t amount = 1) { value_.fetch_add(amount, std::memory_order_relaxed); }
  uint64_t Value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<uint64_t> value_{0};
};

// A number that goes up and down. Safe from any thread.
class Gauge {
 public:
  void Set(int64_t value) { value_.store(value, std::memory_order_relaxed); }
  void Add(int64_t amount) { value_.fetch_add(amount, std::memory_order_relaxed); }
  int64_t Value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<int64_t> value_{0};
};

// How often a duration fell below each of a fixed set of bounds. Safe from any thread.
class Histogram {
 public:
  // Upper bounds in seconds: 100 microseconds to 10 seconds.
  static constexpr std::array<double, 16> kBoundsSeconds = {
      0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025,
      0.05,   0.1,     0.25,   0.5,   1,      2.5,   5,    10};

  void ObserveMicros(int64_t micros);

  // `labels` as MetricsRegistry has them.
  void Render(std::string_view name, std::string_view labels, std::string& out) const;

 private:
  std::array<std::atomic<uint64_t>, kBoundsSeconds.size() + 1> buckets_{};
  std::atomic<uint64_t> sum_micros_{0};
};

// Owns the metrics of one daemon. What it returns lives as long as the registry. Safe from any
// thread.
class MetricsRegistry {
 public:
  enum class Kind { kCounter, kGauge };

  // `labels` is empty or the inside of the braces: `route="/healthz",status="200"`. The same name
  // and labels give the same metric. `help` counts the first time a name is seen.
  Counter& GetCounter(const std::string& name, const std::string& help,
                      const std::string& labels = "");
  Gauge& GetGauge(const std::string& name, const std::string& help, const std::string& labels = "");
  Histogram& GetHistogram(const std::string& name, const std::string& help,
                          const std::string& labels = "");

  // A gauge whose value is asked for when the text is rendered.
  void SetGaugeFunction(const std::string& name, const std::string& help,
                        std::function<int64_t()> value, const std::string& labels = "");

  // The same of a figure that is no whole number, seconds for one.
  void SetFunction(Kind kind, const std::string& name, const std::string& help,
                   std::function<double()> value);

  std::string RenderText() const;

 private:
  // The metrics of one name, by their labels.
  struct Family {
    std::string help;
    std::string_view type;  // as the text format has it
    std::map<std::string, std::unique_ptr<Counter>> counters;
    std::map<std::string, std::unique_ptr<Gauge>> gauges;
    std::map<std::string, std::unique_ptr<Histogram>> histograms;
    std::map<std::string, std::function<int64_t()>> functions;
    std::function<double()> real_function;
  };

  Family& FamilyOf(const std::string& name, const std::string& help, std::string_view type)
      STAGELOG_REQUIRES(mutex_);

  mutable Mutex mutex_;
  std::map<std::string, Family> families_ STAGELOG_GUARDED_BY(mutex_);
};

// A label's value as the text format wants it: backslash, quote and newline escaped.
std::string EscapeLabelValue(std::string_view value);

}  // namespace stagelog

#endif  // STAGELOG_BASE_METRICS_H_
