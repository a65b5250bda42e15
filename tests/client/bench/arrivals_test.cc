#include "client/bench/arrivals.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

namespace fintag::bench {
namespace {

constexpr int kCount = 100'000;

std::vector<double> Seconds(double rate, uint64_t seed, int count = kCount) {
  PoissonArrivals arrivals(rate, seed);
  std::vector<double> times;
  for (int i = 0; i < count; ++i) times.push_back(std::chrono::duration<double>(arrivals.Next()).count());
  return times;
}

TEST(PoissonArrivals, ComeAtTheRateAskedFor) {
  for (const double rate : {0.5, 40.0, 20'000.0}) {
    // The standard deviation of the mean gap is its size over the square root of the count: 0.3 %.
    EXPECT_NEAR(kCount / Seconds(rate, 1).back(), rate, 0.015 * rate);
  }
}

TEST(PoissonArrivals, HaveExponentialGaps) {
  const std::vector<double> times = Seconds(100, 2);
  int longer = 0;
  int longer_after_longer = 0;
  double squares = 0;
  bool last_longer = false;
  for (size_t i = 1; i < times.size(); ++i) {
    const double gap = times[i] - times[i - 1];
    ASSERT_GE(gap, 0);
    squares += (gap - 0.01) * (gap - 0.01);
    const bool now_longer = gap > 0.01;
    longer += now_longer ? 1 : 0;
    longer_after_longer += now_longer && last_longer ? 1 : 0;
    last_longer = now_longer;
  }
  // The deviation is the mean, a gap exceeds the mean with probability 1/e, and so it does after one that did.
  EXPECT_NEAR(std::sqrt(squares / kCount), 0.01, 0.0003);
  EXPECT_NEAR(longer, kCount / std::exp(1), 0.02 * kCount);
  EXPECT_NEAR(longer_after_longer, kCount / std::exp(2), 0.02 * kCount);
}

// The counts of a Poisson process in equal spans scatter by the square root of their mean.
TEST(PoissonArrivals, AreAsManyInASpanAsPoissonHasIt) {
  const std::vector<double> times = Seconds(1000, 3);
  std::vector<double> counts(900);
  for (const double time : times) {
    const size_t span = static_cast<size_t>(time * 10);
    if (span < counts.size()) ++counts[span];
  }
  double squares = 0;
  for (const double count : counts) squares += (count - 100) * (count - 100);
  EXPECT_NEAR(squares / static_cast<double>(counts.size()), 100, 20);
}

TEST(PoissonArrivals, AreTheSameForTheSameSeed) {
  EXPECT_EQ(Seconds(10, 4, 1000), Seconds(10, 4, 1000));
  EXPECT_NE(Seconds(10, 4, 1000), Seconds(10, 5, 1000));
}

}  // namespace
}  // namespace fintag::bench
