#include "base/metrics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <thread>

namespace stagelog {
namespace {

using testing::HasSubstr;

TEST(MetricsRegistryTest, WritesTheTextFormat) {
  MetricsRegistry metrics;
  metrics.GetCounter("b_total", "Things counted.", "route=\"/x\",status=\"200\"").Add(3);
  metrics.GetCounter("b_total", "Things counted.", "route=\"/x\",status=\"404\"").Add();
  metrics.GetCounter("c_total", "Without labels.");
  metrics.GetGauge("a_now", "A level.").Set(-7);
  metrics.SetGaugeFunction("d_now", "Asked for.", [] { return int64_t{42}; });
  EXPECT_EQ(metrics.RenderText(),
            "# HELP a_now A level.\n"
            "# TYPE a_now gauge\n"
            "a_now -7\n"
            "# HELP b_total Things counted.\n"
            "# TYPE b_total counter\n"
            "b_total{route=\"/x\",status=\"200\"} 3\n"
            "b_total{route=\"/x\",status=\"404\"} 1\n"
            "# HELP c_total Without labels.\n"
            "# TYPE c_total counter\n"
            "c_total 0\n"
            "# HELP d_now Asked for.\n"
            "# TYPE d_now gauge\n"
            "d_now 42\n");
}

TEST(MetricsRegistryTest, GaugesAndHistogramsHaveLabelsToo) {
  MetricsRegistry metrics;
  metrics.GetGauge("jobs", "Jobs.", "status=\"failed\"").Set(2);
  metrics.SetGaugeFunction(
      "lag", "Lag.", [] { return int64_t{3}; }, "follower=\"a\"");
  metrics.SetGaugeFunction(
      "lag", "Lag.", [] { return int64_t{4}; }, "follower=\"b\"");
  metrics.SetFunction(MetricsRegistry::Kind::kCounter, "cpu_seconds_total", "Cpu.",
                      [] { return 1.25; });
  metrics.GetHistogram("h_seconds", "How long.", "route=\"/x\"").ObserveMicros(1);
  metrics.GetHistogram("h_seconds", "How long.", "route=\"/y\"").ObserveMicros(20'000'000);
  const std::string text = metrics.RenderText();
  EXPECT_THAT(text, HasSubstr("# TYPE cpu_seconds_total counter\ncpu_seconds_total 1.25\n"));
  EXPECT_THAT(text, HasSubstr("# TYPE jobs gauge\njobs{status=\"failed\"} 2\n"));
  EXPECT_THAT(text, HasSubstr("lag{follower=\"a\"} 3\nlag{follower=\"b\"} 4\n"));
  EXPECT_THAT(text, HasSubstr("h_seconds_bucket{route=\"/x\",le=\"0.0001\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("h_seconds_bucket{route=\"/y\",le=\"+Inf\"} 1\n"
                              "h_seconds_sum{route=\"/y\"} 20\n"
                              "h_seconds_count{route=\"/y\"} 1\n"));
}

TEST(MetricsRegistryTest, AnEmptyRegistryIsEmptyText) {
  EXPECT_EQ(MetricsRegistry().RenderText(), "");
}

TEST(MetricsRegistryTest, TheSameNameIsTheSameMetric) {
  MetricsRegistry metrics;
  const Counter& first = metrics.GetCounter("a", "A.");
  EXPECT_EQ(&first, &metrics.GetCounter("a", "Other words."));
  EXPECT_NE(&metrics.GetCounter("a", "A."), &metrics.GetCounter("a", "A.", "b=\"c\""));
  EXPECT_EQ(&metrics.GetGauge("g", "G."), &metrics.GetGauge("g", "G."));
  EXPECT_EQ(&metrics.GetHistogram("h", "H."), &metrics.GetHistogram("h", "H."));
  EXPECT_THAT(metrics.RenderText(), HasSubstr("# HELP a A.\n"));
}

TEST(MetricsRegistryTest, CountsFromSeveralThreads) {
  MetricsRegistry metrics;
  const auto work = [&] {
    for (int i = 0; i < 10'000; ++i) metrics.GetCounter("a", "A.").Add();
  };
  std::thread first(work);
  std::thread second(work);
  first.join();
  second.join();
  EXPECT_EQ(metrics.GetCounter("a", "A.").Value(), 20'000U);
}

TEST(HistogramTest, BucketsAreCumulativeAndBoundsInclusive) {
  MetricsRegistry metrics;
  Histogram& histogram = metrics.GetHistogram("h_seconds", "How long.");
  histogram.ObserveMicros(0);
  histogram.ObserveMicros(100);         // on the first bound
  histogram.ObserveMicros(101);         // just above it
  histogram.ObserveMicros(1'500'000);   // 1.5 s
  histogram.ObserveMicros(60'000'000);  // above all
  const std::string text = metrics.RenderText();
  EXPECT_THAT(text, HasSubstr("# TYPE h_seconds histogram\nh_seconds_bucket{le=\"0.0001\"} 2\n"
                              "h_seconds_bucket{le=\"0.00025\"} 3\n"));
  EXPECT_THAT(text, HasSubstr("h_seconds_bucket{le=\"1\"} 3\nh_seconds_bucket{le=\"2.5\"} 4\n"));
  EXPECT_THAT(text, HasSubstr("h_seconds_bucket{le=\"10\"} 4\nh_seconds_bucket{le=\"+Inf\"} 5\n"
                              "h_seconds_sum 61.500201\nh_seconds_count 5\n"));
}

TEST(EscapeLabelValueTest, EscapesWhatTheFormatWants) {
  EXPECT_EQ(EscapeLabelValue("plain /x"), "plain /x");
  EXPECT_EQ(EscapeLabelValue("a\\b\"c\nd"), "a\\\\b\\\"c\\nd");
}

}  // namespace
}  // namespace stagelog
