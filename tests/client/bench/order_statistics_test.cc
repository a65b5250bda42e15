#include "client/bench/order_statistics.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

namespace fintag::bench {
namespace {

TEST(OrderStatistics, AreExactOfAThousandKnownValues) {
  std::vector<double> values;
  for (int i = 1; i <= 1000; ++i) values.push_back(i);
  std::shuffle(values.begin(), values.end(), std::mt19937_64(7));
  const std::optional<OrderStatistics> statistics = StatisticsOf(values);
  ASSERT_TRUE(statistics.has_value());
  EXPECT_EQ(statistics->min, 1);
  EXPECT_EQ(statistics->mean, 500.5);
  EXPECT_EQ(statistics->p50, 500);
  EXPECT_EQ(statistics->p90, 900);
  EXPECT_EQ(statistics->p95, 950);
  EXPECT_EQ(statistics->p99, 990);
  EXPECT_EQ(statistics->p99_9, 999);
  EXPECT_EQ(statistics->max, 1000);
}

TEST(OrderStatistics, OfOneValueAreThatValue) {
  const std::optional<OrderStatistics> statistics = StatisticsOf({3.5});
  ASSERT_TRUE(statistics.has_value());
  for (const double value : {statistics->min, statistics->mean, statistics->p50, statistics->p99_9, statistics->max}) {
    EXPECT_EQ(value, 3.5);
  }
}

TEST(OrderStatistics, OfNothingAreNone) { EXPECT_FALSE(StatisticsOf({}).has_value()); }

// The definition: at least so many thousandths of the values do not exceed a percentile, and fewer stay below it.
TEST(Percentile, IsTheSmallestValueThatCoversItsShare) {
  std::mt19937_64 random(11);
  std::exponential_distribution<double> latency(0.1);
  for (const size_t count : {1u, 2u, 3u, 9u, 10u, 11u, 999u, 1001u}) {
    std::vector<double> values(count);
    for (double& value : values) value = latency(random);
    std::sort(values.begin(), values.end());
    for (const int64_t per_mille : {1, 500, 900, 950, 990, 999, 1000}) {
      const double percentile = Percentile(values, per_mille);
      const auto below = std::lower_bound(values.begin(), values.end(), percentile) - values.begin();
      const auto covered = std::upper_bound(values.begin(), values.end(), percentile) - values.begin();
      EXPECT_GE(covered * 1000, per_mille * static_cast<int64_t>(count)) << count << " " << per_mille;
      EXPECT_LT(below * 1000, per_mille * static_cast<int64_t>(count)) << count << " " << per_mille;
    }
  }
}

}  // namespace
}  // namespace fintag::bench
