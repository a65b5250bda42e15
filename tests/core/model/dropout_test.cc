#include "core/model/dropout.h"

#include <ATen/Parallel.h>
#include <gtest/gtest.h>

#include <random>
#include <utility>
#include <vector>

#include "tests/core/model/random_tensors.h"

namespace fintag {
namespace {

TEST(Dropout, KernelDropsWhatTheDefinitionDrops) {
  at::manual_seed(1);
  std::mt19937 random(2);
  std::vector<std::pair<int64_t, int64_t>> shapes = {{1, 1}, {3, 16}, {7, 37}, {200, 384}, {65, 100}};
  for (int i = 0; i < 20; ++i) shapes.emplace_back(RandomSize(random, 1, 2000), RandomSize(random, 1, 800));
  for (const auto& [rows, columns] : shapes) {
    const Dropout dropout = DropoutAt(0.3, 42, static_cast<uint64_t>(columns));
    const at::Tensor x = at::randn({rows, columns});
    EXPECT_TRUE(at::equal(ApplyDropout(x, dropout), x * DropoutMask(dropout, rows, columns, at::kCPU)));
  }
}

TEST(Dropout, GradientIsScaledWhereKept) {
  const Dropout dropout = DropoutAt(0.25, 7, 0);
  at::Tensor x = Leaf({40, 50});
  const at::Tensor dy = at::randn({40, 50});
  (ApplyDropout(x, dropout) * dy).sum().backward();
  EXPECT_TRUE(at::equal(x.grad(), dy * DropoutMask(dropout, 40, 50, at::kCPU)));
}

TEST(Dropout, IsTheIdentityAtProbabilityZero) {
  const at::Tensor x = at::randn({4, 5});
  EXPECT_TRUE(ApplyDropout(x, DropoutAt(0, 1, 2)).is_same(x));
}

// 5 standard deviations of the binomial distribution, over all elements, the worst row and the worst column.
TEST(Dropout, DropsTheGivenShareEverywhere) {
  constexpr int64_t kRows = 2000;
  constexpr int64_t kColumns = 500;
  for (double p : {0.1, 0.5}) {
    const at::Tensor dropped = DropoutMask(DropoutAt(p, 3, 4), kRows, kColumns, at::kCPU).eq(0).to(at::kDouble);
    const double deviation = std::sqrt(p * (1 - p));
    EXPECT_NEAR(dropped.mean().item<double>(), p, 5 * deviation / std::sqrt(kRows * kColumns));
    EXPECT_LT((dropped.mean(1) - p).abs().max().item<double>(), 5 * deviation / std::sqrt(kColumns));
    EXPECT_LT((dropped.mean(0) - p).abs().max().item<double>(), 5 * deviation / std::sqrt(kRows));
  }
}

// Two masks agree as often as independent ones do: next rows, next columns, next sites, next seeds.
TEST(Dropout, NeighboursAreIndependent) {
  constexpr int64_t kRows = 1000;
  constexpr int64_t kColumns = 400;
  const auto kept = [&](uint64_t seed, uint64_t site) {
    return DropoutMask(DropoutAt(0.5, seed, site), kRows, kColumns, at::kCPU).ne(0);
  };
  const auto agreement = [](const at::Tensor& a, const at::Tensor& b) {
    return a.eq(b).to(at::kDouble).mean().item<double>();
  };
  const at::Tensor mask = kept(11, 12);
  const double tolerance = 5 * 0.5 / std::sqrt((kRows - 1) * (kColumns - 1));
  EXPECT_NEAR(agreement(mask.slice(0, 1), mask.slice(0, 0, kRows - 1)), 0.5, tolerance);
  EXPECT_NEAR(agreement(mask.slice(1, 1), mask.slice(1, 0, kColumns - 1)), 0.5, tolerance);
  EXPECT_NEAR(agreement(mask, kept(11, 13)), 0.5, tolerance);
  EXPECT_NEAR(agreement(mask, kept(12, 12)), 0.5, tolerance);
}

TEST(Dropout, DoesNotDependOnThreads) {
  const Dropout dropout = DropoutAt(0.4, 5, 6);
  const at::Tensor x = at::randn({500, 64});
  const int threads = at::get_num_threads();
  at::set_num_threads(1);
  const at::Tensor one = ApplyDropout(x, dropout);
  at::set_num_threads(2);
  const at::Tensor two = ApplyDropout(x, dropout);
  at::set_num_threads(threads);
  EXPECT_TRUE(at::equal(one, two));
}

}  // namespace
}  // namespace fintag
